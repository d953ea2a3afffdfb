"""Requests to providers: address, credential and bounds from the catalogue, sockets from the pool."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from modelport.catalogue.facts import Offer, Provider
from modelport.core.clock import Clock, SystemClock
from modelport.core.errors import Secret
from modelport.dialects.wire import Headers, UpstreamRequest
from modelport.serving.ports import ProviderUnavailable, UpstreamAnswer
from modelport.upstream.address import Target, check_path, parse_base_url, request_path
from modelport.upstream.dial import Tls
from modelport.upstream.head import USER_AGENT, credential, request_head
from modelport.upstream.peer import Peer
from modelport.upstream.pool import Bucket, Exchange, Gate, Pool, PoolCounts, PoolLimits
from modelport.upstream.proxies import Proxies
from modelport.upstream.tokens import USED_S, signed

_UNIX = "unix:"
_KNOWN_ROUTES = 4096
_RouteKey = tuple[str, str, str, str, Headers, bool]


class EngineSockets(Protocol):
    """Engines of our own, which serve on unix sockets."""

    def lease(self, name: str, weights_id: str) -> AbstractAsyncContextManager[str]:
        """Load what is needed and yield the path of the socket, in use until the context is left."""
        ...


@dataclass(slots=True)
class _Route:
    """All of a request that is the same for each call to one path of one offer."""

    offer: Offer
    head: bytes
    """Up to the value of `content-length`."""
    peer: Peer
    gate: Gate | None
    bucket: Bucket | None
    """None for an engine, whose socket is known only when it is leased."""
    until_s: float | None
    """When the token in the head is too old, on the clock that never steps; None where there is none."""


class Providers:
    """Sends requests to whatever the catalogue knows; a context that closes every connection when it is left."""

    def __init__(
        self,
        secrets: Mapping[str, Secret],
        *,
        engines: EngineSockets | None = None,
        proxies: Proxies | None = None,
        tls: Tls | None = None,
        limits: PoolLimits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.pool = Pool(tls, limits)
        self._secrets = secrets
        self._engines = engines
        self._proxies = proxies or Proxies()
        self._clock = clock or SystemClock()
        self._routes: dict[_RouteKey, _Route] = {}
        self._gates: dict[str, Gate] = {}

    async def __aenter__(self) -> Self:
        await self.pool.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pool.__aexit__(kind, error, trace)

    @property
    def counts(self) -> PoolCounts:
        """Dials, reuses and open connections so far."""
        return self.pool.counts

    def replace_secrets(self, secrets: Mapping[str, Secret]) -> None:
        """Use other credentials, by provider id, from the next request on."""
        self._secrets = secrets
        self._routes.clear()

    def send(self, offer: Offer, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Send; enter to wait for the answer's headers. Raises `UpstreamProblem`s, here or on entering."""
        path = request.beside + request.path
        key = (offer.provider.id, offer.model_id, request.method, path, request.headers, request.is_making)
        route = self._routes.get(key)
        if route is None or self._is_old(route, offer):
            route = self._learn(key, offer, request)
        body = request.body
        head = route.head + b"%d\r\n\r\n" % len(body)
        if route.bucket is not None:
            return Exchange(route.bucket, route.peer, head, body, route.gate)
        return self._engine_exchange(route, head, body)

    def _is_old(self, route: _Route, offer: Offer) -> bool:
        """Whether the offer is another one by now, or the token in the head is too old."""
        if route.offer is not offer and route.offer != offer:
            return True
        return route.until_s is not None and route.until_s <= self._clock.monotonic_s()

    def _learn(self, key: _RouteKey, offer: Offer, request: UpstreamRequest) -> _Route:
        provider = offer.provider
        timeouts = provider.making_timeouts if request.is_making else provider.timeouts
        peer = Peer(provider.name, f"provider `{provider.id}`", timeouts)
        target, base_path = self._target(provider)
        base_path = base_path.removesuffix(request.beside)
        path = request_path(target, base_path + check_path(request.path, provider.name))
        fields = self._fields(offer, request.headers, target)
        head = request_head(request.method, path, target.authority, fields) + b"content-length: "
        bucket = None if target.unix_path is not None else self.pool.bucket(target)
        until_s = self._clock.monotonic_s() + USED_S if provider.auth == "jwt" else None
        route = _Route(offer, head, peer, self._gate(provider), bucket, until_s)
        if len(self._routes) >= _KNOWN_ROUTES:
            self._routes.clear()
        self._routes[key] = route
        return route

    def _target(self, provider: Provider) -> tuple[Target, str]:
        if provider.base_url.startswith(_UNIX):
            return Target(unix_path=""), ""
        try:
            base = parse_base_url(provider.base_url)
        except ValueError as error:
            raise ProviderUnavailable(f"`base_url` of provider `{provider.id}` is wrong: {error}.") from error
        proxy = self._proxies.for_host(base.host, base.port, is_tls=base.is_tls)
        return Target(base.host, base.port, base.is_tls, proxy=proxy), base.path

    def _fields(self, offer: Offer, headers: Headers, target: Target) -> Iterator[tuple[bytes, bytes]]:
        yield b"user-agent", USER_AGENT
        yield b"accept-encoding", b"identity"
        yield from headers
        said = dict(headers)
        for name, value in offer.quirks.headers.items():
            field = name.encode("latin-1", "replace"), value.encode("latin-1", "replace")
            # A later field replaces an earlier one, but not a list that the dialect has taken the offer's own into.
            if not said.get(field[0].lower(), b"").startswith(field[1] + b","):
                yield field
        provider = offer.provider
        if provider.auth != "none":
            secret, owner = self._secret(provider), f"provider `{provider.id}`"
            if provider.auth == "jwt":
                secret = signed(secret, self._clock.now_ms())
            yield credential(provider.auth, secret, owner)
        if target.proxy is not None and not target.is_tls and target.proxy.authorization is not None:
            yield b"proxy-authorization", target.proxy.authorization.reveal().encode("ascii")

    def _secret(self, provider: Provider) -> Secret:
        secret = self._secrets.get(provider.id)
        if secret is None:
            where = f"`{provider.secret_env}`" if provider.secret_env else f"the secret of provider `{provider.id}`"
            raise ProviderUnavailable(f"{provider.name} is not configured: set {where}.")
        return secret

    def _gate(self, provider: Provider) -> Gate | None:
        if provider.concurrency is None:
            return None
        gate = self._gates.setdefault(provider.id, Gate(provider.concurrency))
        gate.limit = provider.concurrency
        return gate

    def _engine_exchange(self, route: _Route, head: bytes, body: bytes) -> "_EngineExchange":
        if self._engines is None:
            raise ProviderUnavailable(f"{route.peer.name} needs an engine on this machine, and none is installed.")
        return _EngineExchange(self._engines, self.pool, route, head, body)


class _EngineExchange:
    """An exchange with an engine, which is leased for as long as it takes."""

    __slots__ = ("_body", "_engines", "_head", "_pool", "_route", "_stack")

    def __init__(self, engines: EngineSockets, pool: Pool, route: _Route, head: bytes, body: bytes) -> None:
        self._engines = engines
        self._pool = pool
        self._route = route
        self._head = head
        self._body = body
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> UpstreamAnswer:
        route = self._route
        name = route.offer.provider.base_url.removeprefix(_UNIX)
        async with AsyncExitStack() as stack:
            if route.gate is not None:
                route.gate.enter(route.peer)
                stack.callback(route.gate.leave)
            path = await stack.enter_async_context(self._engines.lease(name, route.offer.upstream))
            exchange = self._pool.exchange(Target(unix_path=path), route.peer, self._head, self._body)
            answer = await stack.enter_async_context(exchange)
            self._stack = stack.pop_all()
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
