"""Each fault does what its sentence says, seen from a bare socket."""

import asyncio
import gzip
import json
import ssl
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from tests.fake import FAULTS, HARMLESS, FakeUpstream
from tests.fake.faults import STREAM_ONLY, WHOLE_ONLY


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


def request(model: str, *, stream: bool = False, keep: bool = False) -> bytes:
    call = {"model": model, "messages": [{"role": "user", "content": "one two three"}], "stream": stream}
    if stream:
        call["stream_options"] = {"include_usage": True}
    body = json.dumps(call).encode()
    lines = ["POST /openai/v1/chat/completions HTTP/1.1", "Host: x", "Authorization: Bearer sk-fake"]
    lines += ["Content-Type: application/json", f"Connection: {'keep-alive' if keep else 'close'}"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def talk(fake: FakeUpstream, sent: bytes, quiet_s: float = 5.0, *, is_silent: bool = False) -> tuple[bytes, bool]:
    """Send, and return what came until nothing more did, and whether the connection was closed."""
    reader, writer = await asyncio.open_connection(fake.host, fake.port)
    received = b""
    try:
        writer.write(sent)
        while True:
            data = await asyncio.wait_for(reader.read(65536), quiet_s if received or is_silent else 5.0)
            if not data:
                return received, True
            received += data
            if len(received) > 4_000_000:
                return received, False
    except TimeoutError:
        return received, False
    except ConnectionResetError:
        return received, True
    finally:
        writer.close()


async def show(fake: FakeUpstream, fault: str, *, stream: bool) -> tuple[bytes, bool]:
    return await talk(fake, request(f"fault/{fault}", stream=stream))


def unchunk(raw: bytes) -> bytes:
    head, _, rest = raw.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            break
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


@pytest.mark.parametrize("fault", ["no-answer", "stall-headers", "stall-after-2"])
@pytest.mark.parametrize("stream", [False, True])
async def test_stalls_leave_the_connection_open(fake: FakeUpstream, fault: str, stream: bool) -> None:
    sent = request(f"fault/{fault}", stream=stream)
    raw, closed = await talk(fake, sent, quiet_s=0.1, is_silent=fault == "no-answer")
    assert not closed
    assert (raw == b"") == (fault == "no-answer")
    await fake.until(lambda: fake.connections == 0)
    assert fake.served[f"fault/{fault}"].left == 1


@pytest.mark.parametrize("fault", ["refuse", "reset"])
async def test_refusals_close_without_a_byte(fake: FakeUpstream, fault: str) -> None:
    assert await show(fake, fault, stream=False) == (b"", True)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_comes_after_exactly_so_many_bytes_of_the_body(fake: FakeUpstream, stream: bool) -> None:
    whole = unchunk((await talk(fake, request("echo", stream=stream)))[0])
    for length in (0, 1, 200, 401):
        raw, closed = await show(fake, f"cut-{length}", stream=stream)
        assert closed
        assert len(unchunk(raw)) == length < len(whole)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_statuses(fake: FakeUpstream, status: int) -> None:
    raw, _ = await show(fake, str(status), stream=True)
    assert raw.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"Retry-After: 7" in raw) == (status == 429)
    assert f"told to answer {status}" in json.loads(unchunk(raw))["error"]["message"]


@pytest.mark.parametrize("fault", sorted(HARMLESS))
@pytest.mark.parametrize("stream", [False, True])
async def test_harmless_faults_give_the_whole_answer(fake: FakeUpstream, fault: str, stream: bool) -> None:
    raw, _ = await show(fake, fault, stream=stream)
    body = unchunk(raw)
    text = (zlib.decompress(body, 31) if fault == "gzip" else body).decode()
    assert fake.served[f"fault/{fault}"].completed == 1
    if not stream:
        assert json.loads(text)["choices"][0]["finish_reason"] == "stop"
        return
    data = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    choices = [choice for line in data if line != "[DONE]" for choice in json.loads(line)["choices"]]
    expected = "".join(f"word{i} " for i in range(2000)) if fault == "long" else "You said: one two three"
    assert "".join(choice["delta"].get("content", "") for choice in choices) == expected
    assert choices[-1]["finish_reason"] == "stop"
    assert data.count("[DONE]") == {"no-done": 0, "double-done": 2}.get(fault, 1)


