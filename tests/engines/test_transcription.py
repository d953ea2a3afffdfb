"""The real engines of speech and transcription together: what one says, the other hears."""

import array
import io
import json
import re
import wave
from collections.abc import Iterator, Sequence

import pytest

from modelport.engines.entries import SPEECH, TRANSCRIPTION
from tests.engines.children import PlainEngine, form, plain_engine
from tests.engines.conftest import filled_store

pytestmark = pytest.mark.weights

SPEAKER, LISTENER = "kokoro-82m", "whisper-tiny.en"
RATE = 24_000
PAUSE_S = 6
TEXT = "The quick brown fox jumps over the lazy dog. Our harbor is quiet in the morning, and ships leave at noon."
MOST_WRONG = 0.1
"""The share of words that may be heard wrongly."""


@pytest.fixture(scope="module")
def listener() -> Iterator[PlainEngine]:
    with plain_engine(filled_store(TRANSCRIPTION, LISTENER), LISTENER) as engine:
        yield engine


@pytest.fixture(scope="module")
def speech() -> bytes:
    """The text, spoken."""
    with plain_engine(filled_store(SPEECH, SPEAKER), SPEAKER) as engine:
        answer = engine.ask("/v1/audio/speech", {"input": TEXT, "response_format": "wav"})
    assert answer.status == 200, answer.body
    return answer.body


def hear(engine: PlainEngine, file: bytes, path: str = "/v1/audio/transcriptions", **fields: str | list[str]) -> bytes:
    body, kind = form({"model": LISTENER, **fields}, file)
    answer = engine.post(path, body, kind)
    assert answer.status == 200, answer.body
    return answer.body


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def wrong_share(said: Sequence[str], heard: Sequence[str]) -> float:
    """Return the word error rate: the least changes that make one of the other, for each word that was said."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(said, start=1):
        before, row[0] = row[0], place
        for other, found in enumerate(heard, start=1):
            before, row[other] = row[other], min(row[other] + 1, row[other - 1] + 1, before + (word != found))
    return row[-1] / len(said)


def test_what_is_spoken_is_heard_again(listener: PlainEngine, speech: bytes) -> None:
    answer = json.loads(hear(listener, speech))
    assert wrong_share(words(TEXT), words(answer["text"])) <= MOST_WRONG, answer["text"]
    with wave.open(io.BytesIO(speech)) as file:
        assert answer["usage"] == {"type": "duration", "seconds": pytest.approx(file.getnframes() / RATE, abs=0.1)}


def test_words_and_segments_have_their_times(listener: PlainEngine, speech: bytes) -> None:
    fields: dict[str, str | list[str]] = {"timestamp_granularities[]": ["word", "segment"]}
    answer = json.loads(hear(listener, speech, response_format="verbose_json", **fields))
    assert (answer["task"], answer["language"]) == ("transcribe", "english")
    starts = [one["start"] for one in answer["words"]]
    assert starts == sorted(starts)
    assert answer["words"][-1]["end"] <= answer["duration"] + 0.5
    assert words(" ".join(one["word"] for one in answer["words"])) == words(answer["text"])
    assert words("".join(one["text"] for one in answer["segments"])) == words(answer["text"])
    assert answer["segments"][0]["avg_logprob"] < 0


def test_subtitles_have_the_same_words(listener: PlainEngine, speech: bytes) -> None:
    plain = words(hear(listener, speech, response_format="text").decode())
    srt = hear(listener, speech, response_format="srt").decode()
    vtt = hear(listener, speech, response_format="vtt").decode()
    assert srt.startswith("1\n00:00:0")
    assert vtt.startswith("WEBVTT\n\n00:00:0")
    for subtitles in (srt, vtt.removeprefix("WEBVTT")):
        assert words(re.sub(r"[\d:,.]+ --> .*", "", subtitles)) == plain


def test_a_stream_brings_the_words_as_they_are_heard(listener: PlainEngine, speech: bytes) -> None:
    lines = hear(listener, speech, stream="true").decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    *deltas, done = events
    assert {one["type"] for one in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(one["delta"] for one in deltas).strip() == done["text"]
    assert wrong_share(words(TEXT), words(done["text"])) <= MOST_WRONG


def test_where_nobody_speaks_nothing_is_heard(listener: PlainEngine) -> None:
    answer = json.loads(hear(listener, silence(3)))
    assert (answer["text"], answer["usage"]["seconds"]) == ("", 3.0)


def silence(seconds: float) -> bytes:
    return wav(array.array("h", bytes(2 * int(seconds * RATE))))


def wav(samples: "array.array[int]") -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return out.getvalue()


def repeated(speech: bytes, seconds: float) -> bytes:
    """Say it again and again, with long pauses: three in one hearing are taken for a loop."""
    with wave.open(io.BytesIO(speech)) as file:
        once = array.array("h", file.readframes(file.getnframes()))
    once.extend(array.array("h", bytes(2 * PAUSE_S * RATE)))
    return wav(once * int(seconds * RATE / len(once) + 1))


def check_memory(listener: PlainEngine, speech: bytes, seconds: int, most_mib: float) -> None:
    hear(listener, repeated(speech, 35))
    before = listener.memory_mib("VmHWM")
    answer = json.loads(hear(listener, repeated(speech, seconds)))
    assert answer["usage"]["seconds"] >= seconds
    assert answer["text"].lower().count("lazy dog") > answer["usage"]["seconds"] / 20
    assert listener.memory_mib("VmHWM") - before < most_mib


def test_minutes_of_speech_take_no_more_memory_than_seconds(listener: PlainEngine, speech: bytes) -> None:
    check_memory(listener, speech, 70, 50)


@pytest.mark.long
def test_an_hour_of_speech_takes_no_more_memory_than_seconds(listener: PlainEngine, speech: bytes) -> None:
    check_memory(listener, speech, 3600, 80)


REFUSED = [
    ({"language": "de"}, "hears en", "unsupported_language"),
    ({"response_format": "diarized_json"}, "json, text, srt", "invalid_body"),
    ({"stream": "true", "response_format": "srt"}, "not with srt", "invalid_body"),
    ({"timestamp_granularities[]": "word"}, "verbose_json", "invalid_body"),
    ({"temperature": "warm"}, "from 0 to 1", "invalid_body"),
    ({"colour": "red"}, "'colour' is not known", "invalid_body"),
]


@pytest.mark.parametrize(("fields", "says", "code"), REFUSED, ids=[says for _, says, _ in REFUSED])
def test_what_it_cannot_do_is_refused_clearly(
    listener: PlainEngine, fields: dict[str, str | list[str]], says: str, code: str
) -> None:
    answer = listener.post("/v1/audio/transcriptions", *form(fields, silence(0.5)))
    assert (answer.status, answer.json["error"]["code"]) == (400, code)
    assert says in answer.json["error"]["message"]


@pytest.mark.parametrize("file", [b"", b"not a sound at all", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_is_no_sound_is_refused(listener: PlainEngine, file: bytes) -> None:
    answer = listener.post("/v1/audio/transcriptions", *form({}, file))
    assert answer.status == 400
    assert answer.json["error"]["param"] == "file"


def test_an_english_model_does_not_translate(listener: PlainEngine) -> None:
    answer = listener.post("/v1/audio/translations", *form({}, silence(0.5)))
    assert (answer.status, answer.json["error"]["code"]) == (400, "cannot_translate")
    assert "models pull whisper-base" in answer.json["error"]["message"]
