"""Databases that released versions left are brought to today's schema, and everything in them means the same."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.credits import Credits
from modelport.core.moments import EVER
from modelport.keys.issue import KeyHasher
from modelport.ledger.records import Receipt
from modelport.ledger.replay import replay
from modelport.ledger.store import Fund, Settlement
from modelport.operations.usage import Usage
from modelport.reports.calls import CallFilter
from modelport.reports.transactions import TransactionFilter
from modelport.reports.usage import Window
from modelport.storage.bills import opened_books
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.keys import Keys
from modelport.storage.ledger import Ledger
from modelport.storage.migrate import HEAD, Standing, migrate, standing
from modelport.storage.moves import balance_of
from modelport.storage.reports import Reports
from modelport.storage.statements import lines, statement
from modelport.storage.writer import Writer
from tests.storage import write_population
from tests.storage.populations import (
    FIRST_ON_POSTGRES,
    Population,
    Row,
    fill,
    population,
    released,
    revisions,
    rows_of,
    schema_of,
)
from tests.twins.clock import StoppedClock
from tests.twins.worlds import POSTGRES, blank, call

COMES_FROM = [
    *(pytest.param(("sqlite", revision), id=f"sqlite-{revision}") for revision in released()),
    *(
        pytest.param(("postgres", revision), id=f"postgres-{revision}", marks=POSTGRES.marks)
        for revision in released()
        if revision >= FIRST_ON_POSTGRES
    ),
]


@dataclass(frozen=True)
class Upgraded:
    """A populated database of an earlier revision, at the newest."""

    was: Population
    database: Database
    clock: StoppedClock

    @property
    def lifetime(self) -> Window:
        """All the time in which something was written."""
        first = min(row["created_at_ms"] for row in self.old("requests"))
        return Window(first // QUARTER_MS * QUARTER_MS, self.was.now_ms + QUARTER_MS)

    def old(self, table: str) -> Sequence[Row]:
        return self.was.tables.get(table, ())


@pytest.fixture(params=COMES_FROM)
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Upgraded]:
    kind, revision = request.param
    was = population(revision)
    clock = StoppedClock(was.now_ms)
    with blank(kind, tmp_path) as url:
        fill(url, was)
        migrate(url)
        database = Database(url, clock=clock)
        yield Upgraded(was, database, clock)
        database.close()


def test_every_revision_has_a_population() -> None:
    assert released() == revisions(), "run `python -m tests.storage.write_population` for the one that was added"


@pytest.mark.parametrize("revision", released())
def test_a_released_revision_still_makes_the_schema_that_it_made(revision: str, tmp_path: Path) -> None:
    with blank("sqlite", tmp_path) as url:
        migrate(url, revision)
        database = Database(url)
        assert schema_of(database) == population(revision).schema
        database.close()


@pytest.mark.parametrize("revision", released())
def test_a_population_has_rows_of_every_table_and_values_in_every_column(revision: str) -> None:
    tables = population(revision).tables
    assert [name for name, rows in tables.items() if not rows] == []
    empty = [
        f"{name}.{column}"
        for name, rows in tables.items()
        for column in rows[0]
        if all(row[column] is None for row in rows)
    ]
    assert empty == []


def test_what_is_written_for_the_newest_revision_is_what_its_code_writes() -> None:
    with write_population.lived() as town:
        made, kept = rows_of(town.database), population(HEAD).tables
        assert {name: len(rows) for name, rows in made.items()} == {name: len(rows) for name, rows in kept.items()}
        assert check_books(town.database) == []


def test_every_old_row_is_still_there_with_every_value(upgraded: Upgraded) -> None:
    assert standing(upgraded.database) == Standing(HEAD)
    found = rows_of(upgraded.database)
    for name in upgraded.was.tables.keys() - {"schema_terms"}:
        kept = [{column: row[column] for column in upgraded.old(name)[0]} for row in found[name]]
        missing = [row for row in upgraded.old(name) if row not in kept]
        assert missing == [], name


def test_the_books_balance_and_balances_are_what_the_old_entries_sum_up_to(upgraded: Upgraded) -> None:
    assert check_books(upgraded.database) == []
    sums: Counter[int] = Counter()
    for entry in upgraded.old("entries"):
        sums[entry["to_account"]] += entry["credits"]
        sums[entry["from_account"]] -= entry["credits"]
    with upgraded.database.read() as connection:
        found = {row["id"]: balance_of(connection, row["id"]) for row in upgraded.old("accounts")}
    assert found == {account_id: sums[account_id] for account_id in found}


def test_every_old_bill_is_reproduced_and_sums_of_quarter_hours_cover_the_old_rows(upgraded: Upgraded) -> None:
    with opened_books(upgraded.database, EVER) as opened:
        found = replay(opened.books, opened.period)
    assert found.shown == []
    assert found.calls == len(upgraded.old("requests"))


def test_usage_reports_tell_of_the_old_calls(upgraded: Upgraded) -> None:
    reports = Reports(upgraded.database)
    wanted: Counter[tuple[int, str, str, str]] = Counter()
    for row in upgraded.old("requests"):
        used = Usage(json.loads(row["usage"]), "provider")
        for name, value in (
            ("requests", 1),
            ("credits", row["charged_credits"]),
            ("input", used.input_tokens),
            ("output", used.output_tokens),
        ):
            wanted[row["key_id"], row["model"], row["status"], name] += value
    told = {
        (key["id"], part.model, part.status, name): value
        for key in upgraded.old("keys")
        for part in reports.used(key["id"], [upgraded.lifetime])
        for name, value in (
            ("requests", part.requests),
            ("credits", part.credits),
            ("input", part.input_tokens),
            ("output", part.output_tokens),
        )
    }
    assert told == wanted


def test_logs_and_transactions_list_the_old_rows(upgraded: Upgraded) -> None:
    reports = Reports(upgraded.database)
    pages = [reports.calls(key["id"], upgraded.lifetime, CallFilter(), 0, 1000) for key in upgraded.old("keys")]
    listed = sorted(one.inference_id for page in pages for one in page.calls)
    assert listed == sorted(row["inference_id"] for row in upgraded.old("requests"))
    for account in upgraded.old("accounts")[2:]:
        moved = reports.transactions(account["id"], TransactionFilter(), None, 1000)
        mine = [row for row in upgraded.old("entries") if account["id"] in (row["from_account"], row["to_account"])]
        assert {one.id: one.amount for one in moved} == {row["id"]: row["credits"] for row in mine}


def test_statements_of_the_old_entries_reconcile(upgraded: Upgraded) -> None:
    end = upgraded.was.now_ms + 1
    for account in upgraded.old("accounts")[2:]:
        told = statement(upgraded.database, account["id"], 0, end)
        with upgraded.database.read() as connection:
            assert told.closing == balance_of(connection, account["id"])
        assert len(list(lines(upgraded.database, account["id"], 0, end))) == sum(one.entries for one in told.totals)


def test_old_keys_verify_and_keep_their_terms(upgraded: Upgraded) -> None:
    keys, hasher = Keys(upgraded.database), KeyHasher(upgraded.was.secrets)
    by_prefix = {row["prefix"]: row for row in upgraded.old("keys")}
    erased = {row["id"] for row in upgraded.old("accounts") if row.get("erased_at_ms")}
    versions: set[int] = set()
    for prefix, secret in upgraded.was.keys.items():
        found = [key for digest in hasher.digests(secret.encode()) if (key := keys.by_digest(digest)) is not None]
        row = by_prefix.get(prefix)
        if row is None or row["is_deleted"] or row["account_id"] in erased:
            assert found == [], prefix
            continue
        (key,) = found
        versions.add(bytes.fromhex(row["digest"]["hex"])[0])
        limit = None if key.limit is None else (key.limit.retention, key.limit.threshold)
        assert (key.id, key.account_id, key.name) == (row["id"], row["account_id"], row["name"])
        assert (key.is_management, key.is_disabled) == (bool(row["is_management"]), bool(row["is_disabled"]))
        assert key.on_disconnect == row["on_disconnect"]
        assert limit == (None if row["limit_credits"] is None else (row["limit_retention"], row["limit_credits"]))
        assert key.scopes == (None if row["scopes"] is None else frozenset(json.loads(row["scopes"])))
    assert versions == {1, 2}


@pytest.fixture
async def ledger(upgraded: Upgraded) -> AsyncIterator[Ledger]:
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(Writer(upgraded.database))
        yield Ledger(upgraded.database, writer, "new")


async def test_new_code_spends_the_old_money_to_the_last_credit(upgraded: Upgraded, ledger: Ledger) -> None:
    upgraded.clock.pass_s(DAY_MS / 1000)  # slices of the old version have lapsed
    spenders = {key["account_id"]: key for key in upgraded.old("keys") if not key["is_deleted"]}
    spent = 0
    for number, (account_id, key) in enumerate(spenders.items()):
        with upgraded.database.read() as connection:
            left = balance_of(connection, account_id)
        loan = await ledger.borrow(Fund(account_id), Credits(1), Credits(1 << 40))
        if not left or loan.granted == 0:
            continue
        record = call(account_id, loan.granted, number, key_id=key["id"], created_at_ms=upgraded.clock.now_ms())
        ended: asyncio.Future[Receipt | Exception] = asyncio.get_running_loop().create_future()
        ledger.settle(Settlement(record, loan.slice, loan.granted, Credits(0)), ended.set_result)
        receipt = await ended
        assert isinstance(receipt, Receipt)
        assert receipt.charged == loan.granted
        spent += 1
        with upgraded.database.read() as connection:
            assert balance_of(connection, account_id) == left - loan.granted
    assert spent >= 2
    assert check_books(upgraded.database) == []
