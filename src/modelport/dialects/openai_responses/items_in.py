"""Reading the items of an input into turns: what an assistant said and did in a row is one turn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard, cast

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_messages import ABSENT, NULL
from modelport.dialects.openai_responses.items_seen import TEXT_PARTS, kind_of
from modelport.dialects.signatures import unseal
from modelport.operations.content import (
    Audio,
    CacheMark,
    Citation,
    Document,
    Foreign,
    Image,
    Part,
    Refusal,
    Role,
    Source,
    Text,
    Thinking,
    ToolKind,
    ToolResult,
    ToolUse,
    Turn,
)

NAME = "openai_responses"
TOOL_SEAL = "tool"
"""The kind of a sealed value that belongs to a call of a tool, not to reasoning."""
_ANSWERED_KINDS = ("_output", "_response")
"""How the types of items end that a caller makes in answer to a tool at the provider."""


class Item(Struct):
    """An item of an input or an output, as far as the gateway reads it."""

    type: str | None = None
    role: str | None = None
    id: str | None = None
    content: Raw = ABSENT
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    input: str = ""
    output: Raw = ABSENT
    summary: list[dict[str, object]] | None = None
    encrypted_content: str | None = None


class _Mark(Struct):
    mode: str = ""


class PartIn(Struct):
    """A part of what is said in an item."""

    type: str
    text: str = ""
    refusal: str = ""
    annotations: list[Raw] | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: dict[str, str] | None = None
    prompt_cache_breakpoint: _Mark | None = None


class _Annotation(Struct):
    type: str = ""
    url: str = ""
    title: str | None = ""
    start_index: int | None = None
    end_index: int | None = None


_RAW_ITEMS = msgspec.json.Decoder(list[Raw])
_ITEM = msgspec.json.Decoder(Item)
_PARTS = msgspec.json.Decoder(list[PartIn])
_ANNOTATION = msgspec.json.Decoder(_Annotation)


def turns_of(raw: bytes) -> tuple[list[Turn], list[str]]:
    """Read an input into turns and where each of them begins; raises `InvalidBody` naming what cannot be read."""
    if raw.startswith(b'"'):
        return [Turn("user", (Text(msgspec.json.decode(raw, type=str)),))], ["input"]
    reading = _Reading()
    for index, one in enumerate(_RAW_ITEMS.decode(raw)):
        place = f"input[{index}]"
        try:
            reading.add(place, bytes(one), _ITEM.decode(one))
        except msgspec.DecodeError as error:
            raise InvalidBody((f"'{place}': {str(error).replace('`', '')}",), place) from None
    reading.close()
    return reading.turns, reading.places


@dataclass(slots=True)
class _Reading:
    """Turns while their items come in."""

    turns: list[Turn] = field(default_factory=list[Turn])
    places: list[str] = field(default_factory=list[str])
    """Where each turn begins."""
    _begins: str = ""
    """Where the assistant's turn begins that is being joined."""
    _parts: list[Part] = field(default_factory=list[Part])
    """Of the assistant's turn that is being joined."""
    _id: str = ""
    _names: dict[str, str] = field(default_factory=dict[str, str])
    """Which tool was called, by the id of the call."""

    def add(self, place: str, raw: bytes, item: Item) -> None:
        """Take in the next item."""
        kind = kind_of(item.type, has_role=item.role is not None, has_id=item.id is not None)
        reader = _READERS.get(kind or "")
        if reader is not None:
            reader(self, place, item)
        elif kind is not None and kind.endswith(_ANSWERED_KINDS):
            self._add(place, Turn("user", (Foreign(NAME, kind, raw),)))
        else:
            self._join(place, [Foreign(NAME, kind or "", raw)])

    def close(self) -> None:
        """End the assistant's turn, if one is open."""
        if self._parts:
            self.places.append(self._begins)
            self.turns.append(Turn("assistant", with_tool_seals(self._parts), id=self._id))
            self._parts, self._id = [], ""

    def _add(self, place: str, turn: Turn) -> None:
        self.close()
        self.places.append(place)
        self.turns.append(turn)

    def _join(self, place: str, parts: Sequence[Part]) -> None:
        """Add to the assistant's turn."""
        if not self._parts:
            self._begins = place
        self._parts.extend(parts)

    def message(self, place: str, item: Item) -> None:
        """Take in something said by anybody."""
        parts = parts_of(place, item.content)
        if item.role == "assistant":
            self._id = self._id or item.id or ""
            self._join(place, parts)
            return
        self._add(place, Turn(cast(Role, item.role), parts, id=item.id or ""))

    def reasoning(self, place: str, item: Item) -> None:
        """Take in reasoning."""
        self._join(place, thinking_of(item))

    def call(self, place: str, item: Item) -> None:
        """Take in a call of a tool."""
        self._names[item.call_id] = item.name
        self._join(place, [tool_use_of(item)])

    def result(self, place: str, item: Item) -> None:
        """Take in what a tool gave back."""
        kind: ToolKind = "custom" if item.type == "custom_tool_call_output" else "function"
        parts = parts_of(place, item.output)
        result = ToolResult(item.call_id, parts, name=self._names.get(item.call_id, ""), kind=kind)
        self._add(place, Turn("tool", (result,), id=item.id or ""))

    def reference(self, place: str, item: Item) -> None:
        """Refuse what only names an item."""
        told = f"'{place}': no item '{item.id}' is remembered here; send the item itself, or continue a stored response"
        raise InvalidBody((told,), place)


