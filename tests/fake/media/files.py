"""Small real files."""

import base64
import struct
import zlib

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgy"
    "PC4zNDL/wAALCAABAAEBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEG"
    "E1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJ"
    "ipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/APn+v//Z"
)
WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
_SILENT_FRAME = b"\xff\xfb\x90\x64" + bytes(413)
MP3 = _SILENT_FRAME * 8
"""A fifth of a second of nothing: MPEG 1, layer III, 128 kbit/s, 44.1 kHz."""


PLAIN = 4096
"""Pictures of fewer pixels have the same bytes whatever packs them."""


def png(width: int, height: int) -> bytes:
    """Draw a grey picture."""
    row = b"\0" + b"\x80" * width
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(row * height, 0 if width * height < PLAIN else 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def wav(seconds: float = 0.1, rate: int = 8000) -> bytes:
    """Record silence: mono, 16 bits."""
    data = bytes(2 * int(seconds * rate))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data)) + data
    )


SOUNDS = {
    "mp3": (MP3, "audio/mpeg"),
    "wav": (wav(), "audio/wav"),
    "pcm": (bytes(1600), "audio/pcm"),
    "opus": (b"OggS" + bytes(60), "audio/ogg"),
    "flac": (b"fLaC" + bytes(60), "audio/flac"),
    "aac": (b"\xff\xf1" + bytes(60), "audio/aac"),
}
"""By format: bytes that are one, or that begin as one, and its content type."""
