"""Whatever calls come to, rows, entries and what the provider says it served are the same sum."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from modelport.core.credits import Credits
from modelport.core.moments import Period
from modelport.ledger.replay import replay
from modelport.storage.bills import opened_books
from modelport.storage.moves import take_back
from tests.acceptance.test_money_leaving import leave_after
from tests.acceptance.traffic import CHAT, Town, exchange, request, town
from tests.fake.faults import PREFIX

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREDIT = 10_000_000
INPUT, OUTPUT = 1, 3
"""Credits for a token of `fake/echo` and the like: 0.5 and 1.5 USD per million."""
SLOW = "slow-5-pieces-60"
LONG = "pieces-300"
BROKEN = """
name     = "Broken"
base_url = "http://127.0.0.1:9/v1"
auth     = { scheme = "bearer", env = "FAKE_API_KEY" }
speaks   = { chat = "openai_chat" }
priority = 1

[[offers]]
model    = "fake/pieces-200"
upstream = "pieces-200"
rates    = [{ from = 2026-01-01, input = "9", output = "9" }]
"""
"""Sells a model dearer, comes first, and cannot be reached."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("sums")
    catalogue = folder / "data" / "catalogue"
    catalogue.mkdir(parents=True)
    (catalogue / "broken.toml").write_text(BROKEN, encoding="utf-8")
    async with town(folder, models=(SLOW, LONG), money_hold_wait_s=30) as built:
        yield built


async def rows_of(place: Town, account: int, count: int) -> list[dict[str, Any]]:
    """Wait until so many calls are written down."""
    async with asyncio.timeout(20):
        while len(found := place.requests(account)) < count:  # noqa: ASYNC110 - another process writes them
            await asyncio.sleep(0.02)
    assert len(found) == count
    return found


def price_of(place: Town, *models: str) -> int:
    """Say what that costs which the provider served of some models to its end, as it counts."""
    served = [place.fake.served_of(model) for model in models]
    return sum(one.prompt_tokens * INPUT + one.completion_tokens * OUTPUT for one in served)


def assert_sums(place: Town, account: int, rows: list[dict[str, Any]]) -> None:
    """See that rows, entries and balance of an account are one sum, and that every bill can be computed again."""
    query = "SELECT COALESCE(SUM(credits), 0) AS credits FROM entries WHERE kind = 'MODEL_USAGE' AND from_account = ?"
    charged = sum(row["charged_credits"] for row in rows)
    assert place.gateway.rows(query, account) == [{"credits": charged}]
    assert place.balance(account) == CREDIT - charged
    assert place.problems() == []
    with opened_books(place.desk.database, Period(None, None)) as opened:
        assert replay(opened.books, opened.period).shown == []


async def test_a_mixed_day_is_one_sum_in_rows_entries_and_at_the_provider(place: Town) -> None:
    account, key = place.customer("mixed", CREDIT)
    before = price_of(place, "echo", SLOW, LONG)
    whole = [place.call(key, "fake/echo", text="a few words " * number) for number in range(1, 9)]
    streamed = [place.call(key, f"fake/{LONG}", stream=True) for _ in range(4)]
    cut = [place.call(key, f"{PREFIX}cut-200", stream=True) for _ in range(3)]
    failing = [place.call(key, f"{PREFIX}500", stream=number % 2 == 0) for number in range(3)]
    refused = [place.call(key, "fake/echo", temperature="hot"), place.call(key, "fake/unknown")]
    left = [leave_after(place, key, 2, SLOW) for _ in range(4)]
    replies = await asyncio.gather(*whole, *streamed, *cut, *failing, *refused)
    await asyncio.gather(*left)
    assert [reply.status for reply in replies[:12]] == [200] * 12
    rows = await rows_of(place, account, 8 + 4 + 3 + 3 + 4)
    await place.fake.until(lambda: place.fake.answering == 0)
    assert sum(row["charged_credits"] for row in rows) == price_of(place, "echo", SLOW, LONG) - before
    paid = [row for row in rows if row["charged_credits"]]
    assert len(paid) == 8 + 4 + 4
    assert {row["usage_source"] for row in paid} == {"provider"}
    assert all(not row["charged_credits"] for row in rows if row["status"] == "failed")
    assert_sums(place, account, rows)


async def test_answers_shortened_for_lack_of_money_are_charged_as_they_were_served(place: Town) -> None:
    account, key = place.customer("short", CREDIT)
    spare = 400
    with place.desk.database.write() as connection:
        take_back(connection, place.desk.now_ms(), account, Credits(CREDIT - spare), "re_1", place.desk.now_ms())
    before = price_of(place, LONG)
    reply = await place.call(key, f"fake/{LONG}")
    assert reply.json["choices"][0]["finish_reason"] == "length"
    [row] = place.requests(account)
    assert row["charged_credits"] == price_of(place, LONG) - before == spare - place.balance(account)
    assert place.problems() == []


async def test_a_kept_answer_that_is_read_again_is_not_billed_again(place: Town) -> None:
    account, key = place.customer("reads", CREDIT)
    asked = {"model": "fake/echo", "input": "hello", "store": True}
    kept = await place.ask("POST", "/v1/responses", key, asked)
    path = f"/v1/responses/{kept['id']}"
    for _ in range(3):
        assert (await place.ask("GET", path, key))["output"] == kept["output"]
    await place.ask("DELETE", path, key)
    [row] = place.requests(account)  # although it was translated to another format on its way
    assert_sums(place, account, [row])


async def test_a_request_that_comes_twice_is_two_calls_with_an_id_and_a_charge_each(place: Town) -> None:
    account, key = place.customer("twice", CREDIT)
    payload = request(key, b'{"model":"fake/echo","messages":[{"role":"user","content":"hi"}]}', path=CHAT)
    replies = [await exchange(place.gateway.base_url, payload) for _ in range(2)]
    rows = place.requests(account)
    assert [row["inference_id"] for row in rows] == [reply.inference_id for reply in replies]
    assert_sums(place, account, rows)


async def test_a_call_that_fell_back_is_one_row_at_the_price_of_who_answered(place: Town) -> None:
    account, key = place.customer("falls", CREDIT)
    for is_streaming in (False, True):
        assert (await place.call(key, "fake/pieces-200", stream=is_streaming)).is_complete
    rows = place.requests(account)
    assert [row["provider"] for row in rows] == ["fake", "fake"]
    assert all('"broken"' in row["attempts"] for row in rows)
    assert sum(row["charged_credits"] for row in rows) == price_of(place, "pieces-200")
    assert_sums(place, account, rows)
