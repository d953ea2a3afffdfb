"""Writing the parts of a canonical answer as content blocks of Messages, whole."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from modelport.dialects.anthropic_messages.shapes import DIALECT, is_object
from modelport.dialects.signatures import Sealed, seal
from modelport.dialects.wire import MalformedReply
from modelport.operations.content import Citation, Foreign, Part, Refusal, Text, Thinking, ToolUse

_LOCATION = b"_location"


class Ids:
    """Names calls of tools so that each has an id of its own."""

    __slots__ = ("_answer", "_taken")

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self._taken: set[str] = set()

    def of(self, call: str) -> str:
        """Return the provider's id, or one of ours where there is none or where it was used before."""
        number = len(self._taken)
        while not call or call in self._taken:
            call = f"toolu_{self._answer}_{number}"
            number += 1
        self._taken.add(call)
        return call


def blocks(parts: Sequence[Part], ids: Ids, *, is_cut: bool) -> Iterator[bytes]:
    """Write parts; raises `MalformedReply` for what this format has no place for."""
    for part in parts:
        yield from _blocks(part, ids, is_cut)


def _blocks(part: Part, ids: Ids, is_cut: bool) -> Iterator[bytes]:
    match part:
        case Text() | Refusal():
            citations = part.citations if isinstance(part, Text) else ()
            if part.text or citations:
                yield msgspec.json.encode({"type": "text", "text": part.text, **_cited(citations)})
        case Thinking():
            if part.text or part.signature or part.encrypted:
                yield msgspec.json.encode(thinking_block(part))
        case ToolUse():
            if part.signature and part.origin != DIALECT:
                yield msgspec.json.encode(signature_block(part))
            named = replace(part, id=ids.of(part.id))
            yield msgspec.json.encode(tool_block(named, Raw(input_of(part, is_cut=is_cut))))
        case Foreign():
            if part.dialect == DIALECT:
                yield part.raw
        case _:
            raise unspeakable(part)


def unspeakable(part: Part) -> MalformedReply:
    """Say that an answer holds something that this format cannot give."""
    kind = type(part).__name__.lower()
    return MalformedReply(f"the model answered with a part ({kind}) that the Messages format has no place for")


def _cited(citations: Sequence[Citation]) -> dict[str, object]:
    written = [raw for cited in citations if (raw := citation(cited))]
    return {"citations": [Raw(raw) for raw in written]} if written else {}


def citation(cited: Citation) -> bytes:
    """Write a citation: in Anthropic's own form where it has one, else as a place on the web; empty for none."""
    if _LOCATION in cited.raw:
        return cited.raw
    if not cited.url:
        return b""
    place = {"type": "web_search_result_location", "cited_text": cited.quote, "url": cited.url}
    return msgspec.json.encode({**place, "title": cited.title or None, "encrypted_index": ""})


def thinking_block(part: Thinking) -> dict[str, object]:
    """Write reasoning; what other providers want back is sealed with where it came from."""
    if part.encrypted and not part.text and not part.signature:
        return {"type": "redacted_thinking", "data": sealed_value(part)}
    return {"type": "thinking", "thinking": part.text, "signature": sealed_value(part)}


def sealed_value(part: Thinking) -> str:
    """Return the opaque value of reasoning as callers of this format bring it back."""
    value, kind = (part.signature, "signature") if part.signature else (part.encrypted, "encrypted")
    if part.origin == DIALECT or not value:
        return value
    return seal(Sealed(part.origin, kind, value, part.id))


def signature_block(part: ToolUse, call: str = "") -> dict[str, object]:
    """Write the signature of a call as reasoning without words; it belongs to the next call, or to `call`."""
    signature = seal(Sealed(part.origin, "tool", part.signature, call))
    return {"type": "thinking", "thinking": "", "signature": signature}


def tool_block(part: ToolUse, arguments: Raw) -> dict[str, object]:
    """Write a call of a tool."""
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}


def input_of(part: ToolUse, *, is_cut: bool) -> bytes:
    """Return the input of a call, which is an object in this format; raises `MalformedReply` for anything else.

    The call in whose midst an answer was cut off has none: its reason to stop says that it must not be run.
    """
    if part.kind == "custom":
        return msgspec.json.encode({"input": part.arguments})
    if not part.arguments.strip():
        return b"{}"
    if is_object(part.arguments):
        return part.arguments.encode()
    if is_cut:
        return b"{}"
    raise MalformedReply(f"the model called the tool '{part.name}' with arguments that are no JSON object")
