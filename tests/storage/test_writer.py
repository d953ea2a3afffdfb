"""One thread writes for all, in groups, and tells each what became of his part."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from modelport.core.credits import Credits
from modelport.ledger.problems import StoreFull, StoreUnavailable
from modelport.ledger.records import Receipt
from modelport.ledger.store import Settlement
from modelport.storage.accounts import Accounts
from modelport.storage.books import check_books
from modelport.storage.database import FILE_NAME, Database
from modelport.storage.postgres.teller import PostgresTeller
from modelport.storage.sqlite.teller import SqliteTeller
from modelport.storage.teller import Teller
from modelport.storage.writer import Writer
from tests.twins.database import fresh_database
from tests.twins.worlds import DATABASES, call, opened


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    found = fresh_database(tmp_path, busy_timeout_s=0.1)
    yield found
    found.close()


def settlement(account_id: int, number: int) -> Settlement:
    return Settlement(call(account_id, 10, number), None, Credits(10), Credits(0))


async def test_what_arrives_while_the_writer_is_busy_is_committed_together_and_in_order(database: Database) -> None:
    done: list[str] = []
    async with Writer(database) as writer:

        def work(name: str) -> Callable[[Connection], int]:
            def note(connection: Connection) -> int:
                done.append(name)
                return connection.exec_driver_sql("SELECT COUNT(*) FROM requests").scalar_one()

            return note

        first = asyncio.create_task(writer.run(work("first")))
        await asyncio.sleep(0)
        receipts: list[object] = []
        writer.settle(settlement(3, 1), receipts.append)
        second = asyncio.create_task(writer.run(work("second")))
        await asyncio.sleep(0)
        writer.settle(settlement(3, 2), receipts.append)
        assert (await first, await second, await writer.run(work("third"))) == (0, 1, 2)
    assert done == ["first", "second", "third"]
    assert receipts == [Receipt(Credits(0), Credits(10), "short")] * 2


async def test_work_that_fails_is_undone_and_the_rest_of_its_group_is_not(database: Database) -> None:
    async with Writer(database) as writer:

        def fail(connection: Connection) -> None:
            connection.exec_driver_sql("INSERT INTO changes (kind, subject, at_ms) VALUES ('key', '1', 1)")
            raise LookupError("no such thing")

        def count(connection: Connection) -> int:
            return connection.exec_driver_sql("SELECT COUNT(*) FROM changes").scalar_one()

        outcomes = await asyncio.gather(writer.run(count), writer.run(fail), writer.run(count), return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == (0, 0)
    assert isinstance(outcomes[1], LookupError)


async def test_a_waiter_that_has_gone_is_written_for_all_the_same(database: Database) -> None:
    async with Writer(database) as writer:

        def note(connection: Connection) -> None:
            connection.exec_driver_sql("INSERT INTO changes (kind, subject, at_ms) VALUES ('key', '1', 1)")

        waiting = asyncio.create_task(writer.run(note))
        await asyncio.sleep(0)
        waiting.cancel()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM changes").scalar_one() == 1


async def test_a_waiter_that_cannot_be_told_keeps_neither_the_others_waiting_nor_the_writer_open(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    gone: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    gone.cancel()
    receipts: list[object] = []
    async with asyncio.timeout(30), Writer(database) as writer:
        writer.settle(settlement(3, 1), gone.set_result)
        writer.settle(settlement(3, 2), receipts.append)
    assert isinstance(receipts[0], Receipt)
    assert "could not be told" in caplog.text


async def test_what_waits_is_written_before_the_writer_closes_and_nothing_after(database: Database) -> None:
    async with Writer(database) as writer:
        for number in range(100):
            writer.settle(settlement(3, number), lambda _: None)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM requests").scalar_one() == 100
    with pytest.raises(StoreUnavailable, match="stopping"):
        writer.settle(settlement(3, 1000), lambda _: None)


async def test_no_more_waits_than_there_is_room_for(database: Database) -> None:
    writer = Writer(database, capacity=3)
    async with writer:
        ended: list[object] = []
        for number in range(3):
            writer.settle(settlement(3, number), ended.append)
        with pytest.raises(StoreUnavailable, match="3 writes are waiting"):
            writer.settle(settlement(3, 4), ended.append)
    assert len(ended) == 3


async def test_a_locked_database_fails_those_who_wait_and_serves_the_next(
    file: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    account_id = Accounts(file).create("a", "", Credits(100), 0).id
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    async with Writer(file) as writer:
        loop = asyncio.get_running_loop()
        outcomes = [loop.create_future() for _ in range(3)]
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.CRITICAL, "modelport.storage.writer"):
            writer.settle(settlement(account_id, 1), outcomes[0].set_result)
            writer.settle(settlement(account_id, 2), outcomes[1].set_result)
            assert isinstance(await outcomes[0], StoreUnavailable)
            assert "locked" in str(await outcomes[1])
        other.execute("ROLLBACK")
        other.close()
        writer.settle(settlement(account_id, 1), outcomes[2].set_result)
        assert isinstance(await outcomes[2], Receipt)
    assert check_books(file) == []


async def test_a_full_disk_fails_those_who_wait_and_serves_the_next(
    file: Database, caplog: pytest.LogCaptureFixture
) -> None:
    account_id = Accounts(file).create("a", "", Credits(100_000), 0).id
    async with Writer(file) as writer:

        def limit(pages: int) -> Callable[[Connection], int]:
            return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar_one()

        pages: int = await writer.run(limit(1))  # no fewer than there are
        ended: list[object] = []
        with caplog.at_level(logging.CRITICAL, "modelport.storage.writer"):
            for number in range(1000):
                writer.settle(settlement(account_id, number), ended.append)
            with pytest.raises(StoreUnavailable, match="full"):
                await writer.run(
                    lambda connection: connection.exec_driver_sql(
                        "INSERT INTO changes (kind, subject, at_ms) VALUES ('key', zeroblob(1000000), 1)"
                    )
                )
        assert any(isinstance(outcome, StoreUnavailable) for outcome in ended)
        await writer.run(limit(pages + 10_000))
        writer.settle(settlement(account_id, 5000), ended.append)
    assert isinstance(ended[-1], Receipt)
    assert check_books(file) == []


def ask(teller: Teller, statement: str) -> Any:
    """Ask the driver itself, as tellers do."""
    if isinstance(teller, SqliteTeller):
        return teller.cursor.execute(statement)
    assert isinstance(teller, PostgresTeller)
    return teller.ask(statement)


async def test_a_trouble_is_told_once_and_over_once_more_than_a_little_can_be_written(
    file: Database, caplog: pytest.LogCaptureFixture
) -> None:
    account_id = Accounts(file).create("a", "", Credits(100), 0).id
    said: list[str] = []
    caplog.set_level(logging.WARNING, "modelport.storage.writer")
    async with Writer(file) as writer:

        def limit(pages: int) -> Callable[[Connection], int]:
            return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar_one()

        def much(connection: Connection) -> None:
            connection.exec_driver_sql("INSERT INTO changes (kind, subject, at_ms) VALUES ('key', zeroblob(9000), 1)")

        pages: int = await writer.run(limit(1))
        assert writer.trouble is None
        for _ in range(2):
            with pytest.raises(StoreFull):
                while True:
                    await writer.run(much)
        assert isinstance(writer.trouble, StoreFull)
        await writer.run(limit(pages + 1000))
        assert isinstance(writer.trouble, StoreFull)  # that one thing was written does not say that others can be
        async with asyncio.timeout(30):
            while writer.trouble is not None:  # noqa: ASYNC110 - the writer has nobody to tell
                await asyncio.sleep(0.01)
        ended: list[object] = []
        writer.settle(settlement(account_id, 1), ended.append)
        said.extend(record.message.partition(" ")[2][:14] for record in caplog.records)
    assert isinstance(ended[0], Receipt)
    assert said == ["disk of the da", "ledger can be "]


async def test_quick_work_that_fails_is_undone_and_the_rest_of_its_group_is_done(database: Database) -> None:
    note = "INSERT INTO changes (kind, subject, at_ms) VALUES ('key', '1', 1)"

    def fail(teller: Teller) -> None:
        ask(teller, note)
        raise LookupError("no such thing")

    def add(teller: Teller) -> int:
        ask(teller, note)
        return ask(teller, "SELECT COUNT(*) FROM changes").fetchone()[0]

    async with Writer(database) as writer:
        works = (writer.run_quick(add), writer.run_quick(fail), writer.run_quick(add))
        outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == (1, 2)
    assert isinstance(outcomes[1], LookupError)
