"""Puts our own files into a call in place of their links: no provider could fetch them, and none is to have a link."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from modelport.assets.kinds import Family
from modelport.operations.inputs import Input
from modelport.serving.inputs import Inputs, Wanted

MARK = b"assets"
"""What is in every body that holds a link of ours; whether it does is looked at only then."""
_LINK = re.compile(rb"assets\\?/[0-9]{9,11}-[A-Za-z0-9_-]{32}\\?/")
_PLACES = ("messages", "input", "system")
_DEEPEST = 12
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_TEXT = msgspec.json.Decoder(str)

_PICTURE: frozenset[Family] = frozenset({"image"})
_SEEN: frozenset[Family] = frozenset({"image", "document"})
_HEARD: frozenset[Family] = frozenset({"audio"})
_MOVING: frozenset[Family] = frozenset({"video"})
_LOCATED: Mapping[str, frozenset[Family]] = {"image_url": _PICTURE, "video_url": _MOVING, "video": _MOVING}
"""Members that hold an address, or an object with its `url`."""


@dataclass(slots=True)
class _Budget:
    """What the files of one call may still have."""

    left_bytes: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the body something stands."""

    name: str
    """In full, for messages: `messages[0].content[1]`."""
    key: str
    """The member that it is, lists passed over."""
    depth: int = 0

    def member(self, key: str) -> "_Place":
        return _Place(f"{self.name}.{key}", key, self.depth + 1)

    def item(self, number: int) -> "_Place":
        return _Place(f"{self.name}[{number}]", self.key, self.depth + 1)


@dataclass(frozen=True, slots=True)
class Inlining:
    """Rewrites bodies of chat calls, in any format, that hold links to files of ours."""

    inputs: Inputs

    async def __call__(self, body: bytes, root: str) -> bytes:
        """Return the body with the files themselves; what holds no link stays byte for byte. Raises `InputRefused`.

        `root` is the address under which the caller knows us.
        """
        if _LINK.search(body) is None:
            return body
        try:
            members = _MEMBERS.decode(body)
            budget = _Budget(self.inputs.limits.max_bytes)
            for key in _PLACES:
                if key in members:
                    members[key] = await self._rewritten(members[key], _Place(key, key), root, budget)
        except (msgspec.DecodeError, RecursionError):
            return body  # whoever reads it next says what is wrong with it
        return msgspec.json.encode(members)

    async def _rewritten(self, raw: Raw, place: _Place, root: str, budget: _Budget) -> Raw:
        data = bytes(raw)
        if place.depth > _DEEPEST or _LINK.search(data) is None:
            return raw
        if data.startswith(b"["):
            items = [
                await self._rewritten(item, place.item(number), root, budget)
                for number, item in enumerate(_ITEMS.decode(raw))
            ]
            return Raw(msgspec.json.encode(items))
        if not data.startswith(b"{"):
            return raw
        members = _MEMBERS.decode(raw)
        for key in tuple(members):
            inner = place.member(key)
            if (families := _taken(place.key, key, members)) is not None and bytes(members[key]).startswith(b'"'):
                file = await self._file(members[key], Wanted(inner.name, families), root, budget)
                if file is not None:
                    _put(members, place.key, key, file)
            else:
                members[key] = await self._rewritten(members[key], inner, root, budget)
        return Raw(msgspec.json.encode(members))

    async def _file(self, raw: Raw, wanted: Wanted, root: str, budget: _Budget) -> Input | None:
        if _LINK.search(raw) is None:
            return None
        within = Wanted(wanted.field, wanted.families, max(1, budget.left_bytes))
        file = await self.inputs.own(_TEXT.decode(raw), within, root)
        if file is not None:
            budget.left_bytes -= len(file.data)
        return file


def _taken(parent: str, key: str, members: Mapping[str, Raw]) -> frozenset[Family] | None:
    """Say what a member takes that holds an address; None for all others, texts among them."""
    if key in _LOCATED:
        return _LOCATED[key]
    if key == "url":
        return _SEEN if _is_source(members) else _LOCATED.get(parent)
    if key in ("file_data", "file_url"):
        return _SEEN
    return _HEARD if (parent, key) == ("input_audio", "data") else None


def _is_source(members: Mapping[str, Raw]) -> bool:
    return bytes(members.get("type", b"")) == b'"url"'


def _put(members: dict[str, Raw], parent: str, key: str, file: Input) -> None:
    """Put a file where its link was, in the words of the format that has such a member."""
    if key == "url" and _is_source(members):
        del members["url"]
        members.update(_source(file))
    elif parent == "input_audio":
        members["data"] = _raw(file.base64)
        members.setdefault("format", _raw(file.name.rpartition(".")[2]))
    elif key in ("file_data", "file_url"):
        del members[key]
        members["file_data"] = _raw(file.data_url)
        members.setdefault("filename", _raw(file.name))
    else:
        members[key] = _raw(file.data_url)


def _source(file: Input) -> dict[str, Raw]:
    """Write the source of a block of Messages, which takes a text as it is."""
    content_type = file.content_type.partition(";")[0]
    if content_type == "application/json" or content_type.startswith("text/"):
        text = file.data.decode("utf-8", "replace")
        return {"type": _raw("text"), "media_type": _raw("text/plain"), "data": _raw(text)}
    return {"type": _raw("base64"), "media_type": _raw(content_type), "data": _raw(file.base64)}


def _raw(text: str) -> Raw:
    return Raw(msgspec.json.encode(text))
