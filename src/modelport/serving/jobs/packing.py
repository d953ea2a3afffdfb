"""Calls and what was made of them as bytes that wait in a row; files of a caller wait where files are kept."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import msgspec
from msgspec import Struct

from modelport.operations.made import File, Made, Pages, Pictures, Sound, Transcript
from modelport.operations.media import CaptionForm, Delivery, MediaCall, Upload

Keep = Callable[[File], Awaitable[str]]
Read = Callable[[str], Awaitable[bytes]]

_KINDS: Mapping[str, type[Made]] = {
    "pictures": Pictures,
    "sound": Sound,
    "transcript": Transcript,
    "pages": Pages,
}
_KEPT = 1
"""The code of a file that is kept elsewhere, in MessagePack."""
_encode = msgspec.msgpack.Encoder().encode


class Kept(Struct, frozen=True, array_like=True):
    """A file of a caller, and where it is kept until it is sent on."""

    name: str
    content_type: str
    size_bytes: int
    link: str


class Packed(Struct, frozen=True):
    """A call without the bytes of its files."""

    model: str
    fields: dict[str, object]
    delivery: Delivery | None
    dropped: tuple[str, ...]
    caption: CaptionForm


class PackedMade(Struct, frozen=True):
    """What was made, by the name of its kind."""

    kind: str
    made: msgspec.Raw


def _hooked(code: int, data: memoryview) -> Kept:
    if code != _KEPT:
        raise ValueError(f"{code} is no code of ours")
    return msgspec.msgpack.decode(data, type=Kept)


_packed = msgspec.msgpack.Decoder(Packed, ext_hook=_hooked)
_packed_made = msgspec.msgpack.Decoder(PackedMade)


async def packed(call: MediaCall, keep: Keep) -> bytes:
    """Pack a call, and keep the files in it."""

    async def put(value: object) -> object:
        if not isinstance(value, Upload):
            return value
        link = await keep(File(data=value.data, content_type=value.content_type, facts={"name": value.name}))
        kept = Kept(value.name, value.content_type, len(value.data), link)
        return msgspec.msgpack.Ext(_KEPT, _encode(kept))

    fields = cast("dict[str, object]", await _mapped(dict(call.fields), put))
    return _encode(Packed(call.model, fields, call.delivery, call.dropped, call.caption))


async def unpacked(data: bytes, read: Read | None) -> MediaCall:
    """Unpack a call with the files in it, or without their bytes where nothing reads them."""

    async def take(value: object) -> object:
        if not isinstance(value, Kept):
            return value
        return Upload(value.name, value.content_type, b"" if read is None else await read(value.link))

    found = _packed.decode(data)
    fields = cast("dict[str, object]", await _mapped(found.fields, take))
    return MediaCall(found.model, fields, found.delivery, found.dropped, found.caption)


async def _mapped(value: object, change: Callable[[object], Awaitable[object]]) -> object:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {name: await _mapped(one, change) for name, one in members.items()}
    if isinstance(value, list | tuple):
        return [await _mapped(one, change) for one in cast("list[object]", value)]
    return await change(value)


def packed_made(made: Made) -> bytes:
    """Pack what was made."""
    kind = next(name for name, of in _KINDS.items() if isinstance(made, of))
    return _encode(PackedMade(kind, msgspec.Raw(_encode(made))))


def unpacked_made(data: bytes) -> Made:
    """Unpack what was made."""
    found = _packed_made.decode(data)
    return msgspec.msgpack.decode(found.made, type=_KINDS[found.kind])


def files_of(made: Made) -> tuple[File, ...]:
    """List the files that were made."""
    if isinstance(made, Pictures):
        return tuple(made.files)
    return (made.file,) if isinstance(made, Sound) else ()


def with_files(made: Made, files: tuple[File, ...]) -> Made:
    """Exchange the files of what was made."""
    if isinstance(made, Pictures):
        return msgspec.structs.replace(made, files=files)
    return msgspec.structs.replace(made, file=files[0]) if isinstance(made, Sound) else made
