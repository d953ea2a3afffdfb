"""Which webhooks a worker calls next: those that are due, and no slow host keeps the others waiting."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

from modelport.jobs.deliveries import Claimed, DeliveryStore
from modelport.serving.jobs.delivering import PER_HOST
from modelport.worker.deliveries import LEASE_MS, DeliveryWorker
from modelport.worker.workflows import Workflows
from tests.api.site import run_at_once
from tests.twins.clock import StoppedClock


@dataclass
class Due:
    """Attempts that are due, by their host, and what was asked for."""

    hosts: list[str]
    asked: list[tuple[int, tuple[str, ...]]] = field(default_factory=list[tuple[int, tuple[str, ...]]])
    until_ms: list[int] = field(default_factory=list[int])

    def claim(
        self, now_ms: int, until_ms: int, limit: int, per_host: int, besides: Collection[str]
    ) -> Sequence[Claimed]:
        self.asked.append((limit, tuple(besides)))
        self.until_ms.append(until_ms - now_ms)
        found: list[Claimed] = []
        for host in [one for one in self.hosts if one not in besides]:
            if len(found) < limit and sum(one.host == host for one in found) < per_host:
                self.hosts.remove(host)
                found.append(Claimed(f"{host}/{len(self.hosts)}", host, 0))
        return found


@dataclass
class Begun:
    """What was begun."""

    attempts: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    async def deliver(self, job_id: str, number: int) -> None:
        self.attempts.append((job_id, number))


def worker_of(due: Due, begun: Begun, most: int = 100, clock: StoppedClock | None = None) -> DeliveryWorker:
    store, workflows = cast(DeliveryStore, due), cast(Workflows, begun)
    return DeliveryWorker(store, workflows, run_at_once, clock or StoppedClock(0), most)


async def test_a_host_that_has_enough_under_way_is_left_alone_until_one_is_over() -> None:
    due, begun = Due(["slow"] * 20 + ["quick"] * 2), Begun()
    worker = worker_of(due, begun)
    while await worker.claim():
        pass
    assert sorted(job_id.partition("/")[0] for job_id, _ in begun.attempts) == ["quick"] * 2 + ["slow"] * PER_HOST
    assert due.asked[-1][1] == ("slow",)
    worker.ended(next(job_id for job_id, _ in begun.attempts if job_id.startswith("slow")))
    assert await worker.claim() > 0


async def test_no_more_are_begun_than_fit() -> None:
    due, begun = Due([str(number) for number in range(9)]), Begun()
    worker = worker_of(due, begun, most=3)
    while await worker.claim():
        pass
    assert (len(begun.attempts), due.asked) == (3, [(3, ())])
    worker.ended(begun.attempts[0][0])
    assert await worker.claim() == 1


async def test_an_attempt_that_another_process_has_taken_over_takes_no_place_after_its_time() -> None:
    clock = StoppedClock(0)
    worker = worker_of(Due(["a", "b"]), Begun(), most=1, clock=clock)
    assert await worker.claim() == 1
    clock.pass_s(LEASE_MS / 1000)
    assert await worker.claim() == 1


async def test_a_worker_that_rests_begins_nothing() -> None:
    begun = Begun()
    worker = worker_of(Due(["a"]), begun)
    worker.rest()
    assert (await worker.claim(), begun.attempts) == (0, [])
