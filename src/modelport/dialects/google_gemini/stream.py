"""Reading a streamed answer of Google's: server-sent events that each hold a piece in the form of a whole answer.

It has no mark of its end: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent (read
2026-11-22).
"""

import msgspec

from modelport.dialects.google_gemini.faults import fault_inside, fault_of
from modelport.dialects.google_gemini.meters import meters, searches
from modelport.dialects.google_gemini.reading import Reading
from modelport.dialects.google_gemini.shapes import Response
from modelport.dialects.sse import SseReader
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.reply import Event
from modelport.operations.usage import Usage

_RESPONSE = msgspec.json.Decoder(Response)
MAX_BARE_BYTES = 64 * 1024
"""Of an error that comes without the form of an event."""


class GeminiReader:
    """Reads one streamed answer; fresh for each."""

    def __init__(self) -> None:
        self.has_finish = False
        self.is_done = False
        """Never true: the connection's end is the stream's."""
        self.problem: UpstreamFault | MalformedReply | None = None
        self._sse = SseReader()
        self._reading = Reading()
        self._bare: bytes | None = b""

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes cut anywhere and return what they tell."""
        events: list[Event] = []
        if self.problem is not None:
            return events
        try:
            for event in self._sse.feed(data):
                events.extend(self._piece(event.data))
            self._look_bare(data)
        except (UpstreamFault, MalformedReply) as problem:
            self.problem = problem
        self.has_finish = self._reading.has_finish
        return events

    def _piece(self, data: bytes) -> list[Event]:
        self._bare = None
        try:
            response = _RESPONSE.decode(data)
            if bytes(response.error) != b"null":
                raise fault_of(response.error)
            return self._reading.take(response)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            if (inner := fault_inside(data)) is not None:
                raise inner from None
            raise MalformedReply("an event of the provider's stream is not a response of generateContent") from None

    def _look_bare(self, data: bytes) -> None:
        """See whether what came first is an error as plain JSON."""
        if self._bare is None:
            return
        self._bare += data
        start = self._bare.lstrip()
        if (start and start[:1] not in b"{[") or len(start) > MAX_BARE_BYTES:
            self._bare = None
        elif start.endswith((b"}", b"]")) and (inner := fault_inside(start)) is not None:
            raise inner

    def usage(self) -> Usage | None:
        """Return what the provider reported so far; None when it reported nothing to trust."""
        reading = self._reading
        if reading.reported is None:
            return None
        return meters(reading.reported, searches(reading.model, reading.queries))
