"""OpenAI's Chat Completions, served and called: the same format on both sides, so bodies pass without being rebuilt.

Shapes: https://platform.openai.com/docs/api-reference/chat (read 2026-11-22).
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from modelport.catalogue.facts import Offer
from modelport.core.credits import usd_json
from modelport.dialects.chat_request import as_system, parse
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage

__all__ = ["Reply", "cost_block", "decode", "encode", "fault", "meters", "parse", "said_bytes", "with_cost"]

PATH = "/chat/completions"
JSON_HEADERS = ((b"content-type", b"application/json"), (b"accept", b"application/json"))
STREAM_HEADERS = ((b"content-type", b"application/json"), (b"accept", b"text/event-stream"))

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
    rename, drop, accept = quirks.rename, quirks.drop, quirks.accept
    members = [b'{"model":' + msgspec.json.encode(offer.upstream)]
    dropped: list[str] = []
    names: set[str] = set()
    fields = call.fields if output_bound is None and not _both_bounds(call) else _bounded(call, output_bound)
    for name, raw in fields.items():
        if name in _REWRITTEN:
            value = _rewritten(name, raw, call, offer)
            if value is None:
                continue
            raw = value
        if name in drop or not (name in OWN_FIELDS or name in accept or quirks.accept_unknown):
            dropped.append(name)
            continue
        if rename:
            name = rename.get(name, name)
            if name in names:
                continue
            names.add(name)
        members.append((_KEYS.get(name) or _key(name)) + raw)
    if call.is_streaming and quirks.stream_usage and "stream_options" not in fields:
        members.append(b'"stream_options":{"include_usage":true}')
    return UpstreamRequest(
        path=PATH,
        headers=STREAM_HEADERS if call.is_streaming else JSON_HEADERS,
        body=b",".join(members) + b"}",
        is_streaming=call.is_streaming,
        dropped=tuple(dropped),
    )


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
    if name == "messages" and "developer" in call.roles and not offer.quirks.developer_role:
        return as_system(raw)
    if name == "stream_options":
        if not call.is_streaming or not offer.quirks.stream_usage:
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
    found = {"input": usage.prompt_tokens - cached - heard, "output": answered - thought - spoken}
    found |= {"cached_read": cached, "audio_input": heard, "reasoning": thought, "audio_output": spoken}
    if min(found.values()) < 0:
        return None
    return Usage({meter: units for meter, units in found.items() if units or meter in ("input", "output")}, "provider")


def said_bytes(choices: bytes) -> int:
    """Measure what a whole answer says, calls of tools included, as the base of a guess at its tokens."""
    return sum(len(said) for said in _SAID.findall(choices))


def cost_block(charged: int) -> bytes:
    """Print the cost as the contract's `meta.usage`."""
    return b'{"usage":{"credits_used":%d,"usd_spent":%b}}' % (charged, usd_json(charged))


def with_cost(body: bytes, reply: Reply, charged: int) -> bytes:
    """Put `meta.usage` into a whole answer, leaving its other bytes as they came."""
    if reply.meta:
        return msgspec.json.encode({**_OBJECT.decode(body), "meta": Raw(cost_block(charged))})
    end = body.rindex(b"}")
    return body[:end] + b',"meta":' + cost_block(charged) + b"}"


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
    shared = {name: first[name] for name in ("id", "created", "model") if name in first}
    return msgspec.json.encode({"object": "chat.completion.chunk", **shared})[:-1]
