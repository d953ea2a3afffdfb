"""What processes measure is told to all of them, and forgotten when it is old."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from modelport.reports.traffic import Series, Tries, summed
from modelport.storage.database import Database
from modelport.storage.tables import traffic
from modelport.storage.traffic import StoredTraffic
from tests.twins.clock import StoppedClock
from tests.twins.worlds import DATABASES, opened

ONE = Series("acme/large", "/v1/messages", {"acme": Tries(3, 1, {40: 2}, {17: 2}, {30: 1})})
OTHER = Series("acme/large", "/v1/messages", {"acme": Tries(2, 0, {40: 1, 41: 1}), "zenith": Tries(1, 1)})


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path, clock: StoppedClock) -> Iterator[Database]:
    with opened(request.param, tmp_path, clock=clock) as database:
        yield database


def test_what_processes_published_is_seen_by_all_and_adds_up(database: Database) -> None:
    StoredTraffic(database).publish([ONE])
    StoredTraffic(database).publish([OTHER])
    (found,) = summed(StoredTraffic(database).recent())
    assert found == Series(
        "acme/large",
        "/v1/messages",
        {"acme": Tries(5, 1, {40: 3, 41: 1}, {17: 2}, {30: 1}), "zenith": Tries(1, 1)},
    )


def test_what_is_older_than_the_window_does_not_count(database: Database, clock: StoppedClock) -> None:
    store = StoredTraffic(database)
    store.publish([ONE])
    clock.pass_s(299)
    store.publish([OTHER])
    assert len(store.recent()) == 2
    clock.pass_s(1)
    assert store.recent() == [OTHER]


def test_rows_are_few_however_long_it_goes_on(database: Database, clock: StoppedClock) -> None:
    store = StoredTraffic(database)
    for _ in range(100):
        store.publish([ONE])
        clock.pass_s(10)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(traffic)) == 30
