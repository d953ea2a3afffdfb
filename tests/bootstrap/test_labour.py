"""The worker process itself is killed with -9 at points of a job's life, and its next start goes on."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import insert

from modelport.jobs.deliveries import Delivery
from modelport.jobs.job import Job
from modelport.storage.deliveries import values_of
from modelport.storage.tables import deliveries
from tests.house.source import ROOT
from tests.jobs.shop import DRAW, SAY, Shop, open_shop
from tests.upstream.vendor import OK, answers, vendor

WITHIN_S = 120.0
PRICE = 40_000
POINTS = (
    "submit",
    "before submitting",
    "submitting",
    "answered",
    "taken",
    "asking",
    "told",
    "made",
    "fetching",
    "fetched",
    "settling",
    "settled",
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened
        assert opened.problems() == []


async def driven(
    shop: Shop, folder: Path, job: Job, deaths: Sequence[str], ports: Sequence[int | None] = ()
) -> list[str]:
    """Have workers die at these points, one after another, and one live; return at which they died."""
    settings = {
        "MODELPORT_EGRESS_ALLOW": "127.0.0.0/8",
        "MODELPORT_EGRESS_PORTS": ",".join(map(str, (urlsplit(shop.fake.base_url).port, *ports))),
        "FAKE_API_KEY": "sk-fake-shop",
    }
    died: list[str] = []
    for point in (*deaths, "none"):
        command = (sys.executable, "-m", "tests.jobs.mortal", str(folder), job.id, point)
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **settings}, cwd=ROOT)
        async with asyncio.timeout(WITHIN_S):
            status = await process.wait()
        assert status in (0, -signal.SIGKILL)
        if status:
            died.append(point)
    return died


async def test_a_worker_that_is_killed_again_and_again_delivers(shop: Shop, tmp_path: Path) -> None:
    job = await shop.order(DRAW)
    deaths = ["taken", "fetching", "settling"]
    assert await driven(shop, tmp_path, job, deaths) == deaths
    found = shop.found(job)
    assert (found.state, found.charged, shop.made) == ("completed", PRICE, 1)


@pytest.mark.parametrize("point", ["submitting", "answered"])
async def test_a_worker_that_is_killed_while_it_submits_sends_nothing_again(
    shop: Shop, tmp_path: Path, point: str
) -> None:
    job = await shop.order({**SAY, "url": "data:audio/mpeg;base64,//uQZAA="})
    assert await driven(shop, tmp_path, job, [point]) == [point]
    found = shop.found(job)
    assert found.failure is not None
    assert (found.state, found.failure.name, found.charged) == ("error", "SubmissionUnknown", 0)
    assert shop.made == (point == "answered")


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_is_killed_at_any_point_is_followed_by_one_that_goes_on(
    shop: Shop, tmp_path: Path, point: str
) -> None:
    job = await shop.order(DRAW)
    await driven(shop, tmp_path, job, [point])
    found = shop.found(job)
    assert shop.made <= 1
    if point in ("submitting", "answered"):
        assert (found.state, found.charged) == ("error", 0)
    else:
        assert (found.state, found.charged, shop.made) == ("completed", PRICE, 1)


@pytest.mark.long
@pytest.mark.parametrize("point", ["telling", "told"])
async def test_a_worker_that_is_killed_while_it_calls_a_webhook_is_followed_by_one_that_calls_it(
    shop: Shop, tmp_path: Path, point: str
) -> None:
    async with vendor(answers(OK)) as receiver:
        job = await shop.order({**SAY, "url": "data:audio/mpeg;base64,//uQZAA="})
        with shop.database.write() as connection:  # an address that no guard of the shop would let in
            row = {"job_id": job.id, "host": "127.0.0.1", "claimed_until_ms": 0}
            connection.execute(insert(deliveries).values(**values_of(Delivery(url=receiver.url)), **row))
        died = await driven(shop, tmp_path, job, [point], [urlsplit(receiver.url).port])
        found = shop.found(job).delivery
        assert found is not None
        assert (died, found.status, found.attempts) == ([point], "delivered", 1)
        assert len(receiver.seen) == (2 if point == "told" else 1)
        assert len({(seen.headers["webhook-id"], seen.body) for seen in receiver.seen}) == 1
