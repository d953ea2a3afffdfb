"""Forms (`multipart/form-data`): parts in, fields out. Everything in them is text, or a file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from modelport.catalogue.parameters import Parameter, Parameters
from modelport.core.errors import InvalidBody
from modelport.operations.media import Upload

MAX_PARTS = 200
MAX_HEAD = 8192
MAX_NESTED_TEXT = 1_000_000
"""A part of text that holds JSON is read up to here."""
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([A-Za-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))')
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_TRUTHS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}

_OPENING = ("{", "[")
Part = str | Upload


def read_form(body: bytes, content_type: str) -> dict[str, list[Part]]:
    """Split a form into its fields, each with its values in order; raises `InvalidBody`."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise InvalidBody(("Expected multipart/form-data with a boundary in its Content-Type",))
    boundary = b"--" + (found[1] or found[2]).encode()
    fields: dict[str, list[Part]] = {}
    for head, data in _parts(body, boundary):
        name, part = _part(head, data)
        fields.setdefault(name.removesuffix("[]"), []).append(part)
    return fields


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = body.find(boundary)
    if at not in (0, 2) and body[max(at - 2, 0) : at] != b"\r\n":
        raise InvalidBody(("Expected a form that begins with the boundary of its Content-Type",))
    for _ in range(MAX_PARTS + 1):
        begin = at + len(boundary)
        if body.startswith(b"--", begin):
            return
        end = body.find(b"\r\n" + boundary, begin)
        blank = body.find(b"\r\n\r\n", begin, begin + MAX_HEAD)
        if end < 0 or blank < 0 or blank > end:
            raise InvalidBody(("Expected a form whose parts have a head and an end; one is cut short",))
        yield body[begin:blank], body[blank + 4 : end]
        at = end + 2
    raise InvalidBody((f"Expected a form of at most {MAX_PARTS} parts",))


def _part(head: bytes, data: bytes) -> tuple[str, Part]:
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        headers[key.strip().lower()] = value.strip()
    told = {
        key.lower(): quoted or plain
        for key, quoted, plain in _PARAMETER.findall(headers.get("content-disposition", ""))
    }
    name = told.get("name")
    if not name:
        raise InvalidBody(("Expected a form whose parts have a name each",))
    if "filename" in told or "filename*" in told:
        kind = headers.get("content-type", "application/octet-stream")
        return name, Upload(told.get("filename", "")[:255], kind[:255], data)
    try:
        return name, data.decode()
    except UnicodeDecodeError:
        raise InvalidBody((f"'{name[:100]}': Expected UTF-8, received something else",), name[:100]) from None


def valued(fields: Mapping[str, Sequence[Part]], parameters: Parameters) -> dict[str, object]:
    """Read the texts of a form as what their parameters are; a text that is none of that stays one, to be refused."""
    return {name: _value(parameters.get(name), parts) for name, parts in fields.items()}


def _value(parameter: Parameter | None, parts: Sequence[Part]) -> object:
    kinds = _kinds(parameter)
    if len(parts) > 1 and ("array" in kinds or parameter is None):
        item = None if parameter is None else _items(parameter)
        return [_read(item, part) for part in parts]
    read = _read(parameter, parts[-1])
    if kinds != {"array"} or isinstance(read, list):
        return cast("object", read)
    alone: list[object] = [] if read is None else [read]
    return alone


def _items(parameter: Parameter) -> Parameter | None:
    return next((one.items for one in (parameter, *parameter.any_of) if one.type == "array"), None)


def _kinds(parameter: Parameter | None) -> set[str]:
    if parameter is None:
        return {"string"}
    own = {parameter.type} if parameter.type is not None else set[str]()
    return {*own, *(kind for choice in parameter.any_of for kind in _kinds(choice))}


def _read(parameter: Parameter | None, part: Part) -> object:
    if isinstance(part, Upload):
        return part
    if parameter is None:
        return _nested(part)
    kinds, text = _kinds(parameter), part.strip()
    if "boolean" in kinds and text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    if kinds & {"array", "object"} and text[:1] in _OPENING:
        return _nested(text)
    if kinds & {"string", "file"}:
        return part
    if kinds & {"integer", "number"}:
        return _counted(text)
    if "array" in kinds and text:
        return _read(_items(parameter), part)
    return None if text in ("", "null") else part


def _counted(text: str) -> object:
    if not _NUMBER.fullmatch(text):
        return text or None
    return float(text) if "." in text else int(text)


def _nested(part: str) -> object:
    """Read JSON, where a text is an object or a list."""
    if part[:1] not in _OPENING or len(part) > MAX_NESTED_TEXT:
        return part
    try:
        return cast("object", msgspec.json.decode(part.encode()))
    except (msgspec.DecodeError, RecursionError):
        return part
