"""One answer as it comes in: bounded buffering between a connection and its reader."""

import asyncio

from modelport.core.errors import Problem
from modelport.upstream.content import BrokenContent, Inflater
from modelport.upstream.peer import Peer

BUFFER_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024


class Answer:
    """A provider's answer, from its headers on; filled by a connection, read by one reader."""

    __slots__ = (
        "_transport",
        "bound_bytes",
        "buffered_bytes",
        "chunks",
        "error",
        "headers",
        "inflater",
        "is_complete",
        "is_paused",
        "is_stopped",
        "loop",
        "peer",
        "status",
        "waiter",
        "wants_all",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: Peer) -> None:
        self.loop = loop
        self.peer = peer
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.chunks: list[bytes] = []
        self.buffered_bytes = 0
        self.bound_bytes = BUFFER_BYTES
        self.is_complete = False
        self.is_paused = False
        self.is_stopped = False
        self.wants_all = False
        self.error: Problem | None = None
        self.inflater: Inflater | None = None
        self.waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def header(self, name: bytes) -> bytes | None:
        """Return a header by its lower-case name; repeated ones are joined by commas."""
        return self.headers.get(name)

    async def body(self, limit_bytes: int) -> bytes:
        """Read all that is left; raises `AnswerTooLarge`, `CutShort`, `IdleTimeout`, `MalformedAnswer`."""
        if not self.is_complete and self.error is None:
            await self._gather(limit_bytes)
        if self.error is not None:
            self.chunks.clear()  # nobody reads a part of it, and the error's traceback leads here until it is collected
            raise self.error
        data = self._take_buffered()
        if self.inflater is not None:
            return self._inflate_all(self.inflater, data, limit_bytes)
        if len(data) > limit_bytes:
            raise self.peer.too_large("body", limit_bytes)
        return data

    async def some(self) -> bytes:
        """Read what has come, at least a byte; empty at a proper end. Raises `CutShort`, `IdleTimeout`, …"""
        if self.inflater is not None:
            return await self._some_inflated(self.inflater)
        while not self.chunks:
            if self.error is not None:
                raise self.error
            if self.is_complete:
                return b""
            await self._wait()
        return self._take_buffered()

    def stop(self) -> None:
        """Have leaving close the connection at once."""
        self.is_stopped = True

    def wake(self) -> None:
        """Let the reader look again."""
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail(self, error: Problem) -> None:
        """End in `error`, after what is buffered was read."""
        if self.error is None and not self.is_complete:
            self.error = error
        self.wake()

    def pause(self, transport: asyncio.Transport) -> None:
        """Stop reading from the socket until the reader has caught up."""
        if not self.is_paused and not transport.is_closing():
            self._transport = transport
            self.is_paused = True
            transport.pause_reading()

    async def _wait(self) -> None:
        self.waiter = self.loop.create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    async def _gather(self, limit_bytes: int) -> None:
        length = self.headers.get(b"content-length")
        if self.buffered_bytes > limit_bytes or (length is not None and int(length) > limit_bytes):
            self.stop()
            raise self.peer.too_large("body", limit_bytes)
        self.wants_all = True
        self.bound_bytes = limit_bytes
        self._resume()
        await self._wait()

    def _resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def _take_buffered(self) -> bytes:
        chunks = self.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.buffered_bytes = 0
        if self.is_paused:
            self._resume()
        return data

    async def _some_inflated(self, inflater: Inflater) -> bytes:
        while True:
            data = self._inflate(inflater, _PIECE_BYTES)
            if data:
                return data
            if self.chunks:
                inflater.give(self._take_buffered())
            elif self.error is not None:
                raise self.error
            elif self.is_complete:
                self._require_end(inflater)
                return b""
            else:
                await self._wait()

    def _inflate_all(self, inflater: Inflater, packed: bytes, limit_bytes: int) -> bytes:
        inflater.give(packed)
        pieces: list[bytes] = []
        size_bytes = 0
        while piece := self._inflate(inflater, limit_bytes - size_bytes + 1):
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > limit_bytes:
                raise self.peer.too_large("body", limit_bytes)
        self._require_end(inflater)
        return b"".join(pieces)

    def _inflate(self, inflater: Inflater, limit_bytes: int) -> bytes:
        try:
            return inflater.take(limit_bytes)
        except BrokenContent as error:
            self.stop()
            raise self.peer.malformed(str(error)) from error

    def _require_end(self, inflater: Inflater) -> None:
        if not inflater.is_finished:
            raise self.peer.cut(began=True)
