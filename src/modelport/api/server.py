"""Listens, sweeps deadlines, and stops without dropping answers that are under way."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import Protocol

from uvicorn.config import Config
from uvicorn.server import ServerState

from modelport.api.cycle import Receive, Scope, Send
from modelport.api.date import DateLine
from modelport.api.protocol import HttpProtocol, Limits
from modelport.core.errors import Problem

_log = logging.getLogger(__name__)

BACKLOG = 4096
SWEEP_S = 0.25
_FORCED_END_S = 5.0


class CannotListen(Problem):
    """The address cannot be listened on."""

    def __init__(self, host: str, port: int, error: Exception) -> None:
        reason = str(error)
        if isinstance(error, OSError) and error.errno:  # those of name resolution are negative
            reason = os.strerror(error.errno) if error.errno > 0 else error.strerror
        super().__init__(
            f"cannot listen on {host}:{port}: {reason}; choose another address with --host and --port, "
            "or stop what listens there"
        )


class Served(Protocol):
    """An ASGI application that also renders what goes wrong before a request can reach it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def render(self, problem: Problem, path: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return status, headers and body of the answer."""
        ...


OnStarted = Callable[[str, int], Awaitable[None] | None]
"""Told the address that is listened on, once connections are taken."""


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; returns what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS names an unlimited hard limit that it then refuses
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@dataclass(slots=True)
class Listener:
    """One listening address and its connections."""

    application: Served
    limits: Limits = field(default_factory=Limits)
    state: ServerState = field(default_factory=ServerState, init=False)
    _date: DateLine = field(default_factory=DateLine, init=False)
    _one_closed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)

    async def open(self, host: str, port: int, *, is_shared: bool = False) -> tuple[str, int]:
        """Listen; returns the address, with the port that the system chose where 0 was asked for.

        Several processes may listen where each says that it is shared. Raises `CannotListen`.
        """
        loop = asyncio.get_running_loop()
        config = Config(
            self.application,
            log_config=None,
            http=HttpProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        config.load()

        def connection() -> HttpProtocol:
            render = self.application.render
            return HttpProtocol(config, self.state, self.limits, render, self._one_closed.set, loop, self._date)

        try:
            self._server = await loop.create_server(
                connection, host, port, backlog=BACKLOG, reuse_port=is_shared or None
            )
        except (OSError, OverflowError) as error:
            raise CannotListen(host, port, error) from error
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def sweep(self) -> None:
        """Check every connection's deadline four times a second, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            self._date.refresh(time.time())
            self._check(loop.time())

    def _check(self, now: float) -> None:
        for connection in self._connections():
            try:
                connection.check(now)
            except Exception:  # noqa: BLE001 - one broken connection must not end the watch over all others
                _log.exception("a connection could not be checked and is cut")
                connection.transport.abort()

    def _connections(self) -> list[HttpProtocol]:
        return [connection for connection in self.state.connections if isinstance(connection, HttpProtocol)]

    async def drain(self, drain_s: float, force: asyncio.Event) -> None:
        """Take no more connections, let answers end for at most `drain_s`, then cut what is left."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections():
            connection.shutdown()
        waits = [asyncio.create_task(self._quiet()), asyncio.create_task(force.wait())]
        await asyncio.wait(waits, timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        await self._cut()

    async def _quiet(self) -> None:
        while self.state.connections:
            self._one_closed.clear()
            await self._one_closed.wait()
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)

    async def _cut(self) -> None:
        tasks = list(self.state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_FORCED_END_S)
        for connection in self._connections():
            connection.transport.abort()
        await asyncio.sleep(0)
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), _FORCED_END_S)


@contextlib.contextmanager
def heeding_signals(stop: asyncio.Event, force: asyncio.Event) -> Generator[None]:
    """Have SIGTERM and SIGINT stop the server, and a second one force it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def received() -> None:
        (force if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, received)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def reserved(host: str, port: int) -> Generator[tuple[str, int]]:
    """Keep an address for processes that listen on it as shared; yields it, with the port that the system chose for 0.

    Raises `CannotListen`, also where something listens there that would share it.
    """
    with contextlib.ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, kind, protocol, _, (name, _, *more) in found:
                if port:
                    with _bound(family, kind, protocol, (name, port, *more), is_shared=False):
                        pass  # free of everybody
                one = stack.enter_context(_bound(family, kind, protocol, (name, port, *more), is_shared=True))
                port = int(one.getsockname()[1])
        except (OSError, OverflowError) as error:
            raise CannotListen(host, port, error) from error
        yield host, port


@contextlib.contextmanager
def _bound(
    family: int, kind: int, protocol: int, address: tuple[object, ...], *, is_shared: bool
) -> Generator[socket.socket]:
    with socket.socket(family, kind, protocol) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        yield one


@contextlib.asynccontextmanager
async def listening(
    application: Served,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limits: Limits | None = None,
    drain_s: float = 30.0,
    force: asyncio.Event | None = None,
    is_shared: bool = False,
) -> AsyncGenerator[tuple[str, int]]:
    """Serve while the context is open; yields the address."""
    listener = Listener(application, limits or Limits())
    address = await listener.open(host, port, is_shared=is_shared)
    sweeping = asyncio.create_task(listener.sweep())
    try:
        yield address
    finally:
        await listener.drain(drain_s, force or asyncio.Event())
        sweeping.cancel()
        await asyncio.wait([sweeping])


async def serve(
    application: Served,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    on_started: OnStarted | None = None,
    limits: Limits | None = None,
    drain_s: float = 30.0,
) -> None:
    """Serve until `stop`, SIGTERM or SIGINT; a second signal forces the end. Raises `CannotListen`."""
    raise_file_limit()
    force = asyncio.Event()
    with heeding_signals(stop, force):
        async with listening(application, host, port, limits=limits, drain_s=drain_s, force=force) as address:
            if on_started is not None:
                told = on_started(*address)
                if told is not None:
                    await told
            await stop.wait()
