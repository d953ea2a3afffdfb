"""The real engine of embeddings with its real model: meaning, forms, bounds."""

import base64
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelport.engines.child import Launch, plain_command
from modelport.engines.entries import EMBEDDINGS
from modelport.engines.supervisor import Engines
from modelport.engines.weights import WeightsStore
from tests.engines.conftest import EMBEDDER
from tests.engines.test_llama import END_S, Connection, answers, until

pytestmark = pytest.mark.weights

CAT, KITTEN, TAX = "A cat sits on the mat.", "A kitten is resting on a rug.", "The tax form is due in April."


class Engine:
    """The engine as a process of the test."""

    def __init__(self, store: WeightsStore, folder: Path) -> None:
        entry = store.entry(EMBEDDER)
        file = store.path(EMBEDDER)
        assert file is not None
        self.socket = folder / "e.sock"
        launch = Launch(entry, file, self.socket, 0, 0, slots=2, threads=1, nice=0)
        self.process = subprocess.Popen([*plain_command(launch)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def answer(self, given: object, **fields: object) -> tuple[int, Any]:
        with closing(Connection(self.socket)) as connection:
            connection.request("POST", "/embeddings", json.dumps({"input": given, **fields}))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def ask(self, given: object, **fields: object) -> Any:
        status, body = self.answer(given, **fields)
        assert status == 200, body
        return body

    def vectors(self, given: object, **fields: object) -> list[list[float]]:
        return [one["embedding"] for one in self.ask(given, **fields)["data"]]


@pytest.fixture(scope="module")
def engine(embedding_store: WeightsStore) -> Iterator[Engine]:
    folder = Path(tempfile.mkdtemp(prefix="modelport-"))
    started = Engine(embedding_store, folder)
    try:
        until(lambda: answers(started.socket) or started.process.poll() is not None)
        yield started
    finally:
        said = started.process.communicate(timeout=END_S)[1]  # closes stdin
    assert started.process.returncode == 0, said.decode()
    assert not folder.exists(), "its socket and its folder are gone"


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_texts_that_mean_the_same_are_near_and_others_far(engine: Engine) -> None:
    cat, kitten, tax = engine.vectors([CAT, KITTEN, TAX])
    assert likeness(cat, kitten) > 0.5
    assert abs(likeness(cat, tax)) < 0.2


def test_vectors_have_384_members_and_the_length_one(engine: Engine) -> None:
    for vector in engine.vectors([CAT, "word " * 200]):
        assert len(vector) == 384
        assert likeness(vector, vector) == pytest.approx(1, abs=1e-5)


def test_a_text_has_the_same_vector_alone_and_beside_others(engine: Engine) -> None:
    (alone,) = engine.vectors(CAT)
    beside = engine.vectors([TAX, "word " * 100, CAT, "x"])[2]
    assert alone == pytest.approx(beside, abs=1e-5)


def test_tokens_are_counted_with_their_marks(engine: Engine) -> None:
    answer = engine.ask("hello world")
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert (answer["object"], answer["model"]) == ("list", EMBEDDER)


def test_token_ids_are_those_of_the_model(engine: Engine) -> None:
    hello_world = [7592, 2088]
    by_text = engine.vectors("hello world")
    assert engine.vectors(hello_world) == by_text
    assert engine.vectors([hello_world]) == by_text
    assert engine.vectors([101, *hello_world, 102]) == by_text
    status, refused = engine.answer([[1], [30522]])
    assert status == 400
    assert "'input[1]' has the token id 30522" in refused["error"]["message"]


def test_base64_holds_the_same_numbers(engine: Engine) -> None:
    (shown,) = engine.vectors(CAT, encoding_format="base64")
    assert isinstance(shown, str)
    assert [*struct.unpack("<384f", base64.b64decode(shown))] == engine.vectors(CAT)[0]


def test_a_long_text_is_refused_unless_it_may_be_cut(engine: Engine) -> None:
    fits, long = "word " * 254, "word " * 255
    assert engine.ask(fits)["usage"]["prompt_tokens"] == 256
    status, refused = engine.answer([CAT, long])
    assert (status, refused["error"]["code"]) == (400, "context_length_exceeded")
    assert "'input[1]' has 257 tokens" in refused["error"]["message"]
    assert engine.vectors(long, auto_truncate=True) == engine.vectors(fits)


def test_any_text_is_read(engine: Engine) -> None:
    texts = [" ", "\x00", "[CLS] [SEP]", "你好", "é" * 150, "👩‍🚀", "\ufeff\u202e"]
    assert len(engine.vectors(texts)) == len(texts)


async def test_the_serving_process_loads_none_of_it(embedding_store: WeightsStore) -> None:
    async with Engines(embedding_store) as engines:
        await engines.preload(EMBEDDER)
        async with engines.lease(EMBEDDINGS, EMBEDDER) as socket:
            assert socket.endswith(".sock")
    assert not {"onnxruntime", "tokenizers"} & set(sys.modules)
