"""Reading a provider's streamed answer in the Responses format into events.

Events: https://platform.openai.com/docs/api-reference/responses-streaming (read 2026-11-22). Providers of this format
leave out some of them: what was not announced is opened when it comes, and what came only at its end is told then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw, Struct

from modelport.core.errors import InvalidBody
from modelport.dialects.openai_responses.items_in import NAME, Item, citation_of, thinking_of, tool_use_of
from modelport.dialects.openai_responses.items_seen import TEXT_PARTS
from modelport.dialects.openai_responses.meters import is_search, meters
from modelport.dialects.openai_responses.reply_in import (
    NOTHING,
    answer_of,
    chat_logprobs,
    failed,
    finish_of,
    output_parts,
)
from modelport.dialects.sse import SseReader
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.content import Part, Refusal, Text, Thinking, ToolUse
from modelport.operations.reply import Began, Cited, Closed, Ended, Event, Grew, Opened, Signed
from modelport.operations.usage import Usage

_NULL = Raw(b"null")
MAX_ITEMS = 10_000
"""Of one answer, and parts of one item."""


class Told(Struct):
    """An event, as far as the gateway reads it."""

    type: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: str = ""
    text: str = ""
    refusal: str = ""
    arguments: str = ""
    input: str = ""
    logprobs: Raw = _NULL
    item: Raw = _NULL
    part: Raw = _NULL
    annotation: Raw = _NULL
    response: Raw = _NULL
    error: Raw = _NULL


class _Kind(Struct):
    type: str = ""


class _Head(Struct):
    id: str = ""
    model: str = ""
    created_at: float | None = None
    service_tier: str | None = None
    usage: Raw = _NULL


class _PartHead(Struct):
    type: str = ""
    annotations: list[Raw] | None = None


_TOLD = msgspec.json.Decoder(Told)
_KIND = msgspec.json.Decoder(_Kind)
_ITEM = msgspec.json.Decoder(Item)
_HEAD = msgspec.json.Decoder(_Head)
_PART = msgspec.json.Decoder(_PartHead)
_RAWS = msgspec.json.Decoder(list[Raw])


@dataclass(slots=True)
class _Block:
    """A part that is being told."""

    number: int
    has_grown: bool = False
    cited: int = 0
    is_closed: bool = False


@dataclass(slots=True)
class _Open:
    """An output item that is being told."""

    kind: str
    id: str = ""
    blocks: dict[int, _Block] = field(default_factory=dict[int, _Block])
    """By the place of the part in its item; reasoning has its summary at `_SUMMARY` and its text at 0."""
    summary_at: int = 0


_SUMMARY = -1


class ResponsesReader:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._items: dict[int, _Open] = {}
        self._blocks = 0
        self._has_begun = False
        self._has_tools = False
        self._searches = 0
        self._usage: bytes = b"null"
        self._out: list[Event] = []
        self.has_finish = False
        self.is_done = False
        self.problem: UpstreamFault | MalformedReply | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes cut anywhere and return what they tell; empty once `is_done` or after a `problem`."""
        if self.is_done or self.problem is not None:
            return []
        self._out = []
        try:
            for event in self._sse.feed(data):
                if event.data != b"[DONE]":
                    self._event(event.data)
                if self.is_done:
                    break
        except (UpstreamFault, MalformedReply) as problem:
            self.problem = problem
        except (msgspec.DecodeError, InvalidBody, RecursionError, UnicodeDecodeError):
            self.problem = MalformedReply("an event of the provider's stream is not one of a response")
        return self._out

    def usage(self) -> Usage | None:
        """Return what the provider reported so far; None when it reported nothing to trust."""
        return meters(self._usage, self._searches)

    def _event(self, data: bytes) -> None:
        try:
            told = _TOLD.decode(data)
        except msgspec.ValidationError:
            if _KIND.decode(data).type in _EVENTS:
                raise
            return  # An event that nobody here knows may have members of any type.
        reader = _EVENTS.get(told.type)
        if reader is not None:
            reader(self, told)
        elif told.type == "error" or bytes(told.error) not in NOTHING:
            raise failed(data if bytes(told.error) in NOTHING else bytes(told.error))

    def begin(self, told: Told) -> None:
        """Learn what the answer is called."""
        if not self._has_begun and bytes(told.response) not in NOTHING:
            self._has_begun = True
            head = _HEAD.decode(told.response)
            self._out.append(Began(head.id, head.model, int(head.created_at or 0), head.service_tier or ""))

    def finish(self, told: Told) -> None:
        """End a response that is complete, was cut off, or failed."""
        self._usage = bytes(_HEAD.decode(told.response).usage)
        answer = answer_of(bytes(told.response))
        self.begin(told)
        for index, raw in enumerate(answer.output or ()):
            if not self._items:
                self._tell_whole(bytes(raw))
            elif index in self._items:
                self._close(self._items[index])
        for item in self._items.values():
            self._close(item)
        self._out.append(Ended(finish_of(answer, has_tools=self._has_tools)))
        self.has_finish = self.is_done = True

    def add_item(self, told: Told) -> None:
        """Begin an item; those that do not grow are told when they are complete."""
        item = _ITEM.decode(told.item)
        if len(self._items) >= MAX_ITEMS:
            raise MalformedReply(f"the provider's stream has more than {MAX_ITEMS} output items")
        opened = self._items[told.output_index] = _Open(item.type or "", item.id or "")
        if opened.kind in _CALLS:
            self._has_tools = True
            block = self._open(opened, 0, tool_use_of(item))
            block.has_grown = bool(item.arguments or item.input)

    def end_item(self, told: Told) -> None:
        """Complete an item, telling what its events did not."""
        raw = bytes(told.item)
        item = _ITEM.decode(raw)
        opened = self._items.get(told.output_index)
        if opened is None or (not opened.blocks and opened.kind != "reasoning"):
            self._items[told.output_index] = opened or _Open(item.type or "", item.id or "")
            self._tell_whole(raw)
            return
        if opened.kind == "reasoning":
            self._end_reasoning(opened, item)
        elif opened.kind in _CALLS:
            block = opened.blocks[0]
            if not block.has_grown:
                self._grow(block, item.arguments or item.input)
        self._close(opened)

    def _end_reasoning(self, opened: _Open, item: Item) -> None:
        parts = [part for part in thinking_of(item, is_answer=True) if part.text or part.encrypted]
        for part in parts:
            place = _SUMMARY if part.is_summary else 0
            block = opened.blocks.get(place)
            if block is None and not part.text and opened.blocks:
                block = next(reversed(opened.blocks.values()))
            if block is None:
                bare = msgspec.structs.replace(part, text="", encrypted="", origin=NAME)
                block = self._open(opened, place, bare)
            if not block.has_grown and part.text:
                self._grow(block, part.text)
            if part.encrypted:
                self._out.append(Signed(block.number, encrypted=part.encrypted))

    def _tell_whole(self, raw: bytes) -> None:
        """Tell an item of which no piece was told before."""
        if is_search(raw):
            self._searches += 1
        holder = _Open("")
        for place, part in enumerate(output_parts(raw)):
            self._has_tools = self._has_tools or isinstance(part, ToolUse)
            bare, more = _split(part)
            block = self._open(holder, place, bare)
            if more:
                self._grow(block, more)
            if isinstance(part, Text):
                self._out.extend(Cited(block.number, citation) for citation in part.citations)
            if isinstance(part, Thinking) and part.encrypted:
                self._out.append(Signed(block.number, encrypted=part.encrypted))
        self._close(holder)

    def add_part(self, told: Told) -> None:
        """Begin a part of a message; that of reasoning begins with its text."""
        kind = _PART.decode(told.part).type
        if kind in TEXT_PARTS and kind != "reasoning_text":
            self._at(told, Text(""))
        elif kind == "refusal":
            self._at(told, Refusal(""))

    def end_part(self, told: Told) -> None:
        """Complete a part of a message, with the citations that were not told before."""
        block = self._item(told).blocks.get(told.content_index)
        if block is None or block.is_closed:
            return
        head = _PART.decode(told.part)
        if head.type != "reasoning_text":
            for raw in (head.annotations or [])[block.cited :]:
                self._out.append(Cited(block.number, citation_of(raw)))
            block.is_closed = True
            self._out.append(Closed(block.number))

    def add_text(self, told: Told) -> None:
        """Tell more of a text."""
        block = self._at(told, Text(""))
        logged = bytes(told.logprobs)
        tokens = _RAWS.decode(logged) if logged.startswith(b"[") and len(logged) > 2 else []
        block.has_grown = True
        self._out.append(Grew(block.number, told.delta, logprobs=chat_logprobs(tokens)))

    def end_text(self, told: Told) -> None:
        """Tell a text that came only at its end."""
        self._late(self._at(told, Text("")), told.text)

    def add_refusal(self, told: Told) -> None:
        """Tell more of a refusal."""
        self._grow(self._at(told, Refusal("")), told.delta)

    def end_refusal(self, told: Told) -> None:
        """Tell a refusal that came only at its end."""
        self._late(self._at(told, Refusal("")), told.refusal)

    def add_summary(self, told: Told) -> None:
        """Tell more of a summary of reasoning; its parts are set apart by an empty line."""
        item = self._item(told)
        block = self._thinking(item, is_summary=True)
        gap = "\n\n" if told.summary_index > item.summary_at and block.has_grown else ""
        item.summary_at = told.summary_index
        self._grow(block, gap + told.delta)

    def add_reasoning(self, told: Told) -> None:
        """Tell more of the reasoning itself."""
        self._grow(self._thinking(self._item(told), is_summary=False), told.delta)

    def add_arguments(self, told: Told) -> None:
        """Tell more of what a tool is called with."""
        block = self._item(told).blocks.get(0)
        if block is None:
            raise MalformedReply("the provider's stream tells arguments of a call that it did not announce")
        self._grow(block, told.delta)

    def end_arguments(self, told: Told) -> None:
        """Tell arguments that came only at their end."""
        block = self._item(told).blocks.get(0)
        if block is not None:
            self._late(block, told.arguments or told.input)

    def cite(self, told: Told) -> None:
        """Tell a citation."""
        block = self._at(told, Text(""))
        block.cited += 1
        self._out.append(Cited(block.number, citation_of(told.annotation)))

    def _item(self, told: Told) -> _Open:
        """Return the item that an event is about; one that was not announced is a message."""
        item = self._items.get(told.output_index)
        if item is None:
            item = self._items[told.output_index] = _Open("message")
        return item

    def _at(self, told: Told, part: Part) -> _Block:
        """Return the part of a message that an event is about, which begins as `part` if it is new."""
        item = self._item(told)
        return item.blocks.get(told.content_index) or self._open(item, told.content_index, part)

    def _thinking(self, item: _Open, *, is_summary: bool) -> _Block:
        place = _SUMMARY if is_summary else 0
        return item.blocks.get(place) or self._open(
            item, place, Thinking(id=item.id, is_summary=is_summary, origin=NAME)
        )

    def _open(self, item: _Open, place: int, part: Part) -> _Block:
        if len(item.blocks) >= MAX_ITEMS:
            raise MalformedReply(f"an item of the provider's stream has more than {MAX_ITEMS} parts")
        block = item.blocks[place] = _Block(self._blocks)
        self._blocks += 1
        self._out.append(Opened(block.number, part))
        return block

    def _grow(self, block: _Block, text: str) -> None:
        if text:
            block.has_grown = True
            self._out.append(Grew(block.number, text))

    def _late(self, block: _Block, text: str) -> None:
        if not block.has_grown and not block.is_closed:
            self._grow(block, text)

    def _close(self, item: _Open) -> None:
        for block in item.blocks.values():
            if not block.is_closed:
                block.is_closed = True
                self._out.append(Closed(block.number))


