"""Rate limits around whole calls: what they take, what is told, and when it is free again."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from modelport.catalogue.problems import UnknownModel
from modelport.core.counters import Counters
from modelport.core.pace import Pace
from modelport.dialects.table import MESSAGES
from modelport.keys.key import Key
from modelport.ledger.problems import InsufficientFunds
from modelport.limits.limiter import ALL_OPEN, Limiter, OnFailure
from modelport.limits.problems import RateLimited
from modelport.limits.store import Measure
from modelport.serving.counting import CountTokens
from modelport.serving.exchange import CallFailed, CallRequest
from modelport.serving.pacing import Pacing
from tests.serving.stage import ACCOUNT, NotingClient, Script, Stage, event, key_of, on_stage, refused, stream, whole
from tests.twins.clock import StoppedClock
from tests.twins.limits import TwinLimits

DEGRADED = {b"x-modelport-rate-limit": b"degraded"}
CALLS = Pace(concurrent_calls=1)


@asynccontextmanager
async def limited(
    scripts: Mapping[str, Sequence[Script]],
    clock: StoppedClock | None = None,
    shared: TwinLimits | None = None,
    on_failure: Mapping[Measure, OnFailure] = ALL_OPEN,
    credit: int = 100_000,
    drain_s: float = 5.0,
) -> AsyncGenerator[Stage]:
    """Serve with limits at a stopped clock."""
    limits = Limiter(clock or StoppedClock(), Counters(), shared=shared, on_failure=on_failure, beat_s=3600)
    async with on_stage(scripts, limits=limits, credit=credit, drain_s=drain_s) as stage:
        yield stage


async def refusal(stage: Stage, key: Key, client: NotingClient | None = None, **fields: object) -> RateLimited:
    """Make a call that a rate limit refuses."""
    with pytest.raises(CallFailed) as failed:
        await stage.call(client, key, **fields)
    assert isinstance(failed.value.problem, RateLimited)
    return failed.value.problem


async def test_a_call_beyond_the_limit_leaves_a_failed_row_and_asks_nobody() -> None:
    async with limited({"acme": [whole()]}) as stage:
        key = key_of(pace=Pace(requests_per_minute=1))
        await stage.call(key=key)
        told = await refusal(stage, key)
        assert told.message == (
            "Too Many Requests: the limit of the key 0123abcd is 1 requests per minute. Try again in 60 s"
        )
        assert told.retry_after_s == 60
        row, receipt = stage.rows[-1]
        assert (row.status, row.http_status, row.error) == ("failed", 429, "rate_limit_exceeded")
        assert (receipt.charged, len(stage.upstream.sent)) == (0, 1)
        assert stage.is_all_free()


async def test_an_unknown_model_comes_before_the_limit_and_the_limit_before_money() -> None:
    async with limited({"acme": [whole()]}, credit=0) as stage:
        key = key_of(pace=Pace(requests_per_minute=1))
        for model, problem in (("no-such", UnknownModel), ("acme/talk", InsufficientFunds)):
            with pytest.raises(CallFailed) as failed:
                await stage.call(key=key, model=model)
            assert isinstance(failed.value.problem, problem), "an unknown model uses nothing up"
        await refusal(stage, key)


async def test_tokens_are_reserved_as_estimated_and_counted_as_used() -> None:
    clock = StoppedClock()
    async with limited({"acme": [whole(5)]}, clock) as stage:
        key = key_of(pace=Pace(tokens_per_minute=200))
        for _ in range(3):
            await stage.call(key=key, max_tokens=100)  # reserves more than 100 and uses 8
        told = await refusal(stage, key, max_tokens=180)
        assert "200 tokens per minute, and this call may use " in told.message
        clock.pass_s(60)
        await stage.call(key=key, max_tokens=180)


async def test_a_call_that_fails_gives_its_tokens_back_but_was_a_request() -> None:
    async with limited({"acme": [refused(400), whole()]}) as stage:
        key = key_of(pace=Pace(requests_per_minute=2, tokens_per_minute=120))
        with pytest.raises(CallFailed):
            await stage.call(key=key)
        await stage.call(key=key)
        assert "2 requests" in (await refusal(stage, key)).message


async def test_the_limits_of_key_and_account_hold_together() -> None:
    async with limited({"acme": [whole()]}) as stage:
        key = key_of(pace=Pace(requests_per_minute=5), account_pace=Pace(requests_per_minute=2))
        await stage.call(key=key)
        await stage.call(key=key_of(account_pace=Pace(requests_per_minute=2)))
        assert "the limit of the account of key 0123abcd is 2 requests" in (await refusal(stage, key)).message
        alone = key_of(pace=Pace(requests_per_minute=5))
        for _ in range(4):
            await stage.call(key=alone)
        await refusal(stage, alone)


async def test_a_key_without_limits_is_never_refused() -> None:
    async with limited({"acme": [whole()]}) as stage:
        for _ in range(20):
            await stage.call()
        await stage.call(key=key_of(pace=Pace(), account_pace=Pace()))


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_the_place_is_free_before_the_caller_sees_the_end(is_streaming: bool) -> None:
    class Eager(NotingClient):
        """Calls again from within the end of its answer."""

        async def finish(self, data: bytes = b"") -> None:
            await super().finish(data)
            self.again = await stage.call(key=key, stream=is_streaming)

    async with limited({"acme": [stream() if is_streaming else whole()]}) as stage:
        key = key_of(pace=Pace(tokens_per_minute=130, concurrent_calls=1))
        client = await stage.call(Eager(), key, stream=is_streaming)
        assert isinstance(client, Eager)
        assert client.again.is_finished


async def test_a_call_takes_its_place_until_a_stream_has_failed() -> None:
    hold = asyncio.Event()
    async with limited({"acme": [stream(event(), hold, ends=False)]}) as stage:
        key = key_of(pace=CALLS)
        client = NotingClient()
        call = asyncio.create_task(stage.call(client, key, stream=True))
        await client.got.wait()
        assert "1 concurrent calls" in (await refusal(stage, key)).message
        hold.set()
        await call
        assert client.problem is not None
        with suppress(CallFailed):
            await stage.call(key=key, stream=True)
        assert stage.rows[-1][0].http_status != 429


async def test_a_caller_who_left_keeps_the_place_until_the_answer_is_drained() -> None:
    rest = asyncio.Event()
    async with limited({"acme": [stream(event(), rest)]}) as stage:
        key = key_of(pace=CALLS)
        client = NotingClient()
        call = asyncio.create_task(stage.call(client, key, stream=True))
        await client.got.wait()
        client.leave()
        await refusal(stage, key)
        rest.set()
        await call
        await stage.call(key=key, stream=True)


async def test_a_caller_whose_drain_runs_out_frees_the_place() -> None:
    async with limited({"acme": [stream(event(), asyncio.Event()), stream()]}, drain_s=0.01) as stage:
        key = key_of(pace=CALLS)
        client = NotingClient()
        call = asyncio.create_task(stage.call(client, key, stream=True))
        await client.got.wait()
        client.leave()
        await call
        await stage.call(key=key, stream=True)


async def test_a_cancelled_call_frees_the_place() -> None:
    script = stream(asyncio.Event())
    async with limited({"acme": [script, stream()]}) as stage:
        key = key_of(pace=CALLS)
        call = asyncio.create_task(stage.call(key=key, stream=True))
        await script.is_asked.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await stage.call(key=key, stream=True)


@pytest.mark.parametrize("seed", range(3))
async def test_a_provider_never_has_more_calls_of_a_key_than_its_limit(seed: int) -> None:
    chance = random.Random(seed)
    script = stream(event(), event())
    seen: set[int] = set()

    class Leaver(NotingClient):
        """Looks at how many calls the provider has, and leaves by chance."""

        async def send(self, data: bytes) -> None:
            seen.add(script.entered - script.left)
            await super().send(data)
            if chance.random() < 0.2:
                self.leave()

    async with limited({"acme": [script]}) as stage:
        key = key_of(pace=Pace(concurrent_calls=3))
        tasks: list[asyncio.Task[NotingClient]] = []
        for _ in range(100):
            tasks.append(asyncio.create_task(stage.call(Leaver(), key, stream=True)))
            await asyncio.sleep(0)
            if chance.random() < 0.1:
                chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert max(seen) == 3
        assert script.entered == script.left > 3
        assert stage.is_all_free()
        assert {row.http_status for row, _ in stage.rows} <= {200, 429, 499}


async def test_answers_say_that_limits_are_not_shared_now() -> None:
    clock = StoppedClock()
    shared = TwinLimits(clock)
    async with limited({"acme": [whole()]}, clock, shared) as stage:
        key = key_of(pace=Pace(requests_per_minute=1))
        shared.is_down = True
        assert (await stage.call(key=key)).marks == DEGRADED
        client = NotingClient()
        await refusal(stage, key, client)
        assert client.marks == DEGRADED
        assert (await stage.call()).marks == {}, "a key without limits has nothing to share"


async def test_a_closed_limit_is_told_with_its_own_code() -> None:
    clock = StoppedClock()
    shared = TwinLimits(clock)
    async with limited({"acme": [whole()]}, clock, shared, {**ALL_OPEN, "requests": "closed"}) as stage:
        shared.is_down = True
        client = NotingClient()
        told = await refusal(stage, key_of(pace=Pace(requests_per_minute=9)), client)
        assert "unreachable" in told.message
        assert client.marks == DEGRADED
        assert stage.row.error == "rate_limiter_unreachable"


async def test_counting_tokens_is_a_request_like_another() -> None:
    async with limited({"acme": [whole()]}) as stage:
        count = CountTokens(stage.serve.routes, stage.upstream, stage.serve.pacing, stage.serve.clock)
        body = {"model": "acme/talk", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        request = CallRequest(json.dumps(body).encode(), MESSAGES, "request-1", None)
        key = key_of(pace=Pace(1, 100, 1))
        assert await count(request, key) == await count(request, key_of())
        with pytest.raises(RateLimited):
            await count(request, key)


async def test_a_key_may_ask_for_200_reports_in_a_minute() -> None:
    clock = StoppedClock()
    pacing = Pacing(Limiter(clock, Counters()))
    key = key_of()
    for _ in range(200):
        await pacing.admit_report(key)
    with pytest.raises(RateLimited, match="the limit of reports with the key 0123abcd is 200 requests per minute"):
        await pacing.admit_report(key)
    clock.pass_s(60)
    await pacing.admit_report(key)
    assert key.account_id == ACCOUNT
