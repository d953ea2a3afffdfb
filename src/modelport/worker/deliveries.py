"""Has the webhooks called that are due: claims attempts, and starts a workflow for each."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from modelport.core.clock import Clock
from modelport.jobs.deliveries import DeliveryStore
from modelport.jobs.store import Run
from modelport.serving.jobs.delivering import PER_HOST
from modelport.worker.worker import told
from modelport.worker.workflows import Workflows

MOST_IN_FLIGHT = 512
"""How many attempts one worker has under way; the rest wait in their table, where they cost nothing."""
POLL_S = 1.0
LEASE_MS = 60_000
"""How long an attempt is left to who claimed it; longer than one that has to wait for others at its host takes."""
_AT_ONCE = 100


@dataclass(slots=True)
class DeliveryWorker:
    """Keeps as many attempts under way as it may, and of each host as many as do not keep others waiting."""

    store: DeliveryStore
    workflows: Workflows
    run: Run
    """Runs what blocks."""
    clock: Clock
    most: int = MOST_IN_FLIGHT
    begun: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]], init=False)
    """Of the jobs whose webhook is being called, its host, and until when that is ours."""
    is_resting: bool = field(default=False, init=False)

    async def work(self) -> None:
        """Claim and start attempts, for ever."""
        while True:
            with told():
                while await self.claim():
                    pass
            await asyncio.sleep(POLL_S)

    async def claim(self) -> int:
        """Claim some attempts as far as there is room, and start them; return how many."""
        now_ms = self.clock.now_ms()
        self.begun = {job_id: one for job_id, one in self.begun.items() if one[1] > now_ms}
        room = min(_AT_ONCE, self.most - len(self.begun))
        if self.is_resting or room <= 0:
            return 0
        full = [host for host, number in Counter(host for host, _ in self.begun.values()).items() if number >= PER_HOST]
        until_ms = now_ms + LEASE_MS
        claimed = await self.run(self.store.claim, now_ms, until_ms, room, PER_HOST, full)
        for one in claimed:
            self.begun[one.job_id] = (one.host, until_ms)
            await self.workflows.deliver(one.job_id, one.number)
        return len(claimed)

    def rest(self) -> None:
        """Claim no more."""
        self.is_resting = True

    def ended(self, job_id: str) -> None:
        """Take in that an attempt is over; there is room for another."""
        self.begun.pop(job_id, None)
