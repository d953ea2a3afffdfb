"""A thousand callers at once spend exactly what there is: neither more nor, if anybody could still pay, less."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import cycle
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.traffic import TOKEN_CREDITS, Reply, Town, town

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS = 1000
PAID_FOR = 400
FEWER = (250, 100)
"""Calls, and how many of them can be paid, where a thousand would tell no more."""
MAX_TOKENS = 10
PRICE = MAX_TOKENS * TOKEN_CREDITS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """One gateway for all of these; each test has an account of its own."""
    async with town(tmp_path_factory.mktemp("parallel"), latency_ms=20, money_hold_wait_s=60) as built:
        yield built


async def all_at_once(place: Town, keys: Sequence[str], calls: int = CALLS, **fields: object) -> list[Reply]:
    """Make the calls, the keys taking turns."""
    turns = zip(range(calls), cycle(keys), strict=False)
    return await asyncio.gather(*(place.call(key, max_tokens=MAX_TOKENS, **fields) for _, key in turns))  # type: ignore[arg-type]


def statuses(replies: Sequence[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)


def refused_while_held(rows: Sequence[dict[str, Any]]) -> list[str]:
    """List the refusals that were given while a call was being answered, which certainly held money then."""
    held: list[tuple[int, int]] = []
    for row in rows:
        if row["status"] == "succeeded":
            ended = row["created_at_ms"] + row["duration_ms"]
            held.append((ended - json.loads(row["attempts"])[-1]["duration_ms"], ended))
    refused = [
        (row["created_at_ms"] + row["duration_ms"], row["inference_id"]) for row in rows if row["http_status"] == 403
    ]
    return [name for at, name in refused if any(begun + 1 < at < ended - 1 for begun, ended in held)]


SIZES = pytest.mark.parametrize(
    ("is_streaming", "calls", "paid_for"),
    [
        pytest.param(False, CALLS, PAID_FOR, id="whole-1000"),
        pytest.param(True, *FEWER, id="stream-250"),
        pytest.param(True, CALLS, PAID_FOR, id="stream-1000", marks=pytest.mark.long),
    ],
)


@SIZES
async def test_of_many_calls_exactly_those_succeed_that_can_be_paid(
    place: Town, is_streaming: bool, calls: int, paid_for: int
) -> None:
    account, key = place.customer(f"exact-{is_streaming}-{calls}", paid_for * PRICE)
    replies = await all_at_once(place, [key], calls, stream=is_streaming)
    assert statuses(replies) == {200: paid_for, 403: calls - paid_for}
    assert sum(reply.is_complete for reply in replies) == paid_for
    assert {reply.error["code"] for reply in replies if reply.status == 403} == {"insufficient_funds"}
    assert place.balance(account) == 0
    assert refused_while_held(place.requests(account)) == []
    assert place.problems() == []


async def test_the_same_through_several_keys_of_one_account(place: Town) -> None:
    calls, paid_for = FEWER
    account = place.account("keys", paid_for * PRICE)
    keys = [place.key(account) for _ in range(4)]
    assert statuses(await all_at_once(place, keys, calls)) == {200: paid_for, 403: calls - paid_for}
    assert place.balance(account) == 0


@SIZES
async def test_calls_that_cost_less_than_they_hold_use_the_balance_up(
    place: Town, is_streaming: bool, calls: int, paid_for: int
) -> None:
    account, key = place.customer(f"half-{is_streaming}-{calls}", paid_for * PRICE)
    replies = await all_at_once(place, [key], calls, model="fake/meter-half", stream=is_streaming)
    counts = statuses(replies)
    assert counts.keys() == {200, 403}
    assert counts[200] >= 2 * paid_for
    assert place.balance(account) < PRICE // 2
    rows = place.requests(account)
    assert sum(row["charged_credits"] for row in rows) == paid_for * PRICE - place.balance(account)
    assert refused_while_held(rows) == []
    assert place.problems() == []


async def test_a_key_with_a_spending_limit_keeps_to_it_exactly(place: Town) -> None:
    account = place.account("limited", PAID_FOR * PRICE)
    limited, other = place.key(account), place.key(account)
    terms = {"limit": {"retention": "month", "threshold": 0.25}}  # 500,000 credits: 50 calls
    await place.ask("PATCH", f"/v1/keys/{limited[:8]}", place.key(account, is_management=True), terms)
    replies = await all_at_once(place, [limited], calls=200)
    assert statuses(replies) == {200: 50, 403: 150}
    assert {reply.error["code"] for reply in replies if reply.status == 403} == {"key_limit_reached"}
    assert place.balance(account) == (PAID_FOR - 50) * PRICE
    assert (await place.call(other, max_tokens=MAX_TOKENS)).status == 200
    assert refused_while_held([row for row in place.requests(account) if row["key_prefix"] == limited[:8]]) == []


async def test_a_limited_key_whose_calls_cost_less_than_they_hold_uses_its_limit_up(place: Town) -> None:
    account = place.account("limited-half", PAID_FOR * PRICE)
    key = place.key(account)
    terms = {"limit": {"retention": "no_reset", "threshold": 0.25}}
    await place.ask("PATCH", f"/v1/keys/{key[:8]}", place.key(account, is_management=True), terms)
    replies = await all_at_once(place, [key], calls=200, model="fake/meter-half")
    spent = PAID_FOR * PRICE - place.balance(account)
    assert 50 * PRICE - PRICE // 2 < spent <= 50 * PRICE
    assert statuses(replies)[200] >= 100


async def test_money_that_comes_while_calls_wait_is_spent_at_once(place: Town) -> None:
    account, key = place.customer("granted", PRICE)
    assert statuses(await all_at_once(place, [key], calls=3)) == {200: 1, 403: 2}
    await asyncio.to_thread(place.gateway.run, "credits", "grant", "granted", "0.01")  # two calls' worth
    assert statuses(await all_at_once(place, [key], calls=5)) == {200: 2, 403: 3}
    assert place.balance(account) == 0


async def test_the_last_money_buys_a_shorter_answer(place: Town) -> None:
    account, key = place.customer("rest", 3 * TOKEN_CREDITS)
    reply = await place.call(key, max_tokens=MAX_TOKENS)
    assert reply.json["usage"]["completion_tokens"] == 3
    assert place.balance(account) == 0
    assert (await place.call(key, max_tokens=1)).status == 403
