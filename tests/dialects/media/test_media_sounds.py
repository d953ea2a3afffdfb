"""A sound that comes as it is made is the same sound, wherever its bytes are cut."""

from collections.abc import Callable

import pytest

from modelport.dialects.media.inworld import LinedSound
from modelport.dialects.media.minimax_speech import HexSound
from modelport.dialects.media.sounds import RawSound
from modelport.dialects.media.wire import SoundReader
from modelport.dialects.wire import MalformedReply, UpstreamFault

RAW = b"RIFF\x24\x00\x00\x00WAVE" + bytes(range(256))
Streams = dict[str, tuple[Callable[[], SoundReader], bytes, bytes]]
HEX = b"""data: {"data":{"audio":"494433","status":1},"trace_id":"t","base_resp":{"status_code":0,"status_msg":""}}

data: {"data":{"audio":"04","status":1}}

data: {"data":{"audio":"49443304","status":2},"extra_info":{"usage_characters":5},"base_resp":{"status_code":0}}

"""
LINES = b"""{"result":{"audioContent":"SUQz"}}
{"result":{"audioContent":"BA=="}}
{"result":{"usage":{"processedCharactersCount":5}}}
"""
STREAMS: Streams = {
    "raw": (lambda: RawSound("audio/wav"), RAW, RAW),
    "minimax_speech": (lambda: HexSound("audio/mpeg"), HEX, b"ID3\x04"),
    "inworld": (lambda: LinedSound("audio/mpeg"), LINES, b"ID3\x04"),
}
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


@pytest.mark.parametrize(("name", "kept"), [("minimax_speech", HEX.rindex(b"data: ")), ("inworld", len(LINES) - 5)])
def test_a_sound_that_is_cut_short_is_told(name: str, kept: int) -> None:
    reader, stream, _ = STREAMS[name]
    reading = reader()
    assert reading.feed(stream[:kept])
    with pytest.raises(MalformedReply):
        reading.end()


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("minimax_speech", b'data: {"base_resp":{"status_code":1002,"status_msg":"rate limit"}}\n\n'),
        ("inworld", b'{"error":{"code":8,"message":"rate limit"}}\n'),
    ],
)
def test_a_failure_in_the_middle_of_a_sound_is_told(name: str, piece: bytes) -> None:
    reader, _, _ = STREAMS[name]
    with pytest.raises(UpstreamFault, match="rate limit"):
        reader().feed(piece)


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "raw"])
def test_noise_instead_of_a_sound_is_told(name: str) -> None:
    reader, _, _ = STREAMS[name]
    with pytest.raises(MalformedReply):
        reader().feed(b"data: <html>\n\n")
