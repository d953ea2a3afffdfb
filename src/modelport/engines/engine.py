"""One engine: its slots and queue, and the child that is there, is starting, or will be again."""

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from modelport.engines.child import Child, EngineFailed
from modelport.serving.ports import ProviderBusy, ProviderUnavailable

_DEATHS_WINDOW_S = 60.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_LONGEST_RETRY_S = 120
_FIRST_GUESS_S = 5.0
_NEW_SHARE = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an operator may say about local engines."""

    slots: int = 2
    """Calls that one engine works on at once."""
    queue: int = 32
    """Calls that may wait for a slot of one engine."""
    queue_wait_s: float = 120.0
    threads: int | None = None
    """Processors but one, when None."""
    context_tokens: int | None = None
    """Prompt and answer of one call; what the weights say, when None."""
    resident: int = 3
    """Engines in memory at once."""
    idle_s: float = 1800.0
    """After this long without a call an engine is unloaded."""
    load_timeout_s: float = 180.0
    deaths_per_minute: int = 5
    """An engine that dies more often is left alone until a minute has passed."""
    nice: int = 0


class Engine:
    """Owns one child at a time, on one event loop."""

    def __init__(
        self, weights_id: str, settings: EngineSettings, socket: Path, start: Callable[[Path], Awaitable[Child]]
    ) -> None:
        self.weights_id = weights_id
        self.running_calls = 0
        self.waiting_calls = 0
        self.used_at_s = 0.0
        self._settings = settings
        self._socket = socket
        self._start_child = start
        self._slots = asyncio.Semaphore(settings.slots)
        self._changing = asyncio.Lock()
        self._child: Child | None = None
        self._starting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._deaths_s: deque[float] = deque(maxlen=settings.deaths_per_minute)
        self._last_words = ""
        self._call_s = _FIRST_GUESS_S

    @property
    def is_running(self) -> bool:
        """Whether a child answers."""
        return self._child is not None

    @property
    def is_resident(self) -> bool:
        """Whether a child takes memory, or is about to."""
        return self._child is not None or self._starting is not None

    @property
    def is_idle(self) -> bool:
        """Whether nobody would miss the child."""
        return not (self.running_calls or self.waiting_calls or self._starting)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Hold one of the slots, first come first served; raises `ProviderBusy` when the queue is full."""
        if self._slots.locked() and self.waiting_calls >= self._settings.queue:
            raise self._busy("its queue is full")
        self.waiting_calls += 1
        try:
            async with asyncio.timeout(self._settings.queue_wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise self._busy(f"no slot came free within {self._settings.queue_wait_s:.0f} s") from None
        finally:
            self.waiting_calls -= 1
        self.running_calls += 1
        since_s = _now_s()
        try:
            yield
        finally:
            self._slots.release()
            self.running_calls -= 1
            self.used_at_s = _now_s()
            self._call_s += _NEW_SHARE * (self.used_at_s - since_s - self._call_s)

    def begin(self) -> None:
        """Start a child unless there is one; `ready` waits for it."""
        if not self.is_resident:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_retrieved)

    async def ready(self) -> str:
        """Wait for the child and return the path of its socket; raises `ProviderUnavailable`.

        One start serves all who wait, and goes on when one of them leaves.
        """
        self.begin()
        if (starting := self._starting) is not None:
            await asyncio.wait({starting})
            if starting.cancelled():
                raise ProviderUnavailable(f"The local model '{self.weights_id}' is being unloaded; try again.")
            if isinstance(problem := starting.exception(), EngineFailed):
                raise ProviderUnavailable(problem.message) from problem
            starting.result()
        return str(self._socket)

    async def stop(self) -> None:
        """End the child, or its start."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        async with self._changing:
            child, self._child = self._child, None
            if self._watching is not None:
                self._watching.cancel()
            if child is not None:
                await child.stop()

    async def _start(self) -> None:
        try:
            async with self._changing:
                await self._pause()
                try:
                    child = await self._start_child(self._socket)
                except EngineFailed as problem:
                    self._mourn(problem.message)
                    raise
                self.used_at_s = _now_s()
                self._child = child
                self._watching = asyncio.create_task(self._watch(child))
        finally:
            self._starting = None

    async def _watch(self, child: Child) -> None:
        """When the child dies of itself, start another."""
        words = await child.ended()
        self._child = None
        self._mourn(f"{words}.")
        self.begin()

    def _mourn(self, words: str) -> None:
        log.warning("%s", words)
        self._last_words = words
        self._deaths_s.append(_now_s())

    async def _pause(self) -> None:
        """Wait longer after each death of the last minute, and give up when there were too many."""
        recent = sum(_now_s() - death_s < _DEATHS_WINDOW_S for death_s in self._deaths_s)
        if recent >= self._settings.deaths_per_minute:
            raise EngineFailed(
                f"The engine of '{self.weights_id}' died {recent} times within a minute and is left alone for another. "
                f"Its last words: {self._last_words} `modelport models verify {self.weights_id}` checks its file."
            )
        if recent:
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2 ** (recent - 1), _LONGEST_PAUSE_S))

    def _busy(self, why: str) -> ProviderBusy:
        ahead = (self.waiting_calls + 1) / self._settings.slots
        retry_s = min(_LONGEST_RETRY_S, max(1, math.ceil(self._call_s * ahead)))
        return ProviderBusy(
            f"The local model '{self.weights_id}' is busy: {why}. Try again in {retry_s} s, or allow more with "
            "engine.queue and engine.slots.",
            retry_s,
        )


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _retrieved(task: "asyncio.Task[None]") -> None:
    """Mark the failure of a start as seen: it was logged, and whoever waited was told."""
    if not task.cancelled():
        task.exception()
