"""A client for the HTTP server inside xllamacpp: one connection per request, closed to cancel."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus

HEAD_BYTES = 64 * 1024
CHAT_PATH = "/v1/chat/completions"
COMPLETIONS_PATH = "/v1/completions"
TOKENIZE_PATH = "/tokenize"
_PIECE_BYTES = 64 * 1024


class InnerFailed(Exception):
    """The server inside did not answer as HTTP."""


@dataclass(frozen=True, slots=True)
class InnerAnswer:
    """An answer on its way."""

    status: int
    is_chunked: bool
    length: int
    reader: asyncio.StreamReader

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the body as it comes; raises `InnerFailed` when it ends early."""
        try:
            if self.is_chunked:
                while size := int((await self.reader.readline()).strip() or b"x", 16):
                    yield await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                return
            left = self.length
            while left:
                piece = await self.reader.read(min(left, _PIECE_BYTES))
                if not piece:
                    raise InnerFailed("the answer ended early")
                left -= len(piece)
                yield piece
        except (asyncio.IncompleteReadError, ValueError, OSError) as problem:
            raise InnerFailed(f"the answer ended early ({problem})") from problem

    async def body(self) -> bytes:
        """Read everything."""
        return b"".join([piece async for piece in self.pieces()])


@dataclass(frozen=True, slots=True)
class Inner:
    """The server inside, at its unix socket."""

    socket: str
    secret: str

    @contextlib.asynccontextmanager
    async def ask(self, path: str, body: bytes) -> AsyncGenerator[InnerAnswer]:
        """Post a call; leaving the context ends the connection, and with it the work."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.socket, limit=HEAD_BYTES)
        except OSError as problem:
            raise InnerFailed(str(problem)) from problem
        try:
            writer.write(self._head(path, len(body)))
            writer.write(body)
            yield await _answer(reader)
        finally:
            writer.close()

    def _head(self, path: str, length: int) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.secret}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode("ascii")


async def _answer(reader: asyncio.StreamReader) -> InnerAnswer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head[:-4].split(b"\r\n")
        status = HTTPStatus(int(lines[0].split(b" ")[1]))
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        is_chunked = headers.get(b"transfer-encoding", b"").lower() == b"chunked"
        return InnerAnswer(status, is_chunked, int(headers.get(b"content-length", b"0")), reader)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError, OSError) as problem:
        raise InnerFailed(f"no proper answer ({problem})") from problem
