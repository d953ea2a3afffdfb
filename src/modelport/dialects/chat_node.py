"""Reading the objects inside a request member by member; what does not fit is refused by its place."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_fields import fault
from modelport.dialects.chat_messages import decoded

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_NOTHING = Raw(b"")
_ABSENT = (b"", b"null")
_Value = TypeVar("_Value")


class Node:
    """One JSON object at a place of the request, such as `messages[0].content[1]`."""

    __slots__ = ("members", "place")

    def __init__(self, members: Mapping[str, Raw], place: str) -> None:
        self.members = members
        self.place = place

    @classmethod
    def of(cls, raw: bytes | Raw, place: str) -> "Node":
        """Read an object; raises `InvalidBody` for anything else."""
        try:
            return cls(_MEMBERS.decode(raw), place)
        except (msgspec.DecodeError, RecursionError):
            raise refused(place, "object", raw) from None

    def at(self, name: str) -> str:
        """Name a member in full."""
        return f"{self.place}.{name}" if self.place else name

    def raw(self, name: str) -> bytes:
        """Return a member as JSON; empty when it is absent or null."""
        raw = bytes(self.members.get(name, _NOTHING))
        return b"" if raw in _ABSENT else raw

    def text(self, name: str) -> str:
        """Return a string; empty when it is absent."""
        return self._as(name, str, "string") or ""

    def needed(self, name: str) -> str:
        """Return a string that must be there."""
        text = self._as(name, str, "string")
        if text is None:
            raise InvalidBody((f"'{self.at(name)}': Required",), self.at(name))
        return text

    def flag(self, name: str) -> bool | None:
        """Return a boolean; None when it is absent."""
        return self._as(name, bool, "boolean")

    def whole(self, name: str) -> int | None:
        """Return an integer, also one written as `8.0`; None when it is absent."""
        number = self.number(name)
        if number is not None and not number.is_integer():
            raise refused(self.at(name), "integer", self.raw(name))
        return None if number is None else int(number)

    def number(self, name: str) -> float | None:
        """Return a number; None when it is absent."""
        return self._as(name, float, "number")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; empty when it is absent."""
        return tuple(self._as(name, list[str], "array of strings") or ())

    def node(self, name: str) -> "Node | None":
        """Return an object; None when it is absent."""
        raw = self.raw(name)
        return Node.of(raw, self.at(name)) if raw else None

    def needed_node(self, name: str) -> "Node":
        """Return an object that must be there."""
        return Node.of(self.raw(name) or b"null", self.at(name))

    def nodes(self, name: str) -> "list[Node]":
        """Return a list of objects; empty when it is absent."""
        raw = self.raw(name)
        return nodes(raw, self.at(name)) if raw else []

    def _as(self, name: str, kind: type[_Value], expected: str) -> _Value | None:
        raw = self.raw(name)
        if not raw:
            return None
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, RecursionError):
            raise refused(self.at(name), expected, raw) from None


def nodes(raw: bytes | Raw, place: str) -> list[Node]:
    """Read a list of objects."""
    return [Node.of(item, f"{place}[{index}]") for index, item in enumerate(items(raw, place))]


def items(raw: bytes | Raw, place: str) -> list[Raw]:
    """Split a list into its items."""
    try:
        return _LIST.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise refused(place, "array", raw) from None


def text_of(raw: bytes | Raw, place: str) -> str:
    """Read a string."""
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        raise refused(place, "string", raw) from None


def refused(place: str, expected: str, raw: bytes | Raw) -> InvalidBody:
    """Say what was expected at a place and what stands there."""
    return InvalidBody((fault(place, expected, decoded(raw)),), place)
