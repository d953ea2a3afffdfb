import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from modelport.engines.front import BODY_BYTES, Front
from modelport.engines.inner import Inner

CHUNK = json.dumps(
    {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": None, "delta": {"content": "Hi"}}],
    }
).encode()
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CALL = {"messages": [{"role": "user", "content": "hi"}]}


def piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@asynccontextmanager
async def front(socket: Path, said: Sequence[bytes]) -> AsyncIterator[httpx.AsyncClient]:
    """A front over a server inside that says `said` and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for data in said:
            writer.write(data)
            await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, socket):
        app = Front(Inner(str(socket), "secret"), 64)
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
            yield client


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "in.sock"


async def test_a_stream_cut_inside_ends_with_an_error_and_without_done(socket: Path) -> None:
    async with front(socket, [STREAM, piece(b"data: " + CHUNK + b"\n\n")]) as client:
        answer = await client.post("/chat/completions", json={**CALL, "stream": True})
    *_, last = answer.text.removesuffix("\n\n").split("\n\n")
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "engine_failed"
    assert "[DONE]" not in answer.text


async def test_a_stream_that_ends_without_done_is_cut(socket: Path) -> None:
    async with front(socket, [STREAM, piece(b"data: " + CHUNK + b"\n\n"), b"0\r\n\r\n"]) as client:
        answer = await client.post("/chat/completions", json={**CALL, "stream": True})
    assert "ended early" in answer.text
    assert "[DONE]" not in answer.text


async def test_an_error_in_the_middle_of_a_stream_is_shown(socket: Path) -> None:
    fault = b'data: {"error":{"code":500,"message":"broke","type":"server_error"}}\n\n'
    async with front(socket, [STREAM, piece(b"data: " + CHUNK + b"\n\n" + fault)]) as client:
        answer = await client.post("/chat/completions", json={**CALL, "stream": True})
    assert '"broke"' in answer.text or "could not be read" in answer.text
    assert "[DONE]" not in answer.text


async def test_events_are_read_wherever_they_are_cut_and_pings_are_not_shown(socket: Path) -> None:
    whole = b": ping\n\ndata: " + CHUNK + b"\n\ndata: [DONE]\n\n"
    said = [STREAM, *(piece(whole[at : at + 1]) for at in range(len(whole))), b"0\r\n\r\n"]
    async with front(socket, said) as client:
        answer = await client.post("/chat/completions", json={**CALL, "stream": True})
    assert [event[:7] for event in answer.text.removesuffix("\n\n").split("\n\n")] == ["data: {", "data: ["]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"])
@pytest.mark.parametrize("is_streaming", [False, True])
async def test_an_answer_that_does_not_come_is_the_engines_fault(socket: Path, said: bytes, is_streaming: bool) -> None:
    async with front(socket, [said]) as client:
        answer = await client.post("/chat/completions", json={**CALL, "stream": is_streaming})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "engine_failed"


async def test_a_server_inside_that_is_gone_is_the_engines_fault(socket: Path) -> None:
    async with front(socket, []) as client:
        await asyncio.to_thread(socket.unlink)
        answer = await client.post("/chat/completions", json=CALL)
    assert answer.status_code == 503


async def test_a_body_beyond_the_bound_is_refused(socket: Path) -> None:
    async with front(socket, []) as client:
        answer = await client.post("/chat/completions", content=bytes(BODY_BYTES + 1))
    assert answer.status_code == 413
