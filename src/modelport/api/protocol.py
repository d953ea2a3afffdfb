"""HTTP/1.1 on one connection: uvicorn's protocol with the bounds and time-outs that it lacks."""

import asyncio
import urllib.parse
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from modelport.api.connection import EXTENSION
from modelport.api.cycle import Cycle, status_line
from modelport.api.date import DateLine
from modelport.api.problems import HeadersTooLarge, MalformedRequest, RequestTimeout, UrlTooLong
from modelport.core.errors import Problem

if TYPE_CHECKING:
    from modelport.api.cycle import Application

_VERSIONS = frozenset({"1.0", "1.1"})
_LINE_SHOWN = 2048

RenderProblem = Callable[[Problem, str], tuple[int, list[tuple[bytes, bytes]], bytes]]
"""Problem and path in; status, headers and body out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long a connection may take."""

    header_bytes: int = 65_536
    url_bytes: int = 16_384
    header_s: float = 15.0
    body_idle_s: float = 30.0
    """How long the body may stand still."""
    body_s: float = 600.0
    """How long the whole body may take."""
    keep_alive_s: float = 75.0
    write_stall_s: float = 120.0
    """How long a caller may read nothing of an answer that waits for it."""
    linger_s: float = 10.0
    """How long the rest of a refused request is read and thrown away, so that the refusal is not lost."""
    linger_bytes: int = 64 * 1024 * 1024
    pipelined: int = 64


class Phase(IntEnum):
    """What is being read."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    DONE = 3
    """The request has come whole; its answer is under way."""
    DISCARD = 4
    """Answered before the body had come; the rest is thrown away."""
    LINGER = 5
    """Refused; whatever comes is thrown away until the caller closes."""


class Peer:
    """The connection as the application sees it (`modelport.connection` in the scope)."""

    __slots__ = ("_callbacks", "_protocol", "is_gone")

    def __init__(self, protocol: "HttpProtocol") -> None:
        self._protocol: HttpProtocol | None = protocol
        self._callbacks: list[Callable[[], None]] = []
        self.is_gone = False

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Run `callback` once when the connection is lost during this request; at once if it is lost already."""
        if self.is_gone:
            callback()
        else:
            self._callbacks.append(callback)

    def abort(self) -> None:
        """Cut the connection."""
        if self._protocol is not None:
            self._protocol.transport.abort()

    def lost(self) -> None:
        """Tell everybody who asked."""
        self.is_gone = True
        self._protocol = None
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def rest(self) -> None:
        """Forget who asked: their request is answered."""
        if self._callbacks:
            self._callbacks.clear()


class _Refused(Exception):
    """Stops the parser."""


