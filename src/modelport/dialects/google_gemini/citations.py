"""Google's grounding as citations: where each piece of a text comes from."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from modelport.dialects.google_gemini.shapes import Chunk, CitationMetadata, Grounding, Segment
from modelport.operations.content import Citation

_CHUNK = msgspec.json.Decoder(Chunk)


def citations(text: str, grounding: Grounding | None, repeated: CitationMetadata | None) -> list[Citation]:
    """Return what a text says where; places are turned from bytes of UTF-8 into characters."""
    encoded = text.encode("utf-8", "replace")
    found: list[Citation] = []
    if grounding is not None:
        found.extend(_grounded(text, encoded, grounding))
    if repeated is not None:
        for source in (*(repeated.citation_sources or ()), *(repeated.citations or ())):
            start, end = _characters(encoded, source.start_index or 0, source.end_index)
            found.append(Citation(source.uri or "", source.title or "", start, end))
    return found


def _grounded(text: str, encoded: bytes, grounding: Grounding) -> Iterable[Citation]:
    chunks = grounding.grounding_chunks or []
    used: set[int] = set()
    for support in grounding.grounding_supports or ():
        segment = support.segment or Segment()
        start, end = _place(text, encoded, segment)
        for index in support.grounding_chunk_indices or ():
            if 0 <= index < len(chunks):
                used.add(index)
                yield _citation(chunks[index], start, end, segment.text or "")
    for index, chunk in enumerate(chunks):
        if index not in used:
            yield _citation(chunk, None, None, "")


def _citation(raw: Raw, start: int | None, end: int | None, quote: str) -> Citation:
    chunk = _CHUNK.decode(raw)
    source = chunk.web or chunk.maps or chunk.retrieved_context
    url, title = (source.uri or "", source.title or "") if source is not None else ("", "")
    return Citation(url, title, start, end, quote, one_line(raw))


def _place(text: str, encoded: bytes, segment: Segment) -> tuple[int | None, int | None]:
    """Find a segment: where its indices say, if its words are there, otherwise where its words are."""
    start, end = segment.start_index or 0, segment.end_index
    words = segment.text
    if end is not None and (not words or encoded[start:end] == words.encode("utf-8", "replace")):
        return _characters(encoded, start, end)
    at = text.find(words) if words else -1
    return (at, at + len(words)) if words and at >= 0 else (None, None)


def _characters(encoded: bytes, start: int, end: int | None) -> tuple[int | None, int | None]:
    if end is None or not 0 <= start <= end <= len(encoded):
        return None, None
    before = len(encoded[:start].decode("utf-8", "ignore"))
    return before, before + len(encoded[start:end].decode("utf-8", "ignore"))


def one_line(raw: Raw) -> bytes:
    """Take Google's indentation out of a value, whose tokens stay as they are."""
    return msgspec.json.format(bytes(raw), indent=-1) if b"\n" in bytes(raw) else bytes(raw)
