"""One HTTP/1.1 connection: one parser, reused, and one answer at a time."""

import asyncio
import re
import select
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from modelport.core.errors import Problem
from modelport.upstream.answer import Answer
from modelport.upstream.content import BrokenContent, inflater_for

HEAD_BYTES = 64 * 1024
HEADER_COUNT = 256
_WHOLE_WRITE_BYTES = 64 * 1024
FRESH_S = 0.1
"""For so long after its last answer a connection is taken to be as the event loop saw it, if it has proved itself."""
HASTY_S = 1.0
"""An idle connection that the other end closes sooner than this after an answer was closed in haste."""
LINGER_S = 0.2
"""So long, up to the next sweep after it, the end of an answer may take whose reader has seen enough."""
LINGER_BYTES = 64 * 1024
_KEEP_ALIVE_MARGIN_S = 1.0
_KEEP_ALIVE_TIMEOUT = re.compile(rb"timeout\s*=\s*(\d{1,6})", re.IGNORECASE)


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    keep_s: float
    hasty_until_s: float
    """Until then connections are not taken to be as the event loop saw them."""

    def released(self, connection: "Connection") -> None:
        """The answer is complete and the connection can carry the next."""
        ...

    def lost(self, connection: "Connection") -> None:
        """The connection is gone."""
        ...

    def closed_in_haste(self) -> None:
        """The other end closed unannounced: right after an answer, or when the next request was on its way."""
        ...


class _Surplus(Exception):
    """Bytes follow a complete answer."""


