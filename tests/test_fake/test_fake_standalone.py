"""The fake as a process of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[str]:
    """Start it, and yield the address that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fake", *options, cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        assert line.startswith(b"listening on ")
        yield line.decode().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        await process.wait()


def request(model: str) -> bytes:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = "POST /groq/openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-fake\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def test_it_prints_where_it_listens_and_serves_there() -> None:
    async with running("--port", "0", "--model", "extra/model") as address:
        host, _, port = address.removeprefix("http://").partition(":")
        for model in ("echo", "extra/model"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request(model))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request("fault/reset"))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_it_serves_on_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "fake.sock")
    async with running("--unix", path) as address:
        assert address == f"unix:{path}"
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request("fault/reset"))
        assert await reader.read() == b""
        writer.close()
