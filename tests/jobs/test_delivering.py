"""Telling the end of a job to its webhook: what is sent, what comes of it, and whom it never goes to."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from modelport.core.clock import SystemClock
from modelport.core.errors import InvalidBody, Problem
from modelport.jobs.deliveries import Delivery, NotEnded
from modelport.jobs.job import Job
from modelport.jobs.signing import WebhookSecrets, signed_headers
from modelport.serving.exchange import CallFailed
from modelport.serving.jobs.delivering import Deliver
from modelport.serving.jobs.exchange import Lanes
from modelport.serving.jobs.told import EVENT_MAX_BYTES, event_of, with_result
from modelport.serving.ports import ConnectFailed
from modelport.storage.deliveries import StoredDeliveries
from modelport.upstream.guarded import Taken
from tests.jobs.receiver import TwinCallbacks, TwinSeeds
from tests.jobs.shop import SAY, Shop, open_shop

HOOK = "https://hooks.example.org/jobs"
TOLD = {**SAY, "webhook_url": HOOK}


@dataclass
class Post:
    """A shop, and what tells the ends of its jobs."""

    shop: Shop
    deliveries: StoredDeliveries
    secrets: WebhookSecrets
    points: list[str] = field(default_factory=list[str])

    @property
    def callbacks(self) -> TwinCallbacks:
        return self.shop.callbacks

    def deliver(self) -> Deliver:
        return Deliver(
            jobs=self.shop.jobs,
            deliveries=self.deliveries,
            secrets=self.secrets,
            callbacks=self.callbacks,
            clock=SystemClock(),
            run=asyncio.to_thread,
            chance=lambda: 0.0,
            lanes=Lanes(1),
            passed=lambda _, point: self.points.append(point),
        )

    async def ended(self, body: dict[str, object] | None = None) -> Job:
        """Order something and have it made."""
        job = await self.shop.order(body or TOLD)
        await self.shop.driver().drive(job.id)
        return self.shop.found(job)

    async def attempt(self, job: Job) -> Delivery:
        """Make the next attempt at a job's webhook."""
        before = self.of(job)
        await self.deliver().attempt(job.id, before.attempts)
        return self.of(job)

    def of(self, job: Job) -> Delivery:
        found = self.shop.found(job).delivery
        assert found is not None
        return found


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with open_shop(tmp_path) as shop:
        yield Post(shop, StoredDeliveries(shop.database), WebhookSecrets(TwinSeeds(), [(1, b"s" * 32)]))


async def test_the_end_of_a_job_is_told_as_its_caller_reads_it(post: Post) -> None:
    job = await post.ended()
    assert (await post.attempt(job)).status == "delivered"
    [sent] = post.callbacks.sent
    event = json.loads(sent.body)
    assert job.ended_at_ms is not None
    assert (sent.url, event["id"], event["type"]) == (HOOK, f"evt_{job.id}", "job.completed")
    assert event["created"] == job.ended_at_ms // 1000
    shown = json.loads(msgspec.json.encode(with_result(job)))
    assert shown.pop("webhook")["url"] == HOOK
    assert event["data"] == shown
    assert event["data"]["result"]["text"] == "Hello there."


async def test_what_is_sent_is_signed(post: Post) -> None:
    job = await post.ended()
    post.secrets.rotate(job.account_id, SystemClock().now_ms())
    post.secrets.rotate(job.account_id, SystemClock().now_ms())
    await post.attempt(job)
    [sent] = post.callbacks.sent
    keys = [one.key for one in post.secrets.of(job.account_id, SystemClock().now_ms())]
    assert len(keys) == 2
    at_s = int(sent.headers["webhook-timestamp"])
    assert dict(sent.headers) == {
        "content-type": "application/json",
        **signed_headers(keys, f"evt_{job.id}", at_s, sent.body),
    }


async def test_a_failed_and_a_cancelled_job_are_told_as_failed(post: Post) -> None:
    failed = await post.ended({**TOLD, "url": "https://files.example.org/none.mp3"})
    cancelled = await post.shop.order(TOLD)
    await post.shop.orders.cancel(cancelled.id, cancelled.account_id)
    for job in (failed, cancelled):
        assert (await post.attempt(job)).status == "delivered"
    events = [json.loads(sent.body) for sent in post.callbacks.sent]
    assert [one["type"] for one in events] == ["job.failed", "job.failed"]
    assert events[1]["data"]["error"]["name"] == "Cancelled"


