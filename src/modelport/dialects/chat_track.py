"""One choice of a chat answer while it comes in: its deltas become parts, one after the other."""

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from modelport.catalogue.facts import Quirks
from modelport.dialects.chat_think import ThinkSplitter
from modelport.dialects.chat_thought import DETAILS, Detail, origin_of, signature_of
from modelport.dialects.chat_written import THINK_TAGS
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.content import Audio, Citation, Image, Part, Refusal, Source, Text, Thinking, ToolUse
from modelport.operations.reply import Cited, Closed, Ended, Event, Finish, Grew, Opened, Signed

Said = dict[str, Raw]
"""A message or a delta."""
_FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
}
"""What providers call the reason of an end; any other word is a stop."""
_FAILURES = frozenset({"error", "network_error", "insufficient_system_resource"})
"""An answer that ended so has failed: OpenRouter and Mistral, Zhipu, DeepSeek."""
MAX_CALLS = 1024
_RARE = frozenset({"refusal", "audio", "images", "annotations", "tool_calls", "function_call"})
_NULL = Raw(b"null")


class _Function(Struct):
    name: str | None = None
    arguments: Raw = _NULL
    input: Raw = _NULL


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: _Function | None = None
    custom: _Function | None = None
    extra_content: Raw = _NULL


class _AudioPiece(Struct):
    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class _Cited(Struct):
    url: str = ""
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    content: str | None = None


class _Note(Struct):
    url_citation: _Cited | None = None


class _Url(Struct):
    url: str = ""


class _Picture(Struct):
    image_url: _Url


