"""Server-sent events, read incrementally: bytes cut anywhere in, whole events out.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html (read 2026-11-22).
"""

from msgspec import Struct

from modelport.dialects.wire import MalformedReply

MAX_EVENT_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class SseEvent(Struct, frozen=True):
    """One event that carries data."""

    name: bytes
    """What its `event:` line says; empty when it has none."""
    data: bytes
    """Its `data:` lines, joined by line feeds."""


class SseReader:
    """Splits a stream into events, whatever its line ends; comments and events without data are passed over."""

    __slots__ = ("_is_fresh", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._is_fresh = True

    def feed(self, data: bytes) -> list[SseEvent]:
        """Return the events that became whole; raises `MalformedReply` for one without bounds."""
        data = self._rest + data
        if self._is_fresh:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            data, self._is_fresh = data.removeprefix(_BOM), False
        data, self._rest = whole_events(data)
        if len(self._rest) > MAX_EVENT_BYTES:
            self._rest = data = b""  # the error's traceback leads here until it is collected
            raise MalformedReply(f"an event of the provider's stream exceeds {MAX_EVENT_BYTES} bytes")
        return [event for block in data.split(b"\n\n") if (event := _event(block)) is not None]


def whole_events(data: bytes) -> tuple[bytes, bytes]:
    """Part what has come of a stream into its whole events, their lines ended by LF, and the beginning of the next."""
    if b"\r" in data:
        data = unix_lines(data)
    end = data.rfind(b"\n\n") + 2
    return (b"", data) if end == 1 else (data[:end], data[end:])


def unix_lines(data: bytes) -> bytes:
    """Turn CRLF and CR into LF, but for a CR at the very end, whose LF may still come."""
    held = b"\r" if data.endswith(b"\r") else b""
    body = data[:-1] if held else data
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held


def event_of(data: bytes, name: bytes = b"") -> bytes:
    """Write one event; `data` must be one line, as JSON without line feeds is."""
    return b"event: %b\ndata: %b\n\n" % (name, data) if name else b"data: %b\n\n" % data


def _event(block: bytes) -> SseEvent | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return SseEvent(b"", block[6:])
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return SseEvent(name, b"\n".join(data)) if data else None