async def test_usage_faults(fake: FakeUpstream) -> None:
    async def usages(fault: str) -> list[object]:
        text = unchunk((await show(fake, fault, stream=True))[0]).decode()
        lines = [line[6:] for line in text.split("\n") if line.startswith("data: {")]
        return [json.loads(line).get("usage") for line in lines]

    assert all(usage is None for usage in await usages("no-usage"))
    assert len([usage for usage in await usages("duplicate-usage") if usage]) == 2
    assert all(usage is not None for usage in await usages("usage-every-chunk"))
    assert (await usages("usage-in-last-choice-chunk"))[-1] is not None
    assert '"seven"' in json.dumps(await usages("wrong-usage"))


@pytest.mark.parametrize(
    ("fault", "stream", "expected"),
    [
        ("html", True, b"text/html"),
        ("error-in-200", True, b'{"error"'),
        ("redirect", False, b"Location: http://elsewhere.invalid"),
        ("not-http", False, b"SSH-2.0"),
        ("empty", True, b"Content-Length: 0"),
        ("stream-error", True, b'data: {"error"'),
        ("error-first", True, b'data: {"error"'),
        ("bad-chunk", True, b"\r\nzz\r\n"),
        ("huge-header", False, b"x" * 1_000_000),
        ("huge-body", True, b"x" * 60_000),
        ("crlf", True, b"\r\n\r\n\r\n"),
        ("comment", True, b": keep-alive\n\n"),
        ("no-space", True, b"data:{"),
    ],
)
async def test_what_is_sent_instead(fake: FakeUpstream, fault: str, stream: bool, expected: bytes) -> None:
    raw, _ = await show(fake, fault, stream=stream)
    assert expected in raw


async def test_broken_bodies_are_broken(fake: FakeUpstream) -> None:
    for stream in (False, True):
        with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
            gzip.decompress(unchunk((await show(fake, "bad-gzip", stream=stream))[0]))
    with pytest.raises(json.JSONDecodeError):
        json.loads(unchunk((await show(fake, "wrong-json", stream=False))[0]))
    raw, closed = await show(fake, "cut-whole", stream=False)
    assert closed
    assert f"Content-Length: {len(unchunk(raw)) + 1}".encode() in raw
    clean = unchunk((await show(fake, "cut-clean", stream=True))[0])
    assert b"DONE" not in clean
    assert b'"finish_reason":"' not in clean


async def test_connections_close_when_told_and_are_kept_otherwise(fake: FakeUpstream) -> None:
    for fault, closes in (("close-keepalive", True), ("idle-close", True), ("gzip", False)):
        quiet_s = 5.0 if closes else 0.1
        raw, closed = await talk(fake, request(f"fault/{fault}", keep=True), quiet_s)
        assert (closed, b"Connection: close" in raw) == (closes, False)
    three = request("echo", keep=True) * 2 + request("fault/close-keepalive", keep=True)
    raw, closed = await talk(fake, three)
    assert raw.count(b"HTTP/1.1 200") == 3
    assert fake.dials == 4
    assert closed


async def test_every_fault_is_said_to_be_something(fake: FakeUpstream) -> None:
    assert all(meaning.endswith(".") for meaning in FAULTS.values())
    assert FAULTS.keys() >= STREAM_ONLY | WHOLE_ONLY
    raw, _ = await show(fake, "no-such-fault", stream=False)
    assert raw.startswith(b"HTTP/1.1 404")


async def test_a_caller_that_leaves_is_noticed(fake: FakeUpstream) -> None:
    _, writer = await asyncio.open_connection(fake.host, fake.port)
    writer.write(request("slow-50-pieces-1000", stream=True))
    await fake.until(lambda: fake.answering == 1)
    writer.close()
    await fake.until(lambda: fake.answering == 0)
    assert fake.served["slow-50-pieces-1000"].left == 1
    assert fake.served["slow-50-pieces-1000"].completed == 0


async def test_a_thousand_connections_are_answered_at_once(fake: FakeUpstream) -> None:
    async def one() -> bytes:
        reader, writer = await asyncio.open_connection(fake.host, fake.port)
        try:
            writer.write(request("late-50"))
            return await reader.readuntil(b"}}}")
        finally:
            writer.close()

    answers = await asyncio.gather(*(one() for _ in range(1000)))
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert fake.served["late-50"].completed == fake.dials == 1000


async def test_it_listens_on_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "fake.sock")
    async with FakeUpstream(unix_path=path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request("echo"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    with pytest.raises(FileNotFoundError):
        await asyncio.open_unix_connection(path)


async def test_it_speaks_tls() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with FakeUpstream(tls=context) as fake:
        assert fake.base_url.startswith("https://")
        reader, writer = await asyncio.open_connection(fake.host, fake.port, ssl=trusting, server_hostname="localhost")
        writer.write(request("echo"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
