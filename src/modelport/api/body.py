"""Reads JSON bodies into closed structures, with messages that name what was expected and what came."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from modelport.api.problems import MalformedBody
from modelport.core.errors import InvalidBody

T = TypeVar("T")
_T_co = TypeVar("_T_co", covariant=True)

_EXPECTED = re.compile(r"Expected `(?P<wanted>.+)`, got `(?P<got>.+?)`(?: - at `\$\.?(?P<path>.*)`)?")
_ENUM = re.compile(r"Invalid enum value (?P<got>.+?)(?: - at `\$\.?(?P<path>.*)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.+?)`(?: - at `\$\.?(?P<path>.*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<name>.+?)`(?: - at `\$\.?(?P<path>.*)`)?")


_POSITION = re.compile(r"\[[^\]]*\]")
_NO_CHOICES: Mapping[str, Sequence[str]] = {}


class Decoder(Protocol[_T_co]):
    """Decodes JSON to one type."""

    def decode(self, buf: bytes, /) -> _T_co: ...


Choices = Mapping[str, Sequence[str]]
"""Fields, list positions left out, and what they may hold."""


def parse(body: bytes, decoder: Decoder[T], choices: Choices = _NO_CHOICES) -> T:
    """Decode a body; raises `MalformedBody` for what is not JSON and `InvalidBody` for what does not match.

    `choices` are told to whoever sends something else.
    """
    _check_text(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(str(error), choices) from None
    except msgspec.DecodeError as error:
        raise MalformedBody(f"Body validation error\nthe body is not JSON: {error}") from None
    except RecursionError:
        raise MalformedBody("Body validation error\nthe body is nested too deeply") from None


def _check_text(body: bytes) -> None:
    """Raise `MalformedBody` when the body is not UTF-8, which the decoder checks only in part."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"Body validation error\nthe body is not UTF-8: byte {error.start} is invalid") from None


def invalid(text: str, choices: Choices = _NO_CHOICES) -> InvalidBody:
    """Turn the decoder's message into ours: `'limit.threshold': Expected number, received string`."""
    if (found := _ENUM.fullmatch(text)) is not None:
        return _unknown_value(found["path"] or "", found["got"], choices)
    for pattern, render in _RENDERINGS:
        found = pattern.fullmatch(text)
        if found is not None:
            fault, param = render(found)
            return InvalidBody((fault,), param)
    return InvalidBody((text.replace("`", "'"),))


def _expected(found: re.Match[str]) -> tuple[str, str | None]:
    wanted = _words(found["wanted"])
    path = found["path"]
    if not path:
        return f"Expected {wanted}, received {_words(found['got'])}", None
    return f"'{path}': Expected {wanted}, received {_words(found['got'])}", path


def _unknown_value(path: str, got: str, choices: Choices) -> InvalidBody:
    allowed = choices.get(_POSITION.sub("", path))
    known = f": use {', '.join(allowed)}" if allowed else ""
    return InvalidBody((f"'{path}': Unknown value, received {got}{known}",), path or None)


def _unknown(found: re.Match[str]) -> tuple[str, str | None]:
    path = _joined(found["path"], found["name"])
    return f"'{path}': Unknown field", path


def _missing(found: re.Match[str]) -> tuple[str, str | None]:
    path = _joined(found["path"], found["name"])
    return f"'{path}': Required", path


def _joined(path: str | None, name: str) -> str:
    return f"{path}.{name}" if path else name


def _words(kind: str) -> str:
    names = {"str": "string", "int": "integer", "float": "number", "decimal": "number", "bool": "boolean"}
    return " or ".join(names.get(part, part) for part in kind.split(" | "))


_RENDERINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, str | None]]], ...] = (
    (_EXPECTED, _expected),
    (_UNKNOWN, _unknown),
    (_MISSING, _missing),
)
