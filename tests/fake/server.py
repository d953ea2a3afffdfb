"""The HTTP server: one protocol for each connection, which plays one script after another."""

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import httptools
import msgspec

from tests.fake.calls import Call
from tests.fake.endpoints import endpoint_of
from tests.fake.media.seam import MediaStudio
from tests.fake.media.table import media_answer
from tests.fake.memory import Memory
from tests.fake.misbehaviour import answer
from tests.fake.models import Pace
from tests.fake.vendors import VENDORS, Refusal, Vendor, error_body
from tests.fake.wire import Answer, Close, Completed, Pause, Script, Stall, play

_BODY_LIMIT = 64 * 1024 * 1024
_QUEUE_LIMIT = 64
_PREFIXES = sorted(
    ((prefix, vendor) for vendor in VENDORS.values() for prefix in (vendor.prefix, *vendor.aliases)),
    key=lambda found: -len(found[0]),
)
"""Every prefix with its vendor, the longest first."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived."""

    vendor: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """The number of the connection that it came by, from 1 on."""

    query: str = ""
    """What follows the `?` of the path."""

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


@dataclass(slots=True)
class Served:
    """What was served of one model: answers that were sent to the end, and the tokens that they reported."""

    completed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    left: int = 0
    """Answers whose caller went before the end."""


