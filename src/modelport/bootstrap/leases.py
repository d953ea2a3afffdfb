"""Local models that all workers share: the supervisor runs their engines, and lends slots of them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

from modelport.bootstrap.channel import Asked, Lent, Refused, Returned, ToSupervisor, ToWorker
from modelport.core.errors import Problem
from modelport.engines.supervisor import Engines
from modelport.serving.ports import ProviderBusy, ProviderUnavailable

_GONE = "The server is stopping, so no local model answers any more; try again."


class BorrowedEngines:
    """The worker's side: asks the supervisor for the slot of an engine."""

    def __init__(self, send: Callable[[ToSupervisor], None]) -> None:
        self._send = send
        self._asked: dict[int, asyncio.Future[str]] = {}
        self._last = 0
        self._is_closed = False

    @contextlib.asynccontextmanager
    async def lease(self, name: str, weights_id: str) -> AsyncGenerator[str]:
        """Hold a slot of the engine of `weights_id` and yield the path of its socket.

        Raises `ProviderUnavailable` where it cannot run, `ProviderBusy` where too many wait.
        """
        if self._is_closed:
            raise ProviderUnavailable(_GONE)
        self._last += 1
        number = self._last
        path = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send(Asked(number, name, weights_id))
        try:
            yield await path
        finally:
            del self._asked[number]
            self._send(Returned(number))

    def hear(self, said: Lent | Refused) -> None:
        """Take in what the supervisor answered."""
        asked = self._asked.get(said.id)
        if asked is None or asked.done():
            return
        if isinstance(said, Lent):
            asked.set_result(said.path)
        elif said.retry_s is not None:
            asked.set_exception(ProviderBusy(said.message, said.retry_s))
        else:
            asked.set_exception(ProviderUnavailable(said.message))

    def close(self) -> None:
        """Turn away who waits: the supervisor has gone, and its engines with it."""
        self._is_closed = True
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ProviderUnavailable(_GONE))


class Lender:
    """The supervisor's side, for one worker; what the worker holds is free again when it is closed."""

    def __init__(self, engines: Engines, send: Callable[[ToWorker], None]) -> None:
        self._engines = engines
        self._send = send
        self._lent: dict[int, asyncio.Task[None]] = {}

    def hear(self, said: Asked | Returned) -> None:
        """Lend what is asked for, take back what is returned."""
        if isinstance(said, Asked):
            self._lent[said.id] = asyncio.create_task(self._lend(said))
        elif (lent := self._lent.pop(said.id, None)) is not None:
            lent.cancel()

    async def _lend(self, asked: Asked) -> None:
        try:
            async with self._engines.lease(asked.engine, asked.weights) as path:
                self._send(Lent(asked.id, path))
                await asyncio.Event().wait()  # until it is returned
        except ProviderBusy as problem:
            self._send(Refused(asked.id, problem.message, problem.retry_after_s))
        except Problem as problem:
            self._send(Refused(asked.id, problem.message, None))

    async def close(self) -> None:
        """Take back everything."""
        lent = list(self._lent.values())
        self._lent.clear()
        for one in lent:
            one.cancel()
        await asyncio.gather(*lent, return_exceptions=True)
