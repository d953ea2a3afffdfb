"""The front over a stand-in for the model: what it is asked to do, in which batches, and what is refused."""

import asyncio
import json
import struct
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.engines.asgi import Message
from modelport.engines.embed_front import BATCH_TEXTS, BATCH_TOKENS, BODY_BYTES, EmbedFront, batches

START, END, WINDOW = 1, 2, 6


class Counted:
    """Each letter is a token; a vector tells how long its input was and what its first letter was."""

    words = 200

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.began = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.marked([ord(letter) for letter in text]) for text in texts]

    def marked(self, ids: Sequence[int]) -> list[int]:
        return [START, *ids, END]

    def vectors(self, batch: Sequence[Sequence[int]]) -> list[bytes]:
        self.began.set()
        self.go.wait(20)
        self.batches.append(len(batch))
        return [struct.pack("<2f", len(one), one[1]) for one in batch]


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool


def client(model: Counted, worker: ThreadPoolExecutor) -> httpx.AsyncClient:
    app = EmbedFront(model, "counted", WINDOW, 2, worker)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine")  # type: ignore[arg-type]


async def test_vectors_come_in_the_order_of_the_inputs_and_tokens_are_counted(worker: ThreadPoolExecutor) -> None:
    async with client(Counted(), worker) as engine:
        answer = await engine.post("/v1/embeddings", json={"input": ["abc", "d", "ef"]})
    assert [one["embedding"] for one in answer.json()["data"]] == [[5, 97], [3, 100], [4, 101]]
    assert answer.json()["usage"] == {"prompt_tokens": 12, "total_tokens": 12}


async def test_token_ids_are_taken_as_they_are(worker: ThreadPoolExecutor) -> None:
    async with client(Counted(), worker) as engine:
        one = await engine.post("/embeddings", json={"input": [97, 98]})
        two = await engine.post("/embeddings", json={"input": [[97], [98, 99]]})
        text = await engine.post("/embeddings", json={"input": "ab"})
        foreign = await engine.post("/embeddings", json={"input": [[97], [98, 200]]})
        negative = await engine.post("/embeddings", json={"input": [-1]})
    assert one.json() == text.json()
    assert [vector["embedding"] for vector in two.json()["data"]] == [[3, 97], [4, 98]]
    assert foreign.status_code == negative.status_code == 400
    assert "'input[1]' has the token id 200" in foreign.json()["error"]["message"]
    assert "'input' has the token id -1" in negative.json()["error"]["message"]


async def test_an_input_beyond_the_window_is_refused_by_number_unless_it_may_be_cut(worker: ThreadPoolExecutor) -> None:
    call = {"input": ["abcd", "abcdefg"]}
    async with client(Counted(), worker) as engine:
        refused = await engine.post("/embeddings", json=call)
        cut = await engine.post("/embeddings", json={**call, "auto_truncate": True})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "input")
    assert "'input[1]' has 9 tokens" in error["message"]
    assert [one["embedding"][0] for one in cut.json()["data"]] == [6, 6]
    assert cut.json()["usage"]["prompt_tokens"] == 12


async def test_many_inputs_are_read_in_batches(worker: ThreadPoolExecutor) -> None:
    model = Counted()
    async with client(model, worker) as engine:
        answer = await engine.post("/embeddings", json={"input": ["a"] * (BATCH_TEXTS + 1)})
    assert len(answer.json()["data"]) == BATCH_TEXTS + 1
    assert model.batches == [BATCH_TEXTS, 1]


async def test_a_caller_who_left_is_not_worked_for_any_more(worker: ThreadPoolExecutor) -> None:
    model, left, sent = Counted(), asyncio.Event(), []
    model.go.clear()
    body = json.dumps({"input": ["a"] * 5 * BATCH_TEXTS}).encode()
    messages = iter([{"type": "http.request", "body": body}])

    async def receive() -> Message:
        if (message := next(messages, None)) is not None:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    front = EmbedFront(model, "counted", WINDOW, 2, worker)
    scope = {"type": "http", "method": "POST", "path": "/embeddings"}
    answering = asyncio.create_task(front(scope, receive, send))
    assert await asyncio.to_thread(model.began.wait, 20)
    left.set()
    await answering
    model.go.set()
    async with client(model, worker) as engine:
        await engine.post("/embeddings", json={"input": "b"})
    assert model.batches == [BATCH_TEXTS, 1]
    assert sent == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/embeddings", 404), ("POST", "/chat/completions", 404), ("GET", "/health", 200)],
)
async def test_other_routes_are_not_served(worker: ThreadPoolExecutor, method: str, path: str, status: int) -> None:
    async with client(Counted(), worker) as engine:
        assert (await engine.request(method, path)).status_code == status


async def test_a_body_beyond_the_bound_is_refused(worker: ThreadPoolExecutor) -> None:
    async with client(Counted(), worker) as engine:
        assert (await engine.post("/embeddings", content=bytes(BODY_BYTES + 1))).status_code == 413


@given(st.lists(st.integers(1, 256), max_size=300))
def test_batches_hold_every_input_once_and_their_bounds(lengths: list[int]) -> None:
    groups = batches(lengths)
    assert sorted(place for group in groups for place in group) == [*range(len(lengths))]
    for group in groups:
        assert len(group) <= BATCH_TEXTS
        assert len(group) * max(lengths[place] for place in group) <= BATCH_TOKENS
