"""Accounts that never paid get what the operator gives away each hour, exactly, through every worker."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from modelport.core.credits import Credits
from modelport.storage.moves import top_up
from tests.acceptance.test_money_parallel import MAX_TOKENS, PRICE, all_at_once, statuses
from tests.acceptance.traffic import Reply, Town, town

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALLOWED = 20
"""Calls that the allowance of an hour pays for."""
HOUR_S = 3600
LEAST_S = 200
"""What must be left of an hour for a test that counts in it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Three workers that give away 0.1 USD an hour."""
    folder = tmp_path_factory.mktemp("free")
    chosen = {"server_workers": 3, "money_free_usd_per_hour": ALLOWED * PRICE / 2_000_000}
    async with town(folder, latency_ms=10, money_hold_wait_s=60, **chosen) as built:
        yield built


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def within_one_hour() -> None:
    """Begin in the next hour when this one is nearly over."""
    left_s = HOUR_S - time.time() % HOUR_S
    if left_s < LEAST_S:
        await asyncio.sleep(left_s + 0.1)


def next_hour(place: Town, account_id: int) -> None:
    """Let an hour pass for an account: what it was given belongs to the one before."""
    with place.desk.database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE promos SET expires_at_ms = expires_at_ms - {HOUR_S * 1000} WHERE account_id = {account_id}"
        )


def entered(place: Town, account_id: int) -> list[tuple[str, int]]:
    """What came to an account and what of it expired."""
    query = "SELECT kind, credits FROM entries WHERE kind <> 'MODEL_USAGE' AND ? IN (to_account, from_account)"
    return [(row["kind"], row["credits"]) for row in place.gateway.rows(f"{query} ORDER BY id", account_id)]


def assert_used_up(place: Town, refused: Reply) -> None:
    """See that a refusal says when the hour is over, and points to billing; clients are never told to wait longer."""
    left_min = -(-(HOUR_S - time.time() % HOUR_S) // 60)
    assert (refused.status, refused.error["code"]) == (429, "free_allowance_used_up")
    assert refused.headers["retry-after"] == "120"
    told = re.fullmatch(
        r"Too Many Requests: the free allowance of this hour is used up: wait (\d+) minutes, or add credit\. "
        r"See http://gateway/app/billing",
        refused.json["message"],
    )
    assert told, refused.json["message"]
    assert left_min <= int(told[1]) <= left_min + 1


async def test_an_hour_pays_for_its_allowance_through_all_workers_and_the_next_one_again(place: Town) -> None:
    account, key = place.customer("free", 0)
    for hours in (1, 2):
        replies = await all_at_once(place, [key], 3 * ALLOWED)
        assert statuses(replies) == {200: ALLOWED, 429: 2 * ALLOWED}
        for refused in (reply for reply in replies if reply.status == 429):
            assert_used_up(place, refused)
        assert entered(place, account) == [("BONUS", ALLOWED * PRICE)] * hours
        assert place.balance(account) == 0
        next_hour(place, account)
    rows = place.requests(account)
    assert sum(row["charged_credits"] for row in rows) == 2 * ALLOWED * PRICE
    assert {row["error"] for row in rows if row["http_status"] == 429} == {"free_allowance_used_up"}
    assert place.problems() == []


async def test_streams_are_given_the_same(place: Town) -> None:
    _, key = place.customer("free-stream", 0)
    replies = await all_at_once(place, [key], 2 * ALLOWED, stream=True)
    assert statuses(replies) == {200: ALLOWED, 429: ALLOWED}
    assert all(reply.is_complete for reply in replies if reply.status == 200)


async def test_what_is_left_of_an_allowance_goes_with_its_hour(place: Town) -> None:
    account, key = place.customer("free-rest", 0)
    assert (await place.call(key, max_tokens=MAX_TOKENS)).status == 200
    next_hour(place, account)
    await asyncio.to_thread(place.gateway.run, "credits", "expire", "free-rest")
    given = ALLOWED * PRICE
    assert entered(place, account) == [("BONUS", given), ("CREDITS_EXPIRED", given - PRICE)]


async def test_credit_of_its_own_is_used_up_first(place: Town) -> None:
    account, key = place.customer("free-credit", 3 * PRICE)
    for _ in range(3):
        assert (await place.call(key, max_tokens=MAX_TOKENS)).status == 200
    assert entered(place, account) == [("INIT", 3 * PRICE)]
    assert (await place.call(key, max_tokens=MAX_TOKENS)).status == 200
    assert entered(place, account) == [("INIT", 3 * PRICE), ("BONUS", ALLOWED * PRICE)]


async def test_an_account_that_ever_paid_is_given_nothing(place: Town) -> None:
    account, key = place.customer("paid", 0)
    with place.desk.database.write() as connection:
        top_up(connection, account, Credits(2 * PRICE), "PAYMENT", "pi_1", place.desk.now_ms())
    replies = await all_at_once(place, [key], 5)
    assert statuses(replies) == {200: 2, 403: 3}
    assert {reply.error["code"] for reply in replies if reply.status == 403} == {"insufficient_funds"}
    assert entered(place, account) == [("PAYMENT", 2 * PRICE)]


async def test_the_limit_of_a_key_is_refused_as_such_and_gives_nothing_away(place: Town) -> None:
    account = place.account("free-limited", 0)
    key = place.key(account)
    terms = {"limit": {"retention": "day", "threshold": PRICE / 2_000_000}}
    await place.ask("PATCH", f"/v1/keys/{key[:8]}", place.key(account, is_management=True), terms)
    assert (await place.call(key, max_tokens=MAX_TOKENS)).status == 200
    refused = await place.call(key, max_tokens=MAX_TOKENS)
    assert (refused.status, refused.error["code"]) == (403, "key_limit_reached")


async def test_nothing_is_given_away_unless_the_operator_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with town(tmp_path_factory.mktemp("unfree")) as place:
        account, key = place.customer("poor", 0)
        refused = await place.call(key, max_tokens=MAX_TOKENS)
        assert (refused.status, refused.error["code"]) == (403, "insufficient_funds")
        assert entered(place, account) == []
