"""How an answer is put on the wire: a script of steps that a connection plays."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
    529: "Overloaded",
}


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more, and leave the connection open until the other side goes."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, now or after it was idle for a while; `abort` resets it."""

    after_s: float = 0.0
    abort: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer is out as a whole: count it as served."""


Step = bytes | Pause | Stall | Close | Completed
Script = Iterator[Step]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer whose body comes in parts."""

    status: int
    parts: Iterable[bytes]
    content_type: str = "application/json"
    framing: Literal["length", "chunked", "close"] = "length"
    headers: tuple[tuple[str, str], ...] = ()
    latency_s: float = 0.0
    interval_s: float = 0.0
    one_write: bool = False
    trailer: tuple[Step, ...] = field(default=(Completed(),))
    """What follows the body."""


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Encode a status line and headers."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Encode one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def play(answer: Answer) -> Script:
    """Turn an answer into steps."""
    if answer.latency_s:
        yield Pause(answer.latency_s)
    steps = _framed(answer)
    if answer.one_write:
        yield b"".join(step for step in steps if isinstance(step, bytes))
    elif answer.framing == "length":
        yield from steps
    else:
        yield next(steps)
        for step in steps:
            yield step
            if answer.interval_s:
                yield Pause(answer.interval_s)
    yield from answer.trailer


def _framed(answer: Answer) -> Iterator[bytes]:
    headers = [("Content-Type", answer.content_type), *answer.headers, ("X-Request-Id", "req_fake")]
    if answer.framing == "length":
        body = b"".join(answer.parts)
        yield head(answer.status, [*headers, ("Content-Length", str(len(body)))]) + body
    elif answer.framing == "chunked":
        yield head(answer.status, [*headers, ("Transfer-Encoding", "chunked")])
        for part in answer.parts:
            yield chunk(part)
        yield b"0\r\n\r\n"
    else:
        yield head(answer.status, [*headers, ("Connection", "close")])
        yield from answer.parts


def compress(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Compress parts with gzip such that each can be read when it arrives."""
    compressor = zlib.compressobj(wbits=31)
    for part in parts:
        yield compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH)
    yield compressor.flush()
