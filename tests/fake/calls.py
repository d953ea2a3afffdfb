"""A call on its way through the fake: what came, and what it is answered with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.fake.asked import Asked
from tests.fake.completions import Completion, complete
from tests.fake.faults import Fault, parse_fault
from tests.fake.form import Form, Reply
from tests.fake.memory import Memory
from tests.fake.misbehaviour import pace_with
from tests.fake.models import Pace, is_made_up, pace_of
from tests.fake.vendor import Refusal, Vendor, phrase

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one path of one vendor."""

    vendor: Vendor
    path: str
    """Below the vendor's prefix."""
    query: str
    headers: Mapping[str, str]
    raw: bytes
    extra_models: frozenset[str]
    memory: Memory
    number: int
    pace: Pace

    def knows(self, model: str) -> bool:
        """Whether the vendor has a model; faults and made-up models are everywhere."""
        return knows(self.vendor, model, self.extra_models)


@dataclass(frozen=True, slots=True)
class Ready:
    """A call that is answered: how, with which fault, and whether it counts as served."""

    reply: Reply
    fault: Fault | None
    counts: bool = True


def knows(vendor: Vendor, model: str, extra_models: frozenset[str]) -> bool:
    """Whether a vendor has a model; faults and made-up models are everywhere."""
    name = model.removeprefix("models/") if vendor.id in {"google", "gemini"} else model
    return vendor.has(name) or name in extra_models or is_made_up(name) or parse_fault(name) is not None


def json_body(raw: bytes) -> Any:
    """Decode a body; None when it is no JSON object."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def without_nulls(body: Body) -> dict[str, Any]:
    """The members of an object that have a value."""
    return {name: value for name, value in body.items() if value is not None}


def answered(call: Call, form: Form, asked: Asked, *, is_streaming: bool, wants_usage: bool = True) -> Ready:
    """Answer what is asked."""
    fault = parse_fault(asked.model)
    pace = pace_with(fault, pace_of(asked.model, call.pace))
    completion = complete(asked, call.number, pace)
    return told(call, form, completion, is_streaming=is_streaming, wants_usage=wants_usage)


def told(
    call: Call,
    form: Form,
    completion: Completion,
    *,
    is_streaming: bool = False,
    wants_usage: bool = True,
    counts: bool = True,
) -> Ready:
    """Give an answer the pace and the fault that its model asks for."""
    fault = parse_fault(completion.model)
    pace = pace_with(fault, pace_of(completion.model, call.pace))
    return Ready(Reply(call.vendor, form, completion, is_streaming, wants_usage, pace), fault, counts)


def check_key(vendor: Vendor, headers: Mapping[str, str]) -> Refusal | None:
    """Return why a request is not let in, if it is not."""
    key = headers.get(vendor.key_header, "") if vendor.key_header != "authorization" else ""
    if not key and vendor.id != "gemini":
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme and scheme.lower() != "bearer":
            return _key_refusal(vendor, "wrong_key", key=key[:4] + "***")
    if not key.strip():
        return _key_refusal(vendor, "no_key") if vendor.needs_key else None
    if not key.strip().startswith("sk-fake"):
        return _key_refusal(vendor, "wrong_key", key=key[:4] + "***")
    return None


def _key_refusal(vendor: Vendor, kind: str, **values: object) -> Refusal:
    status = vendor.statuses.get(kind, 401)
    return Refusal(status, phrase(vendor, kind, **values), code="invalid_api_key")


def check_content_type(headers: Mapping[str, str]) -> Refusal | None:
    """Return the refusal of a body that does not say that it is JSON."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return None
    return Refusal(400, f"Unsupported content type: '{kind}'. Use application/json.", code="unsupported_content_type")
