"""One request and its answer on a connection."""

import asyncio
import http
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelport.api.protocol import HttpProtocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HIGH_WATER_BYTES = 65_536
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus}
_BODILESS = frozenset({204, 304})
_LENGTH = re.compile(rb"^content-length: (\d+)", re.MULTILINE)


def status_line(status: int) -> bytes:
    """Return the first line of an answer, with its line end."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


class Cycle:
    """Carries one request to the application and its answer to the transport; head and first piece go in one write."""

    def __init__(self, protocol: "HttpProtocol", scope: Scope, *, keep_alive: bool, expects_continue: bool) -> None:
        self.protocol = protocol
        self.scope = scope
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
        self._waiting: asyncio.Future[None] | None = None
        self._head: bytes | None = None
        self._is_chunked = False
        self._owed_bytes = 0

    async def run(self, app: Application) -> None:
        """Call the application; whatever it leaves unanswered ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
        finally:
            if not self.response_complete and not self.disconnected:
                self.protocol.transport.abort()

    async def receive(self) -> Message:
        """Hand over what has come of the body since the last time."""
        if self.protocol.transport.is_closing():
            return {"type": "http.disconnect"}
        if self.expects_continue:
            self.expects_continue = False
            self.protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.more_body and not self.body and not self.disconnected and not self.response_complete:
            self.protocol.flow.resume_reading()
            self._waiting = self.protocol.loop.create_future()
            await self._waiting
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def feed(self, data: bytes) -> None:
        """Take a piece of the request's body; stops reading while too much lies unread."""
        self.body += data
        if len(self.body) > HIGH_WATER_BYTES:
            self.protocol.flow.pause_reading()
        self._wake()

    def end_body(self) -> None:
        """Note that the body has come whole."""
        self.more_body = False
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def send(self, message: Message) -> None:
        """Send head or body; waits while the caller reads slowly, does nothing once the caller has left."""
        protocol = self.protocol
        if protocol.flow.write_paused and not self.disconnected:
            await protocol.flow.drain()
        if self.disconnected or protocol.transport.is_closing():
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message.get("headers", ()))
        else:
            self._continue(message.get("body", b""), bool(message.get("more_body", False)))

    def _begin(self, status: int, headers: Collection[tuple[bytes, bytes]]) -> None:
        if self.response_started:
            raise RuntimeError("the answer has begun already")
        fields = b"".join([b"%b: %b\r\n" % header for header in headers])
        lines = fields.count(b"\r\n")
        if lines != len(headers) or fields.count(b"\n") != lines or fields.count(b"\r") != lines:
            raise ValueError("a header of the answer holds a line break")
        if self.expects_continue:
            self.keep_alive = False
        more = b"" if self.keep_alive else b"connection: close\r\n"
        length = _LENGTH.search(fields)
        if self.scope["method"] == "HEAD" or status in _BODILESS:
            self._owed_bytes = 0
        elif length is not None:
            self._owed_bytes = int(length[1])
        else:
            self._is_chunked = True
            more += b"transfer-encoding: chunked\r\n"
        head = b"%b%b%b%b\r\n" % (status_line(status), self.protocol.date.line, fields, more)
        self.response_started = True
        self._head = head

    def _continue(self, body: bytes, more_body: bool) -> None:
        if not self.response_started or self.response_complete:
            raise RuntimeError("a piece of the answer came before its head or after its end")
        head, self._head = self._head or b"", None
        if self.scope["method"] == "HEAD":
            piece = head
        elif self._is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            piece = b"".join((head, chunk, b"" if more_body else b"0\r\n\r\n"))
        else:
            self._owed_bytes -= len(body)
            if self._owed_bytes < 0 or (self._owed_bytes and not more_body):
                raise RuntimeError("the answer is not as long as its content-length says")
            piece = head + body
        if piece:
            self.protocol.transport.write(piece)
        if not more_body:
            self.response_complete = True
            self._wake()
            self.protocol.on_response_complete()

    def leave(self) -> None:
        """Note that the caller is gone; wakes whoever waits for the rest of the body."""
        self.disconnected = True
        self._wake()
