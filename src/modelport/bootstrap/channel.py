"""What a supervisor and its worker processes say to each other: a line of JSON each, over a pair of sockets."""

import asyncio
import os
import socket
from typing import Generic, TypeVar

import msgspec

_LINE_MAX_BYTES = 1 << 20


class Assignment(msgspec.Struct, frozen=True, tag=True):
    """The first line to a worker: all that it needs to know."""

    settings: msgspec.Raw
    number: int
    owner: str
    """The name under which it borrows money."""
    host: str
    port: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Take no more calls, let those in flight end."""


class Force(msgspec.Struct, frozen=True, tag=True):
    """Wait for no call."""


class Wake(msgspec.Struct, frozen=True, tag=True):
    """There are new jobs: said to the worker that drives them, and by workers that took them in."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker listens."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The worker cannot start."""

    message: str


class Asked(msgspec.Struct, frozen=True, tag=True):
    """A worker wants a slot of a local model."""

    id: int
    engine: str
    weights: str


class Lent(msgspec.Struct, frozen=True, tag=True):
    """The slot is the worker's, until it returns it."""

    id: int
    path: str


class Refused(msgspec.Struct, frozen=True, tag=True):
    """There is no slot to be had."""

    id: int
    message: str
    retry_s: int | None
    """When to try again, if the model is only busy."""


class Returned(msgspec.Struct, frozen=True, tag=True):
    """A slot is not needed, or not any more."""

    id: int


ToWorker = Assignment | Stop | Force | Lent | Refused | Wake
ToSupervisor = Ready | Failed | Asked | Returned | Wake
SAID_TO_WORKER: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)
SAID_TO_SUPERVISOR: msgspec.json.Decoder[ToSupervisor] = msgspec.json.Decoder(ToSupervisor)

T = TypeVar("T")


class Channel(Generic[T]):
    """One end; `T` is what the other end says. It closes with the process at the other end, however that ends."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, decoder: msgspec.json.Decoder[T]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = decoder

    def send(self, message: ToWorker | ToSupervisor) -> None:
        """Say something; it is lost if the other end has gone."""
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def receive(self) -> T | None:
        """Wait for what the other end says; None once it has gone."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        return self._decoder.decode(line) if line.endswith(b"\n") else None

    async def close(self) -> None:
        """Send what is under way, then close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


async def channel_over(end: socket.socket, decoder: msgspec.json.Decoder[T]) -> Channel[T]:
    """Speak over one end of a pair of sockets."""
    return Channel(*await asyncio.open_unix_connection(sock=end, limit=_LINE_MAX_BYTES), decoder)


def own_end() -> socket.socket:
    """Take the channel, which is standard input, and leave nothing there to read."""
    end = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return end