class Connection(asyncio.Protocol):
    """Sends one request at a time and feeds its answer; tells its owner when it is free, and when it is gone."""

    __slots__ = (
        "_answer",
        "_answers",
        "_barren_bytes",
        "_deadline",
        "_fault",
        "_headers",
        "_in_body",
        "_is_adopted",
        "_is_done",
        "_is_head_request",
        "_is_interim",
        "_is_lingering",
        "_is_over",
        "_is_renounced",
        "_keep_alive",
        "_keep_alive_text",
        "_keep_s",
        "_loop",
        "_moved",
        "_owner",
        "_parser",
        "_poll",
        "_spare_bytes",
        "_transport",
        "_until_close",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._poll: select.poll | None = None
        self._answer: Answer | None = None
        self._headers: dict[bytes, bytes] = {}
        self._fault: Problem | None = None
        self._deadline = 0.0
        self._barren_bytes = 0
        """Bytes that came since the last byte of a body: heads, trailers and chunk framing are bounded by it."""
        self._spare_bytes = 0
        """What may still come of an answer that nobody reads."""
        self._answers = 0
        """Answers after which the connection was kept."""
        self._moved = False
        self._in_body = False
        self._is_done = False
        self._is_interim = False
        self._is_lingering = False
        self._is_over = False
        self._is_adopted = False
        self._is_renounced = False
        self._is_head_request = False
        self._keep_alive = False
        self._keep_alive_text: bytes | None = None
        self._keep_s = owner.keep_s
        self._until_close = False

    # -- what the pool asks for

    def start(self, answer: Answer, head: bytes, body: bytes) -> None:
        """Send a request whose answer goes to `answer`."""
        transport = self._transport
        assert transport is not None
        self._answer = answer
        self._fault = None
        self._barren_bytes = 0
        self._moved = self._in_body = self._is_done = self._until_close = self._is_lingering = False
        self._is_head_request = head.startswith(b"HEAD ")
        self._deadline = self._loop.time() + answer.peer.timeouts.first_byte_s
        if len(body) <= _WHOLE_WRITE_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))

    def is_open(self) -> bool:
        """Tell whether, as far as the event loop has seen, the connection stands."""
        return self._transport is not None and not self._is_over and not self._transport.is_closing()

    def is_usable(self) -> bool:
        """Tell whether a request may be sent now: the connection stands, and no goodbye waits unread in its socket.

        The socket of a connection that was busy a moment ago is not asked: the event loop has just done so, and a
        system call for each request costs more than all else that the pool does for it. It is asked all the same
        before the first reuse, and while the other end is known to close in haste.
        """
        if not self.is_open():
            return False
        if self._poll is None:
            return True
        now_s = self._loop.time()
        is_fresh = now_s - self.idle_since_s() < FRESH_S
        if is_fresh and self._answers > 1 and now_s >= self._owner.hasty_until_s:
            return True
        if self._poll.poll(0):
            self._note_haste()
            return False
        return True

    def idle_since_s(self) -> float:
        """Return when an idle connection had its last answer, on the event loop's clock."""
        return self._deadline - self._keep_s

    def check(self, now_s: float) -> None:
        """Enforce the deadlines; called for every connection, a few times a second."""
        answer = self._answer
        if answer is None or self._is_lingering:
            if now_s >= self._deadline:
                self.abort()
        elif self._in_body and (self._moved or answer.waiter is None):
            self._moved = False
            self._deadline = now_s + answer.peer.timeouts.idle_s
        elif now_s >= self._deadline:
            self._fail(answer.peer.stalled() if self._in_body else answer.peer.silent())

    def adopt(self) -> None:
        """Have the owner told of this connection's end, from now on."""
        self._is_adopted = True

    def renounce(self) -> None:
        """Give up while it is being opened."""
        self._is_renounced = True
        self.abort()

    def abandon(self, answer: Answer, *, at_once: bool) -> None:
        """Close if `answer` is still coming in; unless `at_once`, its end has a moment to come, unread."""
        if self._answer is not answer:
            return
        if at_once or not self._is_worth_lingering(answer):
            self.abort()
            return
        self._is_lingering = True
        self._spare_bytes = LINGER_BYTES - answer.buffered_bytes
        self._deadline = self._loop.time() + LINGER_S

    def abort(self) -> None:
        """Close at once; an answer that is still coming in is cut short."""
        answer = self._answer
        if answer is None:
            self._close()
        else:
            self._fail(answer.peer.cut(began=self._in_body))

    # -- what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll = _poll_of(self._transport)
        self._deadline = self._loop.time() + self._keep_s
        if self._is_renounced:
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what came and tell the reader."""
        answer, parser = self._answer, self._parser
        if answer is None or parser is None:
            self._note_haste()
            self.abort()  # nobody asked: a goodbye such as 408, or garbage
            return
        self._barren_bytes += len(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._keep_alive = False
            if not self._is_done and self._fault is None:
                self._fault = answer.peer.malformed(f"not valid HTTP ({_reason(error)})")
        if self._fault is not None:
            self._fail(self._fault)
        elif self._is_done:
            self._finish(answer)
        elif self._barren_bytes > HEAD_BYTES:
            self._fail(answer.peer.too_large("head", HEAD_BYTES))
        elif self._is_lingering:
            self._discard(answer, len(data))
        elif self._in_body and not answer.wants_all:
            answer.wake()

    def eof_received(self) -> bool | None:
        """End the answer, or drop the idle connection."""
        self._end(was_clean=True)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer and tell the owner."""
        self._end(was_clean=exc is None)
        self._parser = None  # it holds bound methods of this object
        if self._is_adopted:
            self._owner.lost(self)

    # -- what the parser tells

    def on_message_begin(self) -> None:
        """Start collecting headers."""
        if self._is_done:
            raise _Surplus
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers go to a heap of their own that nobody reads."""
        name = name.lower()
        headers = self._headers
        if name in headers:
            value = headers[name] + b", " + value
        headers[name] = value

    def on_headers_complete(self) -> None:
        """Hand over the head, unless it is of an interim answer."""
        answer, parser = self._answer, self._parser
        assert answer is not None
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:
            self._is_interim = True
            if status == 101:
                self._fault = answer.peer.malformed("it changes the protocol, which was not asked for")
            return
        headers = self._headers
        self._headers = {}
        self._in_body = True
        self._fault = self._judge_head(answer, headers, status)
        if self._fault is None:
            answer.headers = headers
            answer.status = status
        self._moved = True

    def on_body(self, data: bytes) -> None:
        """Buffer a piece of the body."""
        answer = self._answer
        if answer is None:
            return
        answer.chunks.append(data)
        answer.buffered_bytes = size_bytes = answer.buffered_bytes + len(data)
        self._barren_bytes = 0
        self._moved = True
        if size_bytes > answer.bound_bytes:
            self._overflow(answer)

    def on_message_complete(self) -> None:
        """Note the end. Whether the connection may be kept is asked here: later the parser always says no."""
        if self._is_interim:
            self._is_interim = False
            return
        parser = self._parser
        self._is_done = True
        self._keep_alive = parser is not None and parser.should_keep_alive()

    # -- steps

    def _judge_head(self, answer: Answer, headers: dict[bytes, bytes], status: int) -> Problem | None:
        peer = answer.peer
        if self._barren_bytes > HEAD_BYTES and sum(map(len, headers)) + sum(map(len, headers.values())) > HEAD_BYTES:
            return peer.too_large("head", HEAD_BYTES)
        if len(headers) > HEADER_COUNT:
            return peer.malformed(f"more than {HEADER_COUNT} headers")
        if (framing := headers.get(b"transfer-encoding")) is not None:
            if framing.lower() != b"chunked":
                return peer.malformed("an unknown transfer encoding")
        elif b"content-length" not in headers:
            self._until_close = status not in {204, 304}
        if self._is_head_request:
            self._is_done, self._keep_alive = True, False  # the parser cannot be told that no body follows
        if b"content-encoding" in headers:
            try:
                answer.inflater = inflater_for(headers[b"content-encoding"])
            except BrokenContent as error:
                return peer.malformed(str(error))
        return None

    def _overflow(self, answer: Answer) -> None:
        if answer.wants_all:
            self._fault = answer.peer.too_large("body", answer.bound_bytes)
        elif self._transport is not None:
            answer.pause(self._transport)

    def _finish(self, answer: Answer) -> None:
        transport = self._transport
        assert transport is not None
        self._answer = None
        answer.is_complete = True
        if answer.is_paused:
            answer.is_paused = False
            transport.resume_reading()
        if self._keep_alive and not transport.is_closing() and transport.get_write_buffer_size() == 0:
            self._rest(answer.headers.get(b"keep-alive"))
        else:
            self._close()
        answer.wake()

    def _rest(self, keep_alive: bytes | None) -> None:
        if keep_alive is not self._keep_alive_text and keep_alive != self._keep_alive_text:
            self._keep_alive_text = keep_alive
            self._keep_s = min(self._owner.keep_s, _promised_s(keep_alive))
        self._answers += 1
        self._deadline = self._loop.time() + self._keep_s
        if self._keep_s > 0:
            self._owner.released(self)
        else:
            self.abort()

    def _end(self, *, was_clean: bool) -> None:
        if self._is_over:
            return
        self._is_over = True
        answer, self._answer = self._answer, None
        if answer is None:
            self._note_haste()
        elif was_clean and self._until_close:
            answer.is_complete = True
            answer.wake()
        else:
            if self._answers and not self._in_body and not self._barren_bytes:
                self._owner.closed_in_haste()
            answer.fail(answer.peer.cut(began=self._in_body))

    def _is_worth_lingering(self, answer: Answer) -> bool:
        """Tell whether the connection could be kept if the rest came at once."""
        parser = self._parser
        return (
            self._in_body
            and answer.buffered_bytes <= LINGER_BYTES
            and self.is_open()
            and parser is not None
            and parser.should_keep_alive()
        )

    def _discard(self, answer: Answer, size_bytes: int) -> None:
        answer.chunks.clear()
        answer.buffered_bytes = 0
        self._spare_bytes -= size_bytes
        if self._spare_bytes < 0:
            self.abort()

    def _note_haste(self) -> None:
        """Have the owner know if the other end is leaving an idle connection right after an answer."""
        if self._answers and self._loop.time() - self.idle_since_s() < HASTY_S:
            self._owner.closed_in_haste()

    def _fail(self, problem: Problem) -> None:
        answer, self._answer = self._answer, None
        self._close()
        if answer is not None:
            answer.fail(problem)

    def _close(self) -> None:
        self._is_over = True
        if self._transport is not None:
            self._transport.abort()


def _promised_s(keep_alive: bytes | None) -> float:
    """Read how long the other end keeps an idle connection, less a margin for what is under way."""
    found = _KEEP_ALIVE_TIMEOUT.search(keep_alive or b"")
    return float("inf") if found is None else int(found[1]) - _KEEP_ALIVE_MARGIN_S


def _poll_of(transport: asyncio.Transport) -> "select.poll | None":
    socket = transport.get_extra_info("socket")
    if socket is None:
        return None
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return poll


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, HttpParserError) else "it changes the protocol"
