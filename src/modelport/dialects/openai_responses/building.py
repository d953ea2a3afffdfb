"""Building the output items of a response from events, and the events in which they are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.openai_responses.items_in import NAME, TOOL_SEAL
from modelport.dialects.openai_responses.items_out import annotation_of
from modelport.dialects.signatures import Sealed, seal
from modelport.dialects.wire import Identity
from modelport.operations.content import Citation, Foreign, Image, Part, Refusal, Text, Thinking, ToolUse
from modelport.operations.reply import Cited, Closed, Ended, Grew, Opened, Signed, Told
from modelport.operations.usage import Usage

_encode = msgspec.json.encode


class _Logprobs(Struct):
    content: list[Raw] | None = None


_LOGPROBS = msgspec.json.Decoder(_Logprobs)


@dataclass(slots=True)
class ItemOut:
    """An output item while it is told."""

    index: int
    head: dict[str, object]
    """Its type, id and what else it has from its beginning."""
    texts: list["_Growing"] = field(default_factory=list["_Growing"])
    is_done: bool = False
    raw: bytes = b""
    """All of it, once it is done."""


@dataclass(slots=True)
class _Growing:
    """A part of an item while its pieces come in."""

    item: ItemOut
    kind: str
    place: int = 0
    """Its index in the item's content."""
    pieces: list[str] = field(default_factory=list[str])
    annotations: list[object] = field(default_factory=list[object])
    logprobs: list[Raw] = field(default_factory=list[Raw])
    delta: tuple[bytes, bytes] = (b"", b"")
    """What stands before and after the text in each event that tells more of it."""
    is_closed: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True)
class _Thought:
    """Reasoning while it comes in; its place is found when it says something."""

    item: ItemOut
    part: Thinking
    growing: _Growing | None = None
    signature: list[str] = field(default_factory=list[str])
    encrypted: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Use:
    """A call of a tool while its arguments come in."""

    item: ItemOut
    part: ToolUse
    growing: _Growing
    signature: list[str] = field(default_factory=list[str])


_Block = _Growing | _Thought | _Use


