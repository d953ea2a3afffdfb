"""One call from start to finish: what its caller gets, what is charged, what is written."""

import asyncio
import json
from dataclasses import replace

import pytest

from modelport.catalogue.problems import UnknownModel
from modelport.core.errors import InvalidBody
from modelport.ledger.problems import AlreadySettled, InsufficientFunds, KeyLimitReached
from modelport.serving.exchange import CallFailed
from modelport.serving.ports import CutShort, IdleTimeout, MalformedAnswer
from tests.serving.stage import (
    STREAM_TYPE,
    Script,
    event,
    key_of,
    limit_of,
    offer_of,
    on_stage,
    refused,
    stream,
    whole,
)


async def test_a_whole_answer_carries_its_cost_and_the_balance_goes_down_by_it() -> None:
    async with on_stage({"first": [whole(5)]}) as stage:
        client = await stage.call()
    answer = json.loads(client.text)
    assert answer["meta"]["usage"]["credits_used"] == 5
    assert client.headers[b"x-aimlapi-credits-used"] == b"5"
    assert client.headers[b"x-inference-id"].decode() == stage.row.inference_id
    assert stage.balance == 995
    assert stage.receipt.billing_status == "charged"
    assert (stage.row.status, stage.row.http_status, stage.row.usage_source) == ("succeeded", 200, "provider")


async def test_a_streams_last_chunk_carries_its_cost_and_no_header_does() -> None:
    async with on_stage({"first": [stream(event(), event(), output=5)]}) as stage:
        client = await stage.call(stream=True)
    *_, last, done, empty = client.text.split("\n\n")
    assert json.loads(last.removeprefix("data: "))["meta"]["usage"]["credits_used"] == 5
    assert (done, empty) == ("data: [DONE]", "")
    assert not [name for name in client.headers if name.startswith(b"x-aimlapi")]
    assert stage.balance == 995


async def test_the_charge_is_committed_before_the_last_byte() -> None:
    balances: list[int] = []
    async with on_stage({"first": [whole(5), stream(output=5)]}) as stage:
        for is_streaming in (False, True):
            client = await stage.call(stream=is_streaming)
            balances.append(stage.balance)
            assert client.is_finished
    assert balances == [995, 990]


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_usage_that_the_provider_leaves_out_is_charged_and_said_to_be_ours(is_streaming: bool) -> None:
    script = stream(event(), event(), event(), output=None) if is_streaming else whole(None)
    async with on_stage({"first": [script]}) as stage:
        client = await stage.call(stream=is_streaming)
    assert client.is_finished
    assert stage.row.usage_source == ("counted" if is_streaming else "estimated")
    assert stage.row.usage["output"] == (3 if is_streaming else 2)  # three pieces; five letters
    assert stage.balance == 1000 - stage.row.usage["output"]


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_a_call_that_fails_costs_nothing_and_leaves_a_row(is_streaming: bool) -> None:
    async with on_stage({"first": [refused(500)]}) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call(stream=is_streaming)
        assert stage.is_all_free()
    assert stage.balance == 1000
    assert stage.row.inference_id == failed.value.inference_id
    assert (stage.row.status, stage.row.http_status, stage.row.error) == ("failed", 500, "provider_error")
    assert stage.receipt.billing_status == "none"


async def test_a_stream_cut_by_the_provider_is_free_for_the_caller_and_cost_of_the_house() -> None:
    pieces = (event(), event(), IdleTimeout("stalled"))
    async with on_stage({"first": [stream(*pieces, ends=False)]}) as stage:
        client = await stage.call(stream=True)
        assert stage.is_all_free()
    assert isinstance(client.problem, IdleTimeout)
    assert not client.is_finished
    assert "[DONE]" not in client.text
    assert stage.balance == 1000
    assert (stage.receipt.billing_status, stage.receipt.on_house) == ("house", 2)
    assert (stage.row.status, stage.row.error, stage.row.usage_source) == ("failed", "provider_stalled", "counted")


async def test_a_stream_that_ends_without_saying_why_is_cut_short() -> None:
    async with on_stage({"first": [stream(event(), event(), ends=False)]}) as stage:
        client = await stage.call(stream=True)
    assert isinstance(client.problem, CutShort)
    assert stage.balance == 1000


@pytest.mark.parametrize("cut_at", [-5, -20, 12])
async def test_an_event_that_is_cut_off_never_reaches_the_caller(cut_at: int) -> None:
    broken = event("broken")[:-2][:cut_at] + b"\n\n"
    async with on_stage({"first": [stream(event(), event(), broken, event())]}) as stage:
        client = await stage.call(stream=True)
    assert isinstance(client.problem, MalformedAnswer)
    assert "brok" not in client.text
    assert stage.balance == 1000


async def test_a_stream_that_names_its_finish_is_complete_without_its_mark() -> None:
    script = Script([event(), event(None, "stop")], headers=STREAM_TYPE)
    async with on_stage({"first": [script]}) as stage:
        client = await stage.call(stream=True)
    assert client.text.endswith("data: [DONE]\n\n")


