"""The response object that callers are given: what it echoes of the call, and how it ends.

Shape: https://platform.openai.com/docs/api-reference/responses/object (read 2026-11-22).
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.chat_answer import cost_with_notice
from modelport.dialects.chat_body import cost_block
from modelport.dialects.wire import Identity
from modelport.operations.chat import ChatCall
from modelport.operations.reply import Finish

_ECHO: Mapping[str, bytes] = {
    "instructions": b"null",
    "max_output_tokens": b"null",
    "max_tool_calls": b"null",
    "metadata": b"{}",
    "parallel_tool_calls": b"true",
    "prompt_cache_key": b"null",
    "reasoning": b'{"effort":null,"summary":null}',
    "safety_identifier": b"null",
    "temperature": b"null",
    "text": b'{"format":{"type":"text"}}',
    "tool_choice": b'"auto"',
    "tools": b"[]",
    "top_logprobs": b"null",
    "top_p": b"null",
    "truncation": b'"disabled"',
    "user": b"null",
}
"""What of a call comes back with its answer, each with what is said where the caller said nothing."""
_REASONS: Mapping[Finish, bytes] = {
    "length": b'{"reason":"max_output_tokens"}',
    "content_filter": b'{"reason":"content_filter"}',
    "pause": b'{"reason":"pause_turn"}',
}
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class _Spoken(Struct):
    type: str = ""
    text: str = ""


class _Item(Struct):
    type: str = ""
    content: list[_Spoken] | None = None


_ITEM = msgspec.json.Decoder(_Item)


def response_id(identity: Identity) -> str:
    """Return the id by which a response is found again."""
    return f"resp_{identity.id}"


def base_of(call: ChatCall, identity: Identity) -> dict[str, Raw]:
    """Return the members that a response has from its beginning."""
    members = {
        "id": msgspec.json.encode(response_id(identity)),
        "object": b'"response"',
        "created_at": b"%d" % identity.created,
        "status": b'"in_progress"',
        "background": b"false",
        "error": b"null",
        "incomplete_details": b"null",
        "model": msgspec.json.encode(identity.model or call.model),
        "output": b"[]",
        "previous_response_id": call.options.get("previous_response_id", b"null"),
        "service_tier": call.fields.get("service_tier", b"null"),
        "store": call.options.get("store", b"false"),
        "usage": b"null",
        **{name: call.fields.get(name, otherwise) for name, otherwise in _ECHO.items()},
    }
    return {name: Raw(_in_one_line(value)) for name, value in members.items()}


def _in_one_line(raw: bytes) -> bytes:
    """Return JSON without the lines that its writer gave it, as an event must have it."""
    return msgspec.json.format(raw, indent=-1) if b"\n" in raw or b"\r" in raw else raw


def own_members(call: ChatCall, identity: Identity) -> dict[str, Raw]:
    """Return what replaces a provider's own words in a response that is relayed: it is stored here, not there."""
    return {
        "id": Raw(msgspec.json.encode(response_id(identity))),
        "previous_response_id": Raw(call.options.get("previous_response_id", b"null")),
        "store": Raw(call.options.get("store", b"false")),
    }


def ended(finish: Finish) -> dict[str, Raw]:
    """Return the members that say how a response ended."""
    reason = _REASONS.get(finish)
    status = b'"completed"' if reason is None else b'"incomplete"'
    return {"status": Raw(status), "incomplete_details": Raw(reason or b"null")}


def meta_of(charged: int, notice: str | None) -> Raw:
    """Print the cost of a response, and perhaps something worth knowing."""
    return Raw(cost_with_notice(cost_block(charged), notice))


def text_of(output: Sequence[Raw | bytes]) -> str:
    """Join all that the messages among some items say."""
    said: list[str] = []
    for raw in output:
        try:
            item = _ITEM.decode(raw)
        except msgspec.DecodeError:
            continue  # An item of another kind may have members of any type.
        if item.type == "message":
            said.extend(part.text for part in item.content or () if part.type == "output_text")
    return "".join(said)


class _ErrorBody(Struct):
    type: str | None = None
    message: str | None = None
    code: str | int | None = None
    param: str | None = None


class _Wrapped(Struct):
    error: _ErrorBody | str | None = None
    message: str | None = None


def error_event(error: bytes, number: int) -> bytes:
    """Write an error body as the last event of a stream: what SDKs look for at its top and inside stands in both."""
    told = _told(error)
    try:
        members = _OBJECT.decode(error)
    except msgspec.DecodeError:
        members = {}
    shown = {
        "type": "error",
        "code": None if told.code is None else str(told.code),
        "message": told.message or "the answer could not be completed",
        "param": told.param,
        "sequence_number": number,
    }
    inside = {"error": members.get("error", Raw(b'{"message":"the answer could not be completed"}'))}
    others = {name: value for name, value in members.items() if name not in shown}
    return msgspec.json.encode({**shown, **inside, **others})


def failure_of(error: bytes) -> Raw:
    """Write an error body as the `error` of a response that failed, in the few words that the format has for codes."""
    told = _told(error)
    code = {"rate_limit_error": "rate_limit_exceeded", "invalid_request_error": "invalid_prompt"}.get(told.type or "")
    message = told.message or "the answer could not be completed"
    return Raw(msgspec.json.encode({"code": code or "server_error", "message": message}))


def _told(error: bytes) -> _ErrorBody:
    try:
        wrapped = msgspec.json.decode(error, type=_Wrapped)
    except msgspec.DecodeError:
        return _ErrorBody()
    if isinstance(wrapped.error, _ErrorBody):
        return wrapped.error
    return _ErrorBody(message=wrapped.error or wrapped.message)
