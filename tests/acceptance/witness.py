"""Stands at the gateway's door: passes every byte on, and remembers what went out, to be searched afterwards."""

import asyncio
import re
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

START_WITHIN_S = 10.0
PIECE_BYTES = 64 * 1024
KEPT_BYTES = 64 * 1024 * 1024

# A host and perhaps a port; JSON may write each slash with a backslash before it.
_ADDRESS = re.compile(rb"(?i)\b(https?|wss?):(?:\\?/){2}([\w.\[\]:-]*[\w\]])")


@dataclass(slots=True)
class Witness:
    """The address to call in place of the gateway's, and what the gateway answered there."""

    base_url: str
    heard: list[bytearray] = field(default_factory=list[bytearray])
    """What went out by each connection."""

    def clear(self) -> None:
        """Forget what was heard."""
        for said in self.heard:
            said.clear()

    def strangers(self, *, known: Iterable[str] = (), never: Iterable[str] = ()) -> set[str]:
        """List the hosts in what was heard that are not ours; `never` are words that must not occur at all."""
        ours = {self.base_url.encode(), *(url.encode() for url in known)}
        told = b"\n".join(self.heard)
        found = {scheme + b"://" + host for scheme, host in _ADDRESS.findall(told)} - ours
        return {name.decode() for name in found} | {word for word in never if word.encode() in told}


@contextmanager
def witness(gateway_url: str) -> Generator[Witness]:
    """Listen in front of the gateway until the block ends."""
    address = urlsplit(gateway_url)
    assert address.hostname is not None, gateway_url
    assert address.port is not None, gateway_url
    relay = _Relay(address.hostname, address.port)
    thread = threading.Thread(target=asyncio.run, args=(relay.run(),), daemon=True)
    thread.start()
    assert relay.ready.wait(START_WITHIN_S), "the relay did not start"
    try:
        yield relay.witness
    finally:
        relay.close()
        thread.join(START_WITHIN_S)


class _Relay:
    """A TCP relay on a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.ready = threading.Event()
        self.witness = Witness("")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._passing: set[asyncio.Task[object] | None] = set()
        """Streams refer to who reads them only weakly: else the collector may end a connection that waits."""

    async def run(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.witness.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.ready.set()
        await self._ended.wait()
        server.close()

    def close(self) -> None:
        assert self._loop is not None
        assert self._ended is not None
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer, ask = await asyncio.open_connection(self.host, self.port)
        heard = bytearray()
        self.witness.heard.append(heard)
        self._passing.add(task := asyncio.current_task())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, ask, None))
                group.create_task(_pump(answer, writer, heard))
        finally:
            ask.close()
            writer.close()
            self._passing.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: bytearray | None) -> None:
    """Pass bytes on until either side ends; what is heard is noted before it is passed on."""
    try:
        while data := await reader.read(PIECE_BYTES):
            if heard is not None and len(heard) < KEPT_BYTES:
                heard.extend(data)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except ConnectionError:
        writer.close()
