"""What each question costs where there are 100,000 calls: plans of the statements as they really run."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import get_args

import pytest
from sqlalchemy import text

from bench.report_rows import END_MS, HOT_ACCOUNT, HOT_KEY, MODELS, RARE_MODEL
from modelport.bootstrap.background import Readiness
from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.moments import Period
from modelport.ledger.records import CallStatus, EntryKind
from modelport.ledger.replay import replay
from modelport.reports.calls import CallFilter
from modelport.reports.days import days_of, zone_named
from modelport.reports.transactions import Direction, TransactionFilter, place_of
from modelport.reports.usage import Window
from modelport.storage.bills import opened_books, told_costs
from modelport.storage.by_hand import funds
from modelport.storage.database import Database
from modelport.storage.exports import StoredExports
from modelport.storage.promos import was_paid_for
from modelport.storage.reports import Reports
from modelport.storage.statements import lines, statement
from modelport.storage.sweeping import sweep_logs
from tests.twins.ledger import Vault, VaultLedger
from tests.twins.months import CALLS, DAYS, filled
from tests.twins.plans import LARGE, Seen, watched
from tests.twins.worlds import DATABASES

START_MS = END_MS - DAYS * DAY_MS
WHOLE = Window(START_MS, END_MS)
ODD = Window(START_MS + 7 * 60_000 + 1, END_MS - 8 * 60_000)
SHORT = Window(END_MS - DAY_MS + 60_000, END_MS - DAY_MS + 600_000)
SMALL_ACCOUNT = 6

HOUR = Period(START_MS + DAY_MS, START_MS + DAY_MS + 3_600_000)
KEY_SUMS = 6_000
"""More than the quarter hours, models and statuses of the key that is asked about have sums; its calls are 40,000."""
STEPS_PER_ROW = 50
"""What SQLite's machine needs for one row at most, told in its instructions."""

Question = Callable[[Database], object]


@dataclass(frozen=True)
class Watched:
    """A database, and what was seen on it since the last look."""

    database: Database
    take: Callable[[], Seen]

    def ask(self, question: Question) -> Seen:
        """Ask once, on a server until it has prepared its plans for any values."""
        for _ in range(7 if self.database.is_shared else 1):
            self.take()
            question(self.database)
        return self.take()


@pytest.fixture(scope="module", params=DATABASES)
def watch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with filled(request.param, tmp_path_factory.mktemp("months")) as database, watched(database) as take:
        yield Watched(database, take)


def transactions(wanted: TransactionFilter, pages: int = 1) -> Question:
    def ask(database: Database) -> None:
        reports, after = Reports(database), None
        for _ in range(pages):
            found = reports.transactions(HOT_ACCOUNT, wanted, after, 101)
            after = place_of(found[-1]) if found else None

    return ask


def spent(window: Window) -> Question:
    return lambda database: Reports(database).spent(HOT_KEY, window)


def used(window: Window, zone: str | None = None) -> Question:
    windows = [window] if zone is None else [day.window for day in days_of(window, zone_named(zone))]
    return lambda database: Reports(database).used(HOT_KEY, windows)


def logs(
    offset: int = 0,
    window: Window = WHOLE,
    models: tuple[str, ...] = (),
    statuses: tuple[CallStatus, ...] = (),
) -> Question:
    wanted = CallFilter(frozenset(models) or None, frozenset(statuses) or None)
    return lambda database: Reports(database).calls(HOT_KEY, window, wanted, offset, 100)


def calls(account_id: int | None) -> Question:
    return lambda database: list(StoredExports(database).calls(HOUR, account_id))


def computed(period: Period, account_id: int | None = None) -> Question:
    def ask(database: Database) -> None:
        with opened_books(database, period, account_id) as opened:
            replay(opened.books, opened.period, account_id)

    return ask


def was_paid(database: Database) -> None:
    with database.read() as connection:
        was_paid_for(connection, HOT_ACCOUNT)


