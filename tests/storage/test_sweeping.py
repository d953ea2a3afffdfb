"""Rows of old calls are forgotten, and everything that is summed from rows stays true."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelport.bootstrap.background import background, sweep_rows
from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.ids import time_prefix
from modelport.core.moments import EVER, Period
from modelport.ledger.replay import replay
from modelport.storage.bills import opened_books
from modelport.storage.books import check_books
from modelport.storage.sweeping import sweep_logs
from tests.twins.booked import STORES, Booked, open_booked


@pytest.fixture(params=STORES)
async def booked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Booked]:
    async with open_booked(request.param, tmp_path) as opened:
        opened.clock.at_ms = opened.clock.now_ms() // DAY_MS * DAY_MS
        yield opened


async def calls_each(booked: Booked, seconds: int, count: int) -> int:
    """Make calls of two keys, one of the house, every so many seconds; return when they began."""
    begun = booked.clock.now_ms()
    one, two = booked.key(booked.account("ann")), booked.key(booked.account("bob"))
    for _ in range(count):
        await booked.calls(booked.record(one, 7), booked.record(two, 5), booked.record(two, 3, is_on_house=True))
        booked.clock.pass_s(seconds)
    return begun


def counted(booked: Booked, table: str) -> object:
    return booked.scalar(f"SELECT COUNT(*) FROM {table}")


async def test_only_whole_quarter_hours_before_the_moment_go_and_nothing_but_rows(booked: Booked) -> None:
    begun = await calls_each(booked, 600, 12)
    entries, rollups, spend = (counted(booked, name) for name in ("entries", "usage_rollups", "key_spend"))
    assert sweep_logs(booked.database, begun + 2_000_000, 100) == 9, "of 2,000 s, the first two quarters are whole"
    assert sweep_logs(booked.database, begun + 2_000_000, 100) == 0
    assert counted(booked, "requests") == 36 - 9
    assert booked.scalar("SELECT MIN(created_at_ms) FROM requests") == begun + 1_800_000
    assert booked.scalar("SELECT at_ms FROM horizons WHERE name = 'requests'") == begun + 1_800_000
    assert [counted(booked, name) for name in ("entries", "usage_rollups", "key_spend")] == [entries, rollups, spend]
    assert booked.world.problems() == []


async def test_the_books_balance_after_each_batch_and_bills_are_reproduced_from_the_horizon_on(booked: Booked) -> None:
    begun = await calls_each(booked, 600, 12)
    total = 0
    while swept := sweep_logs(booked.database, begun + 3_700_000, 4):
        total += swept
        assert check_books(booked.database) == []
        with opened_books(booked.database, EVER) as opened:
            found = replay(opened.books, opened.period)
        assert opened.period == Period(begun + 3_600_000)
        assert (found.shown, found.calls) == ([], 18)
    assert total == 18


async def test_what_is_wrong_behind_the_horizon_is_still_told(booked: Booked) -> None:
    begun = await calls_each(booked, 600, 12)
    sweep_logs(booked.database, begun + 3_700_000, 100)
    gone = booked.scalar("SELECT MIN(inference_id) FROM requests")
    booked.execute(f"DELETE FROM requests WHERE inference_id = '{gone}'")
    found = check_books(booked.database)
    assert any("which has no row" in line for line in found)
    assert any("the sums of quarter hours say" in line for line in found)


async def test_keys_spending_is_compared_by_whole_days_behind_the_horizon(booked: Booked) -> None:
    begun = await calls_each(booked, 3600, 60)
    sweep_logs(booked.database, begun + 10 * 3_600_000, 1000)
    assert check_books(booked.database) == []
    booked.execute(f"UPDATE key_spend SET credits = credits + 1 WHERE day = {begun // DAY_MS}")
    assert check_books(booked.database) == [], "of the first day, not all rows are there"
    booked.execute(f"UPDATE key_spend SET credits = credits + 1 WHERE day = {begun // DAY_MS + 1}")
    assert len(check_books(booked.database)) == 2


async def test_the_horizon_never_moves_back(booked: Booked) -> None:
    begun = await calls_each(booked, 600, 12)
    sweep_logs(booked.database, begun + 3_600_000, 100)
    booked.execute(
        f"UPDATE requests SET created_at_ms = {begun}, inference_id = '{time_prefix(begun)}0000000000000' "
        "WHERE inference_id = (SELECT MIN(inference_id) FROM requests)"
    )
    assert sweep_logs(booked.database, begun + 1_800_000, 100) == 1
    assert booked.scalar("SELECT at_ms FROM horizons") == begun + 3_600_000


async def test_a_call_whose_id_was_drawn_just_before_its_quarter_hour_stays_with_its_quarter(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    edge = booked.clock.now_ms() + QUARTER_MS
    early = booked.record(key, 7, inference_id=time_prefix(edge - 1) + "a" * 13, created_at_ms=edge)
    late = booked.record(key, 7, inference_id=time_prefix(edge) + "a" * 13, created_at_ms=edge - 1)
    await booked.calls(early, late, booked.record(key, 7))
    assert sweep_logs(booked.database, edge, 10) == 1
    assert check_books(booked.database) == []
    assert sweep_logs(booked.database, edge + QUARTER_MS, 10) == 2
    assert check_books(booked.database) == []


async def test_nothing_is_swept_before_there_is_a_whole_quarter_hour(booked: Booked) -> None:
    await calls_each(booked, 600, 1)
    assert sweep_logs(booked.database, 5, 10) == 0
    assert counted(booked, "horizons") == 0


async def test_a_server_sweeps_rows_that_are_older_than_its_setting_says(booked: Booked) -> None:
    await calls_each(booked, 6 * 3600, 12)
    async with background(sweep_rows(booked.database, 2)), asyncio.timeout(10):
        left = 36
        while left != 24:
            await asyncio.sleep(0.01)
            left = counted(booked, "requests")
    assert check_books(booked.database) == []


async def test_without_the_setting_rows_are_kept_for_ever(booked: Booked) -> None:
    await calls_each(booked, 6 * 3600, 12)
    await sweep_rows(booked.database, None)
    assert counted(booked, "requests") == 36