class Building:
    """Builds the items of one answer."""

    def __init__(self, identity: Identity, *, wants_summary: bool) -> None:
        self._id = identity.id
        self._wants_summary = wants_summary
        self._items: list[ItemOut] = []
        self._blocks: dict[int, _Block] = {}
        self._told: list[bytes] = []
        self.number = 0
        """Of the next event."""
        self.pieces = 0
        """Pieces that say something."""

    def tell(self, kind: str, members: Mapping[str, object]) -> None:
        """Write an event."""
        data = _encode({"type": kind, **members, "sequence_number": self.number})
        if b"\n" in data or b"\r" in data:
            data = msgspec.json.format(data, indent=-1)  # What is passed on as it was written may have lines.
        self.number += 1
        self._told.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    def flush(self) -> bytes:
        """Return the events that were written since."""
        told, self._told = b"".join(self._told), []
        return told

    def output(self) -> list[Raw]:
        """Return the items that are done."""
        return [Raw(item.raw) for item in self._items if item.is_done]

    def is_only_reasoning(self, usage: Usage) -> bool:
        """Whether the answer was cut off before it began, after thought."""
        kinds = {item.head["type"] for item in self._items}
        return kinds <= {"reasoning"} and (bool(kinds) or usage.by_meter.get("reasoning", 0) > 0)

    def take(self, event: Opened | Grew | Signed | Cited | Closed | Ended | Told) -> None:
        """Take in what happens to a part of the answer."""
        if isinstance(event, Grew):
            self._grow(event)
        elif isinstance(event, Opened):
            if event.choice == 0:
                self._open(event.block, event.part)
        elif not isinstance(event, Ended | Told) and (block := self._blocks.get(event.block)) is not None:
            self._change(block, event)

    def _change(self, block: _Block, event: Signed | Cited | Closed) -> None:
        if isinstance(event, Signed):
            self._sign(block, event)
        elif isinstance(event, Closed):
            self._close(block)
        elif isinstance(block, _Growing):
            self._cite(block, event.citation)

    def _grow(self, event: Grew) -> None:
        block = self._blocks.get(event.block)
        if block is None or not event.text:
            return
        self.pieces += 1
        if isinstance(block, _Thought):
            growing = block.growing = block.growing or self._thought_begins(block)
        else:
            growing = block if isinstance(block, _Growing) else block.growing
        self._more(growing, event.text, event.logprobs)

    def _more(self, growing: _Growing, text: str, logprobs: bytes = b"") -> None:
        growing.pieces.append(text)
        before, after = growing.delta
        if growing.kind == "output_text":
            tokens = b"[]"
            if logprobs and (found := _LOGPROBS.decode(logprobs).content):
                growing.logprobs.extend(found)
                tokens = _encode(found)
            after = b',"logprobs":' + tokens + after
        self._told.append(b"%b%b%b%d}\n\n" % (before, _encode(text), after, self.number))
        self.number += 1

    def _open(self, block: int, part: Part) -> None:
        match part:
            case Text() | Refusal():
                growing = self._blocks[block] = self._speaks(part)
                if part.text:
                    self._more(growing, part.text)
                for citation in part.citations if isinstance(part, Text) else ():
                    self._cite(growing, citation)
            case Thinking():
                self._blocks[block] = self._thinks(part)
            case ToolUse():
                self._blocks[block] = self._uses(part)
            case Foreign():
                self._foreign(part)
            case Image() if part.source.data:
                self._whole("image_generation_call", "ig", {"result": part.source.data})
            case _:
                pass  # Audio and the like cannot be asked for in this format, so no answer has them.

    def _speaks(self, part: Text | Refusal) -> _Growing:
        """Begin a part of a message: of the one that is being told, else of a new one."""
        item = self._items[-1] if self._items else None
        if item is None or item.is_done or item.head["type"] != "message":
            item = self._item("message", "msg", {"role": "assistant", "content": []})
        kind = "refusal" if isinstance(part, Refusal) else "output_text"
        growing = _Growing(item, kind, len(item.texts))
        item.texts.append(growing)
        growing.delta = self._delta(f"response.{kind}.delta", item, "content_index", growing.place)
        self.tell("response.content_part.added", {**self._where(growing), "part": _content(growing)})
        return growing

    def _thinks(self, part: Thinking) -> _Thought:
        own = part.id if part.origin == NAME else ""
        thought = _Thought(self._item("reasoning", "rs", {"summary": []}, own), part)
        if part.text:
            thought.growing = self._thought_begins(thought)
            self._more(thought.growing, part.text)
        thought.signature.append(part.signature)
        thought.encrypted.append(part.encrypted)
        return thought

    def _thought_begins(self, thought: _Thought) -> _Growing:
        is_summary = thought.part.is_summary or self._wants_summary
        growing = _Growing(thought.item, "summary_text" if is_summary else "reasoning_text")
        thought.item.texts.append(growing)
        if is_summary:
            growing.delta = self._delta("response.reasoning_summary_text.delta", thought.item, "summary_index", 0)
            self.tell("response.reasoning_summary_part.added", {**self._where(growing), "part": _content(growing)})
        else:
            growing.delta = self._delta("response.reasoning_text.delta", thought.item, "content_index", 0)
            self.tell("response.content_part.added", {**self._where(growing), "part": _content(growing)})
        return growing

    def _uses(self, part: ToolUse) -> _Use:
        if part.signature:
            self._seal_beside(part, part.signature)
        kind, prefix, member, event = _USES[part.kind]
        item = self._item(kind, prefix, {"call_id": part.id, "name": part.name, member: ""})
        growing = _Growing(item, member)
        item.texts.append(growing)
        growing.delta = self._delta(f"response.{event}.delta", item)
        self.pieces += 1
        if part.arguments:
            self._more(growing, part.arguments)
        return _Use(item, part, growing)

    def _seal_beside(self, part: ToolUse, signature: str) -> None:
        """Give a signature that belongs to a call of a tool an item of its own: the call's has no place for it."""
        call_id = "" if "." in part.id else part.id
        sealed = seal(Sealed(part.origin, TOOL_SEAL, signature, call_id))
        self._whole("reasoning", "rs", {"summary": [], "encrypted_content": sealed})

    def _foreign(self, part: Foreign) -> None:
        """Tell what a tool at the provider did: in this format's own words, or a search in those of another."""
        if part.dialect == NAME:
            self._whole(part.kind, "", {}, part.raw)
        elif (query := _searched(part)) is not None:
            self._whole("web_search_call", "ws", {"action": {"type": "search", "query": query}})

    def _whole(self, kind: str, prefix: str, members: dict[str, object], raw: bytes = b"") -> None:
        """Tell an item that does not grow."""
        self._close_message()
        item = ItemOut(len(self._items), {"type": kind})
        self._items.append(item)
        own = f"{prefix}_{self._id}_{item.index}"
        state = {} if kind == "reasoning" else {"status": "completed"}
        item.raw = raw or _encode({"type": kind, "id": own, **state, **members})
        item.is_done = True
        where = {"output_index": item.index, "item": Raw(item.raw)}
        self.tell("response.output_item.added", where)
        if kind == "web_search_call":
            searching = {"output_index": item.index, "item_id": _id_of(item.raw)}
            for step in ("in_progress", "searching", "completed"):
                self.tell(f"response.web_search_call.{step}", searching)
        self.tell("response.output_item.done", where)

    def _item(self, kind: str, prefix: str, members: dict[str, object], own: str = "") -> ItemOut:
        """Announce an item that grows."""
        self._close_message()
        index = len(self._items)
        head: dict[str, object] = {"type": kind, "id": own or f"{prefix}_{self._id}_{index}"}
        if kind != "reasoning":
            head["status"] = "in_progress"
        item = ItemOut(index, {**head, **members})
        self._items.append(item)
        self.tell("response.output_item.added", {"output_index": index, "item": item.head})
        return item

    def _close_message(self) -> None:
        """Complete the message that is being told when something else begins and all of its parts are complete."""
        last = self._items[-1] if self._items else None
        if last is not None and last.head["type"] == "message" and all(text.is_closed for text in last.texts):
            self._done(last)

    def _sign(self, block: _Block, event: Signed) -> None:
        if isinstance(block, _Thought | _Use):
            block.signature.append(event.signature)
        if isinstance(block, _Thought):
            block.encrypted.append(event.encrypted)

    def _cite(self, growing: _Growing, citation: Citation) -> None:
        annotation = annotation_of(citation, growing.text)
        if annotation is not None and growing.kind == "output_text":
            number = len(growing.annotations)
            growing.annotations.append(annotation)
            where = {**self._where(growing), "annotation_index": number, "annotation": annotation}
            self.tell("response.output_text.annotation.added", where)

    def _close(self, block: _Block, *, is_complete: bool = True) -> None:
        """Complete a part, and its item if that has no more of them."""
        if block.item.is_done:
            return
        if isinstance(block, _Thought):
            self._close_thought(block)
        elif isinstance(block, _Use):
            self._close_text(block.growing)
            self._done(block.item, is_complete=is_complete)
            if signature := "".join(block.signature):
                self._seal_beside(block.part, signature)
        else:
            self._close_text(block)
            if block.item is not self._items[-1] and all(text.is_closed for text in block.item.texts):
                self._done(block.item, is_complete=is_complete)

    def _close_thought(self, thought: _Thought) -> None:
        if thought.growing is not None:
            self._close_text(thought.growing)
        part, signature, encrypted = thought.part, "".join(thought.signature), "".join(thought.encrypted)
        if encrypted and part.origin == NAME:
            thought.item.head["encrypted_content"] = encrypted
        elif encrypted or signature:
            kind = "encrypted" if encrypted else "signature"
            sealed = Sealed(part.origin, kind, encrypted or signature, "" if "." in part.id else part.id)
            thought.item.head["encrypted_content"] = seal(sealed)
        self._done(thought.item)

    def _close_text(self, growing: _Growing) -> None:
        if not growing.is_closed:
            growing.is_closed = True
            _DONE[growing.kind](self, growing)

    def spoken(self, growing: _Growing) -> None:
        """Complete a text or a refusal."""
        member = "refusal" if growing.kind == "refusal" else "text"
        said: dict[str, object] = {member: growing.text}
        if growing.kind == "output_text":
            said["logprobs"] = growing.logprobs
        self.tell(f"response.{growing.kind}.done", {**self._where(growing), **said})
        self.tell("response.content_part.done", {**self._where(growing), "part": _content(growing)})

    def summarised(self, growing: _Growing) -> None:
        """Complete a summary."""
        where = self._where(growing)
        self.tell("response.reasoning_summary_text.done", {**where, "text": growing.text})
        self.tell("response.reasoning_summary_part.done", {**where, "part": _content(growing)})

    def reasoned(self, growing: _Growing) -> None:
        """Complete reasoning."""
        where = self._where(growing)
        self.tell("response.reasoning_text.done", {**where, "text": growing.text})
        self.tell("response.content_part.done", {**where, "part": _content(growing)})

    def argued(self, growing: _Growing) -> None:
        """Complete the arguments of a function."""
        head = growing.item.head
        where = {"item_id": head["id"], "output_index": growing.item.index, "name": head["name"]}
        self.tell("response.function_call_arguments.done", {**where, "arguments": growing.text})

    def put_in(self, growing: _Growing) -> None:
        """Complete the input of a custom tool."""
        where = {"item_id": growing.item.head["id"], "output_index": growing.item.index}
        self.tell("response.custom_tool_call_input.done", {**where, "input": growing.text})

    def _done(self, item: ItemOut, *, is_complete: bool = True) -> None:
        """Complete an item."""
        if item.is_done:
            return
        item.is_done = True
        head = dict(item.head)
        if "status" in head:
            head["status"] = "completed" if is_complete else "incomplete"
        for growing in item.texts:
            if growing.kind in ("arguments", "input"):
                head[growing.kind] = growing.text
            elif growing.kind == "summary_text":
                head["summary"] = [_content(growing)]
            elif growing.kind == "reasoning_text":
                head["content"] = [_content(growing)]
        if head["type"] == "message":
            head["content"] = [_content(growing) for growing in item.texts]
        item.raw = _encode(head)
        self.tell("response.output_item.done", {"output_index": item.index, "item": Raw(item.raw)})

    def close_all(self, *, is_complete: bool) -> None:
        """Complete all that is open; what the gateway cuts off says that it is not complete."""
        for block in list(self._blocks.values()):
            self._close(block, is_complete=is_complete)
        for item in self._items:
            self._done(item, is_complete=is_complete)

    def _where(self, growing: _Growing) -> dict[str, object]:
        place = "summary_index" if growing.kind == "summary_text" else "content_index"
        return {"item_id": growing.item.head["id"], "output_index": growing.item.index, place: growing.place}

    def _delta(self, kind: str, item: ItemOut, place: str = "", number: int = 0) -> tuple[bytes, bytes]:
        """Print what stands around the text in each event that tells more of it; only its number is new each time."""
        where = {"type": kind, "item_id": item.head["id"], "output_index": item.index}
        if place:
            where[place] = number
        before = b'event: %b\ndata: %b,"delta":' % (kind.encode(), _encode(where)[:-1])
        return before, b',"sequence_number":'


