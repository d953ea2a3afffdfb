"""What is stored of calls, their payment and their sums, for computing bills again."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select, text

from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.moments import Period
from modelport.ledger.records import HOUSE_ACCOUNT
from modelport.ledger.replay import BilledCall, Books, PaidEntry
from modelport.pricing.drift import ToldCosts
from modelport.storage.database import Database
from modelport.storage.periods import ids_in, in_byte_order, kept, moments_in
from modelport.storage.tables import entries, requests, usage_rollups

_AT_ONCE = 1000
"""Rows in memory of each of the three."""
_BILLED = requests.c[
    "inference_id",
    "account_id",
    "key_id",
    "created_at_ms",
    "model",
    "provider",
    "upstream_model",
    "status",
    "usage",
    "rates",
    "cost_credits",
    "charged_credits",
    "house_credits",
]
_PLACE = usage_rollups.c["key_id", "quarter", "model", "status"]
_SUMS = usage_rollups.c["account_id", "requests", "charged", "credits", "input_tokens", "output_tokens"]


@dataclass(frozen=True, slots=True)
class Opened:
    """Books to be read, and the part of the period from which there are rows."""

    books: Books
    period: Period


@contextmanager
def opened_books(database: Database, period: Period, account_id: int | None = None) -> Generator[Opened]:
    """Open what is stored of a period, of one account or of all, in one consistent state and in bounded memory."""
    with database.read() as connection:
        there = kept(connection, period)
        books = Books(
            (BilledCall(*row) for row in _stream(connection, _calls(there, account_id))),
            _entries(connection, there, account_id),
            ((tuple(row[:4]), tuple(row[4:])) for row in _stream(connection, _rollups(there, account_id))),
        )
        yield Opened(books, there)


def _stream(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    """Run a query whose rows are fetched as they are needed."""
    return iter(connection.execute(query, execution_options={"yield_per": _AT_ONCE}))


def _calls(period: Period, account_id: int | None) -> Select[Any]:
    query = select(*_BILLED).where(*ids_in(requests.c.inference_id, period)).order_by(requests.c.inference_id)
    return query if account_id is None else query.where(requests.c.account_id == account_id)


def _entries(connection: Connection, period: Period, account_id: int | None) -> Iterator[PaidEntry]:
    """Stream the entries for calls; the database sorts them by call, on disk where they are many."""
    call = in_byte_order(connection, func.coalesce(entries.c.reference_id, ""))
    named = and_(*ids_in(call, period), entries.c.reference_id.is_not(None))
    unnamed = and_(*moments_in(entries.c.created_at_ms, period), entries.c.reference_id.is_(None))
    query = (
        select(call, entries.c.from_account, entries.c.to_account, entries.c.credits, entries.c.model)
        .where(entries.c.kind == "MODEL_USAGE", or_(named, unnamed))
        .order_by(call)
    )
    if account_id is not None:
        query = query.where(entries.c.from_account.in_((account_id, HOUSE_ACCOUNT)))
    for row in _stream(connection, query):
        yield PaidEntry(row[0], row[1], (row[1], row[2], row[3], row[4]))


def _rollups(period: Period, account_id: int | None) -> Select[Any]:
    """Select the sums of quarter hours that are whole in the period."""
    quarter = usage_rollups.c.quarter
    query = select(*_PLACE, *_SUMS).order_by(quarter)
    if period.from_ms is not None:
        query = query.where(quarter >= -(-period.from_ms // QUARTER_MS))
    if period.to_ms is not None:
        query = query.where(quarter < period.to_ms // QUARTER_MS)
    return query if account_id is None else query.where(usage_rollups.c.account_id == account_id)


def told_costs(database: Database, from_ms: int) -> list[ToldCosts]:
    """Sum up what providers said that calls cost, from a moment on."""
    period = Period(from_ms)
    day = requests.c.created_at_ms // DAY_MS
    names = (func.coalesce(requests.c.provider, ""), requests.c.model, func.coalesce(requests.c.upstream_model, ""))
    query = (
        select(day, *names, func.count(), func.sum(requests.c.cost_credits), func.sum(requests.c.provider_nano_usd))
        .where(
            *ids_in(requests.c.inference_id, period),
            *moments_in(requests.c.created_at_ms, period),
            requests.c.provider_nano_usd.is_not(None),
        )
        .group_by(text("1, 2, 3, 4"))  # by place: PostgreSQL takes an expression with a value of its own for another
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [ToldCosts(*row[:4], int(row[4]), int(row[5]), int(row[6])) for row in rows]
