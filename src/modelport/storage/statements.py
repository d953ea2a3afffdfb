"""Statements: what an account had, what came and went, and what it has, from the entries themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import Connection, text

from modelport.core.credits import Credits
from modelport.ledger.records import EntryKind
from modelport.storage.database import Database
from modelport.storage.moves import balance_of

Direction = Literal["TOPUP", "CHARGE"]

_SUM = (
    "SELECT COALESCE((SELECT SUM(credits) FROM entries WHERE to_account = :account AND to_account > 2"
    " AND created_at_ms < :before), 0)"
    " - COALESCE((SELECT SUM(credits) FROM entries WHERE from_account = :account AND from_account > 2"
    " AND kind = 'MODEL_USAGE' AND created_at_ms < :before), 0)"
    " - COALESCE((SELECT SUM(credits) FROM entries WHERE from_account = :account AND from_account > 2"
    " AND kind <> 'MODEL_USAGE' AND created_at_ms < :before), 0)"
)
_WINDOW = "created_at_ms >= :since AND created_at_ms < :before"
_SIDES: tuple[tuple[Direction, str], ...] = (
    ("TOPUP", f"to_account = :account AND to_account > 2 AND {_WINDOW}"),
    ("CHARGE", f"from_account = :account AND from_account > 2 AND kind = 'MODEL_USAGE' AND {_WINDOW}"),
    ("CHARGE", f"from_account = :account AND from_account > 2 AND kind <> 'MODEL_USAGE' AND {_WINDOW}"),
)
"""Each is served by a partial index of its own."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Total:
    """What entries of one kind and direction sum up to."""

    kind: EntryKind
    direction: Direction
    entries: int
    credits: Credits


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as its account sees it."""

    created_at_ms: int
    kind: EntryKind
    direction: Direction
    credits: Credits
    model: str | None
    reference_id: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's money over a window: `opening`, and all `totals` with their signs, make `closing`."""

    since_ms: int
    before_ms: int
    opening: Credits
    totals: tuple[Total, ...]
    closing: Credits


class DoesNotReconcile(RuntimeError):
    """A statement does not end in what its entries, or the balance, say: the books are broken."""


def statement(database: Database, account_id: int, since_ms: int, before_ms: int) -> Statement:
    """Sum up an account's entries from `since_ms` until before `before_ms`; raises `DoesNotReconcile`."""
    with database.read() as connection:
        opening = _sum(connection, account_id, since_ms)
        closing = _sum(connection, account_id, before_ms)
        totals = _totals(connection, account_id, since_ms, before_ms)
        is_to_now = before_ms > _newest(connection, account_id)
        balance = balance_of(connection, account_id)
    change = sum(total.credits if total.direction == "TOPUP" else -total.credits for total in totals)
    if opening + change != closing or (is_to_now and closing != balance):
        raise DoesNotReconcile(f"account {account_id}: {opening} + {change} is not {closing}; the balance is {balance}")
    return Statement(since_ms, before_ms, Credits(opening), totals, Credits(closing))


def lines(database: Database, account_id: int, since_ms: int, before_ms: int) -> Iterator[Line]:
    """Go through the entries of a statement, oldest first, a thousand at a time."""
    after = 0, 0
    while True:
        with database.read() as connection:
            found = _page(connection, account_id, since_ms, before_ms, after)
        for entry_id, line in found:
            yield line
            after = line.created_at_ms, entry_id
        if len(found) < _AT_ONCE:
            return


def _sum(connection: Connection, account_id: int, before_ms: int) -> int:
    return int(connection.scalar(text(_SUM), {"account": account_id, "before": before_ms}) or 0)


def _newest(connection: Connection, account_id: int) -> int:
    values = {"account": account_id, "since": 0, "before": 1 << 62}
    found = [
        connection.scalar(text(f"SELECT MAX(created_at_ms) FROM entries WHERE {side}"), values) for _, side in _SIDES
    ]
    return max((at_ms for at_ms in found if at_ms is not None), default=0)


def _totals(connection: Connection, account_id: int, since_ms: int, before_ms: int) -> tuple[Total, ...]:
    values = {"account": account_id, "since": since_ms, "before": before_ms}
    found: list[Total] = []
    for direction, side in _SIDES:
        query = text(f"SELECT kind, COUNT(*), SUM(credits) FROM entries WHERE {side} GROUP BY kind")
        for kind, count, total in connection.execute(query, values):
            found.append(Total(kind, direction, count, Credits(int(total))))
    order = get_args(EntryKind)
    return tuple(sorted(found, key=lambda total: (total.direction == "CHARGE", order.index(total.kind))))


def _page(
    connection: Connection, account_id: int, since_ms: int, before_ms: int, after: tuple[int, int]
) -> list[tuple[int, Line]]:
    """Read the next entries after a moment and id: the first of each side, merged."""
    values = {
        "account": account_id,
        "since": max(since_ms, after[0]),
        "before": before_ms,
        "at": after[0],
        "id": after[1],
    }
    found: list[tuple[int, Line]] = []
    for direction, side in _SIDES:
        query = text(
            f"SELECT id, created_at_ms, kind, credits, model, reference_id FROM entries WHERE {side}"
            f" AND (created_at_ms > :at OR id > :id) ORDER BY created_at_ms, id LIMIT {_AT_ONCE}"
        )
        for entry_id, at_ms, kind, amount, model, reference_id in connection.execute(query, values):
            found.append((entry_id, Line(at_ms, kind, direction, Credits(amount), model, reference_id)))
    found.sort(key=lambda pair: (pair[1].created_at_ms, pair[0]))
    return found[:_AT_ONCE]
