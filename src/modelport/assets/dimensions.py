"""How large a picture is, read from the head of its file."""

from collections.abc import Callable, Mapping
from typing import Literal

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG whose segment begins with precision, height and width."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of JPEG that have no segment."""


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, JPEG, WebP or GIF in pixels; None of anything else, or where it is broken."""
    for head, read in _READERS.items():
        if data.startswith(head):
            found = read(data)
            return found if found is not None and min(found) > 0 else None
    return None


def _png(data: bytes) -> tuple[int, int] | None:
    return _pair(data, 16, 4, "big") if data[12:16] == b"IHDR" else None


def _gif(data: bytes) -> tuple[int, int] | None:
    return _pair(data, 6, 2, "little")


def _jpeg(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # filling
            place += 1
        elif marker in _ALONE:
            place += 2
        elif marker in _FRAMES:
            found = _pair(data, place + 5, 2, "big")
            return None if found is None else (found[1], found[0])
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16] if data[8:12] == b"WEBP" else b""
    if kind == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    found = _pair(data, 26, 2, "little") if kind == b"VP8 " else None
    return None if found is None else (found[0] & 0x3FFF, found[1] & 0x3FFF)


def _pair(data: bytes, at: int, size: int, order: Literal["big", "little"]) -> tuple[int, int] | None:
    if len(data) < at + 2 * size:
        return None
    first, second = data[at : at + size], data[at + size : at + 2 * size]
    return int.from_bytes(first, order), int.from_bytes(second, order)


_READERS: Mapping[bytes, Callable[[bytes], tuple[int, int] | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8": _jpeg,
    b"GIF8": _gif,
    b"RIFF": _webp,
}
