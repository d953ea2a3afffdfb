"""Rows of old calls are forgotten, and everything that is summed from rows stays true."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert

from modelport.bootstrap.background import background, sweep_rows, tidying
from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.credits import Credits
from modelport.core.ids import time_prefix
from modelport.core.moments import EVER, Period
from modelport.ledger.replay import replay
from modelport.ledger.store import Fund
from modelport.storage.bills import opened_books
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.duties import drop_duty, take_duty
from modelport.storage.owners import end_lapsed
from modelport.storage.sweeping import sweep_changes, sweep_logs
from modelport.storage.tables import changes
from tests.twins.booked import STORES, Booked, open_booked
from tests.twins.clock import StoppedClock


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
    async with background(sweep_rows(booked.database, "a", 2)), asyncio.timeout(10):
        left = 36
        while left != 24:
            await asyncio.sleep(0.01)
            left = counted(booked, "requests")
    assert check_books(booked.database) == []


async def test_without_the_setting_rows_are_kept_for_ever(booked: Booked) -> None:
    await calls_each(booked, 6 * 3600, 12)
    await sweep_rows(booked.database, "a", None)
    assert counted(booked, "requests") == 36


@dataclass(slots=True)
class WatchedClock(StoppedClock):
    """Counts how often it is looked at."""

    looks: int = 0

    def now_ms(self) -> int:
        """Tell the time that was set."""
        self.looks += 1
        return self.at_ms


async def test_while_another_process_has_the_duty_no_row_is_swept(booked: Booked) -> None:
    await calls_each(booked, 6 * 3600, 12)
    assert take_duty(booked.database, "old rows", "b", 30)
    clock = WatchedClock(booked.clock.now_ms())
    database = Database(booked.database.url, clock=clock)
    async with background(sweep_rows(database, "a", 2)):
        await until(lambda: clock.looks == 2)  # what is old, and whose duty it is
        assert not take_duty(booked.database, "old rows", "a", 30)
    assert counted(booked, "requests") == 36
    drop_duty(booked.database, "old rows", "b")
    async with background(sweep_rows(database, "a", 2)):
        await until(lambda: counted(booked, "requests") == 24)
    assert counted(booked, "duties") == 0
    database.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(30):
        found = is_so()
        while not found:
            await asyncio.sleep(0.01)
            found = is_so()


def changed(booked: Booked, count: int, hours_ago: float) -> None:
    """Write changes as old as that."""
    at_ms = booked.clock.now_ms() - int(hours_ago * 3_600_000)
    with booked.database.write() as connection:
        rows = [{"kind": "key", "subject": "7", "at_ms": at_ms}] * count
        connection.execute(insert(changes), rows)


async def test_changes_older_than_a_day_are_swept_but_for_the_newest_thousand(booked: Booked) -> None:
    changed(booked, 1200, 25)
    changed(booked, 300, 23)
    assert sweep_changes(booked.database, 400) == 400
    assert sweep_changes(booked.database, 400) == 100
    assert sweep_changes(booked.database, 400) == 0
    assert counted(booked, "changes") == 1000


async def test_changes_of_the_last_day_stay_however_many_they_are(booked: Booked) -> None:
    changed(booked, 3000, 23)
    assert sweep_changes(booked.database, 400) == 0


async def test_slices_of_the_dead_end_although_nobody_borrows_and_those_of_the_living_stay(booked: Booked) -> None:
    account = booked.account("ann", 1000)
    key = booked.world.key(account, 500)
    dead, living = await booked.world.process("dead"), booked.store
    for store in (dead, living):
        await store.borrow(Fund(account), Credits(10), Credits(100))
        await store.borrow(Fund(account, key.key_id, 0), Credits(10), Credits(50))
    booked.clock.pass_s(5)
    assert end_lapsed(booked.database) == 0, "lapsed just now: its owner may come back"
    await living.borrow(Fund(account), Credits(10), Credits(10))
    booked.clock.pass_s(60)
    booked.execute("UPDATE allotments SET expires_at_ms = expires_at_ms + 60000 WHERE owner = 'a'")
    assert end_lapsed(booked.database) == 2
    assert booked.scalar("SELECT owner FROM allotments") == "a"
    assert booked.world.problems() == []


async def test_a_server_tidies_up(booked: Booked) -> None:
    await (await booked.world.process("dead")).borrow(Fund(booked.account("ann", 1000)), Credits(10), Credits(100))
    booked.clock.pass_s(66)
    changed(booked, 2100, 25)
    async with background(tidying(booked.database, "a")):
        await until(lambda: (counted(booked, "allotments"), counted(booked, "changes")) == (0, 1002))
