"""Reading the messages of a chat request: of each only its head is decoded, its text stays a raw slice."""

import re
from dataclasses import dataclass, field
from typing import TypeVar, cast

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_fields import fault, one_of
from modelport.dialects.chat_rewrite import with_system, with_user_role, with_video_urls

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
PARTS = ("text", "image_url", "file", "input_audio", "video_url", "refusal", "image", "document", "tool_use")
"""Content parts that can be sent on; each carries a member of its own name, but for the last three."""
_SELF_NAMED = frozenset(PARTS[:6])
_OTHER_PARTS = frozenset((*PARTS[6:], "tool_result", "thinking", "redacted_thinking"))
MAX_MESSAGES = 50_000
"""Messages of one call, and content parts of one message; each is looked at while all other calls wait."""
MESSAGE_BYTES = 12
"""What a message counts for beside its text: its role and the marks around it, about four tokens."""
MAX_FAULTS = 20
"""What is wrong after so many lines is not looked for."""
ABSENT = Raw(b"")
NULL = b"null"


class _Message(msgspec.Struct):
    role: str | None = None
    content: Raw = ABSENT
    tool_call_id: Raw = ABSENT
    tool_calls: Raw = ABSENT
    function_call: Raw = ABSENT
    reasoning_content: Raw = ABSENT
    reasoning_details: Raw = ABSENT
    name: Raw = ABSENT
    prefix: Raw = ABSENT


class _Part(msgspec.Struct):
    type: str
    text: Raw = ABSENT
    image_url: Raw = ABSENT
    file: Raw = ABSENT
    input_audio: Raw = ABSENT
    video_url: Raw = ABSENT
    refusal: Raw = ABSENT
    video: Raw = ABSENT


_MESSAGES = msgspec.json.Decoder(list[_Message])
_PARTS = msgspec.json.Decoder(list[_Part])
T = TypeVar("T")


@dataclass(slots=True)
class Conversation:
    """What the messages of a call are, gathered while they are checked."""

    faults: list[str]
    roles: dict[str, int] = field(default_factory=dict[str, int])
    """Each role that occurs, with the index of its first message."""
    messages: int = 0
    text_bytes: int = 0
    attachments: int = 0
    has_names: bool = False
    has_reasoning: bool = False
    prefix_at: int | None = None
    is_mixed: bool = False
    """Whether some message speaks the words of another format."""
    without_role: list[int] = field(default_factory=list[int])
    with_video: list[int] = field(default_factory=list[int])


def read(raw: Raw | None, fields: dict[str, bytes], faults: list[str]) -> Conversation:
    """Check the messages and write them, in the form of the dialect, into `fields`."""
    told = Conversation(faults)
    messages = listed(raw, _MESSAGES, faults)
    if not messages or raw is None:
        return told
    told.messages = len(messages)
    for index, message in enumerate(messages):
        if message.role is None and message.content is not ABSENT:
            message.role = "user"
            told.without_role.append(index)
        _message(told, index, message)
        if len(faults) >= MAX_FAULTS:
            break
    if not faults:
        fields["messages"] = _written(raw, told)
        if "system" in fields:
            _put_system_first(told, fields)
    return told


def _written(raw: Raw, told: Conversation) -> bytes:
    if not told.without_role and not told.with_video:
        return bytes(raw)
    written = with_user_role(raw, told.without_role) if told.without_role else bytes(raw)
    return with_video_urls(written, told.with_video) if told.with_video else written


def _put_system_first(told: Conversation, fields: dict[str, bytes]) -> None:
    system = fields.pop("system")
    fields["messages"] = with_system(system, fields["messages"])
    told.messages += 1
    told.text_bytes += len(system)
    told.roles.setdefault("system", 0)