async def test_a_call_for_a_model_that_is_not_there_leaves_no_row() -> None:
    async with on_stage({"first": [whole()]}) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call(model="acme/nothing")
    assert isinstance(failed.value.problem, UnknownModel)
    assert stage.rows == []


async def test_a_malformed_call_reaches_nobody() -> None:
    async with on_stage({"first": [whole()]}) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call(temperature="hot")
    assert isinstance(failed.value.problem, InvalidBody)
    assert stage.upstream.sent == []


async def test_what_was_dropped_is_named_in_the_header_and_the_row_and_bounded_in_both() -> None:
    fields: dict[str, object] = {f"unheard_of_{number}": 1 for number in range(60)}
    async with on_stage({"first": [whole()]}) as stage:
        client = await stage.call(**fields, **{"x" * 5000: 1})
    assert len(stage.row.dropped) == 51
    assert stage.row.dropped[-1] == "and 11 more"
    header = client.headers[b"x-modelport-dropped-params"]
    assert header.startswith(b"unheard_of_0,unheard_of_1,")
    assert len(header) <= 1000


async def test_the_name_of_what_was_dropped_is_shortened() -> None:
    async with on_stage({"first": [whole()]}) as stage:
        await stage.call(**{"x" * 5000: 1})
    assert stage.row.dropped == ("x" * 100 + "…",)


async def test_max_tokens_is_lowered_to_what_the_rest_of_the_money_pays_for() -> None:
    async with on_stage({"first": [whole(40)]}, credit=40) as stage:
        await stage.call(max_tokens=100)
    assert stage.upstream.body()["max_tokens"] == 40
    assert stage.balance == 0


async def test_a_call_without_a_bound_gets_one_when_the_money_is_short() -> None:
    async with on_stage({"first": [whole(40)]}, credit=40) as stage:
        await stage.call(max_tokens=None)
    assert stage.upstream.body()["max_tokens"] == 40


async def test_each_choice_gets_its_share_of_the_rest() -> None:
    async with on_stage({"first": [whole(40)]}, credit=41) as stage:
        await stage.call(max_tokens=100, n=2)
    assert stage.upstream.body()["max_tokens"] == 20


async def test_a_call_that_can_pay_is_sent_with_its_own_bound() -> None:
    async with on_stage({"first": [whole(40)]}, credit=100) as stage:
        await stage.call(max_tokens=100)
    assert stage.upstream.body()["max_tokens"] == 100


async def test_a_call_of_which_not_even_one_token_can_be_paid_is_refused() -> None:
    async with on_stage({"first": [whole(1)]}, credit=1) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call(n=2)
    assert isinstance(failed.value.problem, InsufficientFunds)
    assert stage.upstream.sent == []
    assert (stage.row.http_status, stage.row.attempts) == (403, ())


async def test_the_hold_is_sized_at_the_dearest_offer_that_may_be_tried() -> None:
    offers = [offer_of("first", output_credits=1, priority=1), offer_of("second", output_credits=4, priority=2)]
    async with on_stage({"first": [refused(500)], "second": [whole(20)]}, credit=80, offers=offers) as stage:
        await stage.call(max_tokens=100)
    assert stage.upstream.body()["max_tokens"] == 20
    assert stage.balance == 0


async def test_a_key_at_its_limit_is_refused_although_the_account_can_pay() -> None:
    key = key_of(limit=limit_of(12))
    async with on_stage({"first": [whole(6)]}) as stage:
        for _ in range(2):
            await stage.call(key=key, max_tokens=6)
        with pytest.raises(CallFailed) as failed:
            await stage.call(key=key, max_tokens=6)
    assert isinstance(failed.value.problem, KeyLimitReached)
    assert stage.balance == 988


async def test_an_answer_dearer_than_its_hold_takes_the_rest_from_the_account() -> None:
    async with on_stage({"first": [whole(300)]}) as stage:
        await stage.call(max_tokens=100)
    assert stage.balance == 700
    assert stage.receipt.billing_status == "charged"


async def test_what_the_account_cannot_pay_of_an_answer_is_paid_by_the_house_and_raises_the_next_holds() -> None:
    async with on_stage({"first": [whole(300)]}, credit=120) as stage:
        client = await stage.call(max_tokens=100)
    assert client.is_finished
    assert stage.balance == 0
    assert (stage.receipt.billing_status, stage.receipt.on_house) == ("short", 180)


async def test_many_calls_at_once_spend_exactly_what_there_is() -> None:
    async with on_stage({"first": [whole(10)]}, credit=1000) as stage:
        calls = [stage.call(max_tokens=10) for _ in range(250)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [one.problem for one in outcomes if isinstance(one, CallFailed)]
    assert len(refusals) == 150
    assert all(isinstance(problem, InsufficientFunds) for problem in refusals)
    assert stage.balance == 0


async def test_a_call_that_could_not_be_settled_gets_no_answer() -> None:
    async with on_stage({"first": [whole(5), stream(output=5)]}) as stage:
        serve = stage.serve
        first = await stage.call()
        again = replace(serve, new_id=lambda: first.headers[b"x-inference-id"].decode())
        stage.serve = again
        client = await stage.call(stream=True)
    assert isinstance(client.problem, AlreadySettled)
    assert not client.is_finished
    assert stage.balance == 995