QUESTIONS: dict[str, tuple[int, Question]] = {
    "transactions": (250, transactions(TransactionFilter())),
    "transactions, thirtieth page": (30 * 250, transactions(TransactionFilter(), 30)),
    "transactions of a day": (2 * 250, transactions(TransactionFilter(START_MS + DAY_MS, START_MS + 2 * DAY_MS), 2)),
    "transactions until a day": (2 * 250, transactions(TransactionFilter(None, START_MS + DAY_MS), 2)),
    "transactions from a day on, one kind": (250, transactions(TransactionFilter(START_MS, None, kind="PAYMENT"))),
    **{f"transactions, {name}": (250, transactions(TransactionFilter(kind=name))) for name in get_args(EntryKind)},
    **{f"transactions, {name}": (250, transactions(TransactionFilter(direction=name))) for name in get_args(Direction)},
    "usage": (KEY_SUMS, spent(WHOLE)),
    "usage, odd ends": (KEY_SUMS, spent(ODD)),
    "usage of minutes": (150, spent(SHORT)),
    "detail": (KEY_SUMS, used(WHOLE)),
    "detail, odd ends": (KEY_SUMS, used(ODD)),
    "detail by days": (KEY_SUMS, used(ODD, "Asia/Kathmandu")),
    "detail of minutes": (150, used(SHORT)),
    "logs": (KEY_SUMS, logs()),
    "logs, odd ends": (KEY_SUMS, logs(100, ODD)),
    "logs of minutes": (300, logs(0, SHORT)),
    "logs, deep": (KEY_SUMS, logs(20_000)),
    "logs, last page": (KEY_SUMS, logs(39_900)),
    "logs, beyond the last": (KEY_SUMS, logs(2**53)),
    "logs of a model": (2 * KEY_SUMS, logs(models=MODELS[3:4])),
    "logs of a model without its maker": (2 * KEY_SUMS, logs(200, ODD, models=("model-3",))),
    "logs of a rare model": (2 * KEY_SUMS, logs(models=(RARE_MODEL,))),
    "logs of an unknown model": (KEY_SUMS, logs(models=("nobody/has-it",))),
    "logs, failed": (2 * KEY_SUMS, logs(statuses=("failed",))),
    "logs, failed, deep": (2 * KEY_SUMS, logs(1_000, statuses=("failed",))),
    "a key by its prefix": (0, lambda database: Reports(database).key_id(HOT_ACCOUNT, f"{HOT_KEY:08x}")),
    "a statement": (20_000, lambda database: statement(database, SMALL_ACCOUNT, START_MS, START_MS + DAY_MS)),
    "the lines of a statement": (
        40_000,
        lambda database: list(lines(database, SMALL_ACCOUNT, START_MS + 1, END_MS)),
    ),
    "what an account has": (100, lambda database: funds(database, SMALL_ACCOUNT)),
    "whether an account ever paid": (100, was_paid),
    "a sweep": (300, lambda database: sweep_logs(database, START_MS + QUARTER_MS, 20)),
    "an export of an account's calls": (500, calls(SMALL_ACCOUNT)),
    "an export of all calls of an hour": (3_000, calls(None)),
    "an export of an account's entries": (
        500,
        lambda database: list(StoredExports(database).entries(HOUR, SMALL_ACCOUNT)),
    ),
    "what providers told of a day": (35_000, lambda database: told_costs(database, END_MS - DAY_MS)),
    "readiness": (0, lambda database: asyncio.run(Readiness(database, VaultLedger(Vault(), "asked")).reason())),
}
"""Each with how many rows of large tables may be looked at for it."""


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_table_is_read_whole_for_a_question_and_no_more_is_sorted_than_a_page(watch: Watched, name: str) -> None:
    most, question = QUESTIONS[name]
    seen = watch.ask(question)
    assert (seen.scans, seen.sorts) == ([], [])
    per_row = 1 if watch.database.is_shared else STEPS_PER_ROW
    assert seen.looked_at <= (most + 10) * per_row


@pytest.mark.parametrize(
    ("question", "scans"),
    [
        (lambda database: list(StoredExports(database).entries(HOUR, None)), {"entries"}),
        (computed(HOUR), {"entries", "usage_rollups"}),
        (computed(HOUR, SMALL_ACCOUNT), {"entries", "usage_rollups"}),
    ],
    ids=["an export of all entries", "a replay of all", "a replay of an account"],
)
def test_what_the_operator_asks_of_all_accounts_reads_a_table_once_and_never_all_calls(
    watch: Watched, question: Question, scans: set[str]
) -> None:
    seen = watch.ask(question)
    assert {table for table in LARGE if any(f" {table}" in line.partition(":")[0] for line in seen.scans)} <= scans
    if watch.database.is_shared:
        assert seen.looked_at < 2 * CALLS


def test_the_watch_sees_a_table_that_is_read_whole_and_a_sort(watch: Watched) -> None:
    def ask(database: Database) -> None:
        with database.read() as connection:
            connection.execute(text("SELECT error FROM requests WHERE model > 'a' ORDER BY error"))

    seen = watch.ask(ask)
    assert len(seen.scans) == len(seen.sorts) == 1
    assert seen.looked_at >= CALLS * 0.9
