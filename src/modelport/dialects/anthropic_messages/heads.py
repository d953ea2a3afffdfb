"""Reading the messages of a Messages request: of each only its head and sizes, its text stays a raw slice."""

from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages.fields import CACHE
from modelport.dialects.anthropic_messages.shapes import ABSENT, NULL
from modelport.dialects.chat_fields import fault
from modelport.dialects.chat_messages import (
    MAX_FAULTS,
    MAX_MESSAGES,
    MESSAGE_BYTES,
    decoded,
    listed,
    told_at,
    unreadable,
)

ROLES = ("user", "assistant", "system")
"""`system` in the middle is newer than the top-level field; older models refuse it."""


class _Message(msgspec.Struct):
    role: str | None = None
    content: Raw = ABSENT


class _Block(msgspec.Struct):
    type: str
    text: Raw = ABSENT
    source: Raw = ABSENT
    content: Raw = ABSENT
    tool_use_id: Raw = ABSENT
    id: Raw = ABSENT
    name: Raw = ABSENT
    input: Raw = ABSENT
    thinking: Raw = ABSENT
    data: Raw = ABSENT
    signature: Raw = ABSENT
    cache_control: Raw = ABSENT


class _Source(msgspec.Struct):
    type: Raw = ABSENT
    data: Raw = ABSENT
    media_type: Raw = ABSENT
    url: Raw = ABSENT
    file_id: Raw = ABSENT
    content: Raw = ABSENT


_MESSAGES = msgspec.json.Decoder(list[_Message])
_BLOCKS = msgspec.json.Decoder(list[_Block])
_SOURCE = msgspec.json.Decoder(_Source)
_STRING = b'"'
_OBJECT = b"{"
_REQUIRED: dict[str, tuple[tuple[str, bytes], ...]] = {
    "text": (("text", _STRING),),
    "image": (("source", _OBJECT),),
    "document": (("source", _OBJECT),),
    "tool_use": (("id", _STRING), ("name", _STRING), ("input", _OBJECT)),
    "tool_result": (("tool_use_id", _STRING),),
    "thinking": (("thinking", _STRING),),
    "redacted_thinking": (("data", _STRING),),
    "search_result": (("source", _STRING), ("content", b"[")),
}
"""The members that blocks of each kind must have, and how their JSON begins."""
_SOURCES: dict[bytes, tuple[str, ...]] = {
    b'"base64"': ("media_type", "data"),
    b'"url"': ("url",),
    b'"file"': ("file_id",),
    b'"text"': ("data",),
}
"""The strings that sources of each kind must have."""
_KIND_OF = {
    "image": (b'"base64"', b'"url"', b'"file"'),
    "document": (b'"base64"', b'"text"', b'"url"', b'"content"', b'"file"'),
}
_MARKS = frozenset({b"", NULL, b'{"type":"ephemeral"}', b'{"type": "ephemeral"}'})
"""Marks of the cache that need no closer look."""
_UNSIGNED = (b"", NULL, b'""')
_KINDS = {_STRING: "string", _OBJECT: "object", b"[": "array"}


@dataclass(slots=True)
class Heads:
    """What the messages of a call are, gathered while they are checked."""

    faults: list[str]
    roles: dict[str, int] = field(default_factory=dict[str, int])
    messages: int = 0
    text_bytes: int = 0
    attachments: int = 0
    has_reasoning: bool = False
    has_unsigned: bool = False
    """Whether reasoning came without its signature, which other formats' providers give none of."""


def heads(raw: Raw | None, faults: list[str]) -> Heads:
    """Check the messages and measure them."""
    told = Heads(faults)
    messages = listed(raw, _MESSAGES, faults)
    told.messages = len(messages)
    for index, message in enumerate(messages):
        _message(told, index, message)
        if len(faults) >= MAX_FAULTS:
            break
    return told


