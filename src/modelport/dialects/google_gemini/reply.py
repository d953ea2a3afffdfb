"""Reading a whole answer of Google's."""

from collections.abc import Iterable

import msgspec
from msgspec import structs

from modelport.dialects.google_gemini.faults import fault_inside, fault_of
from modelport.dialects.google_gemini.meters import meters, searches
from modelport.dialects.google_gemini.reading import Reading
from modelport.dialects.google_gemini.shapes import Response
from modelport.dialects.wire import MalformedReply
from modelport.operations.content import Citation, Part, Text, Thinking
from modelport.operations.reply import Choice, Cited, Ended, Event, Finish, Grew, Opened, Reply, Signed

_RESPONSE = msgspec.json.Decoder(Response)


def decode(body: bytes) -> Reply:
    """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
    reading = Reading()
    try:
        response = _RESPONSE.decode(body)
        if bytes(response.error) != b"null":
            raise fault_of(response.error)
        events = reading.take(response)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if (inner := fault_inside(body)) is not None:
            raise inner from None
        raise MalformedReply("the provider's answer is not a response of generateContent") from None
    choices = choices_of(events)
    if not choices:
        raise MalformedReply("the provider's answer has no candidates")
    found = searches(reading.model, reading.queries)
    usage = None if reading.reported is None else meters(reading.reported, found)
    return Reply(choices, usage, reading.id, reading.model)


class _Said:
    """One choice while its events are put together."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.words: list[list[str]] = []
        self.citations: list[list[Citation]] = []
        self.signatures: list[str] = []
        self.logprobs = b""
        self.finish: Finish = "stop"

    def take(self, event: Event) -> None:
        """Add what an event tells."""
        if isinstance(event, Opened):
            self.parts.append(event.part)
            self.words.append([])
            self.citations.append([])
            self.signatures.append("")
        elif isinstance(event, Grew):
            self.words[event.block].append(event.text)
            self.logprobs = event.logprobs or self.logprobs
        elif isinstance(event, Cited):
            self.citations[event.block].append(event.citation)
        elif isinstance(event, Signed):
            self.signatures[event.block] += event.signature
        elif isinstance(event, Ended):
            self.finish = event.finish

    def whole(self) -> tuple[Part, ...]:
        """Return the parts, complete."""
        return tuple(self._complete(block) for block in range(len(self.parts)))

    def _complete(self, block: int) -> Part:
        part, said = self.parts[block], "".join(self.words[block])
        if isinstance(part, Text):
            return structs.replace(part, text=said, citations=tuple(self.citations[block]))
        if isinstance(part, Thinking):
            return structs.replace(part, text=said, signature=self.signatures[block])
        return part


def choices_of(events: Iterable[Event]) -> tuple[Choice, ...]:
    """Put the events of a whole answer together."""
    found: dict[int, _Said] = {}
    for event in events:
        if isinstance(event, Opened | Grew | Cited | Signed | Ended):
            found.setdefault(event.choice, _Said()).take(event)
    return tuple(
        Choice(index, said.whole(), said.finish, logprobs=said.logprobs) for index, said in sorted(found.items())
    )
