"""What a file is, told by its bytes."""

import io
import struct
import wave
import zlib

import pytest

from modelport.assets.kinds import KINDS, Kind, kind_of, sniff, sniff_head


def png() -> bytes:
    """Make a picture of one pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def wav() -> bytes:
    """Make a sound of eight samples."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16))
    return written.getvalue()


def iso(brand: bytes, *compatible: bytes) -> bytes:
    """Begin an ISO media file."""
    content = brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(content)) + b"ftyp" + content + bytes(16)


MATROSKA = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08"
SAMPLES = {
    "image/png": png(),
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "image/gif": b"GIF89a\x01\x00\x01\x00",
    "image/tiff": b"II*\x00\x08\x00\x00\x00",
    "image/bmp": b"BM" + struct.pack("<IHHII", 58, 0, 0, 54, 40) + bytes(44),
    "image/avif": iso(b"avif", b"mif1", b"miaf"),
    "image/heic": iso(b"heic", b"mif1"),
    "image/svg+xml": b'<?xml version="1.0"?>\n<!-- drawn --><svg xmlns="http://www.w3.org/2000/svg"/>',
    "audio/mpeg": b"ID3\x04\x00\x00\x00\x00\x00\x00",
    "audio/wav": wav(),
    "audio/flac": b"fLaC\x00\x00\x00\x22",
    "audio/ogg": b"OggS\x00\x02" + bytes(22) + b"OpusHead",
    "audio/mp4": iso(b"M4A ", b"isom", b"mp42"),
    "audio/aac": b"\xff\xf1\x50\x80\x02\x1f\xfc",
    "video/webm": MATROSKA + b"B\x82\x84webmB\x87\x81\x04",
    "video/mp4": iso(b"isom", b"isom", b"avc1"),
    "video/quicktime": iso(b"qt  ", b"qt  "),
    "application/pdf": b"%PDF-1.7\n",
    "model/gltf-binary": b"glTF\x02\x00\x00\x00",
    "application/json": b' {"a": [1, 2]}',
    "text/plain; charset=utf-8": "Grüße {und} <nichts>".encode(),
    "text/vtt; charset=utf-8": b"WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n",
    "text/html": b"\n<!DOCTYPE html><html><body>not found</body></html>",
    "application/octet-stream": b"\x00\x01\x02",
}


@pytest.mark.parametrize("content_type", SAMPLES)
def test_a_file_is_what_its_bytes_say(content_type: str) -> None:
    sample = SAMPLES[content_type]
    assert sniff(sample).content_type == content_type
    assert sniff_head(sample).content_type == content_type


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"\xff\xfb\x90\x64\x00", "audio/mpeg"),
        (b"\xff\xf3\x84\xc4\x00", "audio/mpeg"),
        (iso(b"mif1", b"avif"), "image/avif"),
        (iso(b"M4B ", b"isom"), "audio/mp4"),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", "video/quicktime"),
        (b"MM\x00*\x00\x00\x00\x08", "image/tiff"),
        (MATROSKA + b"B\x82\x88matroska", "video/webm"),
        (b"[1, 2", "text/plain; charset=utf-8"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "text/plain; charset=utf-8"),
    ],
)
def test_other_spellings_are_known(data: bytes, content_type: str) -> None:
    assert sniff(data).content_type == content_type


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"\xff",
        b"\xff\xff\xff\xff",
        b"BM is a word, of course\x00",
        b"RIFF\x00\x00\x00\x00AVI ",
        b"a\x00b",
        b"\xfe\xff",
    ],
)
def test_what_is_not_known_is_not_guessed(data: bytes) -> None:
    assert sniff(data).content_type == "application/octet-stream"


def test_a_text_that_is_cut_within_a_character_is_one_by_its_beginning() -> None:
    long = "ü".encode() * 4000
    for shift in (b"", b"a"):
        assert sniff_head((shift + long)[:4096]).extension == "txt"


def test_what_a_browser_could_run_is_accepted_as_nothing_and_is_not_inert() -> None:
    for kind in (kind_of("svg"), kind_of("html"), kind_of("bin")):
        assert kind is not None
        assert not kind.families
        assert not kind.is_inert


def test_every_kind_has_an_extension_of_its_own_that_leads_back_to_it() -> None:
    found: list[Kind | None] = [kind_of(kind.extension) for kind in KINDS]
    assert found == list(KINDS)
    assert kind_of("exe") is None
