"""Whole answers of OpenAI's chat format as bytes: what the gateway reads of them, and what it adds.

Shapes: https://platform.openai.com/docs/api-reference/chat (read 2026-11-22).
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from modelport.core.credits import usd_json
from modelport.dialects.chat_answer import (
    HEAD,
    SPENT_ON_REASONING,
    cost_with_notice,
    is_only_reasoning,
    merged,
    missing,
    unnamed,
    with_reasoning,
)
from modelport.dialects.told_cost import CostTold, nano_usd
from modelport.dialects.wire import MalformedReply, NewIdentity, UpstreamFault
from modelport.operations.usage import Usage

_RETRYABLE = frozenset({401, 403, 404, 408, 409, 425, 429})
_SAID = re.compile(
    rb'"(?:content|reasoning_content|reasoning|refusal|name|arguments)"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL
)


class Reply(msgspec.Struct):
    """The parts of a whole answer that the gateway reads."""

    choices: Raw
    id: Raw = Raw(b"")
    object: Raw = Raw(b"")
    created: Raw = Raw(b"")
    model: Raw = Raw(b"")
    usage: Raw = Raw(b"null")
    error: Raw = Raw(b"null")
    meta: Raw = Raw(b"")


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    audio_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class _Usage(CostTold):
    prompt_tokens: int
    completion_tokens: int = 0
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None


_REPLY = msgspec.json.Decoder(Reply)
_USAGE = msgspec.json.Decoder(_Usage)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


def decode(body: bytes) -> Reply:
    """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
    try:
        reply = _REPLY.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if (inner := error_inside(body)) is not None:
            raise inner from None
        raise MalformedReply("the provider's answer is not a chat completion") from None
    if bytes(reply.error) != b"null":
        raise UpstreamFault(200, f"200 {_shown(bytes(reply.error))}", retryable=True)
    if not bytes(reply.choices).startswith(b"["):
        raise MalformedReply("the provider's answer has no list of choices")
    return reply


def error_inside(body: bytes) -> UpstreamFault | None:
    """Return the fault of a body that is an error object although its status said success."""
    try:
        members = _OBJECT.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    error = bytes(members.get("error", Raw(b"null")))
    return None if error == b"null" else UpstreamFault(200, f"200 {_shown(error)}", retryable=True)


def meters(raw: bytes) -> Usage | None:
    """Split a `usage` object into disjoint meters whose sum is what was reported; None when there is none to trust."""
    try:
        usage = _USAGE.decode(raw)
    except msgspec.DecodeError:
        return None
    given, taken = usage.prompt_tokens_details, usage.completion_tokens_details
    if given is None and taken is None and usage.prompt_cache_hit_tokens is None:
        whole = {"input": usage.prompt_tokens, "output": usage.completion_tokens}
        return _reported(whole, usage) if usage.prompt_tokens >= 0 and usage.completion_tokens >= 0 else None
    cached = (given.cached_tokens if given else None) or usage.prompt_cache_hit_tokens or 0
    heard = (given.audio_tokens if given else None) or 0
    thought = (taken.reasoning_tokens if taken else None) or 0
    spoken = (taken.audio_tokens if taken else None) or 0
    answered = usage.completion_tokens
    if thought and usage.total_tokens == usage.prompt_tokens + answered + thought:
        answered += thought  # xAI counts reasoning beside the completion, everybody else inside it.
    read, said = usage.prompt_tokens - cached - heard, answered - thought - spoken
    if min(read, said, cached, heard, thought, spoken) < 0:
        return None
    found = {"input": read, "output": said}
    if cached or heard or thought or spoken:
        rare = {"cached_read": cached, "audio_input": heard, "reasoning": thought, "audio_output": spoken}
        found |= {meter: units for meter, units in rare.items() if units}
    return _reported(found, usage)


def _reported(found: dict[str, int], usage: _Usage) -> Usage:
    return Usage(found, "provider", nano_usd(usage))