class HttpProtocol(HttpToolsProtocol):
    """Serves one connection; every wait for the caller has a deadline that `check` enforces."""

    parser: httptools.HttpRequestParser

    def __init__(
        self,
        config: Config,
        state: ServerState,
        limits: Limits,
        render: RenderProblem,
        on_closed: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        date: DateLine,
    ) -> None:
        super().__init__(config, state, {}, loop)
        self.limits = limits
        self.render = render
        self.on_closed = on_closed
        self.date = date
        self.peer = Peer(self)
        self.phase = Phase.IDLE
        self.active: Cycle | None = None
        self.latest: Cycle | None = None
        self.waiting: deque[Cycle] = deque()
        self.application = cast("Application", self.app)
        self._deadline = 0.0
        self._end = 0.0
        self._stalled_until = 0.0
        self._chunk_bytes = 0
        self._pending_bytes = 0
        self._refusal: Problem | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Start idle: a caller that says nothing is sent nothing."""
        super().connection_made(transport)
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the running request, drop those that wait behind it, and let go of all that holds this connection.

        What is in a cycle stays until the collector runs, which is seldom.
        """
        self.connections.discard(self)
        for cycle in (self.active, self.latest, *self.waiting):
            if cycle is not None and not cycle.response_complete:
                cycle.leave()
        self.waiting.clear()
        self.active = self.latest = None
        self.flow.resume_writing()
        self.parser = None  # pyright: ignore[reportAttributeAccessIssue]
        self.on_closed()
        self.peer.lost()

    def data_received(self, data: bytes) -> None:
        """Parse what came; what breaks a bound or the protocol is refused in the common error form."""
        if self.phase is Phase.LINGER:
            self._throw_away(len(data))
            return
        self._chunk_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no upgrade is offered: the request is answered as plain HTTP/1.1
        except httptools.HttpParserInvalidMethodError:
            self.url = _path_sent(data)
            self.refuse(MalformedRequest("HTTP/1.1 has no such method: see the Allow header of OPTIONS"))
            return
        except httptools.HttpParserError:
            self.refuse(self._refusal or MalformedRequest("this is not a well-formed HTTP/1.1 request"))
            return
        if self.phase is not Phase.DONE and self.phase is not Phase.IDLE:
            self._progress()

    def _progress(self) -> None:
        now = self.loop.time()
        if not self._end:
            self._end = now + (self.limits.header_s if self.phase is Phase.HEAD else self.limits.body_s)
        elif self.phase is Phase.HEAD:
            self._pending_bytes += self._chunk_bytes
            if self._pending_bytes > self.limits.header_bytes:
                self.refuse(self._too_much_head())
                return
        if self.phase is Phase.BODY:
            self._deadline = min(now + self.limits.body_idle_s, self._end)
        elif self.phase is Phase.HEAD:
            self._deadline = self._end

    def _too_much_head(self) -> Problem:
        if not self.headers and len(self.url) >= self.limits.url_bytes:
            return UrlTooLong(f"the address is longer than {self.limits.url_bytes} bytes")
        return HeadersTooLarge(f"the request's header is larger than {self.limits.header_bytes} bytes: send less")

    def on_message_begin(self) -> None:
        """Note the start of a request."""
        self.phase = Phase.HEAD
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._end = 0.0
        self._pending_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self.url += url
        if len(self.url) > self.limits.url_bytes:
            self._stop(UrlTooLong(f"the address is longer than {self.limits.url_bytes} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def _check_head(self) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.header_bytes:
            self._stop(self._too_much_head())

    def _stop(self, problem: Problem) -> None:
        self._refusal = problem
        raise _Refused

    def on_headers_complete(self) -> None:
        """Start the request, or queue it behind the one that is being answered."""
        if self._end or self._chunk_bytes > self.limits.header_bytes:
            self._check_head()
        parser = self.parser
        path, _, query = self.url.partition(b"?")
        if not path.startswith(b"/"):
            path = _path_of_absolute(path)
        text = path.decode("latin-1")
        version = parser.get_http_version()
        if version not in _VERSIONS:
            self._stop(MalformedRequest(f"HTTP/{version} is not spoken here: send HTTP/1.1"))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": parser.get_method().decode("ascii"),
            "path": urllib.parse.unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "headers": self.headers,
            "extensions": {EXTENSION: self.peer},
        }
        keep_alive = version != "1.0" and parser.should_keep_alive()
        self._end = 0.0
        self.phase = Phase.BODY
        cycle = Cycle(self, scope, keep_alive=keep_alive, expects_continue=self.expect_100_continue)
        self.latest = cycle
        if self.active is None or self.active.response_complete:
            self._serve(cycle)
        else:
            self.flow.pause_reading()
            self.waiting.append(cycle)
            if len(self.waiting) > self.limits.pipelined:
                self.transport.abort()

    def _serve(self, cycle: Cycle) -> None:
        self.active = cycle
        task = self.loop.create_task(cycle.run(self.application))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body to its request, or throw it away when that is answered."""
        cycle = self.latest
        if cycle is None or cycle.response_complete or cycle.disconnected:
            self._throw_away(len(body))
        else:
            cycle.feed(body)

    def _throw_away(self, size: int) -> None:
        self._pending_bytes += size
        if self._pending_bytes > self.limits.linger_bytes:
            self.transport.abort()

    def on_message_complete(self) -> None:
        """Note that the request has come whole."""
        self.phase = Phase.DONE
        cycle = self.latest
        if cycle is None or cycle.response_complete:
            self._rest()
            return
        cycle.end_body()

    def on_response_complete(self) -> None:
        """Go on with the next request, or rest."""
        self.server_state.total_requests += 1
        self.peer.rest()
        if self.transport.is_closing():
            return
        if self.active is not None and not self.active.keep_alive:
            self._linger()
            return
        self.flow.resume_reading()
        if self.waiting:
            self._serve(self.waiting.popleft())
        elif self.phase is Phase.DONE:
            self._rest()
        elif self.phase is Phase.BODY:
            self.phase = Phase.DISCARD
            self._pending_bytes = 0
            self._deadline = self.loop.time() + self.limits.linger_s

    def _rest(self) -> None:
        self.phase = Phase.IDLE
        self.url = b""
        self._deadline = self.loop.time() + self.limits.keep_alive_s

    def _linger(self) -> None:
        """Close, but not under a caller that is still writing: a reset would take the answer away from it."""
        if self.phase is Phase.DONE or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.phase = Phase.LINGER
        self._pending_bytes = 0
        self._deadline = self.loop.time() + self.limits.linger_s
        self.transport.write_eof()
        self.flow.resume_reading()

    def refuse(self, problem: Problem) -> None:
        """Answer a request that never reached the application, and close."""
        if self.transport.is_closing():
            return
        active = self.active
        if active is not None and not active.response_complete:
            if active is not self.latest or active.response_started or self.phase is Phase.HEAD:
                self.transport.abort()
                return
            active.leave()
        path = self.url.partition(b"?")[0].decode("latin-1")
        status, headers, body = self.render(problem, path[:1024])
        lines = [b"%b: %b\r\n" % header for header in (*headers, (b"connection", b"close"))]
        self.transport.write(b"".join((status_line(status), self.date.line, *lines, b"\r\n", body)))
        self.phase = Phase.BODY
        self._linger()

    def pause_writing(self) -> None:
        """Note since when the caller reads too slowly."""
        self._stalled_until = self.loop.time() + self.limits.write_stall_s
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the caller reads again."""
        self._stalled_until = 0.0
        super().resume_writing()

    def shutdown(self) -> None:
        """Close now if idle, else after the answer that is under way."""
        if self.active is None or self.active.response_complete:
            self.transport.close()
        else:
            self.active.keep_alive = False

    def check(self, now: float) -> None:
        """Enforce the deadline of whatever this connection is waiting for."""
        if self._stalled_until and now > self._stalled_until:
            self.transport.abort()
        elif self.phase is Phase.DONE or now < self._deadline:
            return
        elif self.flow.read_paused:
            self._deadline = self._end = now + self.limits.body_idle_s
        elif self.phase is Phase.HEAD:
            self.refuse(RequestTimeout("the request's header did not arrive in time: send it faster"))
        elif self.phase is Phase.BODY:
            self.refuse(RequestTimeout("the request's body did not arrive in time: send it faster"))
        elif self.phase is Phase.IDLE:
            self.transport.close()
        else:
            self.transport.abort()


def _path_sent(data: bytes) -> bytes:
    """Return the path of a request line that could not be parsed; empty when it has none."""
    parts = data[:_LINE_SHOWN].partition(b"\n")[0].split()
    return parts[1] if len(parts) > 1 and parts[1].startswith(b"/") else b""


def _path_of_absolute(url: bytes) -> bytes:
    """Return the path of `http://host/path`; `*` and other forms have none."""
    _, found, rest = url.partition(b"://")
    if not found:
        return b"/"
    return b"/" + rest.partition(b"/")[2]