def listed(raw: Raw | None, decoder: msgspec.json.Decoder[list[T]], faults: list[str]) -> list[T]:
    """Split messages, whatever of each is decoded; what is wrong with the list is added to `faults`."""
    if raw is None or bytes(raw) == NULL:
        faults.append("'messages': Required")
        return []
    try:
        messages = decoder.decode(raw)
    except msgspec.ValidationError as error:
        faults.append(told_at("messages", error))
        return []
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None
    except msgspec.DecodeError as error:
        raise InvalidBody((unreadable(bytes(raw), error),)) from None
    if not messages:
        faults.append("'messages': Expected array of at least 1 message, received an empty array")
    if len(messages) > MAX_MESSAGES:
        faults.append(f"'messages': Expected at most {MAX_MESSAGES} messages, received {len(messages)}")
        return []
    return messages


_KINDS = {"str": "string", "int": "number", "float": "number", "bool": "boolean"}


def told_at(place: str, error: msgspec.ValidationError) -> str:
    """Turn msgspec's words into a line of ours: "Expected `str`, got `int` - at `$[0].role`"."""
    what, _, where = str(error).partition(" - at `$")
    place += where.rstrip("`")
    words = what.split("`")
    if what.startswith("Expected `") and len(words) == 5:
        wanted, found = (_KINDS.get(word, word) for word in (words[1].removesuffix(" | null"), words[3]))
        return f"'{place}': Expected {wanted}, received {found}"
    return f"'{place}.{words[1]}': Required" if "missing" in what else f"'{place}': {what.replace('`', '')}"


