"""Whole answers of Messages: read into the canonical form, and refusals told from failures."""

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages.blocks_in import part_of
from modelport.dialects.anthropic_messages.metering import meters
from modelport.dialects.anthropic_messages.shapes import (
    FINISHES,
    NULL,
    OBJECT,
    RAW_LIST,
    TIERS_IN,
    shown,
)
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.reply import Choice, Finish, Reply

_RETRYABLE = frozenset({401, 403, 404, 408, 409, 425, 429})
_OUT_OF_CREDIT = b"credit balance is too low"
"""Anthropic refuses with 400 when our own account is empty; another offer may do.

https://github.com/anthropics/claude-code/issues/66314 (read 2026-11-22).
"""
SHAPE = "the provider's answer is not a message"


class Body(msgspec.Struct):
    """The parts of a whole answer that the gateway reads."""

    content: Raw
    type: str = ""
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Raw = Raw(NULL)
    meta: Raw = Raw(b"")


class _Tier(msgspec.Struct):
    service_tier: str | None = None


_BODY = msgspec.json.Decoder(Body)
_TIER = msgspec.json.Decoder(_Tier)


def body_of(body: bytes) -> Body:
    """Read the outline of a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error in a success."""
    try:
        read = _BODY.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if (inner := error_inside(body)) is not None:
            raise inner from None
        raise MalformedReply(SHAPE) from None
    if read.type == "error":
        raise UpstreamFault(200, f"200 {shown(body)}", retryable=True)
    if not bytes(read.content).startswith(b"["):
        raise MalformedReply("the provider's answer has no list of content")
    return read


def error_inside(body: bytes) -> UpstreamFault | None:
    """Return the fault of a body that is an error although its status said success."""
    try:
        members = OBJECT.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    error = bytes(members.get("error", Raw(NULL)))
    return None if error == NULL else UpstreamFault(200, f"200 {shown(error)}", retryable=True)


def decode(body: bytes) -> Reply:
    """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
    read = body_of(body)
    try:
        parts = tuple(part_of(block) for block in RAW_LIST.decode(read.content))
    except (msgspec.DecodeError, RecursionError, InvalidBody):
        raise MalformedReply("a block of the provider's answer is not what it says it is") from None
    choice = Choice(0, parts, finish_of(read.stop_reason), read.stop_sequence or "")
    return Reply((choice,), meters(read.usage), read.id, read.model, service_tier=tier_of(read.usage))


def finish_of(reason: str | None) -> Finish:
    """Read why it ended; a reason that is not known yet is an ordinary end."""
    return FINISHES.get(reason or "", "stop")


def tier_of(usage: bytes | Raw) -> str:
    """Read the tier of service from `usage`."""
    try:
        tier = _TIER.decode(usage).service_tier or ""
    except msgspec.DecodeError:
        return ""
    return TIERS_IN.get(tier, tier)


def fault(status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
    """Say what went wrong from a refusal, and whether another offer is worth trying."""
    wait = int(retry_after) if retry_after is not None and retry_after.strip().isdigit() else None
    retryable = status >= 500 or status in _RETRYABLE or _OUT_OF_CREDIT in body
    return UpstreamFault(status, f"{status} {shown(body)}", retryable=retryable, retry_after_s=wait)