def _message(told: Heads, index: int, message: _Message) -> None:
    role = message.role
    if role not in ROLES:
        expected = "one of " + ", ".join(f"'{known}'" for known in ROLES)
        told.faults.append(fault(f"messages[{index}].role", expected, role))
        return
    told.roles.setdefault(role, index)
    told.text_bytes += MESSAGE_BYTES
    content, place = bytes(message.content), f"messages[{index}].content"
    if content.startswith(_STRING):
        told.text_bytes += len(content) - 2
    elif content.startswith(b"["):
        _blocks(told, place, message.content)
    elif content in (b"", NULL):
        told.faults.append(f"'{place}': Required for a message of role '{role}'")
    else:
        told.faults.append(fault(place, "string or array of blocks", decoded(message.content)))


def _blocks(told: Heads, place: str, content: Raw) -> None:
    """Check the blocks of one message or result and measure them: text by its bytes, attachments by number."""
    attached = 0
    for number, block in enumerate(_block_list(told, place, content)):
        if len(told.faults) >= MAX_FAULTS:
            break
        where = f"{place}[{number}]"
        for name, begins in _REQUIRED.get(block.type, ()):
            _member(told, where, block.type, name, begins, bytes(getattr(block, name)))
        if bytes(block.cache_control) not in _MARKS:
            _mark(told, where, block.cache_control)
        if block.type in ("image", "document"):
            attached += _attachment(told, where, block)
        elif block.type == "tool_result":
            attached += _result(told, f"{where}.content", block.content)
        elif block.type in ("thinking", "redacted_thinking"):
            told.has_reasoning = True
            is_unsigned = block.type == "thinking" and bytes(block.signature) in _UNSIGNED
            told.has_unsigned = told.has_unsigned or is_unsigned
    told.text_bytes += len(bytes(content)) - attached


def _result(told: Heads, place: str, content: Raw) -> int:
    """Check what a tool returned and measure blocks of it; return how much of it has been measured."""
    raw = bytes(content)
    if raw.startswith(b"["):
        _blocks(told, place, content)
        return len(raw)
    if raw not in (b"", NULL) and not raw.startswith(_STRING):
        told.faults.append(fault(place, "string or array of blocks", decoded(raw)))
    return 0


def _block_list(told: Heads, place: str, content: Raw) -> list[_Block]:
    try:
        blocks = _BLOCKS.decode(content)
    except msgspec.ValidationError as error:
        told.faults.append(told_at(place, error))
        return []
    except msgspec.DecodeError as error:
        raise InvalidBody((unreadable(bytes(content), error),)) from None
    if len(blocks) > MAX_MESSAGES:
        told.faults.append(f"'{place}': Expected at most {MAX_MESSAGES} blocks, received {len(blocks)}")
        return []
    return blocks


def _member(told: Heads, where: str, kind: str, name: str, begins: bytes, raw: bytes) -> None:
    if raw in (b"", NULL):
        told.faults.append(f"'{where}.{name}': Required for a block of type '{kind}'")
    elif not raw.startswith(begins):
        told.faults.append(fault(f"{where}.{name}", _KINDS[begins], decoded(raw)))


def _mark(told: Heads, where: str, raw: Raw) -> None:
    value = decoded(raw)
    wrong = CACHE(value)
    if wrong is not None:
        told.faults.append(fault(f"{where}.cache_control", wrong, value))


def _attachment(told: Heads, where: str, block: _Block) -> int:
    """Check the source of an image or a file, and return how many bytes of it are no text to a model."""
    try:
        source = _SOURCE.decode(block.source)
    except msgspec.DecodeError:
        return 0  # Reported as a member that does not fit.
    kind = bytes(source.type)
    if kind not in _KIND_OF[block.type]:
        expected = "one of " + ", ".join(known.decode().replace('"', "'") for known in _KIND_OF[block.type])
        told.faults.append(fault(f"{where}.source.type", expected, decoded(kind or NULL)))
        return 0
    for name in _SOURCES.get(kind, ()):
        _source_member(told, f"{where}.source.{name}", kind, bytes(getattr(source, name)))
    if kind in (b'"text"', b'"content"'):
        return 0
    told.attachments += 1
    return len(bytes(block.source))


def _source_member(told: Heads, place: str, kind: bytes, raw: bytes) -> None:
    if raw in (b"", NULL):
        told.faults.append(f"'{place}': Required for a source of type '{kind[1:-1].decode()}'")
    elif not raw.startswith(_STRING):
        told.faults.append(fault(place, "string", decoded(raw)))
