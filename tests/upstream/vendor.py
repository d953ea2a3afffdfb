"""A provider that follows a script, byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from modelport.catalogue.facts import AuthScheme, Offer, Provider, Quirks, Timeouts
from modelport.core.errors import Secret
from modelport.dialects.wire import Headers, UpstreamRequest
from modelport.upstream.dial import Tls
from modelport.upstream.pool import PoolLimits
from modelport.upstream.providers import Providers

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
QUICK_SWEEP = PoolLimits(sweep_s=0.01)
PATIENT = Timeouts(10.0, 10.0, 10.0)


@dataclass(slots=True)
class Seen:
    """A request as the provider read it."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Talk:
    """One connection, from the provider's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    vendor: "Vendor"

    async def request(self) -> Seen | None:
        """Read the next request; None when the other end closed."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *fields = head[:-4].split("\r\n")
        headers = dict(field.split(": ", 1) for field in fields)
        seen = Seen(line, headers, await self.reader.readexactly(int(headers.get("content-length", "0"))))
        self.vendor.seen.append(seen)
        self.vendor.was_asked.set()
        return seen

    async def send(self, data: bytes) -> None:
        """Write; what the other end no longer wants is dropped."""
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def until_closed(self) -> None:
        """Wait for the other end to close."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        self.vendor.closed.set()


Script = Callable[[Talk], Awaitable[None]]


@dataclass(slots=True)
class Vendor:
    """What a scripted provider saw."""

    script: Script
    url: str = ""
    seen: list[Seen] = field(default_factory=list[Seen])
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play the script to a new connection."""
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._play(Talk(reader, writer, self)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _play(self, talk: Talk) -> None:
        try:
            await self.script(talk)
        finally:
            talk.writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await talk.writer.wait_closed()

    async def stop(self) -> None:
        """End every connection."""
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@asynccontextmanager
async def vendor(
    script: Script, *, tls: ssl.SSLContext | None = None, unix_path: Path | None = None, backlog: int = 2048
) -> AsyncIterator[Vendor]:
    """Serve a script on an ephemeral port, or on a unix socket."""
    played = Vendor(script)
    if unix_path is not None:
        server = await asyncio.start_unix_server(played.accept, unix_path, backlog=backlog)
    else:
        server = await asyncio.start_server(played.accept, "127.0.0.1", 0, ssl=tls, backlog=backlog)
        port = server.sockets[0].getsockname()[1]
        played.url = f"https://localhost:{port}/v1" if tls is not None else f"http://127.0.0.1:{port}/v1"
    try:
        yield played
    finally:
        server.close()
        await played.stop()


def answers(*pieces: bytes) -> Script:
    """Answer every request with the same bytes, and keep the connection."""

    async def script(talk: Talk) -> None:
        while await talk.request() is not None:
            for piece in pieces:
                await talk.send(piece)

    return script


def answers_once(data: bytes) -> Script:
    """Answer one request and close."""

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(data)

    return script


def answers_then_waits(data: bytes) -> Script:
    """Answer one request with the beginning of an answer and leave it at that."""

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(data)
        await talk.until_closed()

    return script


def offer_of(
    url: str,
    *,
    timeouts: Timeouts = PATIENT,
    concurrency: int | None = None,
    headers: dict[str, str] | None = None,
    auth: AuthScheme = "bearer",
) -> Offer:
    """Make an offer of a provider named Acme."""
    provider = Provider(
        "acme",
        "Acme",
        url,
        {"chat": ("openai_chat",)},
        auth=auth,
        secret_env="ACME_API_KEY",
        timeouts=timeouts,
        concurrency=concurrency,
    )
    return Offer("acme/small", provider, "small-1", quirks=Quirks(headers=headers or {}))


def request_of(body: bytes = b"{}", path: str = "/chat/completions", headers: Headers = ()) -> UpstreamRequest:
    """Make a request."""
    return UpstreamRequest(path, headers or ((b"content-type", b"application/json"),), body, is_streaming=False)


def providers(limits: PoolLimits = QUICK_SWEEP, ca_file: Path | None = None) -> Providers:
    """Make the transport, with Acme's secret."""
    return Providers({"acme": Secret("sk-secret")}, tls=Tls(ca_file), limits=limits)
