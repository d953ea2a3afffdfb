"""Reads what providers tell in events of something while they make it: JSON whose `type` says what it is."""

from collections.abc import Iterator

from modelport.dialects.media.reading_json import Json, members
from modelport.dialects.sse import SseReader
from modelport.dialects.wire import MalformedReply

EVENTS = "text/event-stream"
MAX_LINE_BYTES = 96 * 1024 * 1024
"""A picture stands in one line."""
_DONE = b"[DONE]"


def is_of_events(content_type: str) -> bool:
    """Whether an answer comes in events."""
    return content_type.partition(";")[0].strip().lower() == EVENTS


class EventReader:
    """Takes bytes cut anywhere and returns the events that became whole.

    Pictures come in lines of megabytes: what holds no end of one is put aside, and joined once.
    """

    __slots__ = ("_aside", "_aside_bytes", "_reader")

    def __init__(self) -> None:
        self._reader = SseReader()
        self._aside: list[bytes] = []
        self._aside_bytes = 0

    def feed(self, data: bytes) -> Iterator[Json]:
        """Return events; raises `MalformedReply`, and `UpstreamFault` for an event that is an error."""
        self._aside.append(data)
        self._aside_bytes += len(data)
        if self._aside_bytes > MAX_LINE_BYTES:
            raise MalformedReply(f"an event of the provider's stream exceeds {MAX_LINE_BYTES} bytes")
        if b"\n" not in data and b"\r" not in data:
            return iter(())
        whole, self._aside, self._aside_bytes = b"".join(self._aside), [], 0
        return self._read(whole)

    def _read(self, data: bytes) -> Iterator[Json]:
        for event in self._reader.feed(data):
            if event.data != _DONE:
                yield members(event.data, "an event of what is made")