_CALLS = msgspec.json.Decoder(list[_Call])
_AUDIO = msgspec.json.Decoder(_AudioPiece)
_RAWS = msgspec.json.Decoder(list[Raw])
_NOTE = msgspec.json.Decoder(_Note)
_PICTURES = msgspec.json.Decoder(list[_Picture])
_FUNCTION = msgspec.json.Decoder(_Function)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class Track:
    """Tells what the deltas of one choice say; parts follow each other, none is gone back to."""

    __slots__ = (
        "_answer",
        "_audio",
        "_block",
        "_call",
        "_calls",
        "_detail",
        "_has_calls",
        "_index",
        "_is_cited",
        "_next",
        "_notes",
        "_open",
        "_splitter",
        "_thought",
        "is_over",
    )

    def __init__(self, index: int, quirks: Quirks, answer: str) -> None:
        self._index = index
        self._answer = re.sub(r"[^A-Za-z0-9_-]", "", answer)[-24:]
        tags = quirks.reasoning_field == THINK_TAGS
        self._splitter = ThinkSplitter() if tags else None
        field = "" if tags else quirks.reasoning_field
        self._thought = tuple(dict.fromkeys(name for name in (field, "reasoning_content", "reasoning") if name))
        self._open: type[Part] | None = None
        self._block = -1
        self._next = 0
        self._detail: int | None = None
        self._call: _Call | None = None
        self._calls: set[int] = set()
        self._has_calls = 0
        self._notes: list[Citation] = []
        self._is_cited = False
        self._audio: Audio | None = None
        self.is_over = False
        """Whether it said why it ended."""

    def say(self, said: Said, logprobs: bytes, events: list[Event]) -> None:
        """Tell what a delta, or a whole message, says."""
        try:
            self._say(said, logprobs, events)
        except (msgspec.DecodeError, RecursionError) as error:
            raise MalformedReply(f"a message of the provider's answer is not as promised: {error}") from None

    def _say(self, said: Said, logprobs: bytes, events: list[Event]) -> None:
        if self._says_thought(said):
            self._think(said, events)
        content = bytes(said.get("content", _NULL))
        if content.startswith(b'"') and len(content) > 2:
            self._content(msgspec.json.decode(content, type=str), logprobs, events)
        elif content.startswith(b"["):
            self._parts(_RAWS.decode(content), logprobs, events)
        elif logprobs and self._open is not None:
            events.append(Grew(self._block, "", self._index, logprobs))
        if not _RARE.isdisjoint(said):
            self._rest(said, logprobs, events)

    def _rest(self, said: Said, logprobs: bytes, events: list[Event]) -> None:
        if refusal := text(said, "refusal"):
            self._grow(Refusal, Refusal(""), refusal, events, logprobs)
        if "audio" in said and bytes(said["audio"]) != b"null":
            self._hear(_AUDIO.decode(said["audio"]), events)
        if "images" in said and bytes(said["images"]) not in (b"null", b"[]"):
            for picture in _PICTURES.decode(said["images"]):
                self._begin(Image, Image(_source(picture.image_url.url)), events)
                self._close(events)
        if "annotations" in said and bytes(said["annotations"]) not in (b"null", b"[]"):
            self._note(_RAWS.decode(said["annotations"]), events)
        if "tool_calls" in said and bytes(said["tool_calls"]) != b"null":
            for call in _CALLS.decode(said["tool_calls"]):
                self._tool(call, events)
        if "function_call" in said and bytes(said["function_call"]) != b"null":
            self._tool(_Call(index=0, function=_FUNCTION.decode(said["function_call"])), events)

    def _says_thought(self, said: Said) -> bool:
        return "reasoning_details" in said or any(name in said for name in self._thought)

    def _think(self, said: Said, events: list[Event]) -> None:
        plain = next((thought for name in self._thought if (thought := text(said, name))), "")
        raw = bytes(said.get("reasoning_details", _NULL))
        told = [] if raw in (b"null", b"[]") else DETAILS.decode(raw)
        if plain and not any(detail.text or detail.summary for detail in told):
            self._grow(Thinking, Thinking(), plain, events)
        for detail in told:
            self._think_detail(detail, events)

    def _think_detail(self, detail: Detail, events: list[Event]) -> None:
        is_more = self._open is Thinking and (self._detail is None or detail.index in (None, self._detail))
        if not is_more:
            is_summary = detail.type == "reasoning.summary"
            begun = Thinking(id=detail.id or "", is_summary=is_summary, origin=origin_of(detail.format))
            self._begin(Thinking, begun, events)
        self._detail = detail.index
        if said := detail.text or detail.summary:
            events.append(Grew(self._block, said, self._index))
        if detail.signature or detail.data:
            events.append(Signed(self._block, detail.signature or "", detail.data or "", self._index))

    def _content(self, said: str, logprobs: bytes, events: list[Event]) -> None:
        if self._splitter is None:
            self._grow(Text, Text(""), said, events, logprobs)
            return
        self._pieces(self._splitter.feed(said), events, logprobs)

    def _pieces(self, pieces: Sequence[tuple[str, str]], events: list[Event], logprobs: bytes = b"") -> None:
        for kind, piece in pieces:
            if kind == "thought":
                self._grow(Thinking, Thinking(), piece, events)
            else:
                self._grow(Text, Text(""), piece, events, logprobs)

    def _parts(self, parts: list[Raw], logprobs: bytes, events: list[Event]) -> None:
        """Read content in parts, as Mistral's reasoning models write it."""
        for raw in parts:
            part = _OBJECT.decode(raw)
            match text(part, "type"):
                case "thinking":
                    self._grow(Thinking, Thinking(), _joined(part.get("thinking", _NULL)), events)
                case "refusal":
                    self._grow(Refusal, Refusal(""), text(part, "refusal"), events)
                case _:
                    if said := text(part, "text"):
                        self._content(said, logprobs, events)

    def _grow(self, kind: type[Part], begun: Part, more: str, events: list[Event], logprobs: bytes = b"") -> None:
        if not more:
            return
        if self._open is not kind:
            self._begin(kind, begun, events)
        events.append(Grew(self._block, more, self._index, logprobs))

    def _hear(self, piece: _AudioPiece, events: list[Event]) -> None:
        if self._audio is None or self._open is not Audio:
            self._audio = Audio()
            self._begin(Audio, Audio(id=piece.id or ""), events)
        heard = self._audio
        self._audio = Audio(
            id=piece.id or heard.id,
            transcript=heard.transcript + (piece.transcript or ""),
            expires_at=piece.expires_at or heard.expires_at,
            source=Source(data=heard.source.data + (piece.data or "")),
        )
        if piece.data:
            events.append(Grew(self._block, piece.data, self._index))

    def _note(self, notes: list[Raw], events: list[Event]) -> None:
        for raw in notes:
            cited = _NOTE.decode(raw).url_citation
            citation = Citation(raw=bytes(raw)) if cited is None else _citation(cited)
            if self._open is Text:
                events.append(Cited(self._block, citation, self._index))
            else:
                self._notes.append(citation)
        self._is_cited = True

    def _tool(self, call: _Call, events: list[Event]) -> None:
        inner = call.custom or call.function or _Function()
        if self._is_new(call, inner):
            self._begin_call(call, inner, events)
        elif self._open is not ToolUse:
            raise MalformedReply("the provider's stream goes back to a call of a tool that it had left")
        pieces = _arguments(inner.input if call.custom is not None else inner.arguments)
        if pieces:
            events.append(Grew(self._block, pieces, self._index))

    def _is_new(self, call: _Call, inner: _Function) -> bool:
        current = self._call
        if current is None:
            return True
        if call.index is not None and current.index is not None and call.index != current.index:
            return True
        if call.id and current.id and call.id != current.id:
            return bool(inner.name) or call.index is None
        # A provider that numbers nothing sends each call whole.
        return not call.id and call.index is None and bool(inner.name)

    def _begin_call(self, call: _Call, inner: _Function, events: list[Event]) -> None:
        if not inner.name:
            if call.index is not None and call.index in self._calls:
                raise MalformedReply("the provider's stream goes back to a call of a tool that it had left")
            raise MalformedReply("the provider's answer calls a tool without naming it")
        if self._has_calls >= MAX_CALLS:
            raise MalformedReply(f"the provider's answer calls more than {MAX_CALLS} tools")
        identity = call.id or f"call_{self._answer}_{self._index}_{self._has_calls}"
        signature = signature_of(call.extra_content) if bytes(call.extra_content) != b"null" else ""
        kind = "custom" if call.custom is not None or call.type == "custom" else "function"
        origin = "google_gemini" if signature else ""
        self._begin(ToolUse, ToolUse(identity, inner.name, "", kind, signature, origin), events)
        self._call = call
        self._has_calls += 1
        if call.index is not None:
            self._calls.add(call.index)

    def _begin(self, kind: type[Part], part: Part, events: list[Event]) -> None:
        if self.is_over:
            raise MalformedReply("the provider's stream goes on after it said why it ended")
        self._close(events)
        self._open, self._block = kind, self._next
        self._next += 1
        self._detail = None
        events.append(Opened(self._block, part, self._index))
        if kind is Text and self._notes:
            events.extend(Cited(self._block, note, self._index) for note in self._notes)
            self._notes = []

    def _close(self, events: list[Event]) -> None:
        if self._open is None:
            return
        last = self._audio if self._open is Audio else None
        events.append(Closed(self._block, self._index, last))
        self._open = None

    def end(self, reason: str, sources: Sequence[Mapping[str, object]], events: list[Event]) -> None:
        """Tell why the choice ended; its text is given the sources that were named beside it."""
        if reason in _FAILURES:
            raise UpstreamFault(200, f"200 the provider ended its answer with '{reason}'", retryable=True)
        if self._splitter is not None:
            self._pieces(self._splitter.flush(), events)
        if self._open is Text and not self._is_cited:
            events.extend(Cited(self._block, note, self._index) for note in _sources(sources))
        self._close(events)
        finish = _FINISHES.get(reason, "stop")
        if finish == "stop" and self._has_calls:
            finish = "tool_calls"
        self.is_over = True
        events.append(Ended(finish, self._index))


