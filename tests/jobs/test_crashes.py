"""Whoever drives a job may die at any point of its life, and another goes on.

The work is submitted at most once and paid once or not at all. The result is delivered, unless the crash fell between
sending the work and storing the provider's answer: then the job says so and costs nothing.
"""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.jobs.job import FINAL, Job
from tests.fake.media.seam import MediaAnswer, MediaStudio
from tests.jobs.shop import DRAW, SAY, Shop, open_shop

UNSURE = {"submitting", "answered"}
"""The points between sending the work and knowing what became of it."""
PRICE = 40_000
MOST_POINTS = 30


class Died(BaseException):
    """The process that drives a job is gone."""


class Fate:
    """Lets a process die at one point of all that it passes, counted from its start."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.died_at: str | None = None

    def __call__(self, job_id: str, point: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.died_at = point
            raise Died


async def lived(shop: Shop, job: Job, deaths: Sequence[int]) -> list[str]:
    """Have processes drive a job, each of which dies at its point; the last one lives. Return where they died."""
    died: list[str] = []
    for at in deaths:
        fate = Fate(at)
        try:
            await shop.driver(fate).drive(job.id)
        except Died:
            assert fate.died_at is not None
            died.append(fate.died_at)
    await shop.driver().drive(job.id)
    return died


def check(shop: Shop, job: Job, died: Sequence[str]) -> None:
    """See that a job has ended as it may after those deaths."""
    found = shop.found(job)
    assert found.state in FINAL
    if found.state == "completed":
        assert found.charged == PRICE
        assert found.result
    else:
        assert found.failure is not None
        assert (found.failure.name, found.charged) == ("SubmissionUnknown", 0)
        assert UNSURE.intersection(died), f"the work was lost although no process died while it was sent: {died}"
        assert [one.id for one in shop.jobs.unknown(10)] == [job.id]
    assert shop.made <= 1
    assert shop.problems() == []


@given(st.sampled_from([SAY, DRAW]), st.lists(st.integers(1, MOST_POINTS), max_size=3))
@settings(max_examples=12, deadline=None)
def test_after_deaths_at_any_points_a_job_was_made_and_paid_once_or_not_at_all(
    body: dict[str, object], deaths: list[int]
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_shop(Path(folder)) as shop:
                job = await shop.order(body)
                check(shop, job, await lived(shop, job, deaths))

    asyncio.run(run())


@pytest.mark.parametrize("body", [SAY, DRAW], ids=["at once", "in a queue"])
async def test_a_death_at_each_point_of_a_life(body: dict[str, object], tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        points: list[str] = []
        for at in range(1, MOST_POINTS):
            shop.fake.studio.made.clear()
            job = await shop.order(body)
            died = await lived(shop, job, [at])
            points += died
            found = shop.found(job)
            assert (found.state == "completed") == (not UNSURE.intersection(died))
            assert shop.made <= 1
            if not died:
                break
        assert {"submit", "submitting", "answered", "made", "settling", "settled"} <= set(points)
        assert shop.problems() == []


def misbehave(studio: MediaStudio, draws: random.Random) -> None:
    """Have the vendors answer badly now and then, when they have answered as badly as they were told to before."""
    answers = (
        MediaAnswer({"detail": "busy"}, 503),
        MediaAnswer({"detail": "slower"}, 429),
        MediaAnswer({"detail": "no"}, 422),
        MediaAnswer(b"<html>", 200, "text/html"),
        MediaAnswer(b"", 302),
        MediaAnswer({"status": "COMPLETED"}, 200),
        MediaAnswer({"detail": "broken"}, 500),
    )
    for vendor in ("fal", "openai"):
        if not studio.troubles.get(vendor) and draws.random() < 0.5:
            studio.trouble(vendor, draws.choice(answers))


async def misfortunes(folder: Path, count: int, seed: int) -> None:
    """Drive many jobs at once through failures, expired results and deaths: all end, and the books balance."""
    draws = random.Random(seed)
    async with open_shop(folder) as shop:
        turns = asyncio.Semaphore(50)

        async def live(number: int) -> Job:
            async with turns:
                misbehave(shop.fake.studio, draws)
                shop.fake.studio.polls = draws.randrange(4)
                shop.files.troubles += draws.randrange(3)
                job = await shop.order(draws.choice([SAY, DRAW]))
                await lived(shop, job, [draws.randrange(1, 12) for _ in range(draws.randrange(3))])
                if draws.random() < 0.05:
                    shop.fake.studio.jobs.clear()
                return shop.found(job)

        ended = await asyncio.gather(*(live(number) for number in range(count)))
        assert all(job.state in FINAL for job in ended)
        assert all(bool(job.charged) == (job.state == "completed") for job in ended)
        assert {job.state for job in ended} == FINAL, Counter(str(job.failure) for job in ended)
        assert not [job for job in ended if job.failure is not None and job.failure.name == "InternalError"]
        assert shop.problems() == []
        charged = sum(job.charged for job in ended)
        assert charged == PRICE * sum(job.state == "completed" for job in ended)
        assert not shop.jobs.has_work(0)


async def test_jobs_end_with_balanced_books_whatever_happens(tmp_path: Path) -> None:
    await misfortunes(tmp_path, 60, 1)


@pytest.mark.long
async def test_a_thousand_jobs_end_with_balanced_books_whatever_happens(tmp_path: Path) -> None:
    await misfortunes(tmp_path, 1000, 2)
