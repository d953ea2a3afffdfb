"""A sound that comes as it is made is the same sound, wherever its bytes are cut."""

from collections.abc import Callable

import pytest

from modelport.dialects.media.sounds import RawSound
from modelport.dialects.media.wire import SoundReader
from modelport.dialects.wire import MalformedReply

RAW = b"RIFF\x24\x00\x00\x00WAVE" + bytes(range(256))
Streams = dict[str, tuple[Callable[[], SoundReader], bytes, bytes]]
STREAMS: Streams = {"raw": (lambda: RawSound("audio/wav"), RAW, RAW)}
"""How each is read, what comes, and the sound in it."""


@pytest.mark.parametrize("name", STREAMS)
def test_a_sound_is_the_same_wherever_it_is_cut(name: str) -> None:
    reader, stream, sound = STREAMS[name]
    for cut in range(len(stream) + 1):
        reading = reader()
        assert reading.feed(stream[:cut]) + reading.feed(stream[cut:]) == sound
        reading.end()
    reading = reader()
    assert b"".join(reading.feed(bytes([one])) for one in stream) == sound
    reading.end()


@pytest.mark.parametrize("name", STREAMS)
def test_a_sound_that_never_begins_is_told(name: str) -> None:
    reader, _, _ = STREAMS[name]
    with pytest.raises(MalformedReply):
        reader().end()
