"""Reading a streamed answer of a provider that speaks Messages.

Events: the types of https://github.com/anthropics/anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages.blocks_in import citation_of, part_of
from modelport.dialects.anthropic_messages.metering import meters, overlaid
from modelport.dialects.anthropic_messages.reply import finish_of, tier_of
from modelport.dialects.anthropic_messages.shapes import ABSENT, DIALECT, NULL, OBJECT, shown
from modelport.dialects.sse import SseEvent, SseReader
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.content import Foreign, Part, Text, Thinking, ToolUse
from modelport.operations.reply import Began, Cited, Closed, Ended, Event, Grew, Opened, Signed
from modelport.operations.usage import Usage

MAX_BLOCKS = 10_000
"""More than any answer has; what is open at once is remembered."""


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: Raw = ABSENT
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = -1
    delta: _Delta | None = None
    content_block: Raw = ABSENT
    message: Raw = ABSENT
    usage: Raw = ABSENT


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: Raw = Raw(NULL)


_EVENT = msgspec.json.Decoder(_Event)
_MESSAGE = msgspec.json.Decoder(_Message)


@dataclass(slots=True)
class _Open:
    """A block while it grows."""

    part: Part
    input: list[str] = field(default_factory=list[str])
    """Pieces of a provider's own tool's input, which is told whole."""
    has_input: bool = False


class MessagesReader:
    """Reads one stream; fresh for each."""

    __slots__ = ("_has_begun", "_has_totals", "_open", "_sse", "_usage", "has_finish", "is_done", "problem")

    def __init__(self) -> None:
        self._sse = SseReader()
        self._open: dict[int, _Open] = {}
        self._usage: dict[str, Raw] = {}
        self._has_begun = False
        self._has_totals = False
        """Whether the event came that says how much was said; before it, only the input is known."""
        self.has_finish = False
        self.is_done = False
        self.problem: UpstreamFault | MalformedReply | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes cut anywhere and return what they tell."""
        told: list[Event] = []
        if self.is_done or self.problem is not None:
            return told
        try:
            for event in self._sse.feed(data):
                self._read(event, told)
                if self.is_done:
                    break
        except (UpstreamFault, MalformedReply) as problem:
            self.problem = problem
        return told

    def usage(self) -> Usage | None:
        """Return what the provider reported; None before its last event, in whose stead what was said is counted."""
        return meters(msgspec.json.encode(self._usage)) if self._has_totals else None

    def _read(self, event: SseEvent, told: list[Event]) -> None:
        try:
            read = _EVENT.decode(event.data)
            kind = read.type or event.name.decode("utf-8", "replace")
            if kind == "error" or event.name == b"error":
                raise UpstreamFault(200, f"200 {shown(event.data)}", retryable=True)
            handler = _HANDLERS.get(kind)
            if handler is None:
                return  # `ping`, and events that Anthropic may add.
            if not self._has_begun and kind != "message_start":
                raise MalformedReply("the provider's stream does not begin with message_start")
            handler(self, read, told)
        except (msgspec.DecodeError, RecursionError, InvalidBody, UnicodeDecodeError):
            raise MalformedReply("an event of the provider's stream is not what it says it is") from None

    def _begin(self, event: _Event, told: list[Event]) -> None:
        message = _MESSAGE.decode(event.message)
        self._has_begun = True
        self._usage = overlaid({}, message.usage) if bytes(message.usage) != NULL else {}
        told.append(Began(message.id, message.model, service_tier=tier_of(message.usage)))

    def _start(self, event: _Event, told: list[Event]) -> None:
        part = part_of(event.content_block)
        if len(self._open) >= MAX_BLOCKS or event.index < 0:
            raise MalformedReply("the provider's stream has a block without a place, or too many of them")
        block = self._open[event.index] = _Open(part)
        if isinstance(part, ToolUse):
            block.has_input = part.arguments.strip() not in ("", "{}", "null")
            part = block.part = part if block.has_input else msgspec.structs.replace(part, arguments="")
        elif isinstance(part, Thinking) and not part.origin:
            part = msgspec.structs.replace(part, origin=DIALECT)
        if not isinstance(part, Foreign):
            told.append(Opened(event.index, part))

    def _grow(self, event: _Event, told: list[Event]) -> None:
        block, delta = self._open.get(event.index), event.delta
        if block is None or delta is None:
            raise MalformedReply("the provider's stream adds to a block that is not open")
        if delta.type == "signature_delta":
            told.append(Signed(event.index, delta.signature))
        elif delta.type == "citations_delta":
            if isinstance(block.part, Text):
                told.append(Cited(event.index, citation_of(delta.citation)))
        elif isinstance(block.part, Foreign):
            block.input.append(delta.partial_json)
        elif piece := delta.text or delta.partial_json or delta.thinking:
            block.has_input = True
            told.append(Grew(event.index, piece))

    def _stop(self, event: _Event, told: list[Event]) -> None:
        block = self._open.pop(event.index, None)
        if block is None:
            raise MalformedReply("the provider's stream closes a block that is not open")
        if isinstance(block.part, Foreign):
            told.append(Opened(event.index, _with_input(block.part, "".join(block.input))))
        elif isinstance(block.part, ToolUse) and not block.has_input:
            told.append(Grew(event.index, "{}"))
        told.append(Closed(event.index))

    def _delta(self, event: _Event, told: list[Event]) -> None:
        if bytes(event.usage) not in (b"", NULL):
            self._usage = overlaid(self._usage, event.usage)
            self._has_totals = True
        if event.delta is not None and event.delta.stop_reason is not None and not self.has_finish:
            self.has_finish = True
            told.extend(Closed(index) for index in self._open)
            self._open.clear()
            told.append(Ended(finish_of(event.delta.stop_reason), stop_sequence=event.delta.stop_sequence or ""))

    def _end(self, event: _Event, told: list[Event]) -> None:
        self.is_done = True


def _with_input(part: Foreign, pieces: str) -> Foreign:
    """Put the input that came in pieces into a provider's own call of a tool."""
    if not pieces:
        return part
    members = {**OBJECT.decode(part.raw), "input": Raw(pieces.encode())}
    OBJECT.decode(pieces)
    return msgspec.structs.replace(part, raw=msgspec.json.encode(members))


_HANDLERS: Mapping[str, Callable[[MessagesReader, _Event, list[Event]], None]] = {
    "message_start": MessagesReader._begin,  # pyright: ignore[reportPrivateUsage]
    "content_block_start": MessagesReader._start,  # pyright: ignore[reportPrivateUsage]
    "content_block_delta": MessagesReader._grow,  # pyright: ignore[reportPrivateUsage]
    "content_block_stop": MessagesReader._stop,  # pyright: ignore[reportPrivateUsage]
    "message_delta": MessagesReader._delta,  # pyright: ignore[reportPrivateUsage]
    "message_stop": MessagesReader._end,  # pyright: ignore[reportPrivateUsage]
}
