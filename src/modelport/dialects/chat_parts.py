"""Reading the content parts of chat messages, those of Anthropic's format on the chat path included."""

import msgspec

from modelport.dialects.chat_messages import PARTS
from modelport.dialects.chat_node import Node, nodes, refused, text_of
from modelport.dialects.signatures import unseal
from modelport.operations.content import (
    Audio,
    CacheMark,
    Citation,
    Document,
    Image,
    Part,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Video,
)

PDF = "application/pdf"


def content(message: Node) -> list[Part]:
    """Read the content of a message, a string or a list of parts."""
    return content_of(message.raw("content"), message.at("content"))


def content_of(raw: bytes, place: str) -> list[Part]:
    """Read content that stands somewhere."""
    if not raw:
        return []
    if raw.startswith(b'"'):
        text = text_of(raw, place)
        return [Text(text)] if text else []
    return [_part(node) for node in nodes(raw, place)]


def _part(node: Node) -> Part:
    kind = node.needed("type")
    match kind:
        case "text":
            return Text(node.needed("text"), cache=cache(node))
        case "refusal":
            return Refusal(node.needed("refusal"))
        case "image_url":
            source, place = _located(node, "image_url")
            return Image(source, "" if place is None else place.text("detail"), cache(node))
        case "file":
            return _file(node)
        case "input_audio":
            return _audio(node.needed_node("input_audio"))
        case "video_url":
            return Video(_located(node, "video_url")[0])
        case _:
            return _anthropic(kind, node)


def _located(node: Node, name: str) -> tuple[Source, Node | None]:
    """Read where something is: an object with `url`, or the address itself."""
    raw = node.raw(name)
    if raw.startswith(b'"'):
        return source_of(text_of(raw, node.at(name))), None
    place = node.needed_node(name)
    return source_of(place.needed("url")), place


def source_of(url: str, assumed: str = "") -> Source:
    """Read an address, a data URL, or bare base64 of an assumed media type."""
    if url[:5].lower() == "data:":
        head, comma, data = url[5:].partition(",")
        if comma and head.endswith(";base64"):
            return Source(data=data, media_type=head.split(";", 1)[0])
        return Source(url=url)
    if "://" in url[:20]:
        return Source(url=url)
    return Source(data=url, media_type=assumed or _sniffed(url))


_HEADS = {"/9j/": "image/jpeg", "iVBORw0KGgo": "image/png", "R0lGOD": "image/gif", "UklGR": "image/webp"}


def _sniffed(data: str) -> str:
    return next((kind for head, kind in _HEADS.items() if data.startswith(head)), "")


def _file(node: Node) -> Document:
    file = node.needed_node("file")
    data, name = file.text("file_data"), file.text("filename")
    source = source_of(data, PDF) if data else Source(file_id=file.needed("file_id"))
    return Document(source, name, cache=cache(node))


def _audio(node: Node) -> Audio:
    data, format_ = node.needed("data"), node.text("format")
    source = source_of(data, f"audio/{format_}" if format_ else "audio/")
    return Audio(source, format_)


def _anthropic(kind: str, node: Node) -> Part:
    match kind:
        case "image":
            return Image(_source(node), cache=cache(node))
        case "document":
            return _document(node)
        case "tool_use":
            return ToolUse(node.needed("id"), node.needed("name"), (node.raw("input") or b"{}").decode())
        case "tool_result":
            return tool_result(node)
        case "thinking":
            return _thinking(node.text("thinking"), node.text("signature"))
        case "redacted_thinking":
            return _redacted(node.needed("data"))
        case _:
            expected = "one of " + ", ".join(f"'{name}'" for name in PARTS)
            raise refused(node.at("type"), expected, msgspec.json.encode(kind))


def _source(node: Node) -> Source:
    source = node.needed_node("source")
    kind = source.needed("type")
    match kind:
        case "base64":
            return Source(data=source.needed("data"), media_type=source.text("media_type"))
        case "url":
            return source_of(source.needed("url"))
        case "file":
            return Source(file_id=source.needed("file_id"))
        case _:
            raise refused(source.at("type"), "one of 'base64', 'url', 'file'", msgspec.json.encode(kind))


def _document(node: Node) -> Document:
    name, context = node.text("title"), node.text("context")
    wish = node.node("citations")
    cites = wish is not None and wish.flag("enabled") is True
    source = node.needed_node("source")
    if source.text("type") == "text":
        text = source.needed("data")
        return Document(Source(media_type="text/plain"), name, context, text, cites, cache(node))
    return Document(_source(node), name, context, None, cites, cache(node))


def tool_result(node: Node) -> ToolResult:
    """Read Anthropic's way to say what a tool gave back."""
    return ToolResult(
        node.needed("tool_use_id"), tuple(content(node)), is_error=node.flag("is_error") is True, cache=cache(node)
    )


def _thinking(text: str, signature: str) -> Thinking:
    sealed = unseal(signature)
    if sealed is None:
        return Thinking(text, signature, origin="anthropic_messages" if signature else "")
    if sealed.kind == "encrypted":
        return Thinking(text, encrypted=sealed.value, id=sealed.id, origin=sealed.origin)
    return Thinking(text, sealed.value, id=sealed.id, origin=sealed.origin)


def _redacted(data: str) -> Thinking:
    sealed = unseal(data)
    if sealed is None:
        return Thinking(encrypted=data, origin="anthropic_messages")
    return Thinking(encrypted=sealed.value, id=sealed.id, origin=sealed.origin)


def cache(node: Node) -> CacheMark | None:
    """Read the `cache_control` of a part or a tool."""
    mark = node.node("cache_control")
    if mark is None:
        return None
    match mark.text("ttl"):
        case "":
            return CacheMark()
        case "5m":
            return CacheMark("5m")
        case "1h":
            return CacheMark("1h")
        case ttl:
            raise refused(mark.at("ttl"), "one of '5m', '1h'", msgspec.json.encode(ttl))


def citations(raw: bytes, place: str) -> tuple[Citation, ...]:
    """Read the annotations of a message; those that are no address on the web keep their own JSON."""
    if not raw:
        return ()
    found: list[Citation] = []
    for note in nodes(raw, place):
        cited = note.node("url_citation")
        if cited is None:
            found.append(Citation(raw=msgspec.json.encode(note.members)))
        else:
            found.append(_citation(cited))
    return tuple(found)


def _citation(cited: Node) -> Citation:
    start, end = cited.whole("start_index"), cited.whole("end_index")
    if start == end == 0:
        start = end = None
    quote = cited.text("content")
    return Citation(cited.text("url"), cited.text("title"), start, end, quote)
