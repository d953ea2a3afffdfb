"""Sounds as providers give them: what they are, whole, and as they come."""

from collections.abc import Mapping, Sequence

import msgspec

from modelport.dialects.media.wire import Told
from modelport.dialects.wire import Headers, MalformedReply, UpstreamRequest
from modelport.operations.made import File, Sound
from modelport.operations.usage import Usage

KINDS: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""What formats of speech are as content types; `opus` comes in Ogg."""
_HEADERS: Headers = ((b"content-type", b"application/json"), (b"accept", b"*/*"))


class RawSound:
    """A sound that comes as itself."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        """Return what came."""
        self._has_begun = self._has_begun or bool(data)
        return data

    def end(self) -> None:
        """Raise `MalformedReply` where nothing came."""
        if not self._has_begun:
            raise MalformedReply("the provider's sound is empty")


def post_for_sound(path: str, fields: Mapping[str, object], dropped: Sequence[str]) -> UpstreamRequest:
    """Write a request of JSON that is answered with a sound."""
    return UpstreamRequest(path, _HEADERS, msgspec.json.encode(fields), True, tuple(dropped))


def is_sound(content_type: str) -> bool:
    """Whether an answer is a sound by what it says of itself; some say nothing definite."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("audio/") or kind in ("", "application/octet-stream")


def kind_told(content_type: str, wanted: str) -> str:
    """Say what a sound is: as its provider does where that is a sound, else as it was asked for."""
    return content_type.partition(";")[0] if content_type.startswith("audio/") else wanted


def whole_sound(told: Told, wanted: str, usage: Usage | None = None) -> Sound:
    """Read an answer that is a sound; raises `MalformedReply`."""
    if not is_sound(told.content_type):
        raise MalformedReply(f"the provider's answer is {told.content_type[:100]} instead of a sound")
    return made_of(told.body, kind_told(told.content_type, wanted), usage)


def made_of(data: bytes, kind: str, usage: Usage | None = None, facts: Mapping[str, object] | None = None) -> Sound:
    """Wrap the bytes of a sound; raises `MalformedReply` where there are none."""
    if not data:
        raise MalformedReply("the provider's sound is empty")
    return Sound(file=File(data=data, content_type=kind), facts=facts or {}, usage=usage)


def characters(count: object) -> Usage | None:
    """Say how many characters a provider counted, where it did."""
    return Usage({"character": count}, "provider") if type(count) is int and count > 0 else None
