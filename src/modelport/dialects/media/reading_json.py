"""Reads answers of media providers that are JSON, and writes files into requests."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from modelport.dialects.chat_body import error_inside
from modelport.dialects.wire import JSON_HEADERS, MalformedReply, UpstreamRequest
from modelport.operations.media import Upload

Json = Mapping[str, object]


def members(body: bytes, what: str) -> Json:
    """Read an answer that is an object; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
    try:
        found = cast("object", msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        raise MalformedReply(f"the provider's answer is not {what}") from None
    if not isinstance(found, dict):
        raise MalformedReply(f"the provider's answer is not {what}")
    answer = cast("Json", found)
    if answer.get("error") and (inner := error_inside(body)) is not None:
        raise inner
    return answer


def listed(answer: Json, name: str, what: str) -> Sequence[Json]:
    """Return a list of objects; raises `MalformedReply` where there is none."""
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in cast("list[object]", found)):
        raise MalformedReply(f"the provider's answer has no list of {what} in '{name}'")
    return cast("list[Json]", found)


def inside(answer: Json, name: str) -> Json:
    """Return an object, or an empty one."""
    found = answer.get(name)
    return cast("Json", found) if isinstance(found, dict) else {}


def several(answer: Json, name: str) -> Sequence[Json]:
    """Return the objects of a list, or none."""
    found = answer.get(name)
    rows = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Json", row) for row in rows if isinstance(row, dict)]


def text(answer: Json, name: str) -> str:
    """Return a text, or nothing."""
    found = answer.get(name)
    return found if isinstance(found, str) else ""


def needed(answer: Json, name: str) -> str:
    """Return a text without which nothing goes on; raises `MalformedReply`."""
    found = answer.get(name)
    if not isinstance(found, str) or not found:
        raise MalformedReply(f"the provider's answer has no '{name}'")
    return found


def id_in(answer: Json, name: str, also: str = "-_") -> str:
    """Return an id that goes into an address: letters, digits and `also`; raises `MalformedReply` for what is none."""
    found = needed(answer, name)
    if not all(letter.isascii() and (letter.isalnum() or letter in also) for letter in found):
        raise MalformedReply(f"the provider's '{name}' is no id")
    return found


def unpacked(encoded: str, what: str) -> bytes:
    """Read base64; raises `MalformedReply`."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedReply(f"the provider's {what} is not base64") from None


def packed(upload: Upload) -> str:
    """Write a file as base64."""
    return base64.b64encode(upload.data).decode()


def data_url(upload: Upload) -> str:
    """Write a file as a data URL."""
    return f"data:{upload.content_type or 'application/octet-stream'};base64,{packed(upload)}"


def inlined(value: object) -> object:
    """Replace every file in a value of a call by its data URL."""
    if isinstance(value, Upload):
        return data_url(value)
    if isinstance(value, list):
        return [inlined(one) for one in cast("list[object]", value)]
    if isinstance(value, Mapping):
        return {name: inlined(one) for name, one in cast("Json", value).items()}
    return value


def post(path: str, fields: Mapping[str, object], dropped: Sequence[str] = ()) -> UpstreamRequest:
    """Write a request of JSON."""
    return UpstreamRequest(path, JSON_HEADERS, msgspec.json.encode(fields), False, tuple(dropped))


def get(path: str) -> UpstreamRequest:
    """Write a request for what stands at a path."""
    return UpstreamRequest(path, ((b"accept", b"application/json"),), b"", False, (), "GET")
