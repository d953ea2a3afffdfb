"""Writing turns as Google's contents: parts, attachments, calls of tools and their results.

Shapes: https://ai.google.dev/api/caching#Content; addresses of files that Google fetches itself:
https://ai.google.dev/gemini-api/docs/file-input-methods; signatures:
https://ai.google.dev/gemini-api/docs/thought-signatures (read 2026-11-22).
"""

from collections.abc import Iterable, Sequence
from typing import cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from modelport.dialects.google_gemini.reading import ORIGIN
from modelport.dialects.wire import NotExpressible
from modelport.operations.content import (
    Audio,
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

Wire = dict[str, object]

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents for calls of tools that another model made: it is not asked for their signature."""

_MAGIC = {
    "iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp",
    "JVBERi": "application/pdf",
}  # fmt: skip
_SUFFIXES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
    "heic": "image/heic", "heif": "image/heif", "bmp": "image/bmp", "pdf": "application/pdf", "txt": "text/plain",
    "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpg", "mov": "video/quicktime", "webm": "video/webm",
    "avi": "video/x-msvideo", "wmv": "video/wmv", "flv": "video/x-flv", "3gp": "video/3gpp", "wav": "audio/wav",
    "mp3": "audio/mp3", "aac": "audio/aac", "ogg": "audio/ogg", "flac": "audio/flac", "aiff": "audio/aiff",
    "m4a": "audio/m4a",
}  # fmt: skip
_SOUNDS = {"mpeg": "audio/mp3", "mpga": "audio/mp3", "pcm16": "audio/pcm"}
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class Writing:
    """The contents of one call while they are written; collects what had to be left out."""

    def __init__(self, provider: str, said_in: str, *, is_signed: bool) -> None:
        self.dropped: list[str] = []
        self._list = said_in
        self._provider = provider
        self._is_signed = is_signed
        """Whether the model wants a signature with each first call of a tool, and takes images in their results."""
        self._names: dict[str, str] = {}

    def contents(self, turns: Sequence[tuple[str, Turn]]) -> list[Wire]:
        """Write turns, each with its place in the call; consecutive ones of one role become one."""
        made: list[Wire] = []
        for place, turn in turns:
            role = "model" if turn.role == "assistant" else "user"
            parts = self.parts(turn, place)
            if turn.name:
                self._drop(f"{self._list}.name")
            if not parts:
                continue
            if made and made[-1]["role"] == role:
                made[-1]["parts"] = [*_parts_of(made[-1]), *parts]
            else:
                made.append({"role": role, "parts": parts})
        if self._is_signed:
            for content in made:
                _sign_first(_parts_of(content))
        return made

    def parts(self, turn: Turn, place: str) -> list[Wire]:
        """Write the parts of one turn; those of a tool follow its result where the result cannot hold them."""
        made: list[Wire] = []
        for index, part in enumerate(turn.parts):
            if getattr(part, "cache", None) is not None:
                self._drop("cache_control")
            if isinstance(part, Thinking):
                self._thinking(made, part)
            elif isinstance(part, ToolResult):
                made.extend(self._result(part, place))
            else:
                made.extend(self._part(part, f"{place}.content[{index}]"))
        if len(made) > 1 or turn.role == "assistant":
            made = [part for part in made if part != {"text": ""}]
        return made

    def _part(self, part: Part, place: str) -> Iterable[Wire]:
        if isinstance(part, Text | Refusal):
            return ({"text": part.text},)
        if isinstance(part, ToolUse):
            return (self._call(part, place),)
        if isinstance(part, Document):
            return self._document(part, place)
        if isinstance(part, Foreign):
            if part.dialect != ORIGIN:
                raise self._refused(place, f"has no part of type '{part.kind}'")
            return (_wire(part.raw),)
        if isinstance(part, Audio):
            return (self._audio(part, place),)
        if isinstance(part, Image):
            if part.detail not in ("", "auto"):
                self._drop(f"{self._list}.image_url.detail")
            return (self._attached(part.source, place, "image/jpeg"),)
        if isinstance(part, Video):
            return (self._attached(part.source, place, "video/mp4"),)
        raise self._refused(place, "takes no such part")

    def _thinking(self, made: list[Wire], part: Thinking) -> None:
        """Write a thought of Google's own; the signature of a text goes back onto it."""
        if part.origin != ORIGIN:
            self._drop(f"{self._list}.reasoning_content")
            return
        if not part.text and part.signature and made and _is_unsigned_text(made[-1]):
            made[-1]["thoughtSignature"] = part.signature
        elif part.text or part.signature:
            thought: Wire = {"text": part.text, "thought": True} if part.text else {"text": ""}
            if part.signature:
                thought["thoughtSignature"] = part.signature
            made.append(thought)

    def _call(self, part: ToolUse, place: str) -> Wire:
        self._names[part.id] = part.name
        arguments: object = {"input": part.arguments}
        if part.kind == "function":
            arguments = _object(part.arguments or "{}")
            if arguments is None:
                raise self._refused(f"{place}.arguments", "takes only a JSON object as the arguments of a tool")
        call: Wire = {"functionCall": {"id": part.id, "name": part.name, "args": arguments}}
        if not part.id:
            call["functionCall"] = {"name": part.name, "args": arguments}
        if part.signature and part.origin == ORIGIN:
            call["thoughtSignature"] = part.signature
        return call

    def _result(self, part: ToolResult, place: str) -> Iterable[Wire]:
        name = part.name or self._names.get(part.call_id, "")
        if not name:
            raise self._refused(f"{place}.tool_call_id", "needs the call that a result answers in an earlier message")
        said = "".join(inner.text for inner in part.parts if isinstance(inner, Text))
        attached = [
            wire
            for index, inner in enumerate(part.parts)
            if not isinstance(inner, Text)
            for wire in self._part(inner, f"{place}.content[{index}]")
        ]
        result: Wire = {"id": part.call_id, "name": name, "response": _response(said, is_error=part.is_error)}
        if not part.call_id:
            del result["id"]
        if attached and self._is_signed:
            result["parts"] = attached
            attached = []
        return ({"functionResponse": result}, *attached)

    def _document(self, part: Document, place: str) -> Iterable[Wire]:
        if part.with_citations:
            self._drop(f"{self._list}.citations")
        if part.context:
            yield {"text": part.context}
        if part.text is not None:
            yield {"text": f"{part.name}\n\n{part.text}" if part.name else part.text}
            return
        if part.name:
            self._drop(f"{self._list}.filename")
        yield self._attached(part.source, place, "application/pdf")

    def _audio(self, part: Audio, place: str) -> Wire:
        if part.source == Source():
            if part.transcript:
                return {"text": part.transcript}
            raise self._refused(place, "keeps no recordings of earlier answers; send their bytes")
        form = part.format
        kind = form if "/" in form else _SOUNDS.get(form) or _SUFFIXES.get(form) or (f"audio/{form}" if form else "")
        return self._attached(part.source, place, kind or "audio/wav")

    def _attached(self, source: Source, place: str, default: str) -> Wire:
        """Write bytes as they came, or an address, which Google reads itself."""
        if source.data:
            kind = source.media_type or next(
                (found for start, found in _MAGIC.items() if source.data.startswith(start)), default
            )
            return {"inlineData": {"mimeType": kind, "data": source.data}}
        if source.url.lower().startswith(("https://", "http://")):
            file: Wire = {"fileUri": source.url}
            if kind := source.media_type or _kind_of(source.url):
                file["mimeType"] = kind
            return {"fileData": file}
        raise self._refused(place, "takes files as base64 or by an http(s) address")

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)

    def _refused(self, place: str, what: str) -> NotExpressible:
        return NotExpressible(place, self._provider, what)


def _parts_of(content: Wire) -> list[Wire]:
    return cast(list[Wire], content["parts"])


def _wire(raw: bytes) -> Wire:
    return dict(_OBJECT.decode(raw))


def _is_unsigned_text(part: Wire) -> bool:
    return part.keys() == {"text"}


def _sign_first(parts: list[Wire]) -> None:
    """Mark the first call of a tool in a step as one of another model, if it has no signature."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", SKIP_SIGNATURE)


def _object(text: str) -> Raw | None:
    """Return JSON text as it is if it is an object."""
    try:
        _OBJECT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Raw(text.encode())


def _response(said: str, *, is_error: bool) -> object:
    if is_error:
        return {"error": said}
    return _object(said) or {"result": said}


def _kind_of(url: str) -> str:
    """Guess a media type from how an address ends."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return _SUFFIXES.get(path.rpartition(".")[2].lower(), "")
