"""Small things for samples to send: a picture, a recording, a document, each whole in one line."""

import base64
import struct
import zlib

PICTURE_URL = "https://mdn.github.io/shared-assets/images/examples/grapefruit-slice.jpg"
"""A photograph that anyone may use, for calls that take addresses."""
_SIDE = 32
_RED = b"\xd6\x28\x28"
_SAMPLES = 64


def picture() -> str:
    """Return a red square, a PNG in base64."""
    rows = (b"\0" + _RED * _SIDE) * _SIDE
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    return _text(b"\x89PNG\r\n\x1a\n" + body)


def recording() -> str:
    """Return a moment of silence, a WAV in base64."""
    sound = b"\x80" * _SAMPLES
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + _SAMPLES, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", _SAMPLES
    )
    return _text(head + sound)


def document() -> str:
    """Return a page that says hello, a PDF in base64."""
    drawn = b"BT /F 24 Tf 9 9 Td (Hello) Tj ET"
    parts = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 40]/Contents 4 0 R/Resources<</Font<</F"
        b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
    )
    body = b"".join(b"%d 0 obj%sendobj\n" % (number, part) for number, part in enumerate(parts, 1))
    return _text(b"%PDF-1.1\n" + body + b"trailer<</Root 1 0 R>>")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
