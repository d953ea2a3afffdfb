"""Rewriting the messages of a chat call: only where something rare is asked for, since each is taken apart."""

from collections.abc import Callable, Collection

import msgspec
from msgspec import Raw

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_RAW_LIST = msgspec.json.Decoder(list[Raw])
_ABSENT = Raw(b"")
_Message = dict[str, Raw]
_Rewrite = Callable[[_Message], _Message | None]
"""Returns the new message, or None when it stays as it is."""


def _rewritten(messages: bytes | Raw, rewrite: _Rewrite, only: Collection[int] | None = None) -> bytes:
    listed = _RAW_LIST.decode(messages)
    for index in range(len(listed)) if only is None else only:
        changed = rewrite(_MEMBERS.decode(listed[index]))
        if changed is not None:
            listed[index] = Raw(msgspec.json.encode(changed))
    return msgspec.json.encode(listed)


def with_user_role(messages: bytes | Raw, only: Collection[int]) -> bytes:
    """Write `user` into messages that came without a role."""
    return _rewritten(messages, lambda message: {"role": Raw(b'"user"'), **_without(message, "role")}, only)


def with_system(system: bytes, messages: bytes) -> bytes:
    """Put the Anthropic-style `system` field in front of the conversation."""
    first = Raw(b'{"role":"system","content":' + system + b"}")
    return msgspec.json.encode([first, *_RAW_LIST.decode(messages)])


def as_system(messages: bytes) -> bytes:
    """Rewrite role `developer` to `system`, for providers that know only the latter."""

    def rewrite(message: _Message) -> _Message | None:
        is_developer = bytes(message.get("role", _ABSENT)) == b'"developer"'
        return {**message, "role": Raw(b'"system"')} if is_developer else None

    return _rewritten(messages, rewrite)


def without_names(messages: bytes) -> bytes:
    """Leave out the `name` of messages, but for those of functions, which are nothing without."""

    def rewrite(message: _Message) -> _Message | None:
        is_function = bytes(message.get("role", _ABSENT)) == b'"function"'
        return None if is_function or "name" not in message else _without(message, "name")

    return _rewritten(messages, rewrite)


def with_reasoning_in(messages: bytes, field: str) -> bytes:
    """Give reasoning that a caller brings back its provider's own name; Groq, for one, refuses any other."""

    def rewrite(message: _Message) -> _Message | None:
        if "reasoning_content" not in message:
            return None
        return {field: message["reasoning_content"], **_without(message, "reasoning_content")}

    return _rewritten(messages, rewrite)


def with_prefix(messages: bytes, member: str) -> bytes:
    """Mark the final message, which carries `prefix: true`, as the beginning of the answer in a provider's own form."""

    def rewrite(message: _Message) -> _Message | None:
        return None if member == "prefix" else {**_without(message, "prefix"), member: Raw(b"true")}

    return _rewritten(messages, rewrite, (len(_RAW_LIST.decode(messages)) - 1,))


def with_video_urls(messages: bytes | Raw, only: Collection[int]) -> bytes:
    """Turn parts of type `video`, which nobody documents, into `video_url`."""

    def rewrite(message: _Message) -> _Message:
        parts = [_video(part) for part in _RAW_LIST.decode(message["content"])]
        return {**message, "content": Raw(msgspec.json.encode(parts))}

    return _rewritten(messages, rewrite, only)


def _video(raw: Raw) -> Raw:
    part = _MEMBERS.decode(raw)
    if bytes(part.get("type", _ABSENT)) != b'"video"':
        return raw
    given = part.get("video_url") or part["video"]
    url = Raw(b'{"url":' + bytes(given) + b"}") if bytes(given).startswith(b'"') else given
    rest = {name: value for name, value in part.items() if name not in ("type", "video", "video_url")}
    return Raw(msgspec.json.encode({"type": Raw(b'"video_url"'), "video_url": url, **rest}))


def _without(message: _Message, name: str) -> _Message:
    return {member: value for member, value in message.items() if member != name}


def without_reasoning(messages: bytes) -> bytes:
    """Leave out the reasoning that a caller brings back, for providers that refuse it."""

    def rewrite(message: _Message) -> _Message | None:
        return _without(message, "reasoning_content") if "reasoning_content" in message else None

    return _rewritten(messages, rewrite)


def with_instruction(messages: bytes, instruction: str) -> bytes:
    """Add a sentence to the system message in front, or put one there."""
    listed = _RAW_LIST.decode(messages)
    first = _MEMBERS.decode(listed[0])
    content = bytes(first.get("content", _ABSENT))
    if bytes(first.get("role", _ABSENT)) not in (b'"system"', b'"developer"') or content in (b"", b"null"):
        message = {"role": "system", "content": instruction}
        return msgspec.json.encode([Raw(msgspec.json.encode(message)), *listed])
    if content.startswith(b'"'):
        added = msgspec.json.encode(msgspec.json.decode(content, type=str) + "\n\n" + instruction)
    else:
        part = Raw(msgspec.json.encode({"type": "text", "text": instruction}))
        added = msgspec.json.encode([*_RAW_LIST.decode(content), part])
    listed[0] = Raw(msgspec.json.encode({**first, "content": Raw(added)}))
    return msgspec.json.encode(listed)
