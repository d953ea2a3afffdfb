"""Reading content blocks: of requests and of answers, into the parts of a canonical conversation."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages.shapes import (
    ABSENT,
    DIALECT,
    HEAD,
    RAW_LIST,
    CacheControl,
    given,
    mark_of,
)
from modelport.dialects.chat_fields import fault
from modelport.dialects.chat_messages import decoded, told_at, unreadable
from modelport.dialects.signatures import Sealed, unseal
from modelport.operations.content import (
    Citation,
    Document,
    Foreign,
    Image,
    Part,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)


class _Text(msgspec.Struct):
    text: str
    citations: Raw = ABSENT
    cache_control: CacheControl | None = None


class _Source(msgspec.Struct):
    type: str
    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    file_id: str | None = None
    content: Raw = ABSENT


class _Image(msgspec.Struct):
    source: _Source
    transformations: Raw = ABSENT
    cache_control: CacheControl | None = None


class _Enabled(msgspec.Struct):
    enabled: bool | None = None


class _Document(msgspec.Struct):
    source: _Source
    title: str | None = None
    context: str | None = None
    citations: _Enabled | None = None
    cache_control: CacheControl | None = None


class _SearchResult(msgspec.Struct):
    source: str
    content: Raw
    title: str | None = None
    citations: _Enabled | None = None
    cache_control: CacheControl | None = None


class _Caller(msgspec.Struct):
    type: str = "direct"


class _ToolUse(msgspec.Struct):
    id: str
    name: str
    input: Raw
    caller: _Caller | None = None
    toolset_name: str | None = None
    cache_control: CacheControl | None = None


class _ToolResult(msgspec.Struct):
    tool_use_id: str
    content: Raw = ABSENT
    is_error: bool | None = None
    toolset_name: str | None = None
    cache_control: CacheControl | None = None


class _Thinking(msgspec.Struct):
    thinking: str
    signature: str | None = None


class _Redacted(msgspec.Struct):
    data: str


class _Citation(msgspec.Struct):
    type: str = ""
    url: str | None = None
    source: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None


_TEXT = msgspec.json.Decoder(_Text)
_IMAGE = msgspec.json.Decoder(_Image)
_DOCUMENT = msgspec.json.Decoder(_Document)
_SEARCH_RESULT = msgspec.json.Decoder(_SearchResult)
_TOOL_USE = msgspec.json.Decoder(_ToolUse)
_TOOL_RESULT = msgspec.json.Decoder(_ToolResult)
_THINKING = msgspec.json.Decoder(_Thinking)
_REDACTED = msgspec.json.Decoder(_Redacted)
_CITATION = msgspec.json.Decoder(_Citation)
_STRING = msgspec.json.Decoder(str)
_WEB = ("https://", "http://")


def content_parts(raw: Raw | bytes, place: str) -> list[Part]:
    """Read the content of a message or a result: a string or blocks. Raises `InvalidBody` naming the block."""
    content = given(raw)
    if not content:
        return []
    try:
        if content.startswith(b'"'):
            return [Text(_STRING.decode(content))]
        if not content.startswith(b"["):
            raise InvalidBody((fault(place, "string or array of blocks", decoded(content)),), place)
        blocks = RAW_LIST.decode(content)
    except msgspec.ValidationError as error:
        raise InvalidBody((told_at(place, error),), place) from None
    except msgspec.DecodeError as error:
        raise InvalidBody((unreadable(content, error),), place) from None
    return [_named_part(block, f"{place}[{index}]") for index, block in enumerate(blocks)]


def _named_part(block: Raw, place: str) -> Part:
    try:
        return part_of(block, place)
    except msgspec.ValidationError as error:
        told = told_at(place, error)
        raise InvalidBody((told,), told.split("'")[1]) from None
    except msgspec.DecodeError as error:
        raise InvalidBody((unreadable(bytes(block), error),), place) from None


def part_of(block: Raw | bytes, place: str = "content") -> Part:
    """Read one block; what nobody else knows stays as it is. Raises msgspec's errors and `InvalidBody`."""
    kind = HEAD.decode(block).type or ""
    reader = _READERS.get(kind)
    part = None if reader is None else reader(block, place)
    return Foreign(DIALECT, kind, bytes(block)) if part is None else part


