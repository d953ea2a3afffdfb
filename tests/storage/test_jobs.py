"""Jobs in the database: what is held for them outlives every process, and ends with them, once."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from modelport.core.credits import Credits
from modelport.jobs.job import Failure, Job, Progress, Standing
from modelport.jobs.store import Ending
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget
from modelport.ledger.problems import InsufficientFunds, KeyLimitReached
from modelport.ledger.store import Fund
from modelport.storage.accounts import Accounts
from modelport.storage.erasing import CallsUnderWay, erasable, erase
from modelport.storage.jobs import StoredJobs
from modelport.storage.tables import allotments
from modelport.storage.teller import FOR_JOBS_MS, owner_of
from tests.jobs.made import added, job_of, row_of
from tests.twins.worlds import DATABASES, StoredWorld, open_world

CANCELLED = Failure("Cancelled", "the job was cancelled")


@dataclass
class Site:
    """A database, its jobs, and a process that holds money in it."""

    world: StoredWorld
    jobs: StoredJobs
    book: Book

    async def job(self, account_id: int, ask: int, job_id: str = "job-1", key: KeyBudget | None = None) -> Job:
        return await added(self.jobs, self.book, account_id, job_id, ask, key)

    def end(self, job: Job, cost: int, failure: Failure | None = None, **changed: object) -> Job:
        ended = self.jobs.end(job.id, Ending(row_of(job, cost, **changed), b"{}", failure))
        assert ended is not None
        return ended


@pytest.fixture(params=DATABASES)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world(request.param, tmp_path))
        assert isinstance(world, StoredWorld)
        jobs = StoredJobs(world.database)
        stack.callback(jobs.close)
        book = await stack.enter_async_context(Book(await world.process("a"), world.clock, 0.0, 3600.0))
        yield Site(world, jobs, book)


@pytest.fixture(autouse=True)
def balanced(site: Site) -> Iterator[None]:
    yield
    assert site.world.problems() == []


async def test_what_is_held_for_a_job_is_lent_until_it_ends(site: Site) -> None:
    account_id = site.world.account(100)
    key = site.world.key(account_id, 1000)
    job = await site.job(account_id, 60, key=key)
    await site.book.renew()
    assert (job.held, site.world.balance(account_id)) == (60, 100)
    with pytest.raises(InsufficientFunds):
        await site.book.hold(account_id, None, Credits(41), Credits(41))
    ended = site.end(job, 45)
    assert (ended.state, ended.charged, site.world.balance(account_id)) == ("completed", 45, 55)
    assert (await site.book.hold(account_id, None, Credits(55), Credits(55))).amount == 55


async def test_a_loan_beside_the_slices_of_thousands_of_jobs_costs_a_few_milliseconds(site: Site) -> None:
    account_id = site.world.account(10_000)
    until_ms = site.world.database.lease_now_ms() + FOR_JOBS_MS
    rows = [
        {"account_id": account_id, "owner": owner_of(f"job-{number}"), "epoch": 1, "credits": 1}
        for number in range(4_000)
    ]
    with site.world.database.write() as connection:
        connection.execute(insert(allotments), [{**row, "expires_at_ms": until_ms} for row in rows])
    store = await site.world.process("b")
    began_s = time.process_time()
    for _ in range(20):
        assert (await store.borrow(Fund(account_id), Credits(1), Credits(1))).granted == 1
    assert time.process_time() - began_s < 1.0
    with site.world.database.write() as connection:  # they are of no jobs that live
        connection.execute(delete(allotments).where(allotments.c.owner.in_([row["owner"] for row in rows])))


async def test_what_is_held_outlives_leases_and_starts(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 60)
    site.world.clock.pass_s(40_000)
    site.world.reclaim()
    other = await site.world.process("b")
    async with Book(other, site.world.clock, 0.0, 3600.0) as book:
        hold = await book.hold(account_id, None, Credits(10), Credits(10))
        with pytest.raises(InsufficientFunds):
            await book.hold(account_id, None, Credits(31), Credits(31))
        hold.release()
    site.world.clock.pass_s(40_000)
    assert site.world.free(account_id) == 40
    site.end(job, 60)
    assert (site.world.balance(account_id), site.world.free(account_id)) == (40, 40)


async def test_a_limited_key_lends_to_a_job_as_well(site: Site) -> None:
    account_id = site.world.account(1000)
    key = site.world.key(account_id, 100)
    job = await site.job(account_id, 70, key=key)
    assert job.limit is not None
    with pytest.raises(KeyLimitReached):
        await site.book.hold(account_id, key, Credits(31), Credits(31))
    site.end(job, 0, CANCELLED, status="failed")
    await site.book.renew()
    assert (await site.book.hold(account_id, key, Credits(100), Credits(100))).amount == 100


async def test_a_job_ends_once(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 60)
    assert site.end(job, 60).charged == 60
    again = site.end(job, 0, CANCELLED)
    assert (again.state, again.failure, again.charged) == ("completed", None, 60)
    assert site.world.balance(account_id) == 40
    assert not site.jobs.advance(job.id, "submitting", Progress())


async def test_what_costs_more_than_was_held_takes_what_is_free_and_then_the_house(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 10)
    await site.book.renew()
    await site.book.renew()
    await site.book.renew()
    assert site.end(job, 130).charged == 100
    assert site.world.balance(account_id) == 0
    assert site.world.survey().rows[job.id].paid == (100, 30)


async def test_a_failed_job_of_the_house_costs_its_caller_nothing(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 60)
    ended = site.end(job, 50, Failure("UpstreamFault", "it broke"), is_on_house=True, status="failed")
    assert (ended.charged, site.world.free(account_id)) == (0, 100)
    assert site.world.survey().rows[job.id].paid == (0, 50)


async def test_adding_a_job_again_does_nothing(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 60)
    await site.job(account_id, 20)
    found = site.jobs.find(job.id)
    assert found is not None
    assert found.held == 60


async def test_a_job_comes_back_as_it_was_kept(site: Site) -> None:
    account_id = site.world.account(100)
    key = site.world.key(account_id, 100)
    job = await site.job(account_id, 60, key=key)
    assert site.jobs.find(job.id) == job
    progress = Progress(standing=Standing("status", {"id": "abc"}, 0.5), first_byte_ms=7)
    assert site.jobs.advance(job.id, "submitting", Progress())
    assert site.jobs.advance(job.id, "taken", progress)
    found = site.jobs.find(job.id)
    assert found is not None
    assert (found.state, found.mark, found.progress) == ("generating", "taken", progress)
    site.end(job, 1)


async def test_nothing_is_submitted_twice(site: Site) -> None:
    account_id = site.world.account(0)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 0)
    assert site.jobs.advance(job.id, "submitting", Progress())
    assert not site.jobs.advance(job.id, "submitting", Progress())
    assert site.jobs.advance(job.id, "taken", Progress())
    assert not site.jobs.advance(job.id, "submitting", Progress())
    assert not site.jobs.advance(job.id, "new", Progress())


async def test_each_job_is_claimed_by_one(site: Site) -> None:
    account_id = site.world.account(0)
    site.world.key(account_id, 0)
    made = [(await site.job(account_id, 0, f"job-{number}")).id for number in range(5)]
    first = site.jobs.claim("a", 3)
    assert list(first) == made[:3]
    assert list(site.jobs.claim("b", 3)) == made[3:]
    assert site.jobs.claim("b", 3) == ()
    assert site.jobs.let_go("a") == 3
    assert list(site.jobs.claim("b", 9)) == made[:3]


async def test_jobs_are_told_of_until_they_expire(site: Site) -> None:
    account_id, other = site.world.account(0), site.world.account(0)
    site.world.key(account_id, 0)
    made = [await site.job(account_id, 0, f"job-{number}") for number in range(3)]
    now_ms = made[0].created_at_ms
    assert [job.id for job in site.jobs.page(account_id, now_ms, None, 2)] == ["job-2", "job-1"]
    assert [job.id for job in site.jobs.page(account_id, now_ms, "job-1", 2)] == ["job-0"]
    assert site.jobs.page(other, now_ms, None, 2) == []
    assert site.jobs.page(account_id, made[0].expires_at_ms, None, 2) == []


async def test_ended_jobs_are_forgotten_but_for_those_of_which_the_operator_is_told(site: Site) -> None:
    account_id = site.world.account(0)
    site.world.key(account_id, 0)
    done, lost, living = [await site.job(account_id, 0, f"job-{name}") for name in ("a", "b", "c")]
    site.end(done, 0)
    site.end(lost, 0, Failure("SubmissionUnknown", "lost"), status="failed")
    assert site.jobs.sweep(done.expires_at_ms - 1, 10) == 0
    assert site.jobs.sweep(done.expires_at_ms, 10) == 1
    assert [job.id for job in site.jobs.unknown(10)] == [lost.id]
    assert site.jobs.find(living.id) is not None
    assert site.jobs.late(living.deadline_ms, 10) == [living.id]
    assert site.jobs.late(living.deadline_ms - 1, 10) == []


async def test_a_job_that_was_not_sent_ends_when_it_is_cancelled(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 60)
    cancelled = site.jobs.cancel(job.id, Ending(row_of(job, 0, status="failed"), None, CANCELLED))
    assert cancelled is not None
    assert (cancelled.state, cancelled.failure, site.world.free(account_id)) == ("error", CANCELLED, 100)
    assert site.jobs.cancel("job-none", Ending(row_of(job, 0), None, CANCELLED)) is None


async def test_a_job_that_was_sent_is_only_marked_when_it_is_cancelled(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    job = await site.job(account_id, 60)
    site.jobs.advance(job.id, "submitting", Progress())
    ending = Ending(row_of(job, 0, status="failed"), None, CANCELLED)
    cancelled = site.jobs.cancel(job.id, ending)
    assert cancelled is not None
    assert (cancelled.state, cancelled.is_cancelled) == ("generating", True)
    ended = site.end(job, 10)
    assert site.jobs.cancel(job.id, ending) == ended


async def test_an_account_is_erased_with_its_jobs_once_they_have_ended(site: Site) -> None:
    account_id = site.world.account(100)
    site.world.key(account_id, 0)
    ended, living = await site.job(account_id, 10, "job-a"), await site.job(account_id, 20, "job-b")
    site.end(ended, 10)
    await site.book.renew()
    await site.book.renew()
    await site.book.renew()
    [name] = [one.name for one in Accounts(site.world.database).all() if one.id == account_id]
    account = erasable(site.world.database, name)
    assert account is not None
    with pytest.raises(CallsUnderWay):
        erase(site.world.database, account, forfeit=True, pause=lambda: None)
    site.end(living, 20)
    erase(site.world.database, account, forfeit=True, pause=lambda: None)
    assert site.jobs.page(account_id, 0, None, 10) == []
    assert site.world.balance(account_id) == 0


def test_a_new_job_lives() -> None:
    assert not job_of(3, "job-1").is_final
