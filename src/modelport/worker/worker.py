"""The process that drives jobs: it claims what nobody drives, starts a workflow for each, and ends what is overdue."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from modelport.core.clock import Clock
from modelport.core.errors import Problem
from modelport.jobs.store import JobStore, Run
from modelport.worker.workflows import Workflows

_log = logging.getLogger(__name__)
MOST_IN_FLIGHT = 2_000
"""How many jobs one worker drives at the same time; the rest wait in their table, or for another worker."""
POLL_S = 1.0
"""How often a worker looks for jobs that nobody told it of."""
TIDY_S = 30.0
GRACE_MS = 60_000
"""How long after its deadline a job is left to whoever drives it."""
REMEMBERED_S = 3_600.0
_AT_ONCE = 100
_BATCHES = 50
"""How many batches are forgotten each time."""


class Overdue(Protocol):
    """Ends a job that nobody drives any more."""

    async def overdue(self, job_id: str) -> None: ...


@dataclass(slots=True)
class JobWorker:
    """Keeps as many jobs under way as it may."""

    store: JobStore
    workflows: Workflows
    ending: Overdue
    run: Run
    """Runs what blocks."""
    clock: Clock
    most: int = MOST_IN_FLIGHT
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is worth to look at once."""
    begun: set[str] = field(default_factory=set[str], init=False)
    """Jobs that were claimed and are not over."""
    is_resting: bool = field(default=False, init=False)

    async def work(self) -> None:
        """Claim and start jobs, for ever."""
        await self.run(self.store.let_go, self.workflows.executor)
        while True:
            self.woken.clear()
            with told():
                while await self.claim():
                    pass
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self.woken.wait()

    async def claim(self) -> int:
        """Claim some jobs as far as there is room, and start them; return how many."""
        room = min(_AT_ONCE, self.most - len(self.begun))
        if self.is_resting or room <= 0:
            return 0
        claimed = await self.run(self.store.claim, self.workflows.executor, room)
        for job_id in claimed:
            self.begun.add(job_id)
            await self.workflows.start(job_id)
        return len(claimed)

    def rest(self) -> None:
        """Claim no more."""
        self.is_resting = True

    def ended(self, job_id: str) -> None:
        """Take in that a job is over; there is room for another."""
        self.begun.discard(job_id)
        if len(self.begun) >= self.most - 1:
            self.woken.set()

    async def tidy(self) -> None:
        """End what is overdue and forget what has expired, every now and then, for ever."""
        while True:
            with told():
                await self.tidy_once()
            await asyncio.sleep(TIDY_S)

    async def tidy_once(self) -> None:
        """End what is overdue and forget what has expired."""
        now_ms = self.clock.now_ms()
        for job_id in await self.run(self.store.late, now_ms - GRACE_MS, _AT_ONCE):
            if job_id not in self.workflows.running:
                await self.ending.overdue(job_id)
                self.ended(job_id)
        for _ in range(_BATCHES):
            if await self.run(self.store.sweep, now_ms, _AT_ONCE) < _AT_ONCE:
                break
        for _ in range(_BATCHES):
            if not await self.workflows.forget(REMEMBERED_S):
                break


@contextmanager
def told() -> Generator[None]:
    """Log what went wrong and go on: the next look may go better."""
    try:
        yield
    except Problem as problem:
        _log.error("jobs could not be looked after: %s", problem.message)
    except Exception:  # noqa: BLE001 - the outermost catch: logged, and done again after a while
        _log.exception("jobs could not be looked after")
