"""Writing turns as the items of an input."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw

from modelport.dialects.openai_responses.items_in import NAME
from modelport.dialects.wire import NotExpressible, Target
from modelport.operations.chat import said_in
from modelport.operations.content import (
    Audio,
    Citation,
    Document,
    Foreign,
    Image,
    Part,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from modelport.operations.conversation import Conversation

Item = Mapping[str, object]


class ItemsOut:
    """Writes the turns of a call; what its provider does not take is refused, or named in `dropped`."""

    def __init__(self, talk: Conversation, target: Target) -> None:
        self._turns = talk.turns
        self._list = said_in(talk.dialect)
        self._provider = target.offer.provider.name
        self._inputs = target.model.inputs
        self.instructions: str | None = None
        self.dropped: list[str] = []
        self.items: list[object] = []
        for index, turn in enumerate(self._turns):
            if index == 0 and turn.role == "system" and len(turn.parts) == 1 and isinstance(turn.parts[0], Text):
                self._leave_marks(turn.parts)
                self.instructions = turn.parts[0].text
            else:
                self._turn(talk.place(index), turn)

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)

    def _turn(self, place: str, turn: Turn) -> None:
        if turn.is_prefix:
            raise NotExpressible(f"{place}.prefix", self._provider, "cannot continue a message; leave it out")
        if turn.name:
            self._drop(f"{self._list}.name")
        self._leave_marks(turn.parts)
        if turn.role == "assistant":
            self.items.extend(self._said(place, turn.parts))
        elif turn.role == "tool":
            self.items.extend(self._result(place, part) for part in turn.parts)
        else:
            self._heard(place, turn)

    def _leave_marks(self, parts: Sequence[Part]) -> None:
        """Note marks for the cache: only the newest models of the format take them, all of them cache by themselves."""
        if any(getattr(part, "cache", None) is not None for part in parts):
            self._drop("prompt_cache_breakpoint" if self._list == "input" else "cache_control")

    def _heard(self, place: str, turn: Turn) -> None:
        """Write what a user or the system says."""
        content: list[object] = []
        for number, part in enumerate(turn.parts):
            if isinstance(part, Foreign) and part.dialect == NAME:
                self.items.append(Raw(part.raw))
            else:
                content.append(self._given(f"{place}.content[{number}]", part))
        if content or not turn.parts:
            self.items.append({"type": "message", "role": turn.role, "content": content})

    def _given(self, where: str, part: Part) -> Item:
        """Write a part of what is put in."""
        match part:
            case Text(text=text):
                return {"type": "input_text", "text": text}
            case Image():
                return _image(part)
            case Document():
                return _document(part)
            case Audio() if "audio" in self._inputs and part.source.data:
                return {"type": "input_audio", "input_audio": {"data": part.source.data, "format": part.format}}
            case Foreign(kind=kind):
                raise NotExpressible(where, self._provider, f"takes no parts of type '{kind}'")
            case _:
                raise NotExpressible(where, self._provider, f"takes no {type(part).__name__.lower()} in such a message")

    def _said(self, place: str, parts: Sequence[Part]) -> Iterator[object]:
        """Write what an assistant thought, said and did, each as an item of its own."""
        content: list[Item] = []
        for number, part in enumerate(parts):
            if isinstance(part, Text | Refusal):
                content.append(_spoken(part))
                continue
            item = self._done(f"{place}.content[{number}]", place, part)
            if item is None:
                continue
            if content:
                yield _message(content)
                content = []
            yield item
        if content:
            yield _message(content)

    def _done(self, where: str, place: str, part: Part) -> object | None:
        """Write reasoning, a call of a tool, or what only this format knows; None for what is left out."""
        match part:
            case Thinking(encrypted=encrypted, origin=origin) if encrypted and origin == NAME:
                return _reasoning(part)
            case Thinking():
                self._drop(f"{place}.reasoning_content")
                return None
            case ToolUse(kind="custom"):
                return {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
            case ToolUse():
                return {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}
            case Foreign(dialect=dialect, raw=raw) if dialect == NAME:
                return Raw(raw)
            case Foreign(kind=kind):
                raise NotExpressible(where, self._provider, f"takes no parts of type '{kind}'")
            case _:
                raise NotExpressible(where, self._provider, f"takes no {type(part).__name__.lower()} of an assistant")

    def _result(self, place: str, part: Part) -> Item:
        """Write what a tool gave back."""
        if not isinstance(part, ToolResult):
            raise NotExpressible(place, self._provider, "takes only results in a turn of a tool")
        self._leave_marks(part.parts)
        if part.is_error:
            self._drop(f"{place}.is_error")
        kind = "custom_tool_call_output" if part.kind == "custom" else "function_call_output"
        output: object
        if not part.parts:
            output = ""
        elif len(part.parts) == 1 and isinstance(part.parts[0], Text):
            output = part.parts[0].text
        else:
            output = [self._given(f"{place}.content[{number}]", one) for number, one in enumerate(part.parts)]
        return {"type": kind, "call_id": part.call_id, "output": output}


def _message(content: list[Item]) -> Item:
    return {"type": "message", "role": "assistant", "content": content}


def _spoken(part: Text | Refusal) -> Item:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": annotations_of(part)}


def annotations_of(part: Text) -> list[object]:
    """Write the citations of a text."""
    return [annotation for one in part.citations if (annotation := annotation_of(one, part.text)) is not None]


def annotation_of(citation: Citation, text: str) -> object | None:
    """Write a citation as an annotation; None for what is no address on the web, unless it came in this format.

    The format wants to know where in the text a citation belongs: without a place it is all of what was said so far.
    """
    if citation.raw.startswith(b'{"type":"') and _is_own(citation.raw):
        return Raw(citation.raw)
    if not citation.url:
        return None
    start = 0 if citation.start is None else citation.start
    end = len(text) if citation.end is None else citation.end
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": start,
        "end_index": end,
    }


_OWN_ANNOTATIONS = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})


class _Annotation(msgspec.Struct):
    type: str = ""
    url: str = ""
    index: int | None = None
    start_index: int | None = None


def _is_own(raw: bytes) -> bool:
    """Whether an annotation is in the flat form of this format; that of chat nests what it says."""
    try:
        told = msgspec.json.decode(raw, type=_Annotation)
    except msgspec.DecodeError:
        return False
    return told.type in _OWN_ANNOTATIONS and (told.index is not None or told.start_index is not None)


def _reasoning(part: Thinking) -> Item:
    item: dict[str, object] = {"type": "reasoning"}
    if part.id:
        item["id"] = part.id
    shown = [{"type": "summary_text", "text": part.text}] if part.text and part.is_summary else []
    item["summary"] = shown
    if part.text and not part.is_summary:
        item["content"] = [{"type": "reasoning_text", "text": part.text}]
    item["encrypted_content"] = part.encrypted
    return item


def _image(part: Image) -> Item:
    item: dict[str, object] = {"type": "input_image", "detail": part.detail or "auto"}
    if part.source.file_id:
        item["file_id"] = part.source.file_id
    else:
        item["image_url"] = address_of(part.source, "image/png")
    return item


def _document(part: Document) -> Item:
    source = part.source
    if part.text is not None:
        head = "\n".join(line for line in (part.name, part.context) if line)
        return {"type": "input_text", "text": f"{head}\n\n{part.text}" if head else part.text}
    item: dict[str, object] = {"type": "input_file"}
    if source.file_id:
        item["file_id"] = source.file_id
    elif source.url:
        item["file_url"] = source.url
    else:
        item["filename"] = part.name or "document.pdf"
        item["file_data"] = address_of(source, "application/pdf")
    return item


def address_of(source: Source, otherwise: str) -> str:
    """Return where an attachment is; one that is at hand becomes a data URL."""
    return source.url or f"data:{source.media_type or otherwise};base64,{source.data}"
