"""Lends slices of free money to processes, and takes them back: on the driver's cursor, for the writer."""

from collections.abc import Sequence
from sqlite3 import Cursor

from modelport.core.credits import Credits
from modelport.ledger.store import Loan, Renewal, Slice

_SHARE = 4
"""A borrower gets at most this fraction of what is free, unless he needs more."""

_BALANCE = "SELECT credits FROM balances WHERE account_id = ?"
_SLICES = "SELECT id, owner, epoch, credits, expires_at_ms FROM allotments WHERE account_id = ?"
_ADD = "UPDATE allotments SET credits = credits + ?, expires_at_ms = ? WHERE id = ?"
_REVIVE = "UPDATE allotments SET epoch = epoch + 1, credits = ?, expires_at_ms = ? WHERE id = ?"
_DROP_LAPSED = "DELETE FROM allotments WHERE account_id = ? AND expires_at_ms <= ?"
_INSERT = (
    "INSERT INTO allotments (account_id, owner, epoch, credits, expires_at_ms) VALUES (?, ?, 1, ?, ?) RETURNING id"
)
_RENEW = (
    "UPDATE allotments SET expires_at_ms = ?, credits = credits - ? "
    "WHERE id = ? AND epoch = ? AND expires_at_ms > ? AND credits >= ?"
)
_RETURN = "DELETE FROM allotments WHERE id = ? AND epoch = ?"
_SPENT = "SELECT COALESCE(SUM(credits), 0) FROM key_spend WHERE key_id = ? AND day >= ?"


def borrow(cursor: Cursor, owner: str, account_id: int, least: int, want: int, now: int, until: int) -> Loan:
    """Add between `least` and `want` of the account's free money to the owner's slice, or nothing."""
    found = cursor.execute(_BALANCE, (account_id,)).fetchone()
    rows: list[tuple[int, str, int, int, int]] = cursor.execute(_SLICES, (account_id,)).fetchall()
    alive = [row for row in rows if row[4] > now]
    elsewhere = sum(row[3] for row in alive if row[1] != owner)
    free: int = (found[0] if found else 0) - sum(row[3] for row in alive)
    mine = next((row for row in rows if row[1] == owner), None)
    if free < least or free <= 0:
        held = Slice(mine[0], mine[2]) if mine is not None and mine in alive else None
        return Loan(held, Credits(0), Credits(max(0, free)), Credits(elsewhere))
    granted = min(want, max(least, free // _SHARE))
    if mine is None:
        cursor.execute(_DROP_LAPSED, (account_id, now))
        held = Slice(cursor.execute(_INSERT, (account_id, owner, granted, until)).fetchone()[0], 1)
    elif mine in alive:
        cursor.execute(_ADD, (granted, until, mine[0]))
        held = Slice(mine[0], mine[2])
    else:
        cursor.execute(_REVIVE, (granted, until, mine[0]))
        held = Slice(mine[0], mine[2] + 1)
    return Loan(held, Credits(granted), Credits(free - granted), Credits(elsewhere))


def renew(cursor: Cursor, renewals: Sequence[Renewal], returned: Sequence[Slice], now: int, until: int) -> list[Slice]:
    """Extend the expiry of slices and return whole others to their accounts; say which had lapsed."""
    cursor.executemany(_RETURN, [(lent.id, lent.epoch) for lent in returned])
    return [renewal.slice for renewal in renewals if not _renewed(cursor, renewal, now, until)]


def _renewed(cursor: Cursor, renewal: Renewal, now: int, until: int) -> bool:
    lent, given = renewal.slice, renewal.give_back
    return cursor.execute(_RENEW, (until, given, lent.id, lent.epoch, now, given)).rowcount == 1


def spent(cursor: Cursor, key_id: int, since_day: int) -> Credits:
    """Sum what a key was charged from a UTC day on."""
    return Credits(cursor.execute(_SPENT, (key_id, since_day)).fetchone()[0])
