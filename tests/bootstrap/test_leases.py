"""Workers that share the engines of their supervisor."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from modelport.bootstrap.channel import Asked, Lent, Refused, Returned, ToSupervisor, ToWorker
from modelport.bootstrap.leases import BorrowedEngines, Lender
from modelport.engines.entries import CHAT
from modelport.engines.supervisor import Engines
from modelport.serving.ports import ProviderBusy, ProviderUnavailable
from tests.engines.test_supervisor import Site, ask, site, until

__all__ = ["site"]


@asynccontextmanager
async def borrowing(engines: Engines) -> AsyncGenerator[tuple[BorrowedEngines, Lender]]:
    """One worker's end and the supervisor's, which hear each other at once."""

    def to_supervisor(said: ToSupervisor) -> None:
        assert isinstance(said, Asked | Returned)
        lender.hear(said)

    def to_worker(said: ToWorker) -> None:
        assert isinstance(said, Lent | Refused)
        borrowed.hear(said)

    borrowed, lender = BorrowedEngines(to_supervisor), Lender(engines, to_worker)
    yield borrowed, lender
    await lender.close()


async def test_two_workers_share_one_engine(site: Site) -> None:
    async with site.engines() as engines, borrowing(engines) as (first, _), borrowing(engines) as (second, _):
        for worker in (first, second, first):
            async with worker.lease(CHAT, "tiny") as socket:
                assert (await ask(socket)).endswith(b"ok")
        assert len(site.pids()) == 1
        await until(lambda: engines.describe()[0].running_calls == 0)


async def test_the_slots_of_an_engine_bound_the_calls_of_all_workers_together(site: Site) -> None:
    async with (
        site.engines(slots=1, queue=1) as engines,
        borrowing(engines) as (first, _),
        borrowing(engines) as (second, _),
    ):
        async with first.lease(CHAT, "tiny"):
            waiting = asyncio.create_task(second.lease(CHAT, "tiny").__aenter__())
            await until(lambda: engines.describe()[0].waiting_calls == 1)
            with pytest.raises(ProviderBusy) as raised:
                async with first.lease(CHAT, "tiny"):
                    pass
            assert raised.value.retry_after_s >= 1
            assert "queue is full" in raised.value.message
        assert (await ask(await waiting)).endswith(b"ok")


async def test_what_a_supervisor_cannot_run_is_told_as_where_there_is_none(site: Site) -> None:
    async with site.engines() as engines, borrowing(engines) as (worker, _):
        with pytest.raises(ProviderUnavailable, match="modelport models pull absent"):
            async with worker.lease(CHAT, "absent"):
                pass


async def test_a_caller_who_leaves_frees_his_place(site: Site) -> None:
    async with site.engines(slots=1) as engines, borrowing(engines) as (worker, _):
        async with worker.lease(CHAT, "tiny"):
            waiting = asyncio.create_task(worker.lease(CHAT, "tiny").__aenter__())
            await until(lambda: engines.describe()[0].waiting_calls == 1)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            await until(lambda: engines.describe()[0].waiting_calls == 0)
        await until(lambda: engines.describe()[0].running_calls == 0)


async def test_the_slots_of_a_worker_that_died_are_free_again(site: Site) -> None:
    async with site.engines(slots=1) as engines, borrowing(engines) as (other, _):
        async with borrowing(engines) as (dying, lender):
            lease = dying.lease(CHAT, "tiny")
            await lease.__aenter__()
            assert engines.describe()[0].running_calls == 1
            await lender.close()
        async with other.lease(CHAT, "tiny") as socket:
            assert (await ask(socket)).endswith(b"ok")


async def test_a_worker_whose_supervisor_died_turns_calls_of_local_models_away() -> None:
    worker = BorrowedEngines(lambda _: None)
    waiting = asyncio.ensure_future(worker.lease(CHAT, "tiny").__aenter__())
    await asyncio.sleep(0)
    worker.close()
    with pytest.raises(ProviderUnavailable, match="stopping"):
        await waiting
    with pytest.raises(ProviderUnavailable, match="stopping"):
        await worker.lease(CHAT, "tiny").__aenter__()
