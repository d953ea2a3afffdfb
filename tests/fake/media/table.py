"""The vendors of media, and the way from a request to one of them."""

from collections.abc import Mapping
from typing import cast

from tests.fake.media import (
    ark,
    assemblyai,
    azure,
    azure_transcription,
    bfl,
    dashscope,
    deepgram,
    documentai,
    elevenlabs,
    fal,
    google,
    inworld,
    kling,
    luma,
    minimax,
    mistral,
    openai,
    recraft,
    stability,
    topaz,
    xai,
    zai,
)
from tests.fake.media.files import MP3, png
from tests.fake.media.seam import MediaAnswer, MediaAsked, MediaStudio, MediaVendor, Refused

_MODULES = (
    ark,
    assemblyai,
    azure,
    azure_transcription,
    bfl,
    dashscope,
    deepgram,
    documentai,
    elevenlabs,
    fal,
    google,
    inworld,
    kling,
    luma,
    minimax,
    mistral,
    openai,
    recraft,
    stability,
    topaz,
    xai,
    zai,
)
_VENDORS = sorted((cast("MediaVendor", module) for module in _MODULES), key=lambda one: -len(one.PREFIX))
PREFIXES = tuple(vendor.PREFIX for vendor in _VENDORS)
"""Below which each of them is found."""
FILES = "/_files/"
STANDING: Mapping[str, tuple[bytes, str]] = {
    "standing.png": (png(64, 64), "image/png"),
    "standing.mp3": (MP3, "audio/mpeg"),
    "standing.pdf": (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n", "application/pdf"),
}
"""Files that are always there."""


def media_answer(
    method: str, path: str, query: str, headers: Mapping[str, str], raw: bytes, studio: MediaStudio
) -> MediaAnswer | None:
    """Answer a request to a vendor of media, or for a file; None where it is neither."""
    if path.startswith(FILES):
        return _file(path.removeprefix(FILES), studio)
    vendor = next((one for one in _VENDORS if path.startswith(one.PREFIX + "/")), None)
    if vendor is None:
        return None
    name = vendor.PREFIX.strip("/").partition("/")[0]
    try:
        if waiting := studio.troubles.get(name):
            return waiting.popleft()
        return vendor.answer(MediaAsked(method, path[len(vendor.PREFIX) :], query, headers, raw, studio))
    except Refused as refused:
        return vendor.error(refused)


def _file(place: str, studio: MediaStudio) -> MediaAnswer:
    found = studio.files.get(place) or STANDING.get(place)
    if found is None:
        return MediaAnswer(b"gone", 404, "text/plain")
    studio.fetched[place] += 1
    return MediaAnswer(found[0], content_type=found[1])