def _text(block: Raw | bytes, _: str) -> Part:
    told = _TEXT.decode(block)
    citations = given(told.citations)
    cited = tuple(citation_of(raw) for raw in RAW_LIST.decode(citations)) if citations else ()
    return Text(told.text, cited, mark_of(told.cache_control))


def citation_of(raw: Raw | bytes) -> Citation:
    """Read a citation, whatever it points at, keeping Anthropic's own form of it."""
    told = _CITATION.decode(raw)
    url = told.url or (told.source if told.source and told.source.startswith(_WEB) else "") or ""
    return Citation(url, told.title or told.document_title or "", quote=told.cited_text or "", raw=bytes(raw))


def _source(told: _Source) -> Source:
    return Source(told.url or "", told.data or "", told.media_type or "", told.file_id or "")


def _image(block: Raw | bytes, _: str) -> Part | None:
    told = _IMAGE.decode(block)
    if given(told.transformations):
        return None
    return Image(_source(told.source), cache=mark_of(told.cache_control))


def _document(block: Raw | bytes, place: str) -> Part | None:
    told = _DOCUMENT.decode(block)
    with_citations = told.citations is not None and told.citations.enabled is True
    document = Document(
        name=told.title or "",
        context=told.context or "",
        with_citations=with_citations,
        cache=mark_of(told.cache_control),
    )
    if told.source.type == "text":
        return replace(document, text=told.source.data or "")
    if told.source.type != "content":
        return replace(document, source=_source(told.source))
    text = _only_text(told.source.content, f"{place}.source")
    return None if text is None else replace(document, text=text)


def _only_text(content: Raw, place: str) -> str | None:
    """Join content that is nothing but text; None when there is more to it."""
    parts = content_parts(content, f"{place}.content")
    texts = [part.text for part in parts if isinstance(part, Text)]
    return "\n\n".join(texts) if len(texts) == len(parts) else None


def _search_result(block: Raw | bytes, place: str) -> Part | None:
    told = _SEARCH_RESULT.decode(block)
    text = _only_text(told.content, place)
    if text is None:
        return None
    with_citations = told.citations is not None and told.citations.enabled is True
    mark = mark_of(told.cache_control)
    return Document(name=told.title or "", context=told.source, text=text, with_citations=with_citations, cache=mark)


def _tool_use(block: Raw | bytes, _: str) -> Part | None:
    told = _TOOL_USE.decode(block)
    if told.toolset_name or (told.caller is not None and told.caller.type != "direct"):
        return None
    return ToolUse(told.id, told.name, bytes(told.input).decode(), cache=mark_of(told.cache_control))


def _tool_result(block: Raw | bytes, place: str) -> Part | None:
    told = _TOOL_RESULT.decode(block)
    if told.toolset_name:
        return None
    parts = tuple(content_parts(told.content, f"{place}.content"))
    return ToolResult(told.tool_use_id, parts, told.is_error is True, cache=mark_of(told.cache_control))


def _thinking(block: Raw | bytes, _: str) -> Part:
    told = _THINKING.decode(block)
    signature = told.signature or ""
    sealed = unseal(signature)
    if sealed is None:
        return Thinking(told.thinking, signature, origin=DIALECT if signature else "")
    return _unsealed(sealed, told.thinking)


def _redacted(block: Raw | bytes, _: str) -> Part:
    data = _REDACTED.decode(block).data
    sealed = unseal(data)
    return Thinking(encrypted=data, origin=DIALECT) if sealed is None else _unsealed(sealed, "")


def _unsealed(sealed: Sealed, text: str) -> Thinking:
    if sealed.kind == "encrypted":
        return Thinking(text, encrypted=sealed.value, id=sealed.id, origin=sealed.origin)
    return Thinking(text, sealed.value, id=sealed.id, origin=sealed.origin)


_Reader = Callable[[Raw | bytes, str], Part | None]
_READERS: Mapping[str, _Reader] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}


class _Signature(msgspec.Struct):
    type: str = ""
    signature: str | None = None


_SIGNATURE = msgspec.json.Decoder(_Signature)


def tool_signature(block: Raw | bytes) -> Sealed | None:
    """Return the signature of a tool's call that a block of thinking stands for; None for any other block."""
    told = _SIGNATURE.decode(block)
    sealed = unseal(told.signature) if told.type == "thinking" and told.signature else None
    return sealed if sealed is not None and sealed.kind == "tool" else None
