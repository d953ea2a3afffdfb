"""Jobs are driven from their order to their settlement, whatever goes wrong on the way."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from modelport.core.errors import InvalidBody
from modelport.ledger.problems import InsufficientFunds
from modelport.serving.exchange import CallFailed
from tests.fake.media.seam import MediaAnswer
from tests.jobs.shop import CREDIT, DRAW, SAY, Shop, open_shop

SECOND = 20_000
"""What a second of sound costs; a picture costs as much."""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened
        assert opened.problems() == []


def at(point: str, do: Callable[[], object]) -> Callable[[str, str], None]:
    """Do something when a job passes a point."""

    def passed(_: str, name: str) -> None:
        if name == point:
            do()

    return passed


async def test_a_transcript_is_ordered_made_and_paid_for(shop: Shop) -> None:
    job = await shop.order(SAY)
    assert (job.state, job.held, shop.found(job)) == ("queued", 600 * SECOND, job)
    await shop.driver().drive(job.id)
    found = shop.found(job)
    assert (found.state, found.charged, found.failure) == ("completed", 2 * SECOND, None)
    result = json.loads(found.result or b"")
    assert result["text"] == "Hello there."
    assert result["results"]["channels"][0]["alternatives"][0]["transcript"] == "Hello there."
    assert shop.made == 1


async def test_what_works_in_a_queue_is_waited_for_and_its_files_are_brought_here(shop: Shop) -> None:
    shop.fake.studio.polls = 3
    job = await shop.order(DRAW)
    await shop.driver().drive(job.id)
    found = shop.found(job)
    assert (found.state, found.charged, shop.made) == ("completed", 2 * SECOND, 1)
    images = json.loads(found.result or b"")["images"]
    assert [shop.files.is_ours(one["url"]) for one in images] == [True, True]
    assert set(shop.fake.studio.fetched.values()) == {1}


async def test_the_files_of_a_caller_wait_where_files_are_kept(shop: Shop) -> None:
    sound = "data:audio/mpeg;base64,//uQZAA="
    job = await shop.order({"model": "scribe", "url": sound})
    await shop.driver().drive(job.id)
    assert shop.found(job).state == "completed"


async def test_a_refused_order_leaves_a_row_and_no_job(shop: Shop) -> None:
    with pytest.raises(CallFailed) as failed:
        await shop.order({"model": "scribe"})
    assert isinstance(failed.value.problem, InvalidBody)
    assert shop.jobs.page(shop.key.account_id, 0, None, 10) == []
    assert shop.woken == []


async def test_an_order_that_cannot_be_paid_is_refused(shop: Shop) -> None:
    for _ in range(CREDIT // (600 * SECOND)):
        await shop.order(SAY)
    for _ in range(2):
        with pytest.raises(CallFailed) as failed:
            await shop.order({"model": "painter", "prompt": "a cat", "num_images": 2000})
        assert isinstance(failed.value.problem, InsufficientFunds)


async def test_a_provider_that_refuses_ends_the_job_uncharged(shop: Shop) -> None:
    shop.fake.studio.trouble("openai", MediaAnswer({"error": {"message": "too loud"}}, 400))
    job = await shop.order(SAY)
    await shop.driver().drive(job.id)
    found = shop.found(job)
    assert (found.state, found.charged, shop.made) == ("error", 0, 0)
    assert found.failure is not None
    assert found.failure.name == "UpstreamFault"
    assert "too loud" in found.failure.message


async def test_faults_while_the_work_is_done_are_passed_over(shop: Shop) -> None:
    job = await shop.order(DRAW)
    driver = shop.driver()
    await driver.submit(job.id)
    shop.fake.studio.trouble("fal", *[MediaAnswer({"detail": "busy"}, 503)] * 4)
    shop.files.troubles = 3
    await driver.drive(job.id)
    assert (shop.found(job).state, shop.made) == ("completed", 1)


async def test_a_result_that_has_expired_ends_the_job_uncharged(shop: Shop) -> None:
    job = await shop.order(DRAW)
    driver = shop.driver()
    await driver.submit(job.id)
    shop.fake.studio.jobs.clear()
    await driver.drive(job.id)
    found = shop.found(job)
    assert (found.state, found.charged) == ("error", 0)


async def test_files_that_cannot_be_fetched_end_the_job_uncharged(shop: Shop) -> None:
    job = await shop.order(DRAW)
    shop.files.troubles = 100
    await shop.driver().drive(job.id)
    found = shop.found(job)
    assert (found.state, found.charged) == ("error", 0)


async def test_a_job_that_was_cancelled_before_it_was_sent_costs_nothing(shop: Shop) -> None:
    job = await shop.order(SAY)
    cancelled = await shop.orders.cancel(job.id, job.account_id)
    await shop.driver().drive(job.id)
    assert cancelled == shop.found(job)
    assert cancelled.failure is not None
    assert (cancelled.failure.name, cancelled.charged, shop.made) == ("Cancelled", 0, 0)


async def test_a_job_that_is_cancelled_while_it_is_made_is_paid_and_told_of_as_cancelled(shop: Shop) -> None:
    job = await shop.order(DRAW)
    driver = shop.driver()
    await driver.submit(job.id)
    assert (await shop.orders.cancel(job.id, job.account_id)).state == "generating"
    await driver.drive(job.id)
    found = shop.found(job)
    assert found.failure is not None
    assert (found.state, found.failure.name, found.charged) == ("error", "Cancelled", 2 * SECOND)
    assert (found.result, shop.files.kept) == (None, {})


async def test_a_job_that_takes_too_long_ends_uncharged(shop: Shop) -> None:
    job = await shop.order(DRAW)
    shop.fake.studio.polls = 1_000_000
    driver = shop.driver()
    await driver.submit(job.id)
    await driver.overdue(job.id)
    await driver.drive(job.id)
    found = shop.found(job)
    assert found.failure is not None
    assert (found.failure.name, found.charged) == ("DeadlineExceeded", 0)


async def test_another_that_drives_the_same_job_sends_nothing(shop: Shop) -> None:
    job = await shop.order(SAY)
    other = shop.driver()
    states: list[str] = []
    driver = shop.driver(at("answered", lambda: states.append(shop.found(job).mark)))
    await driver.submit(job.id)
    await other.drive(job.id)
    await driver.drive(job.id)
    assert states == ["submitting"]
    assert (shop.found(job).state, shop.made) == ("completed", 1)
