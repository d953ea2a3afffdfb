"""Looking over the input of a call: each item's head is checked and measured, its text stays a raw slice."""

from dataclasses import dataclass, field
from typing import cast

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_fields import fault
from modelport.dialects.chat_messages import ABSENT, MAX_FAULTS, MAX_MESSAGES, MESSAGE_BYTES, NULL, decoded, unreadable

ROLES = ("user", "assistant", "system", "developer")
TEXT_PARTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
PARTS = ("input_text", "input_image", "input_file", "input_audio", "output_text", "refusal")
_LOCATIONS = {
    "input_image": ("image_url", "file_id"),
    "input_file": ("file_data", "file_url", "file_id"),
    "input_audio": ("input_audio",),
}
_REQUIRED = {
    "function_call": ("call_id", "name", "arguments"),
    "custom_tool_call": ("call_id", "name", "input"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call_output": ("call_id", "output"),
    "item_reference": ("id",),
}
_TEXT_LIKE = frozenset({"function_call", "custom_tool_call"})


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: Raw = ABSENT
    call_id: Raw = ABSENT
    name: Raw = ABSENT
    arguments: Raw = ABSENT
    input: Raw = ABSENT
    output: Raw = ABSENT
    id: Raw = ABSENT
    encrypted_content: Raw = ABSENT


class _Part(msgspec.Struct):
    type: str
    text: Raw = ABSENT
    refusal: Raw = ABSENT
    image_url: Raw = ABSENT
    file_id: Raw = ABSENT
    file_data: Raw = ABSENT
    file_url: Raw = ABSENT
    input_audio: Raw = ABSENT


_ITEMS = msgspec.json.Decoder(list[_Item])
_PARTS = msgspec.json.Decoder(list[_Part])


@dataclass(slots=True)
class Seen:
    """What the input of a call is, gathered while it is checked."""

    faults: list[str] = field(default_factory=list[str])
    roles: dict[str, int] = field(default_factory=dict[str, int])
    """Each role that occurs, with the index of its first item."""
    items: int = 0
    text_bytes: int = 0
    attachments: int = 0
    has_reasoning: bool = False
    has_bare_reasoning: bool = False
    """Whether some reasoning comes back without the opaque content that a provider of this format wants with it."""
    has_references: bool = False

    @property
    def must_be_read(self) -> bool:
        """Whether some item cannot be sent on as it is: its provider would look for it among what it stored."""
        return self.has_bare_reasoning or self.has_references


def look_over(raw: Raw | bytes | None) -> Seen:
    """Check and measure an input; what is wrong with it is in `faults`."""
    seen = Seen()
    given = b"" if raw is None else bytes(raw)
    if given in (b"", NULL):
        return seen
    if given.startswith(b'"'):
        decoded(given)
        seen.items, seen.text_bytes = 1, len(given) - 2 + MESSAGE_BYTES
        seen.roles["user"] = 0
        return seen
    if not given.startswith(b"["):
        seen.faults.append(fault("input", "string or array of items", decoded(given)))
        return seen
    for index, item in enumerate(_items(given, seen)):
        _item(seen, index, item)
        if len(seen.faults) >= MAX_FAULTS:
            break
    return seen


def _items(given: bytes, seen: Seen) -> list[_Item]:
    try:
        items = _ITEMS.decode(given)
    except msgspec.ValidationError as error:
        seen.faults.append(f"'input': {str(error).replace('`', '')}")
        return []
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None
    except msgspec.DecodeError as error:
        raise InvalidBody((unreadable(given, error),)) from None
    if not items:
        seen.faults.append("'input': Expected array of at least 1 item, received an empty array")
    if len(items) > MAX_MESSAGES:
        seen.faults.append(f"'input': Expected at most {MAX_MESSAGES} items, received {len(items)}")
        return []
    seen.items = len(items)
    return items


def kind_of(kind: str | None, *, has_role: bool, has_id: bool) -> str | None:
    """Name the kind of an item that may not say it: messages and references may leave it out."""
    if kind is not None:
        return kind
    if has_role:
        return "message"
    return "item_reference" if has_id else None


def _item(seen: Seen, index: int, item: _Item) -> None:
    place = f"input[{index}]"
    kind = kind_of(item.type, has_role=item.role is not None, has_id=item.id is not ABSENT)
    seen.text_bytes += MESSAGE_BYTES
    if kind is None:
        seen.faults.append(f"'{place}.type': Required")
    elif kind == "message":
        _message(seen, index, item)
    elif kind == "reasoning":
        seen.has_reasoning = True
        seen.has_bare_reasoning = seen.has_bare_reasoning or bytes(item.encrypted_content) in (b"", NULL)
        seen.text_bytes += len(bytes(item.content))
    else:
        _tool_item(seen, place, kind, item)


def _tool_item(seen: Seen, place: str, kind: str, item: _Item) -> None:
    """Check and count calls of tools and what they gave back; items of tools at the provider are only measured."""
    for name in _REQUIRED.get(kind, ()):
        value = bytes(cast(Raw, getattr(item, name)))
        if value in (b"", NULL):
            seen.faults.append(f"'{place}.{name}': Required for an item of type '{kind}'")
        elif name != "output" and not value.startswith(b'"'):
            seen.faults.append(fault(f"{place}.{name}", "string", decoded(value)))
    seen.has_references = seen.has_references or kind == "item_reference"
    if kind in _TEXT_LIKE:
        seen.roles.setdefault("assistant", int(place[6:-1]))
    for said in (item.name, item.arguments, item.input):
        seen.text_bytes += len(bytes(said))
    if kind in ("function_call_output", "custom_tool_call_output"):
        seen.roles.setdefault("tool", int(place[6:-1]))
        _content(seen, f"{place}.output", item.output)
    else:
        seen.text_bytes += len(bytes(item.output))


def _message(seen: Seen, index: int, item: _Item) -> None:
    place = f"input[{index}]"
    if item.role not in ROLES:
        expected = "one of " + ", ".join(f"'{known}'" for known in ROLES)
        told = fault(f"{place}.role", expected, item.role) if item.role is not None else f"'{place}.role': Required"
        seen.faults.append(told)
        return
    seen.roles.setdefault(item.role, index)
    if bytes(item.content) in (b"", NULL):
        seen.faults.append(f"'{place}.content': Required for a message of role '{item.role}'")
        return
    _content(seen, f"{place}.content", item.content)


def _content(seen: Seen, place: str, content: Raw) -> None:
    """Check what is said: a string, or parts."""
    given = bytes(content)
    if given.startswith(b'"'):
        seen.text_bytes += len(given) - 2
    elif given.startswith(b"["):
        _parts(seen, place, content)
    elif given not in (b"", NULL):
        seen.faults.append(fault(place, "string or array of parts", decoded(given)))


def _parts(seen: Seen, place: str, content: Raw) -> None:
    try:
        parts = _PARTS.decode(content)
    except msgspec.ValidationError as error:
        seen.faults.append(f"'{place}': {str(error).replace('`', '')}")
        return
    except msgspec.DecodeError as error:
        raise InvalidBody((unreadable(bytes(content), error),)) from None
    if len(parts) > MAX_MESSAGES:
        seen.faults.append(f"'{place}': Expected at most {MAX_MESSAGES} parts, received {len(parts)}")
        return
    for number, part in enumerate(parts):
        if len(seen.faults) >= MAX_FAULTS:
            break
        _part(seen, f"{place}[{number}]", part)


def _part(seen: Seen, where: str, part: _Part) -> None:
    if part.type in TEXT_PARTS or part.type == "refusal":
        name = "refusal" if part.type == "refusal" else "text"
        said = bytes(part.refusal if name == "refusal" else part.text)
        seen.text_bytes += max(len(said) - 2, 0)
        if not said.startswith(b'"'):
            told = fault(f"{where}.{name}", "string", decoded(said)) if said else f"'{where}.{name}': Required"
            seen.faults.append(told)
        return
    names = _LOCATIONS.get(part.type)
    if names is None:
        expected = "one of " + ", ".join(f"'{name}'" for name in PARTS)
        seen.faults.append(fault(f"{where}.type", expected, part.type))
        return
    seen.attachments += 1
    if all(bytes(cast(Raw, getattr(part, name))) in (b"", NULL, b'""') for name in names):
        wanted = " or ".join(f"'{name}'" for name in names)
        seen.faults.append(f"'{where}': Expected {wanted} in a part of type '{part.type}'")
