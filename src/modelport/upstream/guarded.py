"""Calling where callers point at, to fetch or to tell: judged, pinned, bounded, and never redirected."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

from modelport.catalogue.facts import Timeouts
from modelport.egress.guard import AddressRefused, Destination, Guard
from modelport.serving.ports import ConnectFailed, FirstByteTimeout
from modelport.upstream.address import Target, request_path
from modelport.upstream.head import USER_AGENT, request_head
from modelport.upstream.peer import Peer
from modelport.upstream.pool import Exchange, Pool
from modelport.upstream.proxies import Proxies

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Looks a name up: every IP address it has; raises `OSError`."""

_MAX_ADDRESSES = 64


@dataclass(frozen=True, slots=True)
class PinnedAddress:
    """A judged destination and how to get there without another lookup."""

    destination: Destination
    target: Target


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL gave; a redirect is given as it is."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


async def system_resolver(host: str, port: int) -> list[str]:
    """Look a name up as the system does."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Taken:
    """What a URL answered to what it was sent; a redirect is given as it is."""

    status: int
    headers: dict[bytes, bytes]


class GuardedFetch:
    """Calls a caller's URL over the pool, if the egress guard lets it."""

    def __init__(
        self, pool: Pool, guard: Guard, *, proxies: Proxies | None = None, resolver: Resolver = system_resolver
    ) -> None:
        self._pool = pool
        self._guard = guard
        self._proxies = proxies or Proxies()
        self._resolver = resolver

    async def resolve_and_pin(self, url: str, timeout_s: float = 10.0) -> PinnedAddress:
        """Judge a URL and every address its name has; raises `AddressRefused`, `ConnectFailed`."""
        destination = self._guard.destination(url)
        host, port = destination.host, destination.port
        is_tls = destination.scheme == "https"
        proxy = self._proxies.for_host(host, port, is_tls=is_tls)
        if proxy is not None:
            self._guard.check_proxied(destination)
            return PinnedAddress(destination, Target(host, port, is_tls, proxy=proxy))
        addresses = (host,) if destination.is_address else await self._look_up(destination, timeout_s)
        for address in addresses:
            self._guard.check(host, address)
        return PinnedAddress(destination, Target(host, port, is_tls, addresses=addresses))

    async def fetch(self, url: str, limit_bytes: int, timeouts: Timeouts, total_s: float = 60.0) -> Fetched:
        """GET a URL: at most so many bytes, in at most so many seconds; raises `AddressRefused`, `UpstreamProblem`."""
        async with _within(total_s, "could not be fetched"):
            pinned = await self.resolve_and_pin(url, timeouts.connect_s)
            async with self._exchange("GET", pinned, timeouts) as answer:
                return Fetched(answer.status, answer.headers, await answer.body(limit_bytes))

    async def check(self, url: str, timeout_s: float = 10.0) -> None:
        """Judge a URL that is called later; raises `AddressRefused`, and `ConnectFailed` for a name without address."""
        await self.resolve_and_pin(url, timeout_s)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, total_s: float) -> Taken:
        """POST to a URL and read the head of its answer; raises `AddressRefused`, `UpstreamProblem`."""
        timeouts = Timeouts(total_s, total_s, total_s)
        async with _within(total_s, "did not answer"):
            pinned = await self.resolve_and_pin(url, total_s)
            async with self._exchange("POST", pinned, timeouts, headers, body) as answer:
                answer.stop()  # whatever it says besides is not read
                return Taken(answer.status, answer.headers)

    def _exchange(
        self,
        method: str,
        pinned: PinnedAddress,
        timeouts: Timeouts,
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
    ) -> Exchange:
        target = pinned.target
        path = request_path(target, pinned.destination.path)
        fields = [(b"user-agent", USER_AGENT), (b"accept", b"*/*"), (b"accept-encoding", b"identity")]
        fields += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        if target.proxy is not None and not target.is_tls and target.proxy.authorization is not None:
            fields.append((b"proxy-authorization", target.proxy.authorization.reveal().encode("ascii")))
        head = request_head(method, path, target.authority, fields)
        if body is not None:
            head += b"content-length: %d\r\n" % len(body)
        peer = Peer(target.host, "the URL that was given", timeouts)
        return self._pool.single(target, peer, head + b"connection: close\r\n\r\n", body or b"")

    async def _look_up(self, destination: Destination, timeout_s: float) -> tuple[str, ...]:
        host = destination.host
        try:
            async with asyncio.timeout(timeout_s):
                addresses = await self._resolver(host, destination.port)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            raise ConnectFailed(f"The name {host} could not be looked up. Check the URL.") from error
        if not addresses:
            raise ConnectFailed(f"The name {host} has no address. Check the URL.")
        if len(addresses) > _MAX_ADDRESSES:
            raise AddressRefused(host, "it has too many addresses to check")
        return tuple(addresses)


@asynccontextmanager
async def _within(total_s: float, what: str) -> AsyncGenerator[None]:
    """Bound all of a call; raises `FirstByteTimeout` where it takes longer."""
    limit = asyncio.timeout(total_s)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise FirstByteTimeout(f"The address given {what} within {total_s:g} s.") from error
