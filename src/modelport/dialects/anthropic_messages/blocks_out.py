"""Writing the parts of a canonical conversation as content blocks of a request."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from modelport.dialects.anthropic_messages.shapes import DIALECT, cache_member, is_object
from modelport.dialects.wire import NotExpressible
from modelport.operations.content import (
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
)

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MAGIC = (("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))
"""How the base64 of a picture begins, for callers who do not say what it is."""
_PDF = "application/pdf"
_ID = re.compile(r"[a-zA-Z0-9_-]{1,256}")
_NOT_ID = re.compile(r"[^a-zA-Z0-9_-]")
_MOST_ID = 64


@dataclass(slots=True)
class BlockWriter:
    """Writes blocks for one request, keeping the ids of tools' calls alike in calls and results."""

    provider: str
    """Its name, for refusals."""
    dialect: str
    """The caller's, whose files are this provider's where it is the same."""
    dropped: list[str] = field(default_factory=list[str])
    """What was left out, in the caller's words."""
    _ids: dict[str, str] = field(default_factory=dict[str, str])

    def blocks(self, parts: Iterable[Part], place: str) -> list[bytes]:
        """Write parts; those that say nothing, which Anthropic refuses, are left out."""
        written = (self._block(part, f"{place}[{index}]") for index, part in enumerate(parts))
        return [block for block in written if block]

    def _block(self, part: Part, place: str) -> bytes:
        match part:
            case Text() | Refusal():
                return self._text(part if isinstance(part, Text) else Text(part.text), place)
            case Image():
                return self._image(part, place)
            case Document():
                return self._document(part, place)
            case ToolUse():
                return self._tool_use(part, place)
            case ToolResult():
                return self._tool_result(part, place)
            case Thinking():
                return self._thinking(part, place)
            case Foreign():
                return self._foreign(part, place)
            case _:
                raise NotExpressible(place, self.provider, f"takes no {type(part).__name__.lower()}")

    def _text(self, part: Text, place: str) -> bytes:
        if not part.text.strip():
            return b""
        citations = [Raw(cited.raw) for cited in part.citations if is_own_citation(cited)]
        if len(citations) < len(part.citations):
            self._leave_out(f"{place}.citations")
        cited = {"citations": citations} if citations else {}
        return _json({"type": "text", "text": part.text, **cited, **cache_member(part.cache)})

    def _image(self, part: Image, place: str) -> bytes:
        if part.detail not in ("", "auto"):
            self._leave_out(f"{place}.detail")
        source = part.source
        written = self._elsewhere(source, place)
        if written is None:
            kind = source.media_type.lower().replace("image/jpg", "image/jpeg") or _guessed(source.data)
            if kind not in _IMAGES:
                raise NotExpressible(place, self.provider, f"takes pictures as {', '.join(_IMAGES)}, not {kind or '?'}")
            written = {"type": "base64", "media_type": kind, "data": source.data}
        return _json({"type": "image", "source": written, **cache_member(part.cache)})

    def _document(self, part: Document, place: str) -> bytes:
        source = part.source
        if part.text is not None:
            written: dict[str, str] | None = {"type": "text", "media_type": "text/plain", "data": part.text}
        else:
            written = self._elsewhere(source, place)
        if written is None:
            if (source.media_type or _PDF) != _PDF:
                raise NotExpressible(place, self.provider, f"takes files as {_PDF}, not {source.media_type}")
            written = {"type": "base64", "media_type": _PDF, "data": source.data}
        about: dict[str, object] = {"title": part.name} if part.name else {}
        if part.context:
            about["context"] = part.context
        if part.with_citations:
            about["citations"] = {"enabled": True}
        return _json({"type": "document", "source": written, **about, **cache_member(part.cache)})

    def _elsewhere(self, source: Source, place: str) -> dict[str, str] | None:
        """Write a source that is no data; None when it is."""
        if source.url:
            return {"type": "url", "url": source.url}
        if not source.file_id:
            return None
        if self.dialect != DIALECT:
            raise NotExpressible(f"{place}.file_id", self.provider, "knows no files of another provider")
        return {"type": "file", "file_id": source.file_id}

    def _tool_use(self, part: ToolUse, place: str) -> bytes:
        return _json(
            {
                "type": "tool_use",
                "id": self.id_of(part.id),
                "name": part.name,
                "input": Raw(self._input(part, place)),
                **cache_member(part.cache),
            }
        )

    def _input(self, part: ToolUse, place: str) -> bytes:
        if part.kind == "custom":
            return _json({"input": part.arguments})
        if not part.arguments.strip():
            return b"{}"
        if not is_object(part.arguments):
            raise NotExpressible(f"{place}.arguments", self.provider, "takes only a JSON object as a tool's arguments")
        return part.arguments.encode()

    def _tool_result(self, part: ToolResult, place: str) -> bytes:
        blocks = [Raw(block) for block in self.blocks(part.parts, f"{place}.content")]
        written: dict[str, object] = {"type": "tool_result", "tool_use_id": self.id_of(part.call_id)}
        if blocks:
            written["content"] = blocks
        if part.is_error:
            written["is_error"] = True
        return _json({**written, **cache_member(part.cache)})

    def _thinking(self, part: Thinking, place: str) -> bytes:
        """Write reasoning that this format's provider made; nobody else's would be believed."""
        if part.origin == DIALECT and part.signature:
            return _json({"type": "thinking", "thinking": part.text, "signature": part.signature})
        if part.origin == DIALECT and part.encrypted:
            return _json({"type": "redacted_thinking", "data": part.encrypted})
        message = place.partition(".content[")[0]
        self._leave_out(f"{message}.{'content.thinking' if self.dialect == DIALECT else 'reasoning_content'}")
        return b""

    def _foreign(self, part: Foreign, place: str) -> bytes:
        if part.dialect != DIALECT:
            raise NotExpressible(place, self.provider, f"takes no part of type '{part.kind}'")
        return part.raw

    def _leave_out(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)

    def id_of(self, call: str) -> str:
        """Return the id of a call in the letters that Anthropic takes, the same each time and unlike all others."""
        known = self._ids.get(call)
        if known is None:
            known = call if _ID.fullmatch(call) else _NOT_ID.sub("_", call)[:_MOST_ID] or "toolu"
            taken = set(self._ids.values())
            stem, number = known, 1
            while known in taken:
                number += 1
                known = f"{stem}_{number}"
            self._ids[call] = known
        return known


def is_own_citation(cited: Citation) -> bool:
    """Whether a citation is one of Anthropic's that its provider takes back."""
    return b"_location" in cited.raw and b'"encrypted_index":""' not in cited.raw


def _guessed(data: str) -> str:
    return next((kind for begin, kind in _MAGIC if data.startswith(begin)), "")


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
