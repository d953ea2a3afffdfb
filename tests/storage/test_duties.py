"""Duties: one process at a time, on the database's clock."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelport.storage.database import Database
from modelport.storage.duties import drop_duty, take_duty
from tests.twins.clock import StoppedClock
from tests.twins.worlds import DATABASES, opened


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path, clock: StoppedClock) -> Iterator[Database]:
    with opened(request.param, tmp_path, clock=clock) as database:
        yield database


def test_a_duty_is_one_processes_until_its_turn_runs_out(database: Database, clock: StoppedClock) -> None:
    assert take_duty(database, "sweep", "a", 10)
    assert not take_duty(database, "sweep", "b", 10)
    assert take_duty(database, "another", "b", 10)
    clock.pass_s(9.9)
    assert not take_duty(database, "sweep", "b", 10)
    clock.pass_s(0.1)
    assert take_duty(database, "sweep", "b", 10)
    assert not take_duty(database, "sweep", "a", 10)


def test_its_owner_keeps_it_by_asking_again(database: Database, clock: StoppedClock) -> None:
    for _ in range(5):
        assert take_duty(database, "sweep", "a", 10)
        clock.pass_s(7)
        assert not take_duty(database, "sweep", "b", 10)


def test_a_duty_that_is_given_back_is_free_at_once(database: Database) -> None:
    assert take_duty(database, "sweep", "a", 10)
    drop_duty(database, "sweep", "b")
    assert not take_duty(database, "sweep", "b", 10)
    drop_duty(database, "sweep", "a")
    assert take_duty(database, "sweep", "b", 10)


def test_of_many_that_ask_at_once_one_gets_it(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            taken = list(
                pool.map(lambda owner, duty=f"duty {number}": take_duty(database, duty, owner, 10), "abcdefgh")
            )
            assert taken.count(True) == 1


def test_a_turn_that_was_taken_before_the_clock_was_put_back_is_over(database: Database, clock: StoppedClock) -> None:
    assert take_duty(database, "sweep", "a", 10)
    clock.pass_s(-86_400)
    assert take_duty(database, "sweep", "b", 10)
    assert not take_duty(database, "sweep", "a", 10)
