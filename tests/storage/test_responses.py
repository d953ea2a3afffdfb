"""The port of responses, on the twin and on the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelport.serving.remembered import MAX_REMEMBERED_BYTES, Remembered, Responses, UnknownResponse
from modelport.storage.database import Database
from modelport.storage.responses import StoredResponses
from tests.twins.responses import TwinResponses
from tests.twins.worlds import DATABASES, KINDS, opened

ANN, BOB = 3, 4


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request.param, tmp_path, "ann", "bob") as found:
        yield found


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Responses]:
    if request.param == "twin":
        yield TwinResponses()
        return
    with opened(request.param, tmp_path, "ann", "bob") as found:
        yield StoredResponses(found)


def remembered(name: str, *, account_id: int = ANN, expires_at_ms: int = 1000, output: bytes = b"[]") -> Remembered:
    response = b'{"id":"resp_%b"}' % name.encode()
    return Remembered(f"resp_{name}", account_id, 10, expires_at_ms, b'[{"role":"user"}]', output, response)


def test_a_response_is_found_as_it_was_saved(store: Responses) -> None:
    assert store.save(remembered("a", output=b"[\xff\x00]"))
    assert store.save(remembered("b"))
    assert store.find("resp_a", ANN, 999) == remembered("a", output=b"[\xff\x00]")
    assert store.find("resp_c", ANN, 0) is None


def test_a_response_belongs_to_its_account(store: Responses) -> None:
    store.save(remembered("a"))
    assert store.find("resp_a", BOB, 0) is None
    assert not store.delete("resp_a", BOB, 0)
    assert store.find("resp_a", ANN, 0) is not None


def test_a_response_that_has_expired_is_not_found_even_before_it_is_swept(store: Responses) -> None:
    store.save(remembered("a", expires_at_ms=1000))
    assert store.find("resp_a", ANN, 1000) is None
    assert not store.delete("resp_a", ANN, 1000)


def test_a_response_is_deleted_once(store: Responses) -> None:
    store.save(remembered("a"))
    assert store.delete("resp_a", ANN, 0)
    assert not store.delete("resp_a", ANN, 0)
    assert store.find("resp_a", ANN, 0) is None


def test_sweeping_takes_the_oldest_expired_ones_in_batches(store: Responses) -> None:
    for number in range(5):
        store.save(remembered(str(number), expires_at_ms=100 + number))
    assert store.sweep(103, 3) == 3
    assert store.sweep(103, 3) == 1
    assert store.sweep(103, 3) == 0
    assert store.find("resp_4", ANN, 103) is not None


def test_a_response_that_is_too_large_is_not_kept(store: Responses) -> None:
    assert not store.save(remembered("a", output=b" " * MAX_REMEMBERED_BYTES))
    assert store.find("resp_a", ANN, 0) is None


def test_expired_responses_are_found_by_their_index(database: Database) -> None:
    explain = "EXPLAIN" if database.is_shared else "EXPLAIN QUERY PLAN"
    with database.read() as connection:
        if database.is_shared:
            connection.exec_driver_sql("SET enable_seqscan = off")  # it would not need an index for no rows
        rows = connection.exec_driver_sql(
            f"{explain} SELECT id FROM responses WHERE expires_at_ms <= 5 ORDER BY expires_at_ms LIMIT 9"
        ).all()
    assert "responses_by_expiry" in str(rows)


def test_an_unknown_response_is_named_shortened() -> None:
    assert "'resp_x'" in UnknownResponse("resp_x").message
    assert len(UnknownResponse("x" * 10_000).message) < 400
