"""The application: route, credential, access, handler, and one form for everything that goes wrong."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from modelport.api.access import check_access, check_address
from modelport.api.client import AsgiClient
from modelport.api.cors import Cors
from modelport.api.cycle import Receive, Scope, Send
from modelport.api.errors import (
    UNEXPECTED_REFUSAL,
    Occasion,
    Refusal,
    error_headers,
    error_json,
    refusal,
)
from modelport.api.links import Links
from modelport.api.peers import Peers
from modelport.api.problems import CallerLeft, MalformedRequest, NotBuilt, UnknownRoute, WrongMethod
from modelport.api.request import Answer, Bodies, Request
from modelport.api.request_ids import RequestIds
from modelport.api.routes import Route, Router, is_messages, normal
from modelport.core.clock import Clock, SystemClock
from modelport.core.errors import Problem
from modelport.core.ids import IdSource
from modelport.keys.key import Key
from modelport.serving.exchange import CallFailed

_log = logging.getLogger(__name__)

PATH_SHOWN = 1024

Authenticate = Callable[[bytes | None], Awaitable[Key]]
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class App:
    """Serves HTTP requests of the API. An ASGI application; it needs no lifespan."""

    routes: Sequence[Route]
    authenticate: Authenticate
    cors: Cors = field(default_factory=Cors)
    links: Links = field(default_factory=Links)
    peers: Peers = field(default_factory=Peers)
    clock: Clock = field(default_factory=SystemClock)
    bodies: Bodies = field(default_factory=Bodies)
    new_request_id: Callable[[], str] = field(default_factory=RequestIds)
    new_inference_id: Callable[[], str] = field(default_factory=IdSource)
    """For inference calls that are refused before serving gave them an id."""
    _router: Router = field(init=False)

    def __post_init__(self) -> None:
        self._router = Router(self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        request = Request(scope, receive, send, self.new_request_id(), self.bodies)
        client = request.client = AsgiClient(request, self.cors.headers, lambda problem: self._told(request, problem))
        try:
            answer = await self._answer(request)
            if answer is not None:
                await self._reply(client, answer)
        except CallerLeft:
            return
        except CallFailed as failed:
            more = ((b"x-inference-id", failed.inference_id.encode()),)
            await self._refuse(request, client, *self._told(request, failed.problem), more)
        except Problem as problem:
            await self._refuse(request, client, *self._told(request, problem), self._inference_headers(request))
        except Exception:  # noqa: BLE001 - the outermost catch: logged, and told without details
            _log.exception("request %s failed unexpectedly", request.request_id)
            body = error_json(UNEXPECTED_REFUSAL, self._occasion(request))
            await self._refuse(request, client, UNEXPECTED_REFUSAL, body, self._inference_headers(request))
        finally:
            del request.client  # it knows the request: the two would stay until the cycle collector looks
            if request.held_bytes:
                self.bodies.release(request.held_bytes)

    async def _answer(self, request: Request) -> Answer | None:
        if request.method == "OPTIONS":
            return self._preflight(request)
        if b"host" not in request.headers and request.scope.get("http_version") == "1.1":
            raise MalformedRequest("the request has no Host header: HTTP/1.1 asks for one")
        found = self._router.find(request.method, request.path)
        operation = found.operation
        request.tail = found.tail
        if operation.access.audience != "anyone":
            request.key = key = await self.authenticate(request.credential)
            if key.ip_ranges is not None:
                check_address(key, self.peers.address(request.scope))
            check_access(operation.access, key)
        return await operation.handler(request)

    def _preflight(self, request: Request) -> Answer:
        headers = list(self.cors.preflight(request.headers))
        if allowed := self._router.allowed(request.path):
            headers.append((b"allow", ", ".join(allowed).encode()))
        return Answer(204, headers=headers)

    def _inference_headers(self, request: Request) -> Headers:
        """Give an id to a call of an inference route that was refused before it had one."""
        try:
            operation = self._router.find(request.method, request.path).operation
        except (UnknownRoute, NotBuilt, WrongMethod):
            return []
        return [(b"x-inference-id", self.new_inference_id().encode())] if operation.access.scope is not None else []

    async def _reply(self, client: AsgiClient, answer: Answer) -> None:
        await client.start(answer.status, answer.headers)
        await client.finish(answer.body)

    async def _refuse(
        self, request: Request, client: AsgiClient, told: Refusal, body: bytes, more: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        if client.has_started:
            request.connection.abort()  # an answer under way must not look complete
            return
        headers = [*error_headers(told), *more]
        if request.client_request_id is not None:
            headers.append((b"x-client-request-id", request.client_request_id.encode()))
        await client.start(told.status, headers)
        await client.finish(body)

    def _told(self, request: Request, problem: Problem) -> tuple[Refusal, bytes]:
        told = refusal(problem, self.links.root(request.scope, request.headers))
        return told, error_json(told, self._occasion(request))

    def _occasion(self, request: Request) -> Occasion:
        path = request.path[:PATH_SHOWN]
        return Occasion(path, request.request_id, self.clock.now_ms(), is_messages(normal(path)))

    def render(self, problem: Problem, path: str) -> tuple[int, Headers, bytes]:
        """Render what went wrong before a request could reach the application."""
        told = refusal(problem, self.links.root({}, {}))
        body = error_json(told, Occasion(path, self.new_request_id(), self.clock.now_ms()))
        length = (b"content-length", b"%d" % len(body))
        return told.status, [*error_headers(told), length, *self.cors.headers], body
