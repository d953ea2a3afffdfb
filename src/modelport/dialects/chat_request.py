"""Reading a chat request in OpenAI's form: top-level members as raw slices, and of each message only its head."""

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_fields import CHECKS, GATEWAY_FIELDS, fault
from modelport.operations.chat import ChatCall

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
PARTS = ("text", "image_url", "file", "input_audio", "video_url", "refusal", "image", "document", "tool_use")
"""Content parts that can be sent on; each carries a member of its own name, but for the last three."""
_SELF_NAMED = frozenset(PARTS[:6])
_OTHER_PARTS = frozenset((*PARTS[6:], "tool_result", "thinking", "redacted_thinking", "video"))
MAX_FIELDS = 1000
MAX_FIELD_BYTES = 4 * 1024 * 1024
"""Of every documented field but the messages: all of it is decoded to check it."""
MAX_MESSAGES = 50_000
"""Messages of one call, and content parts of one message; each is looked at while all other calls wait."""
MAX_FAULTS = 20
"""What is wrong after so many lines is not looked for."""
_ABSENT = Raw(b"")
_NULL = b"null"


class _Message(msgspec.Struct):
    role: str | None = None
    content: Raw = _ABSENT
    tool_call_id: Raw = _ABSENT
    tool_calls: Raw = _ABSENT
    function_call: Raw = _ABSENT
    refusal: Raw = _ABSENT
    audio: Raw = _ABSENT
    name: Raw = _ABSENT


class _Part(msgspec.Struct):
    type: str
    text: Raw = _ABSENT
    image_url: Raw = _ABSENT
    file: Raw = _ABSENT
    input_audio: Raw = _ABSENT
    video_url: Raw = _ABSENT
    refusal: Raw = _ABSENT


_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_MESSAGES = msgspec.json.Decoder(list[_Message])
_PARTS = msgspec.json.Decoder(list[_Part])
_RAW_LIST = msgspec.json.Decoder(list[Raw])


def members(body: bytes) -> dict[str, Raw]:
    """Split a JSON object into its top-level members; raises `InvalidBody` saying what is wrong with it."""
    try:
        if not body.isascii():
            body.decode()
        return _MEMBERS.decode(body)
    except UnicodeDecodeError as error:
        raise InvalidBody((f"Expected UTF-8, received an invalid byte at position {error.start}",)) from None
    except msgspec.ValidationError:
        raise InvalidBody(("Expected a JSON object at the top of the body",)) from None
    except msgspec.DecodeError as error:
        raise InvalidBody((f"Expected JSON: {error}",)) from None
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None


def parse(body: bytes) -> ChatCall:
    """Read and validate a chat request; raises `InvalidBody` naming every field that does not fit."""
    given = members(body)
    if len(given) > MAX_FIELDS:
        raise InvalidBody((f"Expected at most {MAX_FIELDS} fields, received {len(given)}",))
    faults: list[str] = []
    model = _model(given, faults)
    fields, known = _checked(given, faults)
    roles, text_bytes, attachments = _conversation(given.get("messages"), fields, faults)
    if not _PAIRED.isdisjoint(known):
        faults.extend(_contradictions(known))
    if faults:
        raise InvalidBody(tuple(faults), _param(faults[0]))
    options = known.get("stream_options")
    return ChatCall(
        model=model,
        fields=fields,
        is_streaming=known.get("stream") is True,
        wants_usage=not isinstance(options, dict) or cast(dict[str, object], options).get("include_usage") is not False,
        max_tokens=_bound(known),
        choices=_whole(known.get("n", 1)),
        text_bytes=text_bytes + len(fields.get("tools", b"")),
        attachments=attachments,
        roles=roles,
        provider=_pin(known.get("provider")),
    )


def _whole(value: object) -> int:
    return int(cast(float, value))


def _bound(known: Mapping[str, object]) -> int | None:
    old, new = known.get("max_tokens"), known.get("max_completion_tokens")
    if old is None:
        return None if new is None else _whole(new)
    return _whole(old) if new is None else min(_whole(old), _whole(new))


def _pin(provider: object) -> str | None:
    return provider.lower() if isinstance(provider, str) and provider.lower() != "auto" else None


def _param(line: str) -> str | None:
    return line.split("'")[1] if line.startswith("'") else None


def _model(given: Mapping[str, Raw], faults: list[str]) -> str:
    raw = given.get("model")
    value: object = None if raw is None else _decoded(raw)
    if isinstance(value, str) and value:
        return value
    faults.append("'model': Required" if value is None else fault("model", "string of at least 1 character", value))
    return ""