class FakeUpstream:
    """A provider in this process: `async with FakeUpstream() as fake`, then call `fake.url("openai")`."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        unix_path: str | None = None,
        tls: ssl.SSLContext | None = None,
        latency_ms: int = 0,
        piece_interval_ms: int = 0,
        extra_models: frozenset[str] = frozenset(),
        keep_requests: int = 1000,
    ) -> None:
        self.host = host
        self.port = port
        self.unix_path = unix_path
        self.tls = tls
        self.pace = Pace(latency_ms / 1000, piece_interval_ms / 1000)
        self.extra_models = extra_models
        self.requests: deque[Received] = deque(maxlen=keep_requests)
        self.served: dict[str, Served] = {}
        self.memory = Memory()
        self.studio = MediaStudio()
        """What vendors of media remember."""
        self.refused = 0
        """Calls that were refused as wrong."""
        self.dials = 0
        """Connections that were opened, ever."""
        self.answering = 0
        """Answers that are under way."""
        self._number = 0
        self._connections: set[_Connection] = set()
        self._changed: set[asyncio.Future[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        if self.unix_path is not None:
            self._server = await loop.create_unix_server(lambda: _Connection(self), self.unix_path, ssl=self.tls)
            return self
        self._server = await loop.create_server(
            lambda: _Connection(self), self.host, self.port, ssl=self.tls, backlog=8192
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop listening, and drop every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.drop()
        await asyncio.sleep(0)
        self._remove_socket()

    def _remove_socket(self) -> None:
        if self.unix_path is not None:
            Path(self.unix_path).unlink(missing_ok=True)

    @property
    def base_url(self) -> str:
        """The address, without a vendor's prefix."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def url(self, vendor: str = "openai") -> str:
        """The base URL of one vendor."""
        return self.base_url + VENDORS[vendor].prefix

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._connections)

    def reset(self) -> None:
        """Forget what was received and served."""
        self.requests.clear()
        self.served.clear()
        self.memory.clear()
        self.studio = MediaStudio()
        self.dials = self.refused = 0
        self.changed()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something holds; it is looked at whenever a request comes, an answer ends or a connection goes."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                future = asyncio.get_running_loop().create_future()
                self._changed.add(future)
                try:
                    await future
                finally:
                    self._changed.discard(future)

    def opened(self, connection: "_Connection") -> int:
        self._connections.add(connection)
        self.dials += 1
        return self.dials

    def closed(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        self.changed()

    def changed(self) -> None:
        for future in self._changed:
            if not future.done():
                future.set_result(None)

    def served_of(self, model: str) -> Served:
        return self.served.setdefault(model, Served())

    def next_number(self) -> int:
        self._number += 1
        return self._number


@dataclass(slots=True)
class _Request:
    method: str = ""
    path: str = ""
    headers: dict[str, str] | None = None
    body: bytes = b""
    keep_alive: bool = True


class _Connection(asyncio.Protocol):
    """Parses requests, and answers them one after another."""

    def __init__(self, fake: FakeUpstream) -> None:
        self._fake = fake
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._number = 0
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._waiting: deque[_Request] = deque()
        self._script: Script | None = None
        self._call: tuple[str, int, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._can_write = True
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._number = self._fake.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            said = f"the fake itself failed: {error.__context__!r}".encode()
            self._script = play(Answer(500, [said], content_type="text/plain", trailer=(Close(),)))
            self._advance()
        except httptools.HttpParserError:
            self._script = play(Answer(400, [b"bad request"], content_type="text/plain", trailer=(Close(),)))
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._script is not None:
            self._end(left=True)
        self._transport = None
        self._fake.closed(self)

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True
        if self._script is not None and self._timer is None:
            self._advance()

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body, self._size = b"", {}, [], 0
        if self._script is None:
            self._stop_timer()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= _BODY_LIMIT:
            self._body.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        keep_alive = self._parser.should_keep_alive()
        self._waiting.append(_Request(method, self._url.decode(), self._headers, b"".join(self._body), keep_alive))
        if len(self._waiting) > _QUEUE_LIMIT:
            self.drop()
        elif self._script is None:
            self._begin()

    def _begin(self) -> None:
        request = self._waiting.popleft()
        self._keep_alive = request.keep_alive
        self._fake.answering += 1
        self._script = _too_large() if self._size > _BODY_LIMIT else self._route(request)
        self._fake.changed()
        self._advance()

    def _end(self, *, left: bool) -> None:
        self._script = None
        self._fake.answering -= 1
        if left and self._call is not None:
            self._fake.served_of(self._call[0]).left += 1
        self._call = None
        self._fake.changed()

    def _advance(self) -> None:
        """Play steps until one has to wait."""
        self._timer = None
        while self._script is not None and self._transport is not None and self._can_write:
            step = next(self._script, None)
            if isinstance(step, bytes):
                self._transport.write(step)
            elif isinstance(step, Pause):
                self._timer = asyncio.get_running_loop().call_later(step.seconds, self._advance)
                return
            elif isinstance(step, Completed):
                self._count()
            elif isinstance(step, Stall):
                return
            elif isinstance(step, Close):
                self._close(step)
                return
            else:
                self._next()

    def _next(self) -> None:
        self._end(left=False)
        if self._transport is not None and not self._keep_alive:
            self._transport.close()
        elif self._waiting:
            self._begin()

    def _close(self, step: Close) -> None:
        self._end(left=False)
        if self._transport is None:
            return
        if step.abort:
            _reset(self._transport)
        elif step.after_s:
            self._timer = asyncio.get_running_loop().call_later(step.after_s, self._transport.close)
            if self._waiting:
                self._begin()
        else:
            self._transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _count(self) -> None:
        if self._call is None:
            return
        model, prompt, completion = self._call
        served = self._fake.served_of(model)
        served.completed += 1
        served.prompt_tokens += prompt
        served.completion_tokens += completion
        self._call = None

    def _route(self, request: _Request) -> Script:
        path, _, query = request.path.partition("?")
        if path == "/_served":
            return self._ledger(request.method)
        if (media := self._media(request, path, query)) is not None:
            return media
        found = next((found for found in _PREFIXES if path.startswith(found[0] + "/")), None)
        if found is None:
            return _json(404, {"error": {"message": f"Invalid URL ({request.method} {path})"}})
        prefix, vendor = found
        headers = request.headers or {}
        received = Received(vendor.id, request.method, path, headers, request.body, self._number, query)
        self._fake.requests.append(received)
        rest = path[len(prefix) :] if prefix == vendor.prefix else _aliased(prefix, path)
        if rest == "/models" and request.method == "GET":
            return _json(200, {"object": "list", "data": [{"id": m, "object": "model"} for m in sorted(vendor.models)]})
        return self._call_of(vendor, request, rest, query)

    def _media(self, request: _Request, path: str, query: str) -> Script | None:
        """Answer what is asked of a vendor of media, if it is."""
        fake, headers = self._fake, request.headers or {}
        fake.studio.base_url = fake.base_url
        answer = media_answer(request.method, path, query, headers, request.body, fake.studio)
        if answer is None:
            return None
        name = path.strip("/").partition("/")[0]
        fake.requests.append(Received(name, request.method, path, headers, request.body, self._number, query))
        fake.refused += answer.status >= 400
        return play(Answer(answer.status, answer.pieces, answer.content_type, headers=answer.headers, trailer=()))

    def _call_of(self, vendor: Vendor, request: _Request, rest: str, query: str) -> Script:
        endpoint = endpoint_of(vendor, rest)
        if endpoint is None:
            return self._refuse(vendor, Refusal(404, f"Invalid URL ({request.method} {request.path})"))
        if request.method != "POST":
            return self._refuse(vendor, Refusal(405, f"Not allowed to {request.method} on {request.path}"))
        fake = self._fake
        headers = request.headers or {}
        number = fake.next_number()
        call = Call(vendor, rest, query, headers, request.body, fake.extra_models, fake.memory, number, fake.pace)
        outcome = endpoint(call)
        if isinstance(outcome, Refusal):
            return self._refuse(vendor, outcome)
        completion = outcome.reply.completion
        if outcome.counts:
            self._call = (completion.model, completion.spent.prompt, completion.spent.completion)
        return answer(outcome.reply, outcome.fault)

    def _refuse(self, vendor: Vendor, refusal: Refusal) -> Script:
        self._fake.refused += 1
        return play(Answer(refusal.status, [error_body(vendor, refusal)], trailer=()))

    def _ledger(self, method: str) -> Script:
        if method == "DELETE":
            self._fake.reset()
        total = Served()
        for served in self._fake.served.values():
            total.completed += served.completed
            total.prompt_tokens += served.prompt_tokens
            total.completion_tokens += served.completion_tokens
            total.left += served.left
        return _json(200, {"models": self._fake.served, "total": total, "refused": self._fake.refused})


def _aliased(prefix: str, path: str) -> str:
    """Read a path below an alias: what DeepSeek has at the root of its host, or another spelling of the prefix."""
    return path if prefix == "/beta" else path[len(prefix) :]


def _json(status: int, value: Any) -> Script:
    return play(Answer(status, [msgspec.json.encode(value)], trailer=()))


def _too_large() -> Script:
    return play(Answer(413, [b"too large"], content_type="text/plain", trailer=(Close(),)))


def _reset(transport: asyncio.Transport) -> None:
    """Close with a reset: no lingering, so that the kernel does not say goodbye."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family != socket.AF_UNIX:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