async def test_attempts_repeat_the_event_until_it_is_taken_and_each_is_logged(post: Post) -> None:
    job = await post.ended()
    post.callbacks.answers = [500, Taken(503, {b"retry-after": b"90"}), ConnectFailed("nobody is there"), 200]
    seen = [await post.attempt(job) for _ in range(4)]
    assert [one.status for one in seen] == ["pending", "pending", "pending", "delivered"]
    errors = [f"the receiver answered with status {status}" for status in (500, 503)]
    assert [one.last_error for one in seen] == [*errors, "nobody is there", None]
    logged = post.deliveries.outcomes(job.id)
    ended = [one.at_ms + one.duration_ms for one in logged]
    assert [(one.next_at_ms or 0) - at for one, at in zip(seen[:3], ended, strict=False)] == [5_000, 90_000, 120_000]
    assert len({(sent.headers["webhook-id"], sent.body) for sent in post.callbacks.sent}) == 1
    assert [(one.status, one.error) for one in logged] == [
        (500, errors[0]),
        (503, errors[1]),
        (None, "nobody is there"),
        (200, None),
    ]


async def test_an_attempt_that_was_made_is_not_made_again(post: Post) -> None:
    job = await post.ended()
    await asyncio.gather(*(post.deliver().attempt(job.id, 0) for _ in range(3)))
    deliver = post.deliver()
    await asyncio.gather(*(deliver.attempt(job.id, 0) for _ in range(3)))
    assert post.of(job).attempts == len(post.deliveries.outcomes(job.id)) == 1


async def test_a_job_that_lives_is_not_told_of(post: Post) -> None:
    job = await post.shop.order(TOLD)
    await post.deliver().attempt(job.id, 0)
    assert post.callbacks.sent == []
    with pytest.raises(NotEnded):
        post.deliveries.resend(job.id, 0)


async def test_a_job_without_a_webhook_is_told_nobody(post: Post) -> None:
    job = await post.ended(SAY)
    assert job.delivery is None
    await post.deliver().attempt(job.id, 0)
    assert post.callbacks.sent == []


async def test_an_address_that_leads_home_by_now_is_not_called(post: Post) -> None:
    job = await post.ended()
    post.callbacks.private = frozenset({"hooks.example.org"})
    refused = await post.attempt(job)
    assert (refused.status, refused.last_status, post.callbacks.sent) == ("pending", None, [])
    assert "not public" in (refused.last_error or "")


async def test_whatever_goes_wrong_counts_as_an_attempt(post: Post) -> None:
    job = await post.ended()
    post.callbacks.answers = [Problem("unforeseen")]
    assert (await post.attempt(job)).last_error == "Internal server error"


async def test_a_lost_secret_is_told_as_what_went_wrong(post: Post) -> None:
    job = await post.ended()
    post.secrets.of(job.account_id, 0)
    post.secrets = WebhookSecrets(post.secrets.store, [(2, b"t" * 32)])
    assert "version 1 of the server secret" in ((await post.attempt(job)).last_error or "")
    assert post.callbacks.sent == []


async def test_a_long_result_is_left_out_of_the_event_and_that_is_said(post: Post) -> None:
    job = await post.ended()
    assert job.result is not None
    long = json.dumps({"text": "a" * EVENT_MAX_BYTES}).encode()
    data = json.loads(event_of(structs.replace(job, result=long)))["data"]
    assert (data["result"], data["is_result_left_out"]) == (None, True)
    assert "is_result_left_out" not in json.loads(event_of(job))["data"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://hooks.example.org/", "not an http or https URL"),
        ("https://user:secret@hooks.example.org/", "user name or password"),
        ("https://intranet.example/", "not public"),
        ("https://hooks.example.org:22/", "port 22"),
        ("", "not an http or https URL"),
        (f"https://hooks.example.org/{'a' * 2048}", "at most 2048"),
        (7, "Expected string, received 7"),
    ],
)
async def test_an_address_that_cannot_be_a_webhook_is_refused_by_name(post: Post, url: object, why: str) -> None:
    with pytest.raises(CallFailed) as caught:
        await post.shop.order({**SAY, "webhook_url": url})
    problem = caught.value.problem
    assert isinstance(problem, InvalidBody)
    assert (problem.param, "'webhook_url'" in problem.message, why in problem.message) == ("webhook_url", True, True)


async def test_the_webhook_of_a_request_goes_before_that_of_its_key(post: Post) -> None:
    post.shop.key = replace(post.shop.key, webhook_url="https://key.example.org/")
    assert post.of(await post.shop.order(SAY)).url == "https://key.example.org/"
    assert post.of(await post.shop.order(TOLD)).url == HOOK


async def test_no_provider_is_told_of_a_webhook(post: Post) -> None:
    job = await post.shop.order(TOLD)
    assert b"hooks.example.org" not in job.asked.call
