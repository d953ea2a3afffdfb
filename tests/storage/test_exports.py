"""What an export reads: every row once, in order, page by page, by an index where it is one account's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelport.core.credits import Credits
from modelport.core.moments import EVER, Period
from modelport.storage.exports import StoredExports
from modelport.storage.moves import take_back, top_up
from tests.twins.booked import STORES, Booked, open_booked


@pytest.fixture(params=STORES)
async def booked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Booked]:
    async with open_booked(request.param, tmp_path) as opened:
        yield opened


async def calls(booked: Booked, count: int = 30) -> tuple[int, int]:
    """Two accounts with several keys; many calls of the same millisecond."""
    ann, bob = booked.account("ann"), booked.account("bob")
    keys = [booked.key(ann), booked.key(bob), booked.key(ann), booked.key(ann)]
    for number in range(count):
        await booked.calls(booked.record(keys[number % 4], 1 + number))
        booked.clock.pass_s(0.001 if number % 3 == 0 else 0)
    return ann, bob


@pytest.mark.parametrize("page", [1, 2, 7, 500])
async def test_every_call_comes_once_oldest_first(booked: Booked, page: int) -> None:
    ann, bob = await calls(booked)
    exports = StoredExports(booked.database, page)
    pages = list(exports.calls(EVER, None))
    assert all(len(one) == page for one in pages[:-1])
    everything = [call for one in pages for call in one]
    ids = [call.inference_id for call in everything]
    assert ids == sorted(ids)
    assert len(set(ids)) == 30
    owned = {account: [call for one in exports.calls(EVER, account) for call in one] for account in (ann, bob)}
    assert [len(owned[ann]), len(owned[bob])] == [22, 8]
    for account, of in owned.items():
        assert of == sorted(of, key=lambda call: (call.created_at_ms, call.inference_id))
        assert of == [call for call in everything if call.account_id == account]
    assert {call.account for call in owned[ann]} == {"ann"}


@pytest.mark.parametrize("page", [1, 3, 500])
async def test_every_entry_comes_once_oldest_first(booked: Booked, page: int) -> None:
    ann, bob = await calls(booked, 12)
    with booked.database.write() as connection:
        now = booked.clock.now_ms()
        top_up(connection, ann, Credits(5), "PAYMENT", "pay-1", now)
        take_back(connection, now, bob, Credits(9_999_999), "dispute-1", now)
    exports = StoredExports(booked.database, page)
    everything = [entry for one in exports.entries(EVER, None) for entry in one]
    assert [entry.id for entry in everything] == list(range(1, len(everything) + 1))
    for account in (ann, bob):
        own = [entry for one in exports.entries(EVER, account) for entry in one]
        assert own == sorted(own, key=lambda entry: (entry.created_at_ms, entry.id))
        expected = [entry for entry in everything if account in (entry.from_account, entry.to_account)]
        assert sorted(own, key=lambda entry: entry.id) == expected


async def test_a_period_holds_its_first_moment_and_not_its_last(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    begun = booked.clock.now_ms()
    for _ in range(5):
        await booked.calls(booked.record(key, 3))
        booked.clock.pass_s(60)
    period = Period(begun + 60_000, begun + 180_000)
    exports = StoredExports(booked.database)
    for account in (None, key.account_id):
        moments = [call.created_at_ms - begun for page in exports.calls(period, account) for call in page]
        assert moments == [60_000, 120_000]
        assert len([entry for page in exports.entries(period, account) for entry in page]) == 2


async def test_an_account_without_keys_or_calls_has_nothing_to_export(booked: Booked) -> None:
    account = booked.account("ann", 0)
    exports = StoredExports(booked.database)
    assert list(exports.calls(EVER, account)) == list(exports.entries(EVER, account)) == []


async def test_calls_of_keys_that_were_deleted_are_exported(booked: Booked) -> None:
    ann, _ = await calls(booked)
    booked.execute("UPDATE keys SET is_deleted = TRUE")
    assert sum(len(page) for page in StoredExports(booked.database).calls(EVER, ann)) == 22


async def test_the_export_of_an_account_never_reads_all_rows(tmp_path: Path) -> None:
    async with open_booked("sqlite", tmp_path) as booked:
        ann, _ = await calls(booked)
        asked: list[str] = []
        with booked.database.engine.connect() as connection:
            connection.connection.driver_connection.set_trace_callback(asked.append)  # type: ignore[union-attr]
        exports = StoredExports(booked.database, 2)
        list(exports.calls(Period(0, 1 << 47), ann))
        list(exports.entries(Period(0, 1 << 47), ann))
        queries = [
            query for query in asked if query.startswith("SELECT") and ("requests" in query or "entries" in query)
        ]
        assert len(queries) > 10
        with booked.database.read() as connection:
            for query in queries:
                plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
                assert not any(line.startswith(("SCAN requests", "SCAN entries")) for line in plan), (query, plan)
                assert any("created_at_ms" in line for line in plan), "each page begins where the last one ended"
