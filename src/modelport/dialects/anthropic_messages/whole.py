"""Writing a whole answer for a caller of Messages."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from modelport.dialects.anthropic_messages.answer_out import Ids, blocks
from modelport.dialects.anthropic_messages.metering import whole_usage
from modelport.dialects.anthropic_messages.shapes import ANSWERED_TIERS, STOP_REASONS
from modelport.dialects.chat_answer import SPENT_ON_REASONING, cost_with_notice
from modelport.dialects.chat_body import cost_block
from modelport.dialects.wire import Ending, Identity
from modelport.operations.content import Part, Refusal, Thinking
from modelport.operations.reply import Choice, Finish, Reply


def whole(reply: Reply, ending: Ending, identity: Identity) -> bytes:
    """Write a whole answer with `meta.usage`; raises `MalformedReply` for what this format has no place for."""
    choice = reply.choices[0] if reply.choices else Choice(0, (), "stop")
    refusal = next((part.text for part in choice.parts if isinstance(part, Refusal)), None)
    content = blocks(choice.parts, Ids(identity.id), is_cut=choice.finish == "length")
    notice = ending.notice or notice_of(choice)
    return msgspec.json.encode(
        {
            "id": message_id(reply.id, identity),
            "type": "message",
            "role": "assistant",
            "model": reply.model or identity.model,
            "content": [Raw(block) for block in content],
            **stopping(choice.finish, choice.stop_sequence, refusal),
            "usage": whole_usage(ending.usage, ANSWERED_TIERS.get(reply.service_tier, "standard")),
            "meta": Raw(cost_with_notice(cost_block(ending.charged), notice)),
        }
    )


def message_id(own: str, identity: Identity) -> str:
    """Return the provider's id of an answer where it is one of a message, else ours."""
    return own if own.startswith("msg_") else f"msg_{identity.id}"


def stopping(finish: Finish, stop_sequence: str, refusal: str | None) -> dict[str, object]:
    """Write why an answer stopped."""
    reason = STOP_REASONS[finish]
    if stop_sequence and finish == "stop":
        reason = "stop_sequence"
    details: dict[str, object] | None = None
    if refusal is not None:
        reason = "refusal"
        details = {"type": "refusal", "category": None, "explanation": refusal or None}
    sequence = stop_sequence if reason == "stop_sequence" else None
    return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}


def notice_of(choice: Choice) -> str | None:
    """Say that an answer was cut off before it began, where all of its budget went into reasoning."""
    if choice.finish != "length" or not _is_only_thought(choice.parts):
        return None
    return SPENT_ON_REASONING


def _is_only_thought(parts: Iterable[Part]) -> bool:
    thought = [isinstance(part, Thinking) for part in parts]
    return bool(thought) and all(thought)
