"""Reading a body into types written by hand, and what was wrong with it, as a path and a kind."""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")

_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_EXPECTED = re.compile(r"Expected `(.+)`, got `(.+)`")
_VALUE = re.compile(r"Invalid (?:enum )?value (.+)")
_AT = re.compile(r"^(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\[(\d+)\]|\[\.\.\.\]|\.?([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was wrong with a body: where, how, and in which words a decoder says it."""

    path: tuple[str, ...]
    """The steps to the member that is wrong, or to the object that lacks it, which is then the last step."""
    kind: str
    """`unknown`, `missing`, `type` or `value`."""
    detail: str
    """The type that was expected, or the value that was not."""


def convert(body: Any, kind: type[_T]) -> _T | Wrong:
    """Read a decoded body as a type, strictly."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        return _wrong(str(error))


def _wrong(text: str) -> Wrong:
    match = _AT.match(text)
    said, where = (match[1], match[2] or "") if match else (text, "")
    path = tuple(step[0] or step[1] or "*" for step in _STEP.findall(where))
    for pattern, kind in ((_UNKNOWN, "unknown"), (_MISSING, "missing")):
        if found := pattern.fullmatch(said):
            return Wrong((*path, found[1]), kind, "")
    if found := _VALUE.fullmatch(said):
        return Wrong(path, "value", found[1].strip("'"))
    found = _EXPECTED.fullmatch(said)
    return Wrong(path, "type", found[1] if found else said)
