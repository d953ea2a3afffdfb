"""Deliveries in the database: due with the end of their job, claimed by one, swept with it when they are over."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from modelport.core.credits import Credits
from modelport.jobs.deliveries import Claimed, Delivery, DeliveryUnknown, NotEnded, Outcome, followed
from modelport.jobs.job import Failure, Job
from modelport.jobs.store import Ending
from modelport.ledger.book import Book
from modelport.ledger.hold import Entrusted
from modelport.storage.deliveries import StoredDeliveries
from modelport.storage.erasing import erasable, erase
from modelport.storage.jobs import FAILED_KEPT_MS, StoredJobs
from modelport.storage.tables import deliveries, delivery_outcomes, webhook_seeds
from modelport.storage.webhook_seeds import StoredSeeds
from tests.jobs.made import NOW_MS, job_of, row_of
from tests.storage.test_webhook_seeds import secrets_on
from tests.twins.worlds import DATABASES, StoredWorld, open_world

CANCELLED = Failure("Cancelled", "the job was cancelled")
LATER_MS = NOW_MS + 10_000_000


@dataclass
class Site:
    """A database with an account whose jobs have webhooks."""

    world: StoredWorld
    jobs: StoredJobs
    kept: StoredDeliveries
    account_id: int

    def job(self, job_id: str, host: str = "a.example") -> Job:
        job = job_of(self.account_id, job_id, delivery=Delivery(url=f"https://{host}/hook"))
        self.jobs.add(job, Entrusted(Credits(0), None, None, None))
        return job

    def ended(self, job_id: str, host: str = "a.example", after_ms: int = 0) -> Job:
        job = self.job(job_id, host)
        ended = self.jobs.end(job_id, Ending(row_of(job, 0, created_at_ms=NOW_MS + after_ms, duration_ms=0), b"{}"))
        assert ended is not None
        return ended

    def claim(self, now_ms: int = LATER_MS, limit: int = 9, besides: tuple[str, ...] = ()) -> list[str]:
        return [one.job_id for one in self.kept.claim(now_ms, now_ms + 60_000, limit, 2, besides)]

    def attempt(self, job_id: str, status: int, at_ms: int = LATER_MS) -> Delivery:
        before = self.of(job_id)
        after = followed(before, Outcome(at_ms, 7, status), 0)
        assert self.kept.record(job_id, before.attempts, Outcome(at_ms, 7, status), after)
        return after

    def of(self, job_id: str) -> Delivery:
        found = self.jobs.find(job_id)
        assert found is not None
        assert found.delivery is not None
        return found.delivery

    def rows(self) -> list[int]:
        with self.world.database.read() as connection:
            return [
                connection.scalar(select(func.count()).select_from(table)) or 0
                for table in (deliveries, delivery_outcomes, webhook_seeds)
            ]


@pytest.fixture(params=DATABASES)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world(request.param, tmp_path))
        assert isinstance(world, StoredWorld)
        jobs = StoredJobs(world.database)
        stack.callback(jobs.close)
        await stack.enter_async_context(Book(await world.process("a"), world.clock, 0.0, 3600.0))
        account_id = world.account(0)
        world.key(account_id, 0)
        yield Site(world, jobs, StoredDeliveries(world.database), account_id)


async def test_a_delivery_is_due_with_the_end_of_its_job_and_not_before(site: Site) -> None:
    living, job = site.job("job-0"), site.ended("job-1", after_ms=500)
    assert (site.of(living.id).next_at_ms, job.delivery) == (
        None,
        Delivery(url="https://a.example/hook", next_at_ms=NOW_MS + 500),
    )
    assert site.claim(NOW_MS + 499) == []
    assert site.claim(NOW_MS + 500) == ["job-1"]


async def test_a_cancelled_job_is_told_of_too(site: Site) -> None:
    job = site.job("job-1")
    site.jobs.cancel(job.id, Ending(row_of(job, 0, status="failed"), None, CANCELLED))
    assert site.claim() == ["job-1"]


async def test_each_attempt_is_claimed_by_one_until_its_time_is_over(site: Site) -> None:
    site.ended("job-1")
    assert site.kept.claim(LATER_MS, LATER_MS + 60_000, 9, 2, ()) == [Claimed("job-1", "a.example", 0)]
    assert site.claim(LATER_MS + 59_999) == []
    assert site.claim(LATER_MS + 60_000) == ["job-1"]


async def test_few_of_one_host_are_claimed_and_none_of_a_full_one(site: Site) -> None:
    for number in range(4):
        site.ended(f"slow-{number}", "slow.example", after_ms=number)
    site.ended("quick-0", "quick.example", after_ms=9)
    site.ended("full-0", "full.example")
    assert sorted(site.claim(besides=("full.example",))) == ["quick-0", "slow-0", "slow-1"]
    assert site.claim(besides=("full.example", "slow.example")) == []
    assert sorted(site.claim()) == ["full-0", "slow-2", "slow-3"]


async def test_no_more_than_asked_for_are_claimed_and_the_oldest_first(site: Site) -> None:
    for number in range(3):
        site.ended(f"job-{number}", f"{number}.example", after_ms=3 - number)
    assert sorted(site.claim(limit=2)) == ["job-1", "job-2"]
    assert site.claim() == ["job-0"]


async def test_an_attempt_is_recorded_once_and_the_next_is_due_after_its_pause(site: Site) -> None:
    site.ended("job-1")
    site.claim()
    after = site.attempt("job-1", 500)
    assert site.of("job-1") == after
    assert not site.kept.record("job-1", 0, Outcome(LATER_MS, 7, 200), after)
    assert site.kept.outcomes("job-1") == [Outcome(LATER_MS, 7, 500)]
    assert after.next_at_ms is not None
    assert (site.claim(after.next_at_ms - 1), site.claim(after.next_at_ms)) == ([], ["job-1"])


async def test_what_is_delivered_is_not_due_any_more(site: Site) -> None:
    site.ended("job-1")
    assert site.attempt("job-1", 204).status == "delivered"
    assert site.claim(LATER_MS * 2) == []
    assert not site.jobs.has_work(LATER_MS * 2)


async def test_an_event_can_be_sent_again_whatever_became_of_it(site: Site) -> None:
    for job_id, status in (("job-1", 204), ("job-2", 410)):
        site.ended(job_id)
        site.attempt(job_id, status)
        again = site.kept.resend(job_id, LATER_MS + 5)
        assert (again.status, again.attempts, again.failures) == ("pending", 1, 0)
        assert site.of(job_id) == again
    assert sorted(site.claim(LATER_MS + 5)) == ["job-1", "job-2"]
    assert site.jobs.has_work(LATER_MS + 5)


async def test_what_has_no_webhook_or_has_not_ended_is_not_sent(site: Site) -> None:
    site.jobs.add(job_of(site.account_id, "job-0"), Entrusted(Credits(0), None, None, None))
    site.job("job-1")
    with pytest.raises(NotEnded):
        site.kept.resend("job-1", LATER_MS)
    for job_id in ("job-0", "job-none"):
        with pytest.raises(DeliveryUnknown):
            site.kept.resend(job_id, LATER_MS)
        with pytest.raises(DeliveryUnknown):
            site.kept.outcomes(job_id)
    assert site.kept.outcomes("job-1") == []


async def test_deliveries_of_ended_jobs_are_listed_newest_first(site: Site) -> None:
    site.job("job-0")
    site.ended("job-1")
    site.ended("job-2")
    site.attempt("job-1", 410)
    assert [one.job_id for one in site.kept.page(9, failed=False)] == ["job-2", "job-1"]
    assert [one.job_id for one in site.kept.page(1, failed=False)] == ["job-2"]
    [failed] = site.kept.page(9, failed=True)
    assert (failed.job_id, failed.model, failed.delivery) == ("job-1", "acme/scribe", site.of("job-1"))


async def test_a_job_is_swept_when_its_webhook_has_been_called_or_cannot_be(site: Site) -> None:
    job = site.ended("job-1")
    site.ended("job-2")
    site.ended("job-3")
    site.attempt("job-2", 204)
    site.attempt("job-3", 410, at_ms=job.expires_at_ms)
    assert site.jobs.sweep(job.expires_at_ms, 9) == 1
    assert site.jobs.sweep(job.expires_at_ms + FAILED_KEPT_MS - 1, 9) == 0
    assert site.jobs.sweep(job.expires_at_ms + FAILED_KEPT_MS, 9) == 1
    assert [one.job_id for one in site.kept.page(9, failed=False)] == ["job-1"]
    assert site.rows()[:2] == [1, 0]


async def test_an_erased_account_has_no_webhooks_and_nothing_that_signs_them(site: Site) -> None:
    site.ended("job-1")
    site.attempt("job-1", 500)
    secrets_on(StoredSeeds(site.world.database)).of(site.account_id, NOW_MS)
    assert site.rows() == [1, 1, 1]
    [name] = [one.account for one in site.kept.page(9, failed=False)]
    account = erasable(site.world.database, name)
    assert account is not None
    erase(site.world.database, account, forfeit=True, pause=lambda: None)
    assert site.rows() == [0, 0, 0]