_HALF = re.compile(rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")
"""One half of a surrogate pair without the other."""


def unreadable(raw: bytes, error: msgspec.DecodeError) -> str:
    """Say why JSON cannot be read; half a character is the one fault that looks like none."""
    if _HALF.search(raw) is not None:
        return r"Expected text in Unicode, received half of a surrogate pair (\ud800 to \udfff)"
    return f"Expected JSON: {error}"


def decoded(raw: bytes | Raw) -> object:
    """Decode a raw slice; raises `InvalidBody` for what such a slice may still hide."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:  # numbers that no machine holds, halves of characters
        raise InvalidBody((unreadable(bytes(raw), error),)) from None
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None


def _message(told: Conversation, index: int, message: _Message) -> None:
    """Check one message and count what it says."""
    faults, role = told.faults, message.role
    if role not in ROLES:
        expected = "one of " + ", ".join(f"'{known}'" for known in ROLES)
        faults.append(fault(f"messages[{index}].role", expected, role))
        return
    told.roles.setdefault(role, index)
    told.text_bytes += MESSAGE_BYTES
    if role != "user" and role != "system":
        _turn(told, index, message)
    if message.name is not ABSENT:
        _name(told, index, message)
    if message.prefix is not ABSENT:
        _prefix(told, index, message)
    content = bytes(message.content)
    if content.startswith(b'"'):
        told.text_bytes += len(content) - 2
    elif content in (b"", NULL):
        if role != "assistant":
            faults.append(f"'messages[{index}].content': Required for a message of role '{role}'")
    elif content.startswith(b"["):
        _parts(told, index, message.content)
    else:
        faults.append(fault(f"messages[{index}].content", "string or array of parts", decoded(message.content)))


def _turn(told: Conversation, index: int, message: _Message) -> None:
    """Check and count what only the turns of assistants and tools have."""
    if message.role == "tool" and message.tool_call_id is ABSENT:
        told.faults.append(f"'messages[{index}].tool_call_id': Required for a message of role 'tool'")
    if message.role == "function" and bytes(message.name) in (b"", NULL):
        told.faults.append(f"'messages[{index}].name': Required for a message of role 'function'")
    if message.reasoning_content is not ABSENT:
        told.has_reasoning = True
    if message.reasoning_details is not ABSENT:
        told.is_mixed = True
    for said in (message.tool_calls, message.function_call, message.reasoning_content, message.reasoning_details):
        told.text_bytes += len(bytes(said))


def _name(told: Conversation, index: int, message: _Message) -> None:
    name = bytes(message.name)
    if name.startswith(b'"'):
        told.has_names = told.has_names or message.role != "function"
    elif name != NULL:
        told.faults.append(fault(f"messages[{index}].name", "string", decoded(message.name)))


def _prefix(told: Conversation, index: int, message: _Message) -> None:
    """Note that the answer is to continue a message, which must be the assistant's and the last."""
    asked = bytes(message.prefix)
    place = f"messages[{index}].prefix"
    if asked not in (b"true", b"false", NULL):
        told.faults.append(fault(place, "boolean", decoded(message.prefix)))
    elif asked != b"true":
        return
    elif message.role == "assistant" and index == told.messages - 1:
        told.prefix_at = index
    else:
        told.faults.append(f"'{place}': Expected only on a final message of role 'assistant'")


def _part_list(place: str, content: Raw, faults: list[str]) -> list[_Part]:
    try:
        parts = _PARTS.decode(content)
    except msgspec.ValidationError as error:
        faults.append(told_at(place, error))
        return []
    except msgspec.DecodeError as error:
        raise InvalidBody((unreadable(bytes(content), error),)) from None
    if not parts:
        faults.append(f"'{place}': Expected at least 1 part, received an empty array")
    if len(parts) > MAX_MESSAGES:
        faults.append(f"'{place}': Expected at most {MAX_MESSAGES} parts, received {len(parts)}")
        return []
    return parts


def _parts(told: Conversation, index: int, content: Raw) -> None:
    """Check the parts of one message and count them: text by its bytes, all other kinds by number."""
    place = f"messages[{index}].content"
    has_others = False
    attached = said = 0
    for number, part in enumerate(_part_list(place, content, told.faults)):
        if len(told.faults) >= MAX_FAULTS:
            break
        where = f"{place}[{number}]"
        if part.type == "video":
            _alias_video(told, index, part)
        if part.type not in _SELF_NAMED:
            has_others = True
            if part.type not in _OTHER_PARTS:
                expected = "one of " + ", ".join(f"'{name}'" for name in PARTS)
                told.faults.append(fault(f"{where}.type", expected, part.type))
            continue
        inner = cast(Raw, getattr(part, part.type))
        if inner is ABSENT:
            told.faults.append(f"'{where}.{part.type}': Required for a part of type '{part.type}'")
        elif part.type in ("text", "refusal"):
            said += len(bytes(inner)) - 2
            if not bytes(inner).startswith(b'"'):
                told.faults.append(fault(f"{where}.{part.type}", "string", decoded(inner)))
        else:
            _attachment(where, part.type, inner, told.faults)
            told.attachments += 1
            attached += len(bytes(inner))
    told.is_mixed = told.is_mixed or has_others
    # Parts of other formats are not taken apart: all of them that is no attachment counts as text.
    told.text_bytes += len(bytes(content)) - attached if has_others else said


def _alias_video(told: Conversation, index: int, part: _Part) -> None:
    """Read a part of type `video` as the `video_url` that was meant."""
    part.type = "video_url"
    if part.video_url is ABSENT:
        part.video_url = part.video
    if bytes(part.video_url).startswith(b'"'):
        part.video_url = Raw(b'{"url":' + bytes(part.video_url) + b"}")
    if index not in told.with_video[-1:]:
        told.with_video.append(index)


_LOCATIONS = {"image_url": ("url",), "video_url": ("url",), "input_audio": ("data",), "file": ("file_data", "file_id")}
_DETAIL = one_of("low", "high", "auto")


def _attachment(where: str, kind: str, inner: Raw, faults: list[str]) -> None:
    """Check that an attachment says where its bytes are."""
    names = _LOCATIONS[kind]
    value = decoded(inner)
    place = cast(dict[str, object], value) if isinstance(value, dict) else {}
    if not any(isinstance(place.get(name), str) and place[name] for name in names):
        wanted = " or ".join(f"'{name}'" for name in names)
        faults.append(f"'{where}.{kind}': Expected object with {wanted}")
    detail = place.get("detail") if kind == "image_url" else None
    if detail is not None and (wanted := _DETAIL(detail)):
        faults.append(fault(f"{where}.{kind}.detail", wanted, detail))
