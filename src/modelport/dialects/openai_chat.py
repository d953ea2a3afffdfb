"""OpenAI's Chat Completions, served and called: the same format on both sides, so bodies pass without being rebuilt.

Shapes: https://platform.openai.com/docs/api-reference/chat (read 2026-11-22).
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Raw

from modelport.catalogue.facts import Offer, Quirks
from modelport.core.credits import usd_json
from modelport.core.errors import InvalidBody
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
from modelport.dialects.chat_fields import IGNORED_FIELDS
from modelport.dialects.chat_request import parse
from modelport.dialects.chat_rewrite import as_system, with_prefix, with_reasoning_in, without_names
from modelport.dialects.wire import (
    JSON_HEADERS,
    STREAM_HEADERS,
    MalformedReply,
    NewIdentity,
    UpstreamFault,
    UpstreamRequest,
)
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage

__all__ = ["Reply", "cost_block", "decode", "encode", "fault", "meters", "parse", "said_bytes", "unable", "with_cost"]

PATH = "/chat/completions"

OWN_FIELDS = frozenset(
    {
        "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "temperature", "top_p", "n",
        "stop", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs",
        "response_format", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "user",
        "prediction", "reasoning_effort", "modalities", "audio", "metadata", "store", "service_tier", "verbosity",
        "web_search_options", "prompt_cache_key", "safety_identifier",
    }
)  # fmt: skip
"""Fields of the format itself; what else a provider takes is in its quirks."""

_BOUNDS = ("max_tokens", "max_completion_tokens")
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


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int = 0
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None


_REPLY = msgspec.json.Decoder(Reply)
_USAGE = msgspec.json.Decoder(_Usage)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


def encode(call: ChatCall, offer: Offer, output_bound: int | None = None) -> UpstreamRequest:
    """Write the call for a provider; `output_bound` lowers (or sets) the caller's bound on output tokens per choice."""
    quirks = offer.quirks
    rename, drop = quirks.rename, quirks.drop
    members = [b'{"model":' + msgspec.json.encode(offer.upstream)]
    dropped: list[str] = []
    names: set[str] = set()
    fields = call.fields if output_bound is None and not _both_bounds(call) else _bounded(call, output_bound)
    if quirks.clamp:
        fields = _clamped(fields, quirks.clamp)
    for name, raw in fields.items():
        if name in _REWRITTEN:
            value = _rewritten(name, raw, call, offer)
            if value is None:
                continue
            raw = value
        if name in drop or (name not in OWN_FIELDS and not _takes(quirks, name)):
            dropped.append(name)
            continue
        if rename:
            name = rename.get(name, name)
            if name in names:
                continue
            names.add(name)
        members.append((_KEYS.get(name) or _key(name)) + raw)
    if call.has_names and not quirks.message_names:
        dropped.append("messages.name")
    if call.is_streaming and quirks.stream_usage and "stream_options" not in fields:
        members.append(b'"stream_options":{"include_usage":true}')
    return UpstreamRequest(
        path=PATH,
        headers=STREAM_HEADERS if call.is_streaming else JSON_HEADERS,
        body=b",".join(members) + b"}",
        is_streaming=call.is_streaming,
        dropped=tuple(dropped),
    )


def unable(call: ChatCall, offer: Offer) -> InvalidBody | None:
    """Say what of a call an offer cannot do at all; None when it can do everything or leave out the rest."""
    quirks, provider = offer.quirks, offer.provider.name
    if call.choices > 1 and not quirks.choices:
        told = f"'n': {provider} gives one answer to a call; send 1, or several calls"
        return InvalidBody((told,), "n")
    if call.prefix_at is not None and not quirks.prefix:
        place = f"messages[{call.prefix_at}].prefix"
        return InvalidBody((f"'{place}': {provider} cannot continue a message of this model; leave it out",), place)
    return None


def _takes(quirks: Quirks, name: str) -> bool:
    """Whether a provider understands a field beyond the format itself."""
    return (name in quirks.accept or quirks.accept_unknown) and name not in IGNORED_FIELDS


def _clamped(fields: Mapping[str, bytes], clamp: Mapping[str, str]) -> Mapping[str, bytes]:
    """Lower what is above a provider's most."""
    above = {name: most.encode() for name, most in clamp.items() if name in fields and _is_above(fields[name], most)}
    return {**fields, **above} if above else fields


def _is_above(raw: bytes, most: str) -> bool:
    try:
        return Decimal(raw.decode()) > Decimal(most)
    except InvalidOperation:
        return False  # No number, in a field that nobody documented.


def _key(name: str) -> bytes:
    return msgspec.json.encode(name) + b":"


_KEYS = {name: _key(name) for name in OWN_FIELDS}
_REWRITTEN = frozenset({"messages", "stream_options"})


def _both_bounds(call: ChatCall) -> bool:
    return "max_tokens" in call.fields and "max_completion_tokens" in call.fields


def _bounded(call: ChatCall, output_bound: int | None) -> dict[str, bytes]:
    """Replace the caller's bound, whichever spelling it has, by the smaller one."""
    fields = dict(call.fields)
    spelled = [name for name in _BOUNDS if fields.pop(name, None) is not None]
    bounds = [bound for bound in (call.max_tokens, output_bound) if bound is not None]
    fields[spelled[0] if spelled else "max_tokens"] = b"%d" % min(bounds)
    return fields


def _rewritten(name: str, raw: bytes, call: ChatCall, offer: Offer) -> bytes | None:
    """Return what is sent for a field; None leaves it out because it would say nothing."""
    quirks = offer.quirks
    if name == "messages":
        if "developer" in call.roles and not quirks.developer_role:
            raw = as_system(raw)
        if call.has_names and not quirks.message_names:
            raw = without_names(raw)
        if call.has_reasoning and quirks.reasoning_field:
            raw = with_reasoning_in(raw, quirks.reasoning_field)
        return raw if call.prefix_at is None else with_prefix(raw, quirks.prefix)
    if name == "stream_options":
        if not call.is_streaming or not quirks.stream_usage:
            return None
        options = _OBJECT.decode(raw)
        return msgspec.json.encode({**options, "include_usage": Raw(b"true")})
    return raw


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
        return Usage(whole, "provider") if usage.prompt_tokens >= 0 and usage.completion_tokens >= 0 else None
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
    return Usage(found, "provider")


def said_bytes(choices: bytes) -> int:
    """Measure what a whole answer says, calls of tools included, as the base of a guess at its tokens."""
    return sum(len(said) for said in _SAID.findall(choices))


def cost_block(charged: int) -> bytes:
    """Print the cost as the contract's `meta.usage`."""
    return b'{"usage":{"credits_used":%d,"usd_spent":%b}}' % (charged, usd_json(charged))


def with_cost(
    body: bytes, reply: Reply, charged: int, *, reasoning_field: str = "", identity: NewIdentity = unnamed
) -> bytes:
    """Put `meta.usage` into a whole answer, leaving its other bytes as they came where they are as promised.

    Reasoning in `reasoning_field` is given as `reasoning_content` too, and a provider that does not name its answer
    has it named by `identity`.
    """
    meta = cost_block(charged)
    if b'"length"' in body and is_only_reasoning(bytes(reply.choices), _has_reasoned(bytes(reply.usage))):
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


def chunk_head(first: Mapping[str, Raw]) -> bytes:
    """Print the members that every chunk of a stream shares, from its first one."""
    shared = {name: first[name] for name in HEAD if name in first}
    return msgspec.json.encode({"object": "chat.completion.chunk", **shared})[:-1]
