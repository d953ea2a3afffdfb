"""Writing turns as chat messages."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from modelport.catalogue.facts import Quirks
from modelport.dialects import chat_thought
from modelport.dialects.chat_tools import cache_control
from modelport.dialects.wire import NotExpressible
from modelport.operations.chat import said_in
from modelport.operations.content import (
    Audio,
    CacheMark,
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
    Video,
)

Member = dict[str, object]
ThoughtForm = Literal["none", "content", "details", "tags"]
THINK_TAGS = "think_tags"
"""The value of the quirk `reasoning_field` for models that write their reasoning between tags into the content."""
THOUGHT_WORDS = {
    "openai_chat": "messages.reasoning_content",
    "anthropic_messages": "messages.content.thinking",
    "openai_responses": "input.reasoning",
}
"""What callers call the reasoning that they bring back."""
_OF_RESULT = "What the tool {} returned beside its text:"


class Manner(Struct, frozen=True):
    """How a provider takes messages."""

    provider: str
    thoughts: ThoughtForm
    marks: bool
    """Whether parts may carry `cache_control`."""
    signatures: bool
    """Whether calls of tools may carry `extra_content`."""


def manner(provider: str, quirks: Quirks) -> Manner:
    """Read from its quirks how a provider takes messages.

    Reasoning is given back as text unless the offer says that it cannot think (`reasoning = "none"`) or that it
    refuses it (`drop` names `reasoning_content`); with its proofs where `accept` names `reasoning_details`.
    """
    accept = quirks.accept
    thoughts: ThoughtForm = "content"
    if "reasoning_content" in quirks.drop:
        thoughts = "none"
    elif quirks.reasoning_field == THINK_TAGS:
        thoughts = "tags"
    elif "reasoning_details" in accept:
        thoughts = "details"
    elif quirks.reasoning == "none" and "reasoning_content" not in accept and not quirks.reasoning_field:
        thoughts = "none"
    return Manner(provider, thoughts, "cache_control" in accept, "extra_content" in accept)


class Messages:
    """Writes turns one after the other; `left_out` names what could not be said."""

    __slots__ = ("_attached", "_manner", "_place", "_thought_word", "left_out", "listed")

    def __init__(self, manner: Manner, dialect: str) -> None:
        self._manner = manner
        self._place = said_in(dialect)
        """Where what is being written stands in the caller's call."""
        self._thought_word = THOUGHT_WORDS.get(dialect, "messages.reasoning_content")
        self._attached: list[Member | Raw] = []
        """What tools gave back beside text: it can only be said by the user, after the last result."""
        self.listed: list[Member] = []
        self.left_out: dict[str, None] = {}

    def turns(self, turns: Iterable[tuple[str, Turn]]) -> None:
        """Write turns, each told with its place in the caller's call."""
        for self._place, turn in turns:
            match turn.role:
                case "tool":
                    self._tool(turn)
                case "user":
                    said = [*self._attached, *map(self._part, turn.parts)] if self._attached else None
                    self._attached = []
                    self._add("user", self._content(turn.parts) if said is None else said, turn)
                case "assistant":
                    self._flush()
                    self._assistant(turn)
                case role:
                    self._flush()
                    self._add(role, self._content(turn.parts), turn)
        self._flush()

    def _flush(self) -> None:
        if self._attached:
            self.listed.append({"role": "user", "content": self._attached})
            self._attached = []

    def _add(self, role: str, content: object, turn: Turn) -> None:
        named = {"name": turn.name} if turn.name else {}
        self.listed.append({"role": role, **named, "content": content})

    def _content(self, parts: Sequence[Part]) -> object:
        """Write what somebody says: a string where it is one text, otherwise a list of parts."""
        if not parts:
            return ""
        first = parts[0]
        if len(parts) == 1 and isinstance(first, Text) and (first.cache is None or not self._manner.marks):
            self._note_mark(first.cache)
            return first.text
        return [self._part(part) for part in parts]

    def _note_mark(self, mark: CacheMark | None) -> None:
        if mark is not None and not self._manner.marks:
            self.left_out["cache_control"] = None

    def _marked(self, written: Member, mark: CacheMark | None) -> Member:
        if mark is not None:
            self._note_mark(mark)
            if self._manner.marks:
                written["cache_control"] = cache_control(mark)
        return written

    def _part(self, part: Part) -> Member | Raw:
        match part:
            case Text(text=text, cache=mark):
                return self._marked({"type": "text", "text": text}, mark)
            case Image(source=source, detail=detail, cache=mark):
                place = {"url": self._url(source, "image")}
                return self._marked(
                    {"type": "image_url", "image_url": place | ({"detail": detail} if detail else {})}, mark
                )
            case Document():
                return self._document(part)
            case Audio(source=source, format=form) if source.data or source.url:
                heard = {"data": source.url or source.data, "format": form or _form(source)}
                return {"type": "input_audio", "input_audio": {name: value for name, value in heard.items() if value}}
            case Video(source=source):
                return {"type": "video_url", "video_url": {"url": self._url(source, "video")}}
            case Refusal(text=text):
                return {"type": "refusal", "refusal": text}
            case Foreign(dialect="openai_chat", raw=raw):
                return Raw(raw)
            case _:
                raise self._cannot(f"takes no part of type '{_kind(part)}' here")

    def _cannot(self, what: str) -> NotExpressible:
        return NotExpressible(self._place, self._manner.provider, what)

    def _url(self, source: Source, what: str) -> str:
        if source.file_id:
            raise self._cannot(f"takes no {what} by a file's id; send its address or its bytes")
        return source.url or data_url(source)

    def _document(self, part: Document) -> Member:
        if part.with_citations:
            self.left_out["citations"] = None
        if part.text is not None:
            titled = (part.name, part.context, part.text)
            return self._marked({"type": "text", "text": "\n\n".join(line for line in titled if line)}, part.cache)
        if part.context:
            self.left_out["context"] = None
        source = part.source
        if source.url and not source.url.startswith("data:"):
            raise self._cannot("takes no file by its address; send its bytes")
        file = {"file_id": source.file_id} if source.file_id else {"file_data": source.url or data_url(source)}
        named = {"filename": part.name} if part.name else {}
        return self._marked({"type": "file", "file": {**named, **file}}, part.cache)

    def _tool(self, turn: Turn) -> None:
        result = turn.parts[0]
        if not isinstance(result, ToolResult):
            raise self._cannot("needs one result in each message of a tool")
        said = [part for part in result.parts if isinstance(part, Text)]
        others = [self._part(part) for part in result.parts if not isinstance(part, Text)]
        if others:
            named = Text(_OF_RESULT.format(result.name or result.call_id))
            self._attached.extend((self._part(named), *others))
        if result.is_error:
            self.left_out["is_error"] = None
        written: Member = {"role": "tool", "tool_call_id": result.call_id}
        if result.name:
            written["name"] = result.name
        written["content"] = self._content(said)
        self.listed.append(self._marked(written, result.cache))

    def _assistant(self, turn: Turn) -> None:
        written: Member = {"role": "assistant"}
        if turn.name:
            written["name"] = turn.name
        thoughts = [part for part in turn.parts if isinstance(part, Thinking)]
        calls = [part for part in turn.parts if isinstance(part, ToolUse)]
        said: list[Part] = [part for part in turn.parts if not isinstance(part, Thinking | ToolUse)]
        if thoughts:
            said = self._thought(written, thoughts, said)
        self._said(written, said, has_calls=bool(calls))
        if calls:
            written["tool_calls"] = [self._call(call) for call in calls]
        if turn.is_prefix:
            written["prefix"] = True
        self.listed.append(written)

    def _thought(self, written: Member, thoughts: list[Thinking], said: list[Part]) -> list[Part]:
        """Write reasoning that is given back; return what is said beside it."""
        text = "\n\n".join(thought.text for thought in thoughts if thought.text)
        match self._manner.thoughts:
            case "tags" if text:
                return tagged(text, said)
            case "content" if text:
                written["reasoning_content"] = text
            case "details" if details := chat_thought.details(thoughts):
                written["reasoning_details"] = Raw(details)
            case "details" if text:
                written["reasoning_content"] = text
            case _:
                self.left_out[self._thought_word] = None
        return said

    def _said(self, written: Member, said: list[Part], *, has_calls: bool) -> None:
        audio = [part for part in said if isinstance(part, Audio) and part.id]
        rest = [part for part in said if not (isinstance(part, Audio) and part.id)]
        for part in rest:
            if not isinstance(part, Text | Refusal | Foreign):
                raise self._cannot(f"takes no part of type '{_kind(part)}' from an assistant")
        if len(rest) == 1 and isinstance(rest[0], Refusal):
            written |= {"content": None, "refusal": rest[0].text}
        elif rest or not (has_calls or audio):
            written["content"] = self._content(rest)
        else:
            written["content"] = None
        if audio:
            written["audio"] = {"id": audio[0].id}

    def _call(self, call: ToolUse) -> Member:
        if call.kind == "custom":
            written: Member = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
        else:
            function = {"name": call.name, "arguments": call.arguments}
            written = {"id": call.id, "type": "function", "function": function}
        if call.signature:
            if self._manner.signatures:
                written["extra_content"] = chat_thought.extra_content(call.signature)
            else:
                self.left_out["thought_signature"] = None
        return self._marked(written, call.cache)


def data_url(source: Source) -> str:
    """Write bytes as a data URL; bare where their media type is not known."""
    return f"data:{source.media_type};base64,{source.data}" if source.media_type else source.data


def tagged(thought: str, said: list[Part]) -> list[Part]:
    """Put reasoning between tags in front of what is said."""
    head = f"<think>\n{thought}\n</think>\n\n"
    if said and isinstance(said[0], Text):
        return [msgspec.structs.replace(said[0], text=head + said[0].text), *said[1:]]
    return [Text(head), *said]


def _kind(part: Part) -> str:
    """Name a part as callers do."""
    match part:
        case Foreign(kind=kind):
            return kind
        case ToolUse():
            return "tool_use"
        case ToolResult():
            return "tool_result"
        case _:
            return type(part).__name__.lower()


def _form(source: Source) -> str:
    return source.media_type.removeprefix("audio/")
