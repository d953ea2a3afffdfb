"""How large a picture is, told by its bytes."""

import struct

import pytest

from modelport.assets.dimensions import dimensions
from tests.fake.media.files import JPEG, MP3, WEBP, png

GIF = b"GIF89a" + struct.pack("<HH", 30, 20) + bytes(10)
LOSSY = b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(4) + b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", 0x4000 + 30, 20)
EXTENDED = b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + (29).to_bytes(3, "little") + (19).to_bytes(3, "little")
LOSSLESS = b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 29 | 19 << 14)
ROTATED = b"\xff\xd8\xff\xe1\x00\x06Exif\xff\xff\xc2\x00\x0b\x08" + struct.pack(">HH", 20, 30) + bytes(8)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(30, 20), (30, 20)),
        (JPEG, (1, 1)),
        (ROTATED, (30, 20)),
        (GIF, (30, 20)),
        (WEBP, (1, 1)),
        (LOSSY, (30, 20)),
        (LOSSLESS, (30, 20)),
        (EXTENDED, (30, 20)),
    ],
)
def test_a_picture_says_how_large_it_is(data: bytes, size: tuple[int, int]) -> None:
    assert dimensions(data) == size


@pytest.mark.parametrize("whole", [png(30, 20), JPEG, GIF, WEBP, LOSSY, LOSSLESS, EXTENDED, ROTATED, MP3])
def test_of_a_file_that_is_cut_or_is_none_nothing_wrong_is_told(whole: bytes) -> None:
    size = dimensions(whole)
    assert {dimensions(whole[:end]) for end in range(len(whole))} <= {None, size}


def test_a_picture_without_a_side_has_no_size() -> None:
    assert dimensions(png(1, 1)[:16] + bytes(8)) is None
    assert dimensions(MP3) is None