_READERS: Mapping[str, Callable[[_Reading, str, Item], None]] = {
    "message": _Reading.message,
    "reasoning": _Reading.reasoning,
    "function_call": _Reading.call,
    "custom_tool_call": _Reading.call,
    "function_call_output": _Reading.result,
    "custom_tool_call_output": _Reading.result,
    "item_reference": _Reading.reference,
}


def tool_use_of(item: Item) -> ToolUse:
    """Read a call of a tool of the caller."""
    if item.type == "custom_tool_call":
        return ToolUse(item.call_id, item.name, item.input, "custom", item_id=item.id or "")
    return ToolUse(item.call_id, item.name, item.arguments, item_id=item.id or "")


def thinking_of(item: Item, *, is_answer: bool = False) -> list[Thinking]:
    """Read reasoning: its summary and its text, the last of them with what its provider wants back.

    What comes in an answer is the provider's own, whatever it looks like; only callers bring back what was sealed here.
    """
    parts: list[Thinking] = []
    own = item.id or ""
    if summary := "\n\n".join(str(part.get("text", "")) for part in item.summary or ()):
        parts.append(Thinking(summary, id=own, is_summary=True))
    if said := "".join(part.text for part in _said(item.content)):
        parts.append(Thinking(said, id=own))
    if not item.encrypted_content:
        return parts
    last = parts.pop() if parts else Thinking(id=own)
    sealed = None if is_answer else unseal(item.encrypted_content)
    if sealed is None:
        last = replace(last, encrypted=item.encrypted_content, origin=NAME)
    elif sealed.kind == "encrypted":
        last = replace(last, encrypted=sealed.value, origin=sealed.origin, id=sealed.id)
    elif sealed.kind == TOOL_SEAL:
        last = replace(last, signature=sealed.value, origin=_TOOL_ORIGIN + sealed.origin, id=sealed.id)
    else:
        last = replace(last, signature=sealed.value, origin=sealed.origin, id=sealed.id)
    return [*parts, last]


def with_tool_seals(parts: list[Part]) -> tuple[Part, ...]:
    """Give calls of tools the signatures that travelled in reasoning of their own beside them."""
    by_call = {part.id: part for part in parts if _is_tool_seal(part) and part.id}
    waiting: Thinking | None = None
    joined: list[Part] = []
    for part in parts:
        if _is_tool_seal(part):
            waiting = waiting if part.id else part
            continue
        if isinstance(part, ToolUse):
            seal = by_call.get(part.id) or waiting
            waiting = None
            if seal is not None:
                part = replace(part, signature=seal.signature, origin=seal.origin.removeprefix(_TOOL_ORIGIN))
        joined.append(part)
    return tuple(joined)


_TOOL_ORIGIN = f"{TOOL_SEAL}:"


def _is_tool_seal(part: Part) -> TypeGuard[Thinking]:
    return isinstance(part, Thinking) and part.origin.startswith(_TOOL_ORIGIN)


def _said(content: Raw) -> list[PartIn]:
    return [] if bytes(content) in (b"", NULL) else _PARTS.decode(content)


def parts_of(place: str, content: Raw | bytes) -> tuple[Part, ...]:
    """Read what is said, a string or parts."""
    given = bytes(content)
    if given.startswith(b'"'):
        return (Text(msgspec.json.decode(given, type=str)),)
    if given in (b"", NULL):
        return ()
    return tuple(_part(f"{place}.content[{number}]", part) for number, part in enumerate(_PARTS.decode(given)))


def _part(where: str, part: PartIn) -> Part:
    cache = None if part.prompt_cache_breakpoint is None else CacheMark()
    if part.type in TEXT_PARTS:
        return Text(part.text, tuple(citation_of(one) for one in part.annotations or ()), cache)
    if part.type == "refusal":
        return Refusal(part.refusal)
    if part.type == "input_image":
        return Image(source_of(part.image_url or "", part.file_id or ""), part.detail or "", cache)
    if part.type == "input_file":
        return Document(_file(part), part.filename or "", cache=cache)
    if part.type == "input_audio" and part.input_audio is not None:
        given = part.input_audio
        return Audio(Source(data=given.get("data", "")), given.get("format", ""))
    raise InvalidBody((f"'{where}.type': Expected a known type of part, received '{part.type}'",), f"{where}.type")


def _file(part: PartIn) -> Source:
    if part.file_data:
        told = source_of(part.file_data, "")
        return told if told.data else Source(data=part.file_data, media_type="application/pdf")
    return Source(url=part.file_url or "", file_id=part.file_id or "")


def source_of(url: str, file_id: str) -> Source:
    """Read an address, which may be a data URL, or the id of a file."""
    if not url:
        return Source(file_id=file_id)
    if not url.startswith("data:"):
        return Source(url=url)
    head, _, data = url[5:].partition(",")
    return Source(data=data, media_type=head.partition(";")[0])


def citation_of(raw: Raw | bytes) -> Citation:
    """Read an annotation; what is no address on the web stays as it is in `raw`."""
    told = _ANNOTATION.decode(raw)
    return Citation(told.url, told.title or "", told.start_index, told.end_index, raw=bytes(raw))