_USES = {
    "function": ("function_call", "fc", "arguments", "function_call_arguments"),
    "custom": ("custom_tool_call", "ctc", "input", "custom_tool_call_input"),
}
_DONE: Mapping[str, Callable[[Building, _Growing], None]] = {
    "output_text": Building.spoken,
    "refusal": Building.spoken,
    "summary_text": Building.summarised,
    "reasoning_text": Building.reasoned,
    "arguments": Building.argued,
    "input": Building.put_in,
}


def _content(growing: _Growing) -> dict[str, object]:
    """Write a part as it is so far."""
    kind = growing.kind
    if kind == "refusal":
        return {"type": "refusal", "refusal": growing.text}
    content: dict[str, object] = {"type": kind, "text": growing.text}
    if kind == "output_text":
        content |= {"annotations": growing.annotations, "logprobs": growing.logprobs}
    return content


class _ServerUse(Struct):
    name: str = ""
    input: dict[str, object] | None = None


class _Named(Struct):
    id: str = ""


def _searched(part: Foreign) -> str | None:
    """Return what was searched for by another format's own search; None for anything else."""
    if part.kind != "server_tool_use":
        return None
    try:
        told = msgspec.json.decode(part.raw, type=_ServerUse)
    except msgspec.DecodeError:
        return None
    return str((told.input or {}).get("query", "")) if told.name == "web_search" else None


def _id_of(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=_Named).id
