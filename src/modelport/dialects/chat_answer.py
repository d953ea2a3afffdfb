"""Bringing answers into the form that callers are promised, where a provider's differs from it."""

import re
from collections.abc import Mapping
from typing import cast

import msgspec
from msgspec import Raw

from modelport.dialects.wire import Identity, NewIdentity

SPENT_ON_REASONING = (
    "The whole budget of output tokens went into reasoning, so there is no answer: raise max_tokens or lower the effort"
)
HEAD = ("id", "created", "model")
"""What all chunks of a stream share, beside `object`."""
THINKS = re.compile(rb'"(?:reasoning_content|reasoning)"\s*:\s*"[^"]')
SPEAKS = re.compile(rb'"(?:content|refusal|arguments)"\s*:\s*"[^"]')
CUT = re.compile(rb'"finish_reason"\s*:\s*"length"')
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[dict[str, Raw]])
_ABSENT = (b"", b"null")


def unnamed() -> Identity:
    """Name an answer for which nobody has a better name."""
    return Identity("0", 0, "")


def missing(members: Mapping[str, Raw], kind: str, identity: NewIdentity) -> dict[str, Raw]:
    """Return what an answer lacks of `object`, `id`, `created` and `model`; empty for nearly all providers."""
    lacking = [name for name in (*HEAD, "object") if bytes(members.get(name, Raw(b""))) in _ABSENT]
    if not lacking:
        return {}
    name = identity()
    named = {"id": f"chatcmpl-{name.id}", "created": name.created, "model": name.model, "object": kind}
    return {name: Raw(msgspec.json.encode(named[name])) for name in lacking}


def with_reasoning(choices: bytes, part: str, field: str) -> bytes:
    """Give each message or delta `reasoning_content` from the member in which a provider puts it, which stays."""
    try:
        listed = _LIST.decode(choices)
        for choice in listed:
            said = _OBJECT.decode(choice.get(part, Raw(b"{}")))
            thought = bytes(said.get(field, Raw(b"")))
            if thought not in _ABSENT and bytes(said.get("reasoning_content", Raw(b""))) in _ABSENT:
                said["reasoning_content"] = Raw(thought)
                choice[part] = Raw(msgspec.json.encode(said))
    except msgspec.DecodeError:
        return choices  # A form that nobody knows passes as it came, as it does elsewhere.
    return msgspec.json.encode(listed)


def is_only_reasoning(choices: bytes, reasoned: bool) -> bool:
    """Whether a whole answer was cut off before it began, after `reasoned` or visible thought."""
    if CUT.search(choices) is None or SPEAKS.search(choices) is not None:
        return False
    return reasoned or THINKS.search(choices) is not None


def cost_with_notice(cost: bytes, notice: str | None) -> bytes:
    """Print the `meta` of an answer: its cost and perhaps something worth knowing."""
    return cost if notice is None else cost[:-1] + b',"notice":' + msgspec.json.encode(notice) + b"}"


def merged(members: Mapping[str, Raw], changed: Mapping[str, Raw]) -> bytes:
    """Write an object with some members replaced or added."""
    return msgspec.json.encode({**cast(dict[str, Raw], members), **changed})
