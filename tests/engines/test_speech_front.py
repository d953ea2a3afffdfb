"""The front over a stand-in for the model: formats, events, what is refused, who left."""

import asyncio
import base64
import importlib
import io
import json
import threading
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from modelport.engines.asgi import Message
from modelport.engines.encoding import KINDS
from modelport.engines.speech_calls import FORMATS, MOST_LETTERS, OPENAI_VOICES
from modelport.engines.speech_front import Piece, SpeechFront
from modelport.engines.spoken import spoken

RATE = 24_000
PIECE_S = 0.5


class Humming:
    """Hums half a second for each word."""

    rate = RATE
    voices = ("af_heart", *sorted(set(OPENAI_VOICES.values())))

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str, float]] = []
        self.went = threading.Semaphore(1000)

    def words(self, text: str) -> str:
        return spoken(text)

    def pieces(self, text: str) -> Sequence[Piece]:
        return [Piece(word, 0.0) for word in text.split() if word.strip(".,!?")]

    def speak(self, piece: Piece, voice: str, speed: float) -> NDArray[np.float32]:
        assert self.went.acquire(timeout=20)
        self.spoken.append((piece.sounds, voice, speed))
        turns = np.arange(int(PIECE_S * RATE)) * (2 * np.pi * 440 / RATE)
        return (0.5 * np.sin(turns)).astype(np.float32)


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool


def client(model: Humming, worker: ThreadPoolExecutor) -> httpx.AsyncClient:
    app = SpeechFront(model, worker)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine")  # type: ignore[arg-type]


async def ask(worker: ThreadPoolExecutor, **fields: object) -> httpx.Response:
    async with client(Humming(), worker) as engine:
        return await engine.post("/v1/audio/speech", json={"input": "one two three", "voice": "alloy", **fields})


def seconds_of(sound: bytes) -> float:
    """Decode sound and tell how long it is."""
    native: Any = importlib.import_module("av")
    with native.open(io.BytesIO(sound)) as file:
        return sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))


@pytest.mark.parametrize("wanted", [one for one in FORMATS if one != "pcm"])
async def test_each_format_holds_all_that_was_spoken(worker: ThreadPoolExecutor, wanted: str) -> None:
    answer = await ask(worker, response_format=wanted)
    assert (answer.status_code, answer.headers["content-type"]) == (200, KINDS[wanted])  # type: ignore[index]
    assert seconds_of(answer.content) == pytest.approx(3 * PIECE_S, abs=0.15)


async def test_pcm_is_bare_samples_of_16_bits(worker: ThreadPoolExecutor) -> None:
    answer = await ask(worker, response_format="pcm")
    samples = np.frombuffer(answer.content, "<i2")
    assert samples.size == 3 * PIECE_S * RATE
    assert samples.max() == pytest.approx(0.5 * 32767, abs=20)


async def test_mp3_is_the_format_of_those_who_name_none(worker: ThreadPoolExecutor) -> None:
    assert (await ask(worker)).headers["content-type"] == "audio/mpeg"


async def test_a_wav_file_knows_its_length_unless_it_is_read_as_it_comes(worker: ThreadPoolExecutor) -> None:
    whole = await ask(worker, response_format="wav")
    with wave.open(io.BytesIO(whole.content)) as file:
        assert (file.getnframes(), file.getframerate()) == (3 * PIECE_S * RATE, RATE)
    streamed = await ask(worker, response_format="wav", stream_format="audio")
    assert streamed.content[44:] == whole.content[44:]
    assert streamed.content[40:44] == b"\xff" * 4


async def test_events_hold_the_sound_and_end_with_what_was_used(worker: ThreadPoolExecutor) -> None:
    answer = await ask(worker, response_format="pcm", stream_format="sse")
    assert answer.headers["content-type"] == "text/event-stream"
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [one["type"] for one in events] == ["speech.audio.delta"] * 3 + ["speech.audio.done"]
    sound = b"".join(base64.b64decode(one["audio"]) for one in events[:-1])
    assert len(sound) == 3 * PIECE_S * RATE * 2
    usage = events[-1]["usage"]
    assert (usage["characters"], usage["seconds"]) == (13, 1.5)
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"] > 0


async def test_voices_of_openai_are_voices_of_kokoro(worker: ThreadPoolExecutor) -> None:
    model = Humming()
    async with client(model, worker) as engine:
        for voice in ("nova", "AF_HEART", {"id": "af_sky"}, None):
            answer = await engine.post("/audio/speech", json={"input": "hi", "voice": voice, "speed": 1.5})
            assert answer.status_code == 200
    assert [voice for _, voice, _ in model.spoken] == ["af_nova", "af_heart", "af_sky", "af_heart"]
    assert {speed for _, _, speed in model.spoken} == {1.5}


REFUSED: list[Any] = [
    ({"input": " "}, "'input' is empty", None),
    ({"input": "..."}, "no word", None),
    ({"input": "x" * (MOST_LETTERS + 1)}, "4,097 characters", "text_too_long"),
    ({"input": "7" * MOST_LETTERS}, "characters", "text_too_long"),
    ({"input": "Say 你好"}, "'你好' is not in Latin letters", "unsupported_language"),
    ({"voice": "batman"}, "There is no voice 'batman'. Those there are: af_heart", "unknown_voice"),
    ({"speed": 5}, "speed", None),
    ({"response_format": "ogg"}, "response_format", None),
    ({"colour": "red"}, "colour", None),
]


@pytest.mark.parametrize(("fields", "says", "code"), REFUSED, ids=[says for _, says, _ in REFUSED])
async def test_what_cannot_be_spoken_is_refused_clearly(
    worker: ThreadPoolExecutor, fields: dict[str, Any], says: str, code: str | None
) -> None:
    answer = await ask(worker, **fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert says in error["message"]
    assert error["code"] == (code or "invalid_body")


async def test_another_path_is_not_there(worker: ThreadPoolExecutor) -> None:
    async with client(Humming(), worker) as engine:
        assert (await engine.post("/v1/audio/sing", json={})).status_code == 404
        assert (await engine.get("/health")).json() == {"status": "ok"}


async def test_the_first_sentence_is_sent_before_the_second_is_spoken_and_who_left_hears_no_third(
    worker: ThreadPoolExecutor,
) -> None:
    model, left = Humming(), asyncio.Event()
    model.went = threading.Semaphore(1)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    body = json.dumps({"input": "one two three", "response_format": "pcm"}).encode()
    messages = iter([{"type": "http.request", "body": body}])

    async def receive() -> Message:
        if (message := next(messages, None)) is not None:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("body"):
            await heard.put(message["body"])

    scope = {"type": "http", "method": "POST", "path": "/audio/speech"}
    call = asyncio.create_task(SpeechFront(model, worker)(scope, receive, send))
    assert len(await asyncio.wait_for(heard.get(), 20)) == PIECE_S * RATE * 2
    assert [word for word, _, _ in model.spoken] == ["one"]
    left.set()
    await asyncio.wait_for(call, 20)
    model.went.release(2)
    worker.shutdown(wait=True)
    assert [word for word, _, _ in model.spoken] in (["one"], ["one", "two"])