def text(said: Said, name: str) -> str:
    """Return a string member; empty when it is anything else."""
    raw = bytes(said.get(name, _NULL))
    return msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else ""


def _joined(raw: Raw) -> str:
    if bytes(raw).startswith(b"["):
        return "".join(text(part, "text") for part in msgspec.json.decode(raw, type=list[dict[str, Raw]]))
    return msgspec.json.decode(raw, type=str) if bytes(raw).startswith(b'"') else ""


def _arguments(raw: Raw) -> str:
    """Return the arguments as the model wrote them, also where a provider sends the object itself."""
    given = bytes(raw)
    if given.startswith(b'"'):
        return msgspec.json.decode(given, type=str)
    return "" if given == b"null" else given.decode()


def _citation(cited: _Cited) -> Citation:
    start, end = cited.start_index, cited.end_index
    if start == end == 0:
        start = end = None
    return Citation(cited.url, cited.title or "", start, end, cited.content or "")


def _sources(sources: Sequence[Mapping[str, object]]) -> list[Citation]:
    found = [(source.get("url"), source.get("title")) for source in sources]
    return [Citation(url, title if isinstance(title, str) else "") for url, title in found if isinstance(url, str)]


def _source(url: str) -> Source:
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Source(data=data, media_type=head[5:-7])
    return Source(url=url)