def _decoded(raw: bytes | Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:  # what a raw slice lets through: numbers that no machine holds
        raise InvalidBody((f"Expected JSON: {error}",)) from None
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None


def _checked(given: Mapping[str, Raw], faults: list[str]) -> tuple[dict[str, bytes], dict[str, object]]:
    """Check each documented field; return the raw members to send on, and the decoded values of documented ones."""
    fields: dict[str, bytes] = {}
    known: dict[str, object] = {}
    for name, raw in given.items():
        if name == "messages" or name == "model":
            continue
        check = CHECKS.get(name)
        slice_ = bytes(raw)
        if check is not None:
            if len(slice_) > MAX_FIELD_BYTES:
                faults.append(f"'{name[:100]}': Expected at most {MAX_FIELD_BYTES} bytes, received {len(slice_)}")
                continue
            value = _decoded(slice_)
            if value is None:
                continue
            if wanted := check(value):
                faults.append(fault(name, wanted, value))
                continue
            known[name] = value
            if type(value) is float and name in _WHOLE:
                slice_ = b"%d" % int(value)
        if name not in GATEWAY_FIELDS:
            fields[name] = slice_
    if not _ODD.isdisjoint(known):
        _settle_oddities(fields, known)
    return fields, known


_WHOLE = frozenset({"max_tokens", "max_completion_tokens", "n", "seed", "top_logprobs", "thinking_budget"})
_ODD = frozenset({"seed", "top_p", "stop_sequences"})


def _settle_oddities(fields: dict[str, bytes], known: Mapping[str, object]) -> None:
    """Bring values that mean something else than they say into the form that every provider reads alike."""
    if known.get("seed") == 0:
        del fields["seed"]  # OpenAI's own clients send 0 for "unset".
    if cast(float, known.get("top_p", 1)) < 0.01:
        fields["top_p"] = b"0.01"
    if "stop_sequences" in fields:
        fields.setdefault("stop", fields.pop("stop_sequences"))


_PAIRED = frozenset({"top_logprobs", "thinking_budget", "modalities"})


def _contradictions(known: Mapping[str, object]) -> Iterable[str]:
    if known.get("top_logprobs") is not None and known.get("logprobs") is not True:
        yield "'top_logprobs': Expected 'logprobs' to be true beside it"
    if known.get("thinking_budget") is not None and known.get("enable_thinking") is not True:
        yield "'thinking_budget': Expected 'enable_thinking' to be true beside it"
    if "audio" in cast(list[str], known.get("modalities") or []) and known.get("audio") is None:
        yield "'audio': Required when 'modalities' asks for audio"


def _messages(raw: Raw | None, faults: list[str]) -> list[_Message]:
    if raw is None or bytes(raw) == _NULL:
        faults.append("'messages': Required")
        return []
    try:
        messages = _MESSAGES.decode(raw)
    except msgspec.ValidationError as error:
        faults.append(_told(error))
        return []
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None
    if not messages:
        faults.append("'messages': Expected array of at least 1 message, received an empty array")
    if len(messages) > MAX_MESSAGES:
        faults.append(f"'messages': Expected at most {MAX_MESSAGES} messages, received {len(messages)}")
        return []
    return messages


def _conversation(raw: Raw | None, fields: dict[str, bytes], faults: list[str]) -> tuple[dict[str, int], int, int]:
    """Check the messages; return roles with their first index, bytes of text, and the number of attachments."""
    roles: dict[str, int] = {}
    messages = _messages(raw, faults)
    if not messages or raw is None:
        return roles, 0, 0
    size = len(bytes(raw))
    attachments = 0
    without_role: list[int] = []
    for index, message in enumerate(messages):
        if message.role is None and message.content is not _ABSENT:
            message.role = "user"
            without_role.append(index)
        found, attached = _message(f"messages[{index}]", message, faults)
        attachments += found
        size -= attached
        if message.role is not None:
            roles.setdefault(message.role, index)
        if len(faults) >= MAX_FAULTS:
            break
    fields["messages"] = _with_role(raw, without_role) if without_role and not faults else bytes(raw)
    if "system" in fields and not faults:
        fields["messages"] = _with_system(fields.pop("system"), fields["messages"])
        roles.setdefault("system", 0)
    return roles, size, attachments


def _told(error: msgspec.ValidationError) -> str:
    """Turn msgspec's words into a line of ours: "Expected `str`, got `int` - at `$[0].role`"."""
    what, _, where = str(error).partition(" - at `$")
    place = "messages" + where.rstrip("`")
    return f"'{place}': {what.replace('`', '').replace('got', 'received')}"


def _message(place: str, message: _Message, faults: list[str]) -> tuple[int, int]:
    """Check one message; return how many parts are attachments, and their size in bytes."""
    if message.role not in ROLES:
        expected = "one of " + ", ".join(f"'{role}'" for role in ROLES)
        faults.append(fault(f"{place}.role", expected, message.role))
        return 0, 0
    if message.role == "tool" and message.tool_call_id is _ABSENT:
        faults.append(f"'{place}.tool_call_id': Required for a message of role 'tool'")
    content = bytes(message.content)
    if content in (b"", _NULL):
        if message.role != "assistant":
            faults.append(f"'{place}.content': Required for a message of role '{message.role}'")
        return 0, 0
    if content.startswith(b'"'):
        return 0, 0
    if content.startswith(b"["):
        return _parts(place, message.content, faults)
    faults.append(fault(f"{place}.content", "string or array of parts", _decoded(message.content)))
    return 0, 0


def _part_list(place: str, content: Raw, faults: list[str]) -> list[_Part]:
    try:
        parts = _PARTS.decode(content)
    except msgspec.ValidationError as error:
        faults.append(_told(error).replace("'messages", f"'{place}.content", 1))
        return []
    if not parts:
        faults.append(f"'{place}.content': Expected at least 1 part, received an empty array")
    if len(parts) > MAX_MESSAGES:
        faults.append(f"'{place}.content': Expected at most {MAX_MESSAGES} parts, received {len(parts)}")
        return []
    return parts


def _parts(place: str, content: Raw, faults: list[str]) -> tuple[int, int]:
    """Check the parts of one message; return how many are attachments, and their size in bytes."""
    attachments = size = 0
    for index, part in enumerate(_part_list(place, content, faults)):
        if len(faults) >= MAX_FAULTS:
            break
        where = f"{place}.content[{index}]"
        if part.type not in _SELF_NAMED:
            if part.type not in _OTHER_PARTS:
                expected = "one of " + ", ".join(f"'{name}'" for name in PARTS)
                faults.append(fault(f"{where}.type", expected, part.type))
            continue
        inner = cast(Raw, getattr(part, part.type))
        if inner is _ABSENT:
            faults.append(f"'{where}.{part.type}': Required for a part of type '{part.type}'")
        elif part.type in ("text", "refusal"):
            if not bytes(inner).startswith(b'"'):
                faults.append(fault(f"{where}.{part.type}", "string", _decoded(inner)))
        else:
            _attachment(where, part.type, inner, faults)
            attachments += 1
            size += len(bytes(inner))
    return attachments, size


_LOCATIONS = {"image_url": ("url",), "video_url": ("url",), "input_audio": ("data",), "file": ("file_data", "file_id")}


def _attachment(where: str, kind: str, inner: Raw, faults: list[str]) -> None:
    """Check that an attachment says where its bytes are."""
    names = _LOCATIONS[kind]
    value = _decoded(inner)
    place = cast(dict[str, object], value) if isinstance(value, dict) else {}
    if not any(isinstance(place.get(name), str) and place[name] for name in names):
        wanted = " or ".join(f"'{name}'" for name in names)
        faults.append(f"'{where}.{kind}': Expected object with {wanted}")


def _with_role(raw: Raw, without_role: list[int]) -> bytes:
    """Write `user` into messages that came without a role."""
    messages = _RAW_LIST.decode(raw)
    for index in without_role:
        head = _MEMBERS.decode(messages[index])
        head.pop("role", None)
        messages[index] = Raw(msgspec.json.encode({"role": Raw(b'"user"'), **head}))
    return msgspec.json.encode(messages)


def _with_system(system: bytes, messages: bytes) -> bytes:
    """Put the Anthropic-style `system` field in front of the conversation."""
    rest = _RAW_LIST.decode(messages)
    first = Raw(b'{"role":"system","content":' + system + b"}")
    return msgspec.json.encode([first, *rest])


def as_system(messages: bytes) -> bytes:
    """Rewrite role `developer` to `system`, for providers that know only the latter."""
    rewritten = _RAW_LIST.decode(messages)
    for index, raw in enumerate(rewritten):
        head = _MEMBERS.decode(raw)
        if bytes(head.get("role", _ABSENT)) == b'"developer"':
            head["role"] = Raw(b'"system"')
            rewritten[index] = Raw(msgspec.json.encode(head))
    return msgspec.json.encode(rewritten)
