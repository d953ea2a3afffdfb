"""Reasoning with its provider's proofs in chat: `reasoning_details`, as the types of OpenRouter's own client have them.

https://github.com/OpenRouterTeam/python-sdk 1.3.84 (read 2026-11-22).
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from modelport.operations.content import Thinking, ToolUse

_ORIGINS = {
    "anthropic-claude-v1": "anthropic_messages",
    "google-gemini-v1": "google_gemini",
    "openai-responses-v1": "openai_responses",
}
_FORMATS = {origin: format_ for format_, origin in _ORIGINS.items()}


class Detail(Struct):
    """One piece of reasoning as it stands in a message or delta."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None

    def thinking(self) -> Thinking:
        """Return it in the canonical form."""
        return Thinking(
            text=self.text or self.summary or "",
            signature=self.signature or "",
            encrypted=self.data or "",
            id=self.id or "",
            is_summary=self.type == "reasoning.summary",
            origin=origin_of(self.format),
        )


DETAILS = msgspec.json.Decoder(list[Detail])


def origin_of(format_: str | None) -> str:
    """Return the dialect that a format's proofs belong to; a format that is not ours stands for itself."""
    return "" if not format_ or format_ == "unknown" else _ORIGINS.get(format_, format_)


def details(thoughts: Iterable[Thinking]) -> bytes:
    """Write reasoning with its proofs as a list; empty when nothing of it has a proof."""
    listed = list(thoughts)
    if not any(thought.signature or thought.encrypted for thought in listed):
        return b""
    return msgspec.json.encode([entry for index, thought in enumerate(listed) for entry in entries(thought, index)])


def entries(thought: Thinking, index: int) -> list[dict[str, object]]:
    """Write one piece of reasoning: its text and what cannot be read are entries of their own with one index."""
    shared: dict[str, object] = {"format": _FORMATS.get(thought.origin, thought.origin) or "unknown", "index": index}
    if thought.id:
        shared = {"id": thought.id, **shared}
    written: list[dict[str, object]] = []
    if thought.text or thought.signature or not thought.encrypted:
        kind, member = ("reasoning.summary", "summary") if thought.is_summary else ("reasoning.text", "text")
        proof = {"signature": thought.signature} if thought.signature else {}
        written.append({"type": kind, member: thought.text, **proof, **shared})
    if thought.encrypted:
        written.append({"type": "reasoning.encrypted", "data": thought.encrypted, **shared})
    return written


def thoughts(told: Sequence[Detail], plain: str) -> list[Thinking]:
    """Read the reasoning of a message from its details and from the text beside them, which says the same."""
    joined: list[Thinking] = []
    last: Detail | None = None
    for detail in told:
        thought = detail.thinking()
        if last is not None and _is_more(last, detail):
            joined[-1] = _with(joined[-1], thought)
        else:
            joined.append(thought)
        last = detail
    if not plain or any(thought.text for thought in joined):
        return joined
    if len(joined) == 1:
        return [replace(joined[0], text=plain)]
    return [Thinking(text=plain), *joined]


def _is_more(last: Detail, detail: Detail) -> bool:
    """Whether a detail goes on with the one before it, as the pieces of a stream do."""
    if detail.index is None or last.index != detail.index:
        return False
    return not last.data and (detail.id is None or last.id == detail.id)


def _with(thought: Thinking, more: Thinking) -> Thinking:
    return replace(
        thought,
        text=thought.text + more.text,
        signature=thought.signature + more.signature,
        encrypted=thought.encrypted + more.encrypted,
        origin=thought.origin or more.origin,
        id=thought.id or more.id,
        is_summary=thought.is_summary or more.is_summary,
    )


def signed_calls(told: Sequence[Detail], calls: Sequence[ToolUse]) -> tuple[list[Detail], list[ToolUse]]:
    """Give calls of tools the proofs that are kept under their ids, as those of Gemini are; return the rest beside."""
    ids = {call.id for call in calls if call.id}
    proofs = {detail.id: detail for detail in told if detail.data and detail.id in ids}
    if not proofs:
        return list(told), list(calls)
    rest = [detail for detail in told if not (detail.data and detail.id in ids)]
    return rest, [_signed(call, proofs.get(call.id)) for call in calls]


def _signed(call: ToolUse, proof: Detail | None) -> ToolUse:
    if proof is None or call.signature:
        return call
    return replace(call, signature=proof.data or "", origin=origin_of(proof.format) or "google_gemini")


def signature_of(extra_content: bytes | Raw) -> str:
    """Read the proof that Google's compatible endpoint puts into `extra_content` of a call of a tool."""
    try:
        google = _EXTRA.decode(extra_content).get("google")
    except (msgspec.DecodeError, RecursionError):
        return ""
    return "" if google is None else google.thought_signature


def extra_content(signature: str) -> Raw:
    """Write such a proof."""
    return Raw(msgspec.json.encode({"google": {"thought_signature": signature}}))


class _Google(Struct):
    thought_signature: str = ""


_EXTRA = msgspec.json.Decoder(dict[str, _Google | None])
