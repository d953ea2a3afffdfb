"""Callers who leave: what is asked of the provider, what is charged, what the row says."""

import asyncio
import json

import pytest

from modelport.catalogue.facts import Quirks
from modelport.serving.exchange import CallerLeft, CallFailed
from tests.serving.stage import (
    ACCOUNT,
    STREAM_TYPE,
    NotingClient,
    Script,
    Stage,
    event,
    key_of,
    offer_of,
    on_stage,
    stream,
    whole,
)

CANCEL = "cancel_and_bill_delivered"


async def left_mid_stream(stage: Stage, client: NotingClient, **call: object) -> asyncio.Task[NotingClient]:
    """Start a streamed call and leave once its first piece has come."""
    task = asyncio.create_task(stage.call(client, stream=True, **call))  # type: ignore[arg-type]
    await client.got.wait()
    client.leave()
    return task


async def test_a_stream_whose_caller_left_is_read_to_its_end_and_charged_as_the_provider_says() -> None:
    rest = asyncio.Event()
    async with on_stage({"first": [stream(event(), rest, event(), output=50)]}) as stage:
        client = NotingClient()
        task = await left_mid_stream(stage, client)
        rest.set()
        await task
    assert (stage.balance, stage.row.usage_source, stage.row.status) == (950, "provider", "succeeded")
    assert not client.is_finished


async def test_the_drain_is_capped_in_time_and_what_was_delivered_is_counted() -> None:
    script = stream(event(), event(), asyncio.Event(), output=50)
    async with on_stage({"first": [script]}, drain_s=0.05) as stage:
        client = NotingClient()
        await (await left_mid_stream(stage, client))
        assert stage.is_all_free()
    assert script.left == 1
    assert (stage.row.usage_source, stage.row.http_status, stage.row.error) == ("counted", 499, "client_left")
    assert stage.row.usage["output"] in (1, 2)
    assert stage.balance == 1000 - stage.row.usage["output"]


async def test_a_key_may_have_the_provider_stopped_at_once_and_pays_for_what_was_delivered() -> None:
    script = stream(event(), asyncio.Event(), output=50)
    async with on_stage({"first": [script]}, drain_s=60) as stage:
        client = NotingClient()
        async with asyncio.timeout(2):
            await (await left_mid_stream(stage, client, key=key_of(on_disconnect=CANCEL)))
    assert script.left == 1
    assert (stage.balance, stage.row.usage_source) == (999, "counted")


async def test_what_a_provider_reported_before_the_end_does_not_give_away_what_was_delivered_since() -> None:
    said = {"content": {"role": "model", "parts": [{"text": "word "}]}, "index": 0}
    used = {"promptTokenCount": 3, "totalTokenCount": 3}
    piece = b"data: %b\n\n" % json.dumps({"candidates": [said], "usageMetadata": used}).encode()
    script = Script([piece, piece, asyncio.Event()], headers=STREAM_TYPE)
    async with on_stage(
        {"first": [script]}, drain_s=0.05, offers=[offer_of("first", dialect="google_gemini")]
    ) as stage:
        await (await left_mid_stream(stage, NotingClient()))
        assert stage.is_all_free()
    assert (stage.row.usage, stage.row.usage_source) == ({"input": 3, "output": 2}, "counted")
    assert stage.balance == 998


async def test_a_provider_whose_calls_may_be_stopped_is_stopped_whatever_the_key_says() -> None:
    script = stream(event(), asyncio.Event(), output=50)
    offers = [offer_of("first", quirks=Quirks(cancel_on_disconnect=True))]
    async with on_stage({"first": [script]}, drain_s=60, offers=offers) as stage:
        client = NotingClient()
        async with asyncio.timeout(2):
            await (await left_mid_stream(stage, client))
    assert (stage.balance, script.left) == (999, 1)


async def test_a_whole_answer_whose_caller_left_is_waited_for_and_charged() -> None:
    rest = asyncio.Event()
    answer = whole(30)
    script = Script([rest, *answer.pieces])
    async with on_stage({"first": [script]}) as stage:
        client = NotingClient()
        task = asyncio.create_task(stage.call(client))
        await script.is_asked.wait()
        client.leave()
        rest.set()
        await task
    assert (stage.balance, stage.row.usage_source) == (970, "provider")


async def test_a_whole_answer_that_never_came_costs_a_caller_who_left_nothing() -> None:
    script = Script([asyncio.Event()])
    async with on_stage({"first": [script]}, drain_s=0.05) as stage:
        client = NotingClient()
        task = asyncio.create_task(stage.call(client))
        await script.is_asked.wait()
        client.leave()
        await task
        assert stage.is_all_free()
    assert script.left == 1
    assert stage.balance == 1000
    assert (stage.row.http_status, stage.row.usage_source, stage.receipt.billing_status) == (499, "none", "none")


async def test_a_caller_who_left_while_waiting_for_money_costs_nothing_and_reaches_nobody() -> None:
    rest = asyncio.Event()
    slow = Script([rest, *whole(40).pieces])
    async with on_stage({"first": [slow]}, credit=100, hold_wait_s=5) as stage:
        first = asyncio.create_task(stage.call(max_tokens=100))
        await slow.is_asked.wait()
        waiting = NotingClient()
        second = asyncio.create_task(stage.call(waiting, max_tokens=50))
        for _ in range(20):
            await asyncio.sleep(0)
        assert stage.book.purses[ACCOUNT].line
        waiting.leave()
        rest.set()
        await first
        with pytest.raises(CallFailed) as failed:
            await second
        assert stage.is_all_free()
    assert isinstance(failed.value.problem, CallerLeft)
    assert stage.upstream.asked == ["first"]
    assert stage.balance == 60


async def test_leaving_after_the_end_changes_nothing() -> None:
    async with on_stage({"first": [stream(output=5)]}) as stage:
        client = await stage.call(stream=True)
        client.leave()
    assert (stage.balance, client.is_finished) == (995, True)
