"""Reading a Responses request: top-level members as raw slices, documented ones checked.

Shapes: https://platform.openai.com/docs/api-reference/responses/create (read 2026-11-22).
"""

from collections.abc import Mapping
from typing import cast

from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_fields import fault
from modelport.dialects.chat_messages import NULL, decoded
from modelport.dialects.chat_request import MAX_FIELD_BYTES, MAX_FIELDS, members
from modelport.dialects.openai_responses.fields import CHECKS, GATEWAY_FIELDS, OPTION_FIELDS, WHOLE
from modelport.dialects.openai_responses.items_seen import Seen, look_over
from modelport.dialects.signatures import SEALED_MARK
from modelport.operations.chat import ChatCall

_READ = ("instructions", "tools", "text")
"""Fields beside the input that a model reads."""


def parse(body: bytes, model: str | None = None) -> ChatCall:
    """Read and validate a request; raises `InvalidBody` naming every field that does not fit."""
    given = members(body)
    if len(given) > MAX_FIELDS:
        raise InvalidBody((f"Expected at most {MAX_FIELDS} fields, received {len(given)}",))
    faults: list[str] = []
    named = _model(given, faults) if model is None else model
    fields, options, known = _checked(given, faults)
    seen = look_over(given.get("input"))
    faults.extend(seen.faults)
    faults.extend(_contradictions(known, fields, seen))
    if faults:
        raise InvalidBody(tuple(faults), faults[0].split("'")[1] if faults[0].startswith("'") else None)
    bound = known.get("max_output_tokens")
    return ChatCall(
        model=named,
        fields=fields,
        is_streaming=known.get("stream") is True,
        wants_usage=True,
        max_tokens=None if bound is None else int(cast(float, bound)),
        choices=1,
        text_bytes=text_bytes_of(seen, fields),
        attachments=seen.attachments,
        roles=roles_of(seen, fields),
        provider=_pin(known.get("provider")),
        messages=max(seen.items, 1),
        has_reasoning=seen.has_reasoning,
        dialect="openai_responses",
        is_mixed=SEALED_MARK in body or seen.must_be_read,
        options=options,
    )


def text_bytes_of(seen: Seen, fields: Mapping[str, bytes]) -> int:
    """Measure all that the model reads as text."""
    return seen.text_bytes + sum(len(fields[name]) for name in _READ if name in fields)


def roles_of(seen: Seen, fields: Mapping[str, bytes]) -> dict[str, int]:
    """Return each role that occurs; instructions are those of the system."""
    return {"system": 0, **seen.roles} if "instructions" in fields else seen.roles


def _pin(provider: object) -> str | None:
    return provider.lower() if isinstance(provider, str) and provider.lower() != "auto" else None


def _model(given: Mapping[str, Raw], faults: list[str]) -> str:
    raw = given.get("model")
    value: object = None if raw is None else decoded(raw)
    if isinstance(value, str) and value:
        return value
    faults.append("'model': Required" if value is None else fault("model", "string of at least 1 character", value))
    return ""


def _checked(
    given: Mapping[str, Raw], faults: list[str]
) -> tuple[dict[str, bytes], dict[str, bytes], dict[str, object]]:
    """Check each documented field; return the raw members to send on, those for the gateway, and decoded values."""
    fields: dict[str, bytes] = {}
    options: dict[str, bytes] = {}
    known: dict[str, object] = {}
    for name, raw in given.items():
        slice_ = bytes(raw)
        if slice_ == NULL or name == "model":
            continue
        if name in CHECKS:
            value = _fitting(name, slice_, faults)
            if value is None:
                continue
            known[name] = value
            if type(value) is float and name in WHOLE:
                slice_ = b"%d" % int(value)
        if name in OPTION_FIELDS:
            options[name] = slice_
        elif name not in GATEWAY_FIELDS:
            fields[name] = slice_
    if cast(float, known.get("top_p", 1)) < 0.01:
        fields["top_p"] = b"0.01"
    return fields, options, known


def _fitting(name: str, slice_: bytes, faults: list[str]) -> object:
    """Decode a documented field; None when it does not fit, which is then among the faults."""
    if len(slice_) > MAX_FIELD_BYTES:
        faults.append(f"'{name}': Expected at most {MAX_FIELD_BYTES} bytes, received {len(slice_)}")
        return None
    value = decoded(slice_)
    if value is not None and (wanted := CHECKS[name](value)):
        faults.append(fault(name, wanted, value))
        return None
    return value


def _contradictions(known: Mapping[str, object], fields: Mapping[str, bytes], seen: Seen) -> list[str]:
    found: list[str] = []
    if known.get("background") is True:
        found.append("'background': responses in the background are not part of this version; leave it out")
    if "input" not in fields and "prompt" not in fields and "previous_response_id" not in known and not seen.faults:
        found.append("'input': Required")
    if "conversation" in known and "previous_response_id" in known:
        found.append("'conversation': Expected either 'conversation' or 'previous_response_id', not both")
    return found
