"""Calls whose output nobody bounded: they go as far as the money does, and end honestly there."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from modelport.core.credits import Credits
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.store import Fund, Loan
from modelport.serving.advance import LOOK_EVERY
from tests.serving import stage as parts
from tests.serving.stage import NotingClient, Script, Stage, event, key_of, limit_of, offer_of, on_stage, stream, whole
from tests.twins.ledger import VaultLedger

GUESS = 1280
"""What is held at first for an answer of unknown length, in tokens: each is a credit here."""
HEAVY = event("many words in one event " * 10)
"""Sixty tokens."""


def tokens(count: int, each: int = 1) -> list[bytes]:
    """So many tokens, one in each event, so many events in each piece."""
    return [event("word ") * each] * (count // each)


class Gap(asyncio.Event):
    """A place where the provider waits until it is set; `reached` is set when it has come there."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self) -> Any:
        self.reached.set()
        return await super().wait()


def said(client: NotingClient) -> int:
    """How many words reached the caller."""
    return client.text.count("word ")


def last_events(client: NotingClient, count: int) -> list[Any]:
    *events, done, empty = client.text.split("\n\n")
    assert (done, empty) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events[-count:]]


async def ask(stage: Stage, **fields: object) -> NotingClient:
    return await stage.call(**({"stream": True, "max_tokens": None} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("small", [1, 30, 200])
async def test_pieces_between_two_looks_are_counted_before_a_large_one_is_cut(small: int) -> None:
    """However pieces come, no more is delivered than is paid for."""
    for first in range(900, 1300, 37):
        pieces = [*tokens(first, 1), *([event("word ") * small] * 3), event("word ") * 3000]
        async with on_stage({"first": [stream(*pieces, output=10_000)]}, credit=1300) as stage:
            client = await ask(stage)
        assert said(client) == stage.row.cost_credits <= 1300


@pytest.mark.parametrize("each", [1, 100])
async def test_a_stream_ends_where_the_money_does_and_says_so(each: int) -> None:
    script = stream(*tokens(10_000, each), output=10_000)
    async with on_stage({"first": [script]}, credit=5000) as stage:
        client = await ask(stage)
        assert stage.is_all_free()
    stopped, last = last_events(client, 2)
    assert client.is_finished
    assert said(client) == 5000
    assert stopped["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 5000
    assert last["meta"]["usage"]["credits_used"] == 5000
    assert "used up" in last["meta"]["notice"]
    assert stage.balance == 0
    assert (stage.receipt.billing_status, stage.receipt.on_house) == ("charged", 0)
    row = stage.row
    assert (row.status, row.http_status, row.error, row.usage_source) == ("succeeded", 200, "out_of_credit", "counted")
    assert (script.stopped, script.left) == (1, 1)


async def test_a_stream_that_can_pay_goes_on_to_its_end() -> None:
    async with on_stage({"first": [stream(*tokens(10_000), output=10_000)]}, credit=10_000) as stage:
        client = await ask(stage)
    assert said(client) == 10_000
    assert "notice" not in client.text
    assert stage.balance == 0
    assert (stage.row.usage_source, stage.row.error) == ("provider", None)


async def test_a_stream_holds_little_of_a_rich_account_at_first_and_more_as_it_grows() -> None:
    early, late = Gap(), Gap()
    script = stream(event("word "), early, *tokens(3999), late, output=4000)
    held: list[int] = []
    async with on_stage({"first": [script]}, credit=1_000_000) as stage:
        call = asyncio.create_task(ask(stage))
        for gap in (early, late):
            await gap.reached.wait()
            held.append(stage.vault.lent(Fund(parts.ACCOUNT)) - stage.book.purses[parts.ACCOUNT].free)
            gap.set()
        await call
    assert held[0] == GUESS
    assert 4000 < held[1] < 3 * 4000


async def test_a_stream_through_a_key_ends_at_its_limit() -> None:
    key = key_of(limit=limit_of(3000))
    async with on_stage({"first": [stream(*tokens(10_000), output=10_000)]}, credit=9000) as stage:
        client = await ask(stage, key=key)
    assert said(client) == 3000
    assert stage.balance == 6000
    assert stage.row.error == "out_of_credit"


async def test_many_streams_of_one_account_spend_exactly_what_there_is() -> None:
    async with on_stage({"first": [stream(*tokens(9000), output=9000)]}, credit=50_000) as stage:
        clients = await asyncio.gather(*(ask(stage) for _ in range(20)))
        assert stage.is_all_free()
    assert all(client.is_finished for client in clients)
    assert sum(paid.charged for _, paid in stage.rows) == 50_000
    assert {paid.billing_status for _, paid in stage.rows} == {"charged"}
    assert stage.balance == 0


async def test_money_that_another_call_frees_carries_a_stream_on() -> None:
    theirs, ours = Gap(), Gap()
    first, second = stream(theirs), stream(*tokens(1200), ours, *tokens(1800), output=3000)
    async with on_stage({"first": [first, second]}, credit=4000) as stage:
        other = asyncio.create_task(stage.call(stream=True, max_tokens=2500))
        await theirs.reached.wait()
        streaming = asyncio.create_task(ask(stage))
        await ours.reached.wait()
        theirs.set()
        await other
        ours.set()
        client = await streaming
    assert said(client) == 3000
    assert stage.balance == 4000 - 5 - 3000


async def test_events_that_say_more_than_a_token_are_weighed() -> None:
    async with on_stage({"first": [stream(*[HEAVY] * 1000, output=60_000)]}, credit=5000) as stage:
        client = await ask(stage)
    assert client.text.count("many words") == 10 * (5000 // 60)
    assert stage.row.usage["output"] == 5000 // 60 * 60
    assert stage.receipt.on_house == 0


async def test_events_that_grow_heavy_are_noticed() -> None:
    pieces = [*tokens(1000), *[HEAVY] * 2000]
    async with on_stage({"first": [stream(*pieces, output=121_000)]}, credit=20_000) as stage:
        client = await ask(stage)
    assert client.text.count("many words") // 10 <= 20_000 // 60 + LOOK_EVERY
    assert stage.row.error == "out_of_credit"


async def test_each_choice_of_a_stopped_stream_is_given_its_reason() -> None:
    async with on_stage({"first": [stream(*tokens(9000), output=9000)]}, credit=3000) as stage:
        client = await ask(stage, n=2)
    first, second, _ = last_events(client, 3)
    assert [(one["choices"][0]["index"], one["choices"][0]["finish_reason"]) for one in (first, second)] == [
        (0, "length"),
        (1, "length"),
    ]


async def test_usage_that_is_not_wanted_is_not_shown_when_a_stream_is_stopped() -> None:
    async with on_stage({"first": [stream(*tokens(3000))]}, credit=2000) as stage:
        client = await ask(stage, stream_options={"include_usage": False})
    [last] = last_events(client, 1)
    assert last["usage"] is None
    assert last["meta"]["usage"]["credits_used"] == 2000


async def test_a_stream_is_measured_at_the_rates_of_the_offer_that_answers() -> None:
    offers = [offer_of("first", output_credits=1, priority=1), offer_of("second", output_credits=4, priority=2)]
    scripts = {"first": [stream(*tokens(9000), output=9000)], "second": [whole()]}
    async with on_stage(scripts, credit=6000, offers=offers) as stage:
        client = await ask(stage)
    assert said(client) == 6000
    assert stage.balance == 0


async def test_the_callers_own_bound_is_left_to_the_provider() -> None:
    async with on_stage({"first": [stream(*tokens(120), output=100)]}, credit=100) as stage:
        client = await ask(stage, max_tokens=100)
    assert said(client) == 120
    assert (stage.balance, stage.row.error) == (0, None)


async def test_a_stream_that_ends_at_the_bound_that_the_money_set_says_so() -> None:
    async with on_stage({"first": [stream(*tokens(40), output=40)]}, credit=40) as stage:
        client = await ask(stage)
    [last] = last_events(client, 1)
    assert stage.upstream.body()["max_tokens"] == 40
    assert "used up" in last["meta"]["notice"]
    assert stage.row.error is None


async def test_a_stream_whose_caller_left_is_read_on_only_as_far_as_the_money_goes() -> None:
    rest = asyncio.Event()
    script = stream(event("word "), rest, *tokens(9000), output=9000)
    async with on_stage({"first": [script]}, credit=2000) as stage:
        client = NotingClient()
        call = asyncio.create_task(ask(stage, client=client))
        await client.got.wait()
        client.leave()
        rest.set()
        await call
    assert (stage.balance, stage.row.error) == (0, "out_of_credit")


async def test_a_whole_answer_of_unknown_length_is_bounded_by_what_is_left() -> None:
    async with on_stage({"first": [whole(300)]}, credit=GUESS + 1000) as stage:
        await ask(stage, stream=False)
        assert stage.is_all_free()
    assert stage.upstream.body()["max_tokens"] == GUESS + 500  # half of the rest is left to other calls
    assert stage.balance == GUESS + 700


async def test_a_whole_answer_is_not_bounded_when_there_is_money_for_the_longest() -> None:
    async with on_stage({"first": [whole(300)]}, credit=100_000) as stage:
        await ask(stage, stream=False)
    assert "max_tokens" not in stage.upstream.body()


async def test_whole_answers_at_once_cannot_together_cost_more_than_there_is() -> None:
    class Obedient(parts.ScriptedUpstream):
        """Says as much as it may."""

        def send(self, offer: Any, request: Any) -> Any:
            most = json.loads(request.body).get("max_tokens", 4096)
            self._scripts["first"] = [whole(most)]
            return super().send(offer, request)

    async with on_stage({"first": [whole()]}, credit=20_000) as stage:
        stage.serve = replace(stage.serve, upstream=Obedient({"first": [whole()]}))
        outcomes = await asyncio.gather(*(ask(stage, stream=False) for _ in range(20)), return_exceptions=True)
    assert any(isinstance(outcome, NotingClient) for outcome in outcomes)
    assert {paid.on_house for _, paid in stage.rows} == {0}
    assert stage.balance < GUESS


async def test_a_stream_of_a_model_that_reasons_unseen_is_bounded_like_a_whole_answer() -> None:
    thinker = replace(parts.MODEL, capabilities=frozenset({"reasoning"}))
    scripts = {"first": [stream(*tokens(10), output=1500)]}
    async with on_stage(scripts, credit=GUESS + 1000, model=thinker) as stage:
        await ask(stage)
    assert stage.upstream.body()["max_tokens"] == GUESS + 500
    assert stage.balance == GUESS + 1000 - 1500


async def test_a_free_stream_is_not_measured() -> None:
    offers = [offer_of("first", output_credits=0)]
    async with on_stage({"first": [stream(*tokens(9000), output=9000)]}, credit=0, offers=offers) as stage:
        client = await ask(stage)
    assert said(client) == 9000


async def test_a_stream_that_was_stopped_before_anything_was_paid_for_tells_so_too() -> None:
    huge = Script([event("word " * 90_000), *parts.ending(90_000)], headers=parts.STREAM_TYPE)
    async with on_stage({"first": [huge]}, credit=5000) as stage:
        client = await ask(stage)
    stopped, last = last_events(client, 2)
    assert stopped["choices"][0]["finish_reason"] == "length"
    assert last["meta"]["usage"]["credits_used"] == 0
    assert stage.receipt.on_house == 0


async def test_what_only_seemed_too_much_is_not_cut() -> None:
    silent = event(None)
    pieces = [event("word ") * 1200, (event("word ") + silent) * 300 + event(None, "stop")]
    async with on_stage({"first": [stream(*pieces, output=1500)]}, credit=1500) as stage:
        client = await ask(stage)
    assert said(client) == 1500
    assert (stage.row.error, stage.row.usage_source, stage.balance) == (None, "provider", 0)


class Losable(VaultLedger):
    """A store that can be gone for borrowers."""

    is_gone = False

    async def borrow(self, account_id: int, least: Credits, want: Credits) -> Loan:
        if self.is_gone:
            raise StoreUnavailable("disk full")
        return await super().borrow(account_id, least, want)


async def test_a_stream_whose_money_cannot_be_looked_for_is_cut_and_not_said_to_be_out_of_credit() -> None:
    gap = Gap()
    async with on_stage({"first": [stream(*tokens(900, 100), gap, *tokens(9000))]}, credit=5000) as stage:
        stage.book.store = store = Losable(stage.vault, "here")
        client = NotingClient()
        call = asyncio.create_task(ask(stage, client=client))
        await gap.reached.wait()
        store.is_gone = True
        gap.set()
        await call
    assert isinstance(client.problem, StoreUnavailable)
    assert "[DONE]" not in client.text
    assert GUESS <= said(client) < 5000
    assert (stage.receipt.billing_status, stage.balance) == ("house", 5000)


async def test_a_store_that_comes_back_in_time_goes_unnoticed() -> None:
    gone, back = Gap(), Gap()
    pieces = [*tokens(900, 100), gone, *tokens(200), back, *tokens(2900)]
    async with on_stage({"first": [stream(*pieces, output=4000)]}, credit=5000) as stage:
        stage.book.store = store = Losable(stage.vault, "here")
        call = asyncio.create_task(ask(stage))
        await gone.reached.wait()
        store.is_gone = True
        gone.set()
        await back.reached.wait()
        store.is_gone = False
        back.set()
        client = await call
    assert said(client) == 4000
    assert (stage.row.error, stage.balance) == (None, 1000)