def said_bytes(choices: bytes) -> int:
    """Measure what a whole answer says, calls of tools included, as the base of a guess at its tokens."""
    return sum(len(said) for said in _SAID.findall(choices))


def cost_block(charged: int) -> bytes:
    """Print the cost as the contract's `meta.usage`."""
    return b'{"usage":{"credits_used":%d,"usd_spent":%b}}' % (charged, usd_json(charged))


def with_cost(
    body: bytes,
    reply: Reply,
    charged: int,
    *,
    reasoning_field: str = "",
    identity: NewIdentity = unnamed,
    notice: str | None = None,
) -> bytes:
    """Put `meta.usage` into a whole answer, leaving its other bytes as they came where they are as promised.

    Reasoning in `reasoning_field` is given as `reasoning_content` too, and a provider that does not name its answer
    has it named by `identity`.
    """
    meta = cost_block(charged)
    if notice is not None:
        meta = cost_with_notice(meta, notice)
    elif b'"length"' in body and is_only_reasoning(bytes(reply.choices), _has_reasoned(bytes(reply.usage))):
        meta = cost_with_notice(meta, SPENT_ON_REASONING)
    changed: dict[str, Raw] = {}
    if not _UNSAID.isdisjoint((len(reply.id), len(reply.object), len(reply.created), len(reply.model))):
        changed = missing(_OBJECT.decode(body), "chat.completion", identity)
    if reasoning_field:
        changed["choices"] = Raw(with_reasoning(bytes(reply.choices), "message", reasoning_field))
    if changed or reply.meta:
        return merged(_OBJECT.decode(body), {**changed, "meta": Raw(meta)})
    end = body.rindex(b"}")
    return body[:end] + b',"meta":' + meta + b"}"


_UNSAID = frozenset({0, len(b"null")})
"""How long a member may be that says nothing; looked at before the member itself, which would cost every answer."""


def _has_reasoned(usage: bytes) -> bool:
    known = meters(usage)
    return known is not None and known.by_meter.get("reasoning", 0) > 0


def fault(status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
    """Say what went wrong from a refusal, and whether another offer is worth trying."""
    wait = int(retry_after) if retry_after is not None and retry_after.strip().isdigit() else None
    retryable = status >= 500 or status in _RETRYABLE
    return UpstreamFault(status, f"{status} {_shown(body)}", retryable=retryable, retry_after_s=wait)


def _shown(body: bytes, most: int = 2000) -> str:
    text = body.decode("utf-8", "replace").strip()
    return text if len(text) <= most else text[:most] + "…"


def reported(usage: Usage) -> bytes:
    """Print usage that no provider reported in the form of one that did."""
    prompt, completion = usage.input_tokens, usage.output_tokens
    return b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}' % (prompt, completion, prompt + completion)


def shown(usage: Usage) -> bytes:
    """Print usage of an answer that was translated, with what is known of its parts."""
    if usage.source != "provider":
        return reported(usage)
    used = usage.by_meter
    given = {"cached_tokens": used.get("cached_read", 0), "audio_tokens": used.get("audio_input", 0)}
    if written := used.get("cached_write", 0) + used.get("cached_write_1h", 0):
        given["cache_write_tokens"] = written
    if seen := used.get("image_input", 0):
        given["image_tokens"] = seen
    taken = {"reasoning_tokens": used.get("reasoning", 0), "audio_tokens": used.get("audio_output", 0)}
    details = msgspec.json.encode({"prompt_tokens_details": given, "completion_tokens_details": taken})
    return reported(usage)[:-1] + b"," + details[1:]


def chunk_head(first: Mapping[str, Raw]) -> bytes:
    """Print the members that every chunk of a stream shares, from its first one."""
    shared = {name: first[name] for name in HEAD if name in first}
    return msgspec.json.encode({"object": "chat.completion.chunk", **shared})[:-1]
