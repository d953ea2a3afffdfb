"""A pool of HTTP/1.1 keep-alive connections: bounded, swept, first come first served."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from modelport.serving.ports import ProviderUnavailable
from modelport.upstream.address import Target
from modelport.upstream.answer import Answer
from modelport.upstream.connection import Connection
from modelport.upstream.dial import Tls, dial
from modelport.upstream.peer import Peer

_CLOSE_S = 1.0
WARY_S = 60.0
"""For so long after a target has closed a connection in haste, none is reused before it has settled and was asked."""
SETTLE_S = 0.02
"""An idle connection that the other end closes with its answer is known to be closed after so long."""
_KNOWN_TARGETS = 1024


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of a pool; connections and waiters count per target."""

    connections: int = 2048
    waiting: int = 2048
    idle: int = 256
    idle_s: float = 60.0
    sweep_s: float = 0.25


@dataclass(slots=True)
class PoolCounts:
    """What a pool has done so far, and has open now."""

    dials: int = 0
    reuses: int = 0
    open: int = 0


class Gate:
    """At most so many exchanges at a time."""

    __slots__ = ("_inside", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._inside = 0

    def enter(self, peer: Peer) -> None:
        """Count one more; raises `ProviderBusy` when it is one too many."""
        if self._inside >= self.limit:
            raise peer.busy(f"{self.limit} calls are under way, which is its `concurrency`")
        self._inside += 1

    def leave(self) -> None:
        """Count one less."""
        self._inside -= 1


class Pool:
    """Hands out exchanges over connections that it opens, keeps, bounds and closes. Belongs to one event loop."""

    def __init__(self, tls: Tls | None = None, limits: PoolLimits | None = None) -> None:
        self.tls = tls or Tls()
        self.limits = limits or PoolLimits()
        self.counts = PoolCounts()
        self.is_closed = False
        self._buckets: dict[Target, Bucket] = {}
        self._connections: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection and wait, briefly, until they are gone."""
        self.is_closed = True
        for bucket in self._buckets.values():
            bucket.turn_away()
        if not self._connections:
            return
        self._emptied = asyncio.get_running_loop().create_future()
        for connection in tuple(self._connections):
            connection.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._emptied, _CLOSE_S)

    def exchange(self, target: Target, peer: Peer, head: bytes, body: bytes, gate: Gate | None = None) -> "Exchange":
        """Prepare to send a request on a kept or new connection; `head` ends with an empty line."""
        return Exchange(self.bucket(target), peer, head, body, gate)

    def single(self, target: Target, peer: Peer, head: bytes, body: bytes) -> "Exchange":
        """Prepare to send a request whose target is not remembered afterwards."""
        return Exchange(Bucket(self, target), peer, head, body, None)

    def bucket(self, target: Target) -> "Bucket":
        """Return the connections to a target."""
        bucket = self._buckets.get(target)
        if bucket is None:
            if len(self._buckets) >= _KNOWN_TARGETS:
                self._buckets = {known: bucket for known, bucket in self._buckets.items() if bucket.size}
            bucket = self._buckets[target] = Bucket(self, target)
        return bucket

    def opened(self, connection: Connection) -> None:
        """Watch a new connection."""
        self._connections.add(connection)
        self.counts.dials += 1
        self.counts.open += 1
        if self._sweeper is None:
            self._sweep_later()

    def lost(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._connections.discard(connection)
        self.counts.open -= 1
        if not self._connections and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def _sweep_later(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(self.limits.sweep_s, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        now_s = asyncio.get_running_loop().time()
        for connection in tuple(self._connections):
            connection.check(now_s)
        if self._connections:
            self._sweep_later()


class Bucket:
    """The connections to one target."""

    def __init__(self, pool: Pool, target: Target) -> None:
        self.pool = pool
        self.target = target
        self.keep_s = pool.limits.idle_s
        self.hasty_until_s = 0.0
        self.size = 0
        """Connections that are open, or being opened."""
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    def take(self) -> Connection | None:
        """Return the most recently used idle connection that is alive, or None."""
        idle = self._idle
        while idle:
            connection = self._pop_settled() if self.hasty_until_s else idle.pop()
            if connection is None:
                break
            if connection.is_usable():
                self.pool.counts.reuses += 1
                return connection
            connection.abort()
        return None

    async def acquire(self, peer: Peer) -> Connection:
        """Open a connection, or wait for one when the bound is reached; raises `ConnectFailed`, `ProviderBusy`."""
        while True:
            if self.size < self.pool.limits.connections:
                self.size += 1
                return await self._dial(peer)
            connection = await self._wait(peer)
            if connection is None:
                return await self._dial(peer)
            if connection.is_usable():
                self.pool.counts.reuses += 1
                return connection
            connection.abort()

    def released(self, connection: Connection) -> None:
        """Pass a free connection to who waits longest, else keep it."""
        if (waiter := self._next_waiter()) is not None:
            waiter.set_result(connection)
        elif len(self._idle) < self.pool.limits.idle and not self.pool.is_closed:
            self._idle.append(connection)
        else:
            connection.abort()

    def lost(self, connection: Connection) -> None:
        """Forget a connection and let who waits longest open another."""
        if connection in self._idle:
            self._idle.remove(connection)
        self.pool.lost(connection)
        self._free_place()

    def closed_in_haste(self) -> None:
        """Let connections settle, and ask them, before they are reused, for a while."""
        self.hasty_until_s = asyncio.get_running_loop().time() + WARY_S

    def turn_away(self) -> None:
        """Wake all who wait, to find the pool closed."""
        while (waiter := self._next_waiter()) is not None:
            self.size += 1
            waiter.set_result(None)

    def _pop_settled(self) -> Connection | None:
        """Leave out, while the target is hasty and another connection may be opened, what it may be about to close."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self.hasty_until_s or self.size >= self.pool.limits.connections:
            return self._idle.pop()
        for place in reversed(range(len(self._idle))):
            if now_s - self._idle[place].idle_since_s() >= SETTLE_S:
                return self._idle.pop(place)
        return None

    async def _dial(self, peer: Peer) -> Connection:
        """Open a connection in a place that is counted already; once adopted, it gives the place back itself."""
        connection = Connection(asyncio.get_running_loop(), self)
        try:
            if self.pool.is_closed:
                raise _stopping()
            await dial(self.target, peer, self.pool.tls, lambda: connection)
            if self.pool.is_closed:
                raise _stopping()
            if not connection.is_open():
                raise peer.unreachable("it closed the connection at once")
        except BaseException:
            connection.renounce()
            self._free_place()
            raise
        connection.adopt()
        self.pool.opened(connection)
        return connection

    async def _wait(self, peer: Peer) -> Connection | None:
        if len(self._waiting) >= self.pool.limits.waiting:
            raise peer.busy("too many calls wait for a connection to it")
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(peer.timeouts.connect_s):
                return await waiter
        except TimeoutError:
            self._give_back(waiter)
            raise peer.busy(f"all {self.pool.limits.connections} connections to it are in use") from None
        except BaseException:
            self._give_back(waiter)
            raise

    def _give_back(self, waiter: "asyncio.Future[Connection | None]") -> None:
        """Pass on what a waiter was handed in the moment it gave up."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(waiter)
        if waiter.done() and not waiter.cancelled():
            connection = waiter.result()
            if connection is None:
                self._free_place()
            else:
                self.released(connection)

    def _free_place(self) -> None:
        if (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)  # the place is theirs
        else:
            self.size -= 1

    def _next_waiter(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None


class Exchange(Answer):
    """One request and its answer.

    Leaving before the answer's end closes the connection: at once when it is by an exception or after `stop`, else
    when the end has not come a moment later.
    """

    __slots__ = ("_body", "_bucket", "_connection", "_gate", "_head")

    def __init__(self, bucket: Bucket, peer: Peer, head: bytes, body: bytes, gate: Gate | None) -> None:
        super().__init__(asyncio.get_running_loop(), peer)
        self._bucket = bucket
        self._head = head
        self._body = body
        self._gate = gate
        self._connection: Connection | None = None

    async def __aenter__(self) -> Self:
        """Send, and wait for the answer's headers."""
        if self._gate is not None:
            self._gate.enter(self.peer)
        try:
            connection = self._bucket.take()
            if connection is None:
                connection = await self._bucket.acquire(self.peer)
            self._connection = connection
            self.waiter = self.loop.create_future()
            connection.start(self, self._head, self._body)
            await self.waiter
            self.waiter = None
            if self.error is not None and not self.status:
                raise self.error
        except BaseException:
            self._leave(at_once=True)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back, or close it when the answer does not end."""
        self._leave(at_once=self.is_stopped or kind is not None)

    def _leave(self, *, at_once: bool) -> None:
        if self._connection is not None:
            self._connection.abandon(self, at_once=at_once)
        if self._gate is not None:
            self._gate.leave()
        self.chunks.clear()


def _stopping() -> ProviderUnavailable:
    return ProviderUnavailable("The server is stopping; it makes no new calls to providers.")