def _split(part: Part) -> tuple[Part, str]:
    """Take apart how a part begins and what it says."""
    match part:
        case Text(text=text):
            return Text(""), text
        case Refusal(text=text):
            return Refusal(""), text
        case Thinking(text=text):
            return msgspec.structs.replace(part, text="", encrypted=""), text
        case ToolUse(arguments=arguments):
            return msgspec.structs.replace(part, arguments=""), arguments
        case _:
            return part, ""


_CALLS = frozenset({"function_call", "custom_tool_call"})
_EVENTS: Mapping[str, Callable[[ResponsesReader, Told], None]] = {
    "response.created": ResponsesReader.begin,
    "response.queued": ResponsesReader.begin,
    "response.in_progress": ResponsesReader.begin,
    "response.completed": ResponsesReader.finish,
    "response.incomplete": ResponsesReader.finish,
    "response.failed": ResponsesReader.finish,
    "response.cancelled": ResponsesReader.finish,
    "response.output_item.added": ResponsesReader.add_item,
    "response.output_item.done": ResponsesReader.end_item,
    "response.content_part.added": ResponsesReader.add_part,
    "response.content_part.done": ResponsesReader.end_part,
    "response.output_text.delta": ResponsesReader.add_text,
    "response.output_text.done": ResponsesReader.end_text,
    "response.output_text.annotation.added": ResponsesReader.cite,
    "response.refusal.delta": ResponsesReader.add_refusal,
    "response.refusal.done": ResponsesReader.end_refusal,
    "response.reasoning_summary_text.delta": ResponsesReader.add_summary,
    "response.reasoning_text.delta": ResponsesReader.add_reasoning,
    "response.function_call_arguments.delta": ResponsesReader.add_arguments,
    "response.function_call_arguments.done": ResponsesReader.end_arguments,
    "response.custom_tool_call_input.delta": ResponsesReader.add_arguments,
    "response.custom_tool_call_input.done": ResponsesReader.end_arguments,
}
