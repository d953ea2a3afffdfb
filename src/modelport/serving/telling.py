"""A stream of events to a caller, which says now and then that it goes on."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from modelport.core.errors import Problem
from modelport.serving.ports import Client

KEEP_ALIVE_S = 15.0
"""Nobody on the way cuts a connection that is silent for less."""
Headers = Callable[[], Sequence[tuple[bytes, bytes]]]


class Telling:
    """A context in which a caller is told what becomes of a call. Status and headers go with the first of it.

    Until then the call can still be refused with a status of its own; a stream that has been silent for `every_s` has
    begun as well, with a comment, so that nothing between us and the caller takes it for dead.
    """

    __slots__ = ("_client", "_comment", "_every_s", "_headers", "_last_s", "_lock", "_task", "has_begun")

    def __init__(self, client: Client, headers: Headers, comment: bytes, every_s: float) -> None:
        self._client = client
        self._headers = headers
        self._comment = comment
        self._every_s = every_s
        self._lock = asyncio.Lock()
        self._last_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self.has_begun = False
        """Whether anything was sent."""

    async def __aenter__(self) -> Self:
        self._last_s = _now_s()
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stop()

    async def send(self, data: bytes) -> None:
        """Tell something; waits while the caller reads slowly."""
        async with self._lock:
            await self._begin()
            await self._client.send(data)
            self._last_s = _now_s()

    async def finish(self, data: bytes) -> None:
        """Tell the last, and end."""
        await self._stop()
        await self._begin()
        await self._client.finish(data)

    async def fail(self, problem: Problem, framed: Callable[[bytes], bytes]) -> None:
        """Tell that nothing more comes, and why."""
        await self._stop()
        await self._begin()
        await self._client.fail(problem, framed)

    async def _begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            await self._client.start(200, self._headers())

    async def _go_on(self) -> None:
        while True:
            left_s = self._last_s + self._every_s - _now_s()
            if left_s <= 0:
                await self.send(self._comment)
            else:
                await asyncio.sleep(left_s)

    async def _stop(self) -> None:
        """Say no more that it goes on; a comment that is under way is sent to its end."""
        task, self._task = self._task, None
        if task is None:
            return
        async with self._lock:
            task.cancel()
        await asyncio.wait((task,))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
