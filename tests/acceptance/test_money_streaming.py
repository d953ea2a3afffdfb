"""Streams that nobody bounded, through the whole gateway: they spend what there is, and the house pays nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from tests.acceptance.traffic import Town, town

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIECES = 60_000
ENDLESS = f"fake/pieces-{PIECES}"
TOKEN = 3
"""Credits for an output token of these; input is one credit a token."""
LITTLE = 5000
SLOWER = "slow-1-pieces-20000"
"""Takes longer to say than its callers can pay for."""
MANY = "pieces-4000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with town(
        tmp_path_factory.mktemp("streaming"), models=(f"pieces-{PIECES}", "pieces-3000", SLOWER, MANY)
    ) as built:
        yield built


async def test_a_little_money_does_not_buy_a_long_stream(place: Town) -> None:
    account, key = place.customer("little", LITTLE)
    reply = await place.call(key, ENDLESS, stream=True)
    *content, stopped, last, done = reply.events
    assert reply.is_complete
    assert done is None
    assert (stopped["choices"][0]["delta"], stopped["choices"][0]["finish_reason"]) == ({}, "length")
    assert all(event["choices"][0]["finish_reason"] is None for event in content)
    assert "used up" in last["meta"]["notice"]
    row = place.row(reply.inference_id)
    assert last["meta"]["usage"]["credits_used"] == row["charged_credits"] == LITTLE - place.balance(account)
    assert 0 <= place.balance(account) < 50 * TOKEN  # the input was reckoned a little longer than it is charged
    assert (row["status"], row["error"], row["usage_source"]) == ("succeeded", "out_of_credit", "counted")
    assert (row["billing_status"], row["http_status"]) == ("charged", 200)
    assert len(content) <= LITTLE // TOKEN + 1
    assert place.problems() == []


async def test_the_provider_is_stopped_where_the_money_ends(place: Town) -> None:
    _, key = place.customer("stops", LITTLE)
    reply = await place.call(key, f"fake/{SLOWER}", stream=True)
    assert place.row(reply.inference_id)["error"] == "out_of_credit"
    await place.fake.until(lambda: place.fake.served_of(SLOWER).left == 1, timeout_s=3)


async def test_enough_money_buys_all_of_it(place: Town) -> None:
    account, key = place.customer("rich", 10_000_000)
    reply = await place.call(key, ENDLESS, stream=True)
    row = place.row(reply.inference_id)
    assert reply.is_complete
    assert "notice" not in reply.events[-2]["meta"]
    assert (row["error"], row["usage_source"], row["billing_status"]) == (None, "provider", "charged")
    assert PIECES * TOKEN < row["charged_credits"] == 10_000_000 - place.balance(account)


async def test_a_key_streams_up_to_its_limit(place: Town) -> None:
    account = place.account("limited", 1_000_000)
    key = place.key(account)
    terms = {"limit": {"retention": "no_reset", "threshold": 0.01}}  # 20,000 credits
    await place.ask("PATCH", f"/v1/keys/{key[:8]}", place.key(account, is_management=True), terms)
    reply = await place.call(key, ENDLESS, stream=True)
    spent = 1_000_000 - place.balance(account)
    assert reply.is_complete
    assert 20_000 - 50 * TOKEN < spent <= 20_000
    assert "used up" in reply.events[-2]["meta"]["notice"]


async def test_twenty_streams_of_one_account_spend_what_there_is_and_no_more(place: Town) -> None:
    account, key = place.customer("twenty", 100_000)
    replies = await asyncio.gather(*(place.call(key, f"fake/{MANY}", stream=True) for _ in range(20)))
    rows = place.requests(account)
    assert {reply.status for reply in replies} == {200}
    assert all(reply.is_complete for reply in replies)
    assert {row["billing_status"] for row in rows} == {"charged"}
    assert "out_of_credit" in {row["error"] for row in rows}
    assert sum(row["charged_credits"] for row in rows) == 100_000 - place.balance(account)
    assert 0 <= place.balance(account) < 20 * 50 * TOKEN
    assert place.problems() == []


async def test_whole_answers_without_a_bound_are_bounded_by_the_money(place: Town) -> None:
    account, key = place.customer("whole", LITTLE)
    replies = await asyncio.gather(*(place.call(key, "fake/pieces-3000") for _ in range(5)))
    rows = place.requests(account)
    assert {reply.status for reply in replies} <= {200, 403}
    assert {row["billing_status"] for row in rows} <= {"charged", "none"}
    answered = [reply.json for reply in replies if reply.status == 200]
    assert {answer["choices"][0]["finish_reason"] for answer in answered} == {"length"}
    assert place.balance(account) == LITTLE - sum(row["charged_credits"] for row in rows) >= 0


async def test_openais_client_reads_a_stopped_stream_as_one_that_ended(place: Town) -> None:
    account, key = place.customer("sdk", LITTLE)
    hello = [{"role": "user", "content": "ahoy"}]
    async with AsyncOpenAI(base_url=f"{place.gateway.base_url}/v1", api_key=key, max_retries=0) as client:
        stream = await client.chat.completions.create(model=ENDLESS, messages=hello, stream=True)  # type: ignore[call-overload]
        *content, last = [chunk async for chunk in stream]
    assert content[-1].choices[0].finish_reason == "length"
    spoken = "".join(chunk.choices[0].delta.content or "" for chunk in content)
    assert last.usage.completion_tokens == len(spoken.split())
    assert last.model_extra["meta"]["usage"]["credits_used"] == LITTLE - place.balance(account)
