"""Every process learns what others changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelport.core.credits import Credits
from modelport.storage.accounts import Accounts
from modelport.storage.changes import note_change, open_changes
from modelport.storage.database import Database
from modelport.storage.ledger import reclaim_all
from modelport.storage.sweeping import sweep_changes
from tests.twins.clock import DAY_MS, StoppedClock
from tests.twins.worlds import DATABASES, opened


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request.param, tmp_path, clock=StoppedClock(10 * DAY_MS)) as found:
        yield found


def test_a_follower_sees_each_change_once_and_only_those_after_it_opened(database: Database) -> None:
    Accounts(database).create("before", "", Credits(0), 0)
    changes = open_changes(database)
    assert changes.poll() == []
    account = Accounts(database).create("after", "", Credits(7), 0)
    seen = [(change.kind, change.subject) for change in changes.poll()]
    assert seen == [("account", str(account.id)), ("credits", str(account.id))]
    assert changes.poll() == []
    changes.close()


def test_a_change_that_is_rolled_back_is_not_seen(database: Database) -> None:
    changes = open_changes(database)
    with pytest.raises(LookupError), database.write() as connection:
        note_change(connection, "key", "1", 0)
        raise LookupError
    assert changes.poll() == []
    changes.close()


def test_many_changes_at_once_are_all_seen(database: Database) -> None:
    changes = open_changes(database)
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO changes (kind, subject, at_ms) WITH RECURSIVE n(i) AS "
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) SELECT 'key', CAST(i AS TEXT), 0 FROM n"
        )
    seen = [change.id for _ in range(3) for change in changes.poll()]
    assert len(seen) == len(set(seen)) == 10_001
    changes.close()


def test_old_changes_are_forgotten_at_a_start_and_their_ids_not_used_again(database: Database) -> None:
    with database.write() as connection:
        note_change(connection, "key", "old", 0)
        note_change(connection, "key", "new", 10 * DAY_MS)
    changes = open_changes(database)
    reclaim_all(database)
    assert changes.poll() == []
    with database.write() as connection:
        assert connection.exec_driver_sql("SELECT subject FROM changes").scalars().all() == ["new"]
        connection.exec_driver_sql("DELETE FROM changes")
        note_change(connection, "key", "newer", 10 * DAY_MS)
    assert [change.subject for change in changes.poll()] == ["newer"]
    changes.close()


@pytest.mark.debian("postgresql")
def test_a_follower_that_was_away_until_changes_were_swept_is_told_that_it_missed_some(tmp_path: Path) -> None:
    clock = StoppedClock(10 * DAY_MS)
    with opened("postgres", tmp_path, clock=clock) as database:
        note(database, 1, 0)
        changes = open_changes(database)
        note(database, 1500, 0)
        assert sweep_changes(database, 2000) == 501
        note(database, 1, 10 * DAY_MS)
        found = changes.poll()
        assert (found[0].kind, [change.kind for change in found[1:]]) == ("everything", ["key"] * 1001)
        assert changes.poll() == []
        note(database, 1, 10 * DAY_MS)
        assert [change.kind for change in changes.poll()] == ["key"]
        changes.close()


def note(database: Database, count: int, at_ms: int) -> None:
    with database.write() as connection:
        for number in range(count):
            note_change(connection, "key", str(number), at_ms)
