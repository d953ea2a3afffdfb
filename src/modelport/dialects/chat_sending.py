"""Writing chat requests in the form that a provider of OpenAI's chat format takes.

Shapes: https://platform.openai.com/docs/api-reference/chat (read 2026-11-22).
"""

from collections.abc import Mapping, Set
from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Raw

from modelport.catalogue.facts import Offer, Quirks
from modelport.dialects.chat_adapting import CONTROLS, adapted, must_stream
from modelport.dialects.chat_fields import IGNORED_FIELDS
from modelport.dialects.chat_rewrite import as_system, with_prefix, with_reasoning_in, without_names, without_reasoning
from modelport.dialects.chat_written import THINK_TAGS
from modelport.dialects.wire import JSON_HEADERS, STREAM_HEADERS, NotExpressible, Target, UpstreamRequest
from modelport.operations.chat import ChatCall

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

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_BOUNDS = ("max_tokens", "max_completion_tokens")


def encode(call: ChatCall, offer: Offer, output_bound: int | None = None) -> UpstreamRequest:
    """Write the call for a provider; `output_bound` lowers (or sets) the caller's bound on output tokens per choice."""
    fields = call.fields if output_bound is None and not _both_bounds(call) else _bounded(call, output_bound)
    quirks = offer.quirks
    if quirks.tool_schemas or not CONTROLS.isdisjoint(fields):
        changed = adapted(fields, quirks, offer.provider.name)
        own, drop = OWN_FIELDS | changed.granted, quirks.drop - changed.granted
        fields, dropped = changed.fields, changed.dropped
    else:
        own, drop, dropped = OWN_FIELDS, quirks.drop, []
    if quirks.clamp:
        fields = _clamped(fields, quirks.clamp)
    is_streaming = call.is_streaming
    if quirks.stream_only and not is_streaming and must_stream(fields, quirks):
        fields, is_streaming = {**fields, "stream": b"true"}, True
    members = [b'{"model":' + msgspec.json.encode(offer.upstream)]
    names = _members(call, offer, fields, own, drop, members, dropped)
    if call.has_names and not quirks.message_names:
        dropped.append("messages.name")
    if call.has_reasoning and "reasoning_content" in drop:
        dropped.append("messages.reasoning_content")
    if is_streaming and quirks.stream_usage and "stream_options" not in fields:
        members.append(b'"stream_options":{"include_usage":true}')
    if quirks.set:
        members.extend(_key(name) + value.encode() for name, value in quirks.set.items() if name not in names)
    return UpstreamRequest(
        path=PATH,
        headers=STREAM_HEADERS if is_streaming else JSON_HEADERS,
        body=b",".join(members) + b"}",
        is_streaming=is_streaming,
        dropped=tuple(dropped),
    )


def relay_request(call: ChatCall, target: Target) -> UpstreamRequest:
    """Write the call as it came; raises `NotExpressible` for what the offer cannot do at all."""
    if call.choices > 1 or call.prefix_at is not None:
        refuse_unable(call, target.offer)
    return encode(call, target.offer, target.output_bound)


def _members(
    call: ChatCall,
    offer: Offer,
    fields: Mapping[str, bytes],
    own: Set[str],
    drop: Set[str],
    members: list[bytes],
    dropped: list[str],
) -> set[str]:
    """Write each field that is taken under its provider's name; return these names."""
    quirks = offer.quirks
    rename = quirks.rename
    is_named = bool(rename or quirks.set)
    names: set[str] = set()
    for name, raw in fields.items():
        if name in _REWRITTEN:
            value = _rewritten(name, raw, call, offer)
            if value is None:
                continue
            raw = value
        if name in drop or (name not in own and not _takes(quirks, name)):
            dropped.append(name)
            continue
        if is_named:
            name = rename.get(name, name)
            if name in names:
                continue
            names.add(name)
        members.append((_KEYS.get(name) or _key(name)) + raw)
    return names


def unable(call: ChatCall, offer: Offer) -> NotExpressible | None:
    """Say what of a call an offer cannot do at all; None when it can do everything or leave out the rest."""
    quirks, provider = offer.quirks, offer.provider.name
    if call.choices > 1 and not quirks.choices:
        return NotExpressible("n", provider, "gives one answer to a call; send 1, or several calls")
    if call.prefix_at is not None and not quirks.prefix:
        place = f"messages[{call.prefix_at}].prefix"
        return NotExpressible(place, provider, "cannot continue a message of this model; leave it out")
    return None


def refuse_unable(call: ChatCall, offer: Offer) -> None:
    """Raise what `unable` says."""
    if (refusal := unable(call, offer)) is not None:
        raise refusal


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
        if call.has_reasoning:
            raw = _with_reasoning(raw, quirks)
        return raw if call.prefix_at is None else with_prefix(raw, quirks.prefix)
    if name == "stream_options":
        if not call.is_streaming or not quirks.stream_usage:
            return None
        options = _OBJECT.decode(raw)
        return msgspec.json.encode({**options, "include_usage": Raw(b"true")})
    return raw


def _with_reasoning(messages: bytes, quirks: Quirks) -> bytes:
    """Give reasoning that a caller brings back the provider's own name, or leave it out where it is refused."""
    if "reasoning_content" in quirks.drop:
        return without_reasoning(messages)
    if quirks.reasoning_field and quirks.reasoning_field != THINK_TAGS:
        return with_reasoning_in(messages, quirks.reasoning_field)
    return messages
