"""Sending a Messages call on to a provider of the same format: members pass as raw slices."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from modelport.catalogue.facts import Quirks
from modelport.dialects.anthropic_messages.betas import beta_header, has_betas
from modelport.dialects.anthropic_messages.conversation_in import read
from modelport.dialects.anthropic_messages.reasoning_out import adapted, lowered
from modelport.dialects.anthropic_messages.request_out import bound_of, encode, fitted
from modelport.dialects.anthropic_messages.shapes import (
    COUNT_PATH,
    COUNTED_FIELDS,
    NULL,
    OBJECT,
    OWN_FIELDS,
    PATH,
    headers_for,
    object_of,
)
from modelport.dialects.chat_fields import IGNORED_FIELDS
from modelport.dialects.wire import MalformedReply, Target, UpstreamRequest
from modelport.operations.chat import ChatCall


class _Count(msgspec.Struct):
    input_tokens: int


_COUNT = msgspec.json.Decoder(_Count)


def relay_request(call: ChatCall, target: Target) -> UpstreamRequest:
    """Write a call for a provider, with its model's name and the bound that this format requires.

    What the offer takes in another form is read and written anew.
    """
    dropped: list[str] = []
    quirks = target.offer.quirks
    if _must_be_rewritten(call, quirks):
        request = encode(read(call), target, is_streaming=call.is_streaming)
        return replace(request, headers=request.headers + beta_header(call, quirks))
    members = _members(call, target, dropped)
    body = object_of(fitted(members, quirks, dropped))
    headers = headers_for(call.is_streaming) + beta_header(call, quirks)
    return UpstreamRequest(PATH, headers, body, call.is_streaming, tuple(dropped))


def _members(call: ChatCall, target: Target, dropped: list[str]) -> dict[str, bytes]:
    quirks = target.offer.quirks
    bound = bound_of(target, call.max_tokens)
    members = {"model": msgspec.json.encode(target.offer.upstream), "max_tokens": b"%d" % bound}
    is_any_known = quirks.accept_unknown or has_betas(call)
    for name, raw in call.fields.items():
        is_known = is_any_known or name in OWN_FIELDS or name in quirks.accept
        if name == "output_format" and name not in quirks.accept:
            _configure_format(members, call.fields, raw)
        elif not is_known or name in IGNORED_FIELDS:
            if name != "normalize_tool_schemas":  # They are, where the offer needs it.
                dropped.append(name)
        elif name == "metadata":
            _put_user(members, raw, dropped)
        elif name == "thinking":
            _put_thinking(members, raw, bound, dropped)
        elif name not in members:
            members[name] = raw
    if quirks.reasoning == "adaptive" and "thinking" in members:
        _adapt(members, dropped)
    return members


def _must_be_rewritten(call: ChatCall, quirks: Quirks) -> bool:
    """Whether the offer takes the schemas of the call in another form than this format's own."""
    if quirks.tool_schemas and "tools" in call.fields:
        return True
    if not quirks.schema_as:
        return False
    return "output_format" in call.fields or "format" in OBJECT.decode(call.fields.get("output_config", b"{}"))


def _configure_format(members: dict[str, bytes], fields: Mapping[str, bytes], raw: bytes) -> None:
    """Put the older name of the answer's form where it is now."""
    known = OBJECT.decode(fields.get("output_config", b"{}"))
    members["output_config"] = msgspec.json.encode({**known, "format": Raw(raw)})


def _put_user(members: dict[str, bytes], raw: bytes, dropped: list[str]) -> None:
    """Put the one member of metadata that Anthropic takes."""
    told = OBJECT.decode(raw)
    if told.keys() <= {"user_id"}:
        members["metadata"] = raw
        return
    dropped.append("metadata")
    if bytes(user := told.get("user_id", Raw(NULL))) != NULL:
        members["metadata"] = msgspec.json.encode({"user_id": user})


def _put_thinking(members: dict[str, bytes], raw: bytes, bound: int, dropped: list[str]) -> None:
    """Put how much to think, below a bound that was lowered."""
    if NULL in raw:
        told = OBJECT.decode(raw)
        raw = object_of({name: bytes(value) for name, value in told.items() if bytes(value) != NULL})
    thinking = lowered(raw, bound)
    if thinking is None:
        dropped.append("thinking")
        return
    members["thinking"] = thinking
    if thinking != raw:
        dropped.append("thinking.budget_tokens")


def _adapt(members: dict[str, bytes], dropped: list[str]) -> None:
    """Put an effort where a budget was asked for that the model does not take, unless an effort was asked for, too."""
    thinking, effort = adapted(members["thinking"])
    if thinking == members["thinking"]:
        return
    members["thinking"] = thinking
    if effort:
        told = {"effort": effort, **OBJECT.decode(members.get("output_config", b"{}"))}
        members["output_config"] = msgspec.json.encode(told)
        if "thinking.budget_tokens" not in dropped:
            dropped.append("thinking.budget_tokens")


def count_request(call: ChatCall, target: Target) -> UpstreamRequest:
    """Ask a provider of this format how many tokens go in; fields that have no bearing on it are left out."""
    free, quirks = Target(target.offer, target.model), target.offer.quirks
    if call.is_mixed or _must_be_rewritten(call, quirks):
        written = OBJECT.decode(encode(read(call), free, is_streaming=False).body)
        members = {name: bytes(raw) for name, raw in written.items()}
    else:
        members = fitted(_members(call, free, []), quirks, [])
    headers = headers_for(False) + beta_header(call, quirks)
    is_new = has_betas(call)
    kept = {
        name: raw
        for name, raw in members.items()
        if name == "model" or name in COUNTED_FIELDS or (is_new and name not in OWN_FIELDS)
    }
    return UpstreamRequest(COUNT_PATH, headers, object_of(kept), is_streaming=False)


def counted(body: bytes) -> int:
    """Read the count; raises `MalformedReply`."""
    try:
        count = _COUNT.decode(body).input_tokens
    except (msgspec.DecodeError, RecursionError):
        count = -1
    if count < 0:
        raise MalformedReply("the provider's answer is not a count of tokens")
    return count
