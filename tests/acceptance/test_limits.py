"""Rate limits as callers meet them: through OpenAI's client, over several processes, and while Redis is away."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import OpenAI

from modelport.core.pace import Pace
from tests.acceptance.conftest import Site
from tests.acceptance.outages import CREDIT, check, load
from tests.acceptance.test_keys import seconds_until, status
from tests.acceptance.test_workers import Door, doors
from tests.acceptance.traffic import Reply, Town, chat, request, town
from tests.redis_server import RedisServer

WORKERS = 3
TOKEN = "token-for-metrics"
WITHIN_S = 20.0


def test_openai_s_client_sees_a_rate_limit_and_when_to_come_back(site: Site) -> None:
    account = site.gateway.create_account("paced", "5")
    site.gateway.run("accounts", "limit", "paced", "--requests-per-minute", "2")
    key = site.gateway.create_key("paced")
    with OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0) as client:
        for is_streaming in (False, True):
            answer = client.chat.completions.create(
                model="fake/echo", messages=[{"role": "user", "content": "ahoy"}], stream=is_streaming
            )
            if is_streaming:
                assert list(answer)  # type: ignore[call-overload]
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="fake/echo", messages=[{"role": "user", "content": "ahoy"}])
    told = refused.value
    wait_s = int(told.response.headers["retry-after"])
    assert 1 <= wait_s <= 60
    assert told.code == "rate_limit_exceeded"
    assert told.type == "rate_limit_error"
    assert told.body is not None
    assert told.response.json()["message"] == (
        f"Too Many Requests: the limit of the account of key {key[:8]} is 2 requests per minute. "
        f"Try again in {wait_s} s"
    )
    query = "SELECT http_status, error, charged_credits FROM requests WHERE account_id = ? ORDER BY inference_id"
    assert [(row["http_status"], row["error"]) for row in site.gateway.rows(query, account["id"])] == [
        (200, None),
        (200, None),
        (429, "rate_limit_exceeded"),
    ]


def test_a_stream_keeps_its_place_until_its_last_event_and_no_longer(site: Site) -> None:
    site.gateway.create_account("patient", "5")
    site.gateway.run("accounts", "limit", "patient", "--concurrent", "1")
    key = site.gateway.create_key("patient")
    with OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0) as client:
        hello: list[Any] = [{"role": "user", "content": "ahoy there " * 50}]
        with client.chat.completions.create(model="fake/slow-20", messages=hello, stream=True) as stream:
            next(iter(stream))
            with pytest.raises(openai.RateLimitError) as refused:
                client.chat.completions.create(model="fake/echo", messages=hello)
            assert refused.value.response.headers["retry-after"] == "1"
            list(stream)
        client.chat.completions.create(model="fake/echo", messages=hello)


def test_a_changed_limit_of_an_account_holds_within_a_second(site: Site) -> None:
    site.gateway.create_account("changing", "5")
    key = site.gateway.create_key("changing")
    assert status(site, key) == 200
    site.gateway.run("accounts", "limit", "changing", "--requests-per-minute", "1")
    seconds_until(lambda: status(site, key) == 429, 2.0)
    site.gateway.run("accounts", "limit", "changing", "--requests-per-minute", "none")
    seconds_until(lambda: status(site, key) == 200, 2.0)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer) -> AsyncIterator[Town]:
    """Three workers that share their limits through Redis; limits on tokens are closed without it."""
    folder: Path = tmp_path_factory.mktemp("limits")
    chosen = {"server_metrics_token": TOKEN, "limits_tokens_on_failure": "closed", "redis_url": redis.url}
    async with town(folder, server_workers=WORKERS, **chosen) as built:
        yield built


def paced(place: Town, name: str, pace: Pace) -> str:
    """Make an account with these limits and some money, and a key of it."""
    account_id = place.account(name, 10_000_000)
    place.desk.accounts.limit(account_id, pace, place.desk.now_ms())
    return place.key(account_id)


def of(replies: list[Reply]) -> Counter[tuple[int, str | None]]:
    """Count answers by status and by what they say of the limits."""
    return Counter((reply.status, reply.headers.get("x-modelport-rate-limit")) for reply in replies)


async def all_of(each: list[Door], key: str, times: int) -> list[Reply]:
    """Call through every worker, so many times."""
    body = request(key, chat("fake/meter", max_tokens=5))
    return [await door.ask(body) for _ in range(times) for door in each]


async def counted(each: list[Door], name: str, label: str = "") -> int:
    """Sum a number of the metrics over all workers."""
    pages = [await door.ask(request(TOKEN, b"", path="/metrics", method="GET")) for door in each]
    lines = [
        line
        for page in pages
        for line in page.body.decode().splitlines()
        if line.startswith(f"{name}{{") and label in line
    ]
    return sum(int(line.rpartition(" ")[2]) for line in lines)


@pytest.mark.debian("redis-server")
@pytest.mark.asyncio(loop_scope="module")
async def test_of_calls_that_race_through_all_workers_exactly_the_limit_is_let_in(place: Town) -> None:
    key = paced(place, "racing", Pace(requests_per_minute=40))
    replies = await asyncio.gather(*(place.call(key, max_tokens=5) for _ in range(150)))
    assert of(replies) == {(200, None): 40, (429, None): 110}
    assert all(1 <= int(reply.headers["retry-after"]) <= 60 for reply in replies if reply.status == 429)


@pytest.mark.debian("redis-server")
@pytest.mark.asyncio(loop_scope="module")
async def test_one_call_after_another_is_let_in_by_whichever_worker(place: Town) -> None:
    key = paced(place, "in turn", Pace(concurrent_calls=1))
    async with doors(place) as each:
        assert of(await all_of(each, key, 10)) == {(200, None): 10 * WORKERS}


@pytest.mark.debian("redis-server")
@pytest.mark.asyncio(loop_scope="module")
async def test_while_redis_is_away_each_worker_has_its_part_and_afterwards_all_is_as_before(
    place: Town, redis: RedisServer
) -> None:
    shared = paced(place, "shared", Pace(requests_per_minute=6))
    opened = paced(place, "open", Pace(requests_per_minute=6, concurrent_calls=6))
    closed = paced(place, "closed", Pace(tokens_per_minute=1_000_000))
    free = paced(place, "free", Pace())
    later = paced(place, "later", Pace(concurrent_calls=3))
    async with doors(place) as each:
        assert of(await all_of(each, shared, 1)) == {(200, None): 3}
        redis.kill()
        began_s = time.monotonic()
        assert of(await all_of(each, opened, 4)) == {(200, "degraded"): 6, (429, "degraded"): 6}
        refused = await all_of(each, closed, 1)
        assert of(refused) == {(429, "degraded"): 3}
        assert {reply.error["code"] for reply in refused} == {"rate_limiter_unreachable"}
        assert of(await all_of(each, free, 2)) == {(200, None): 6}
        assert of(await all_of(each, shared, 2)) == {(200, "degraded"): 3, (429, "degraded"): 3}
        assert time.monotonic() - began_s < WITHIN_S
        assert await counted(each, "modelport_rate_limit_degraded") == WORKERS
        assert await counted(each, "modelport_rate_limit_store_failures_total") >= WORKERS
        redis.start()
        async with asyncio.timeout(WITHIN_S):
            while await counted(each, "modelport_rate_limit_degraded"):
                pass
        assert of(await all_of(each, later, 5)) == {(200, None): 15}
        assert of(await all_of(each, closed, 1)) == {(200, None): 3}
    said = place.gateway.stderr
    assert said.count("the store of rate limits cannot be asked") == WORKERS
    assert said.count("the store of rate limits is back") == WORKERS


@pytest.mark.debian("redis-server")
@pytest.mark.asyncio(loop_scope="module")
async def test_metrics_count_calls_and_refusals(place: Town) -> None:
    numbers = (
        ("modelport_calls_total", 'status="2xx"'),
        ("modelport_calls_total", 'status="4xx"'),
        ("modelport_rate_limit_refusals_total", 'limit="requests"'),
        ("modelport_rate_limit_refusals_total", 'limit="tokens"'),
    )
    key = paced(place, "counted", Pace(requests_per_minute=2))
    async with doors(place) as each:
        before = [await counted(each, *number) for number in numbers]
        await all_of(each, key, 1)
        after = [await counted(each, *number) for number in numbers]
        wrong = await each[0].ask(request(key, b"", path="/metrics", method="GET"))
    assert [now - then for then, now in zip(before, after, strict=True)] == [2, 1, 1, 0]
    assert wrong.status == 401


@pytest.mark.debian("redis-server")
@pytest.mark.asyncio(loop_scope="module")
async def test_calls_that_go_on_while_redis_is_killed_and_comes_back_are_answered_or_told_of_the_limit(
    place: Town, redis: RedisServer
) -> None:
    opened = place.account("loaded", CREDIT)
    place.desk.accounts.limit(opened, Pace(requests_per_minute=1_000_000), place.desk.now_ms())
    closed = paced(place, "loaded and closed", Pace(tokens_per_minute=1_000_000))
    told_before = place.gateway.stderr.count("the store of rate limits cannot be asked")

    def is_degraded(reply: Reply) -> bool:
        return reply.headers.get("x-modelport-rate-limit") == "degraded"

    async with load(place, opened, place.key(opened)) as under, doors(place) as each:
        await under.until_answered(50)
        redis.kill()
        await under.until(is_degraded, 50)
        assert {reply.status for reply in await all_of(each, closed, 1)} == {429}
        redis.start()
        async with asyncio.timeout(WITHIN_S):
            while await counted(each, "modelport_rate_limit_degraded"):
                pass
        await under.until(lambda reply: reply.is_complete and not is_degraded(reply), 50)
        assert of(await all_of(each, closed, 1)) == {(200, None): 3}
    assert under.refused == []
    check(under)
    assert place.gateway.stderr.count("the store of rate limits cannot be asked") - told_before <= WORKERS
