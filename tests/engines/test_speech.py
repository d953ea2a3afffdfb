"""The real engine of speech with its real model."""

import array
from collections.abc import Iterator

import pytest

from modelport.engines.entries import SPEECH
from modelport.engines.speech_calls import OPENAI_VOICES
from modelport.engines.weights import WeightsStore
from tests.engines.children import PlainEngine, plain_engine
from tests.engines.conftest import filled_store

pytestmark = pytest.mark.weights

SPEAKER = "kokoro-82m"
RATE = 24_000


@pytest.fixture(scope="module")
def store() -> WeightsStore:
    return filled_store(SPEECH, SPEAKER)


@pytest.fixture(scope="module")
def engine(store: WeightsStore) -> Iterator[PlainEngine]:
    with plain_engine(store, SPEAKER) as started:
        yield started


def samples(engine: PlainEngine, **fields: object) -> "array.array[int]":
    call = {"input": "Hello there.", "response_format": "pcm", **fields}
    answer = engine.ask("/v1/audio/speech", call)
    assert answer.status == 200, answer.body
    return array.array("h", answer.body)


def test_speech_is_as_long_as_words_take_and_neither_silent_nor_cut(engine: PlainEngine) -> None:
    sound = samples(engine)
    assert 0.5 < len(sound) / RATE < 4
    assert 3_000 < max(sound) <= 32_767


def test_speed_makes_it_shorter(engine: PlainEngine) -> None:
    assert len(samples(engine, speed=2)) < 0.7 * len(samples(engine))


def test_voices_differ_and_all_of_openais_are_there(engine: PlainEngine, store: WeightsStore) -> None:
    assert samples(engine, voice="alloy") != samples(engine, voice="onyx")
    kept = {one.file.removesuffix(".bin") for one in store.entry(SPEAKER).companions}
    assert set(OPENAI_VOICES.values()) < kept
    assert len(kept) == 28


def test_the_same_text_sounds_the_same(engine: PlainEngine) -> None:
    assert samples(engine) == samples(engine)
