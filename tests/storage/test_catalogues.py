"""What is applied to the catalogue of every replica."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelport.catalogue.applied import MAX_APPLIED_BYTES
from modelport.catalogue.problems import CatalogueInvalid
from modelport.catalogue.sources import Source
from modelport.storage.catalogues import KEPT, AppliedCatalogues
from modelport.storage.changes import open_changes
from modelport.storage.database import Database
from tests.twins.clock import StoppedClock
from tests.twins.worlds import DATABASES, opened


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request.param, tmp_path, clock=StoppedClock()) as database:
        yield database


def source(name: str, text: str) -> Source:
    return Source("applied", name, text.encode())


def test_what_was_applied_last_is_in_force_whole(database: Database) -> None:
    store = AppliedCatalogues(database)
    assert (store.number(), store.newest().files) == (0, {})
    first = store.apply([source("b/ü.toml", "grüß = 1"), source("a.toml", "x = 1")], "ann@office", "why")
    second = store.apply([source("a.toml", "x = 2")], "bob@office")
    newest = store.newest()
    assert second > first
    assert store.number() == newest.number == second
    assert (newest.by, newest.note, newest.sources) == ("bob@office", "", (source("a.toml", "x = 2"),))
    assert newest.at_ms == database.now_ms()
    assert [one.number for one in store.all()] == [second, first]
    assert store.all()[1].sources == (source("a.toml", "x = 1"), source("b/ü.toml", "grüß = 1"))


def test_every_process_hears_of_it(database: Database) -> None:
    changes = open_changes(database)
    number = AppliedCatalogues(database).apply([source("a.toml", "x = 1")], "ann")
    heard = [(change.kind, change.subject) for change in changes.poll()]
    changes.close()
    assert heard == [("catalogue", str(number))]


def test_the_last_twenty_are_remembered(database: Database) -> None:
    store = AppliedCatalogues(database)
    numbers = [store.apply([source("a.toml", f"x = {number}")], "ann") for number in range(KEPT + 5)]
    assert [one.number for one in store.all(1000)] == numbers[::-1][:KEPT]


def test_what_is_too_large_is_refused(database: Database) -> None:
    half = "#" * (MAX_APPLIED_BYTES // 2 + 1)
    with pytest.raises(CatalogueInvalid, match="larger than 16,000,000 bytes"):
        AppliedCatalogues(database).apply([source("a.toml", half), source("b.toml", half)], "ann")
    assert AppliedCatalogues(database).number() == 0
