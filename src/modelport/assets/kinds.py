"""What a file is, told by its bytes and not by what it is called."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

Family = Literal["image", "audio", "video", "document", "model"]

SNIFFED_BYTES = 4096
"""How much of a file's beginning decides what it is; a text is looked at as a whole."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of file."""

    content_type: str
    extension: str
    families: frozenset[Family] = frozenset()
    """What it can be taken for; none for a file that nobody accepts as an input."""
    is_inert: bool = False
    """Whether a browser that shows it runs nothing that is in it."""


_IMAGE: frozenset[Family] = frozenset({"image"})
_AUDIO: frozenset[Family] = frozenset({"audio"})
_VIDEO: frozenset[Family] = frozenset({"audio", "video"})
"""Containers of pictures that move hold sound alone too."""
_DOCUMENT: frozenset[Family] = frozenset({"document"})

PNG = Kind("image/png", "png", _IMAGE, is_inert=True)
JPEG = Kind("image/jpeg", "jpg", _IMAGE, is_inert=True)
WEBP = Kind("image/webp", "webp", _IMAGE, is_inert=True)
GIF = Kind("image/gif", "gif", _IMAGE, is_inert=True)
TIFF = Kind("image/tiff", "tiff", _IMAGE, is_inert=True)
BMP = Kind("image/bmp", "bmp", _IMAGE, is_inert=True)
AVIF = Kind("image/avif", "avif", _IMAGE, is_inert=True)
HEIC = Kind("image/heic", "heic", _IMAGE, is_inert=True)
SVG = Kind("image/svg+xml", "svg")
MP3 = Kind("audio/mpeg", "mp3", _AUDIO, is_inert=True)
WAV = Kind("audio/wav", "wav", _AUDIO, is_inert=True)
FLAC = Kind("audio/flac", "flac", _AUDIO, is_inert=True)
OGG = Kind("audio/ogg", "ogg", _AUDIO, is_inert=True)
M4A = Kind("audio/mp4", "m4a", _AUDIO, is_inert=True)
AAC = Kind("audio/aac", "aac", _AUDIO, is_inert=True)
WEBM = Kind("video/webm", "webm", _VIDEO, is_inert=True)
MP4 = Kind("video/mp4", "mp4", _VIDEO, is_inert=True)
MOV = Kind("video/quicktime", "mov", _VIDEO, is_inert=True)
PDF = Kind("application/pdf", "pdf", _DOCUMENT)
GLB = Kind("model/gltf-binary", "glb", frozenset({"model"}))
JSON = Kind("application/json", "json", _DOCUMENT)
TEXT = Kind("text/plain; charset=utf-8", "txt", _DOCUMENT)
SUBTITLES = Kind("text/vtt; charset=utf-8", "vtt", _DOCUMENT)
SUBRIP = Kind("application/x-subrip", "srt", _DOCUMENT)
PCM = Kind("audio/pcm", "pcm", _AUDIO, is_inert=True)
HTML = Kind("text/html", "html")
BINARY = Kind("application/octet-stream", "bin")

KINDS: tuple[Kind, ...] = (
    *(PNG, JPEG, WEBP, GIF, TIFF, BMP, AVIF, HEIC, SVG),
    *(MP3, WAV, FLAC, OGG, M4A, AAC, WEBM, MP4, MOV),
    *(PDF, GLB, JSON, TEXT, SUBTITLES, SUBRIP, PCM, HTML, BINARY),
)
_BY_EXTENSION: Mapping[str, Kind] = {kind.extension: kind for kind in KINDS}

_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"ID3", MP3),
    (b"fLaC", FLAC),
    (b"OggS", OGG),
    (b"\x1aE\xdf\xa3", WEBM),
    (b"%PDF-", PDF),
    (b"glTF", GLB),
    (b"WEBVTT", SUBTITLES),
)
_RIFF: Mapping[bytes, Kind] = {b"WEBP": WEBP, b"WAVE": WAV}
_BRANDS: Mapping[bytes, Kind] = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"heic": HEIC,
    b"heix": HEIC,
    b"heim": HEIC,
    b"hevc": HEIC,
    b"mif1": HEIC,
    b"msf1": HEIC,
    b"M4A ": M4A,
    b"M4B ": M4A,
    b"qt  ": MOV,
}
"""What the brands of an ISO media file say, the ones that say most first; one of none of these is a video."""
_OLD_QUICKTIME = frozenset({b"moov", b"mdat", b"wide"})
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_SVG = re.compile(rb"<(?:!doctype\s+)?svg\b", re.IGNORECASE)
_WEBM_TYPE = re.compile(rb"\x42\x82.{1,8}?(?:webm|matroska)", re.DOTALL)


def kind_of(extension: str) -> Kind | None:
    """Return the kind that files with this extension are; None for one that we never gave."""
    return _BY_EXTENSION.get(extension)


def kind_of_type(content_type: str) -> Kind | None:
    """Return the kind that a content type names; None for one that we never give."""
    named = content_type.partition(";")[0].strip().lower()
    return next((kind for kind in KINDS if kind.content_type.partition(";")[0] == named), None)


def sniff(data: bytes) -> Kind:
    """Say what a whole file is; what is not known is `BINARY`."""
    head = data[:SNIFFED_BYTES]
    found = next(_told(head), None)
    return _text(data, head) if found is None else found


def sniff_head(head: bytes) -> Kind:
    """Say what a file is of which only the beginning is at hand: a text is then taken for one by that alone."""
    found = next(_told(head[:SNIFFED_BYTES]), None)
    return found or _text(_whole_characters(head[:SNIFFED_BYTES]), head[:SNIFFED_BYTES])


def _told(head: bytes) -> Iterator[Kind]:
    """Try what files begin with, the surest first."""
    yield from (kind for start, kind in _STARTS if head.startswith(start) and _is_whole(kind, head))
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        yield _RIFF[head[8:12]]
    if head[4:8] == b"ftyp":
        yield _branded(head)
    if head[4:8] in _OLD_QUICKTIME:
        yield MOV
    if head[:2] == b"BM" and len(head) >= 26 and head[6:10] == bytes(4) and 12 <= head[14] <= 124:
        yield BMP
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        yield from _framed(head)


def _is_whole(kind: Kind, head: bytes) -> bool:
    """A container of Matroska may hold anything; one that a browser plays says so."""
    return kind is not WEBM or _WEBM_TYPE.search(head[:256]) is not None


def _branded(head: bytes) -> Kind:
    length = min(int.from_bytes(head[:4]), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))}
    return next((kind for brand, kind in _BRANDS.items() if brand in brands), MP4)


def _framed(head: bytes) -> Iterator[Kind]:
    """Look at the first frame of bare MPEG audio: its layer, its bit rate and its sampling rate must be possible."""
    layer = head[1] >> 1 & 3
    if layer == 0:
        if head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13:
            yield AAC
    elif head[1] >> 3 & 3 != 1 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3:
        yield MP3


def _text(data: bytes, head: bytes) -> Kind:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start or b"\0" in data or not _is_utf8(data):
        return BINARY
    if start[:1] == b"<":
        if _SVG.search(head):
            return SVG
        if _HTML.search(head):
            return HTML
    return JSON if start[:1] in (b"{", b"[") and _is_json(data) else TEXT


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _whole_characters(head: bytes) -> bytes:
    """Leave out a character that the end has cut in two."""
    for cut in range(1, min(4, len(head)) + 1):
        if head[-cut] & 0xC0 == 0xC0:
            return head[:-cut]
        if head[-cut] < 0x80:
            break
    return head
