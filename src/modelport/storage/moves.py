"""Moves of money in the caller's transaction: each a balanced pair, under the lock of the customer's balance."""

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, text, update

from modelport.core.credits import Credits
from modelport.ledger.problems import InsufficientFunds
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT, Entry, EntryKind
from modelport.storage.changes import note_change
from modelport.storage.database import Database
from modelport.storage.reckoning import keep_within, reckon_used
from modelport.storage.tables import allotments, balances, entries
from modelport.storage.teller import JOB

_LONGEST_LEASE_MS = 3_600_000
_OURS = (WORLD_ACCOUNT, HOUSE_ACCOUNT)


def balance_of(connection: Connection, account_id: int) -> Credits:
    """Return an account's balance, zero if it has none; that of world and house is summed up from their entries."""
    if account_id not in _OURS:
        return Credits(connection.scalar(select(balances.c.credits).where(balances.c.account_id == account_id)) or 0)
    came, went = entries.c.to_account == account_id, entries.c.from_account == account_id
    signed = func.sum(text(f"CASE WHEN to_account = {account_id} THEN credits ELSE -credits END"))
    return Credits(int(connection.scalar(select(signed).select_from(entries).where(or_(came, went))) or 0))


def owed_by(connection: Connection, account_id: int) -> Credits:
    """Return what an account owes the house for money that was taken back after it was spent."""
    return Credits(connection.scalar(select(balances.c.owed).where(balances.c.account_id == account_id)) or 0)


def free_of(connection: Connection, account_id: int, now_ms: int) -> int:
    """Lock a customer's balance until the transaction ends; return what of it is lent to nobody."""
    locked = select(balances.c.credits).where(balances.c.account_id == account_id).with_for_update()
    has = connection.scalar(locked) or 0
    lent = select(func.coalesce(func.sum(allotments.c.credits), 0)).where(
        allotments.c.account_id == account_id, is_lent(connection, now_ms)
    )
    return has - int(connection.scalar(lent) or 0)


def is_lent(connection: Connection, now_ms: int) -> ColumnElement[bool]:
    """Pick the slices that have not lapsed.

    Those of a file lapse by a clock that starts with the machine: what ends too late was lent before it last started,
    unless a job has it.
    """
    until = allotments.c.expires_at_ms
    if connection.dialect.name == "postgresql":
        return until > now_ms
    now = func.lease_now_ms()
    return and_(until > now, or_(until < now + _LONGEST_LEASE_MS, allotments.c.owner.startswith(JOB)))


def enter(
    connection: Connection,
    source: int,
    target: int,
    amount: int,
    kind: EntryKind,
    reference_id: str | None,
    at_ms: int,
) -> None:
    """Enter one balanced pair, whoever can pay it; the caller has made sure of that under the lock."""
    if amount <= 0 or source == target:
        raise ValueError(f"a move of {amount} credits from account {source} to {target} moves nothing")
    for account_id, change in ((source, -amount), (target, amount)):
        if account_id not in _OURS:
            connection.execute(
                update(balances).where(balances.c.account_id == account_id).values(credits=balances.c.credits + change)
            )
    connection.execute(
        insert(entries).values(
            created_at_ms=at_ms,
            kind=kind,
            from_account=source,
            to_account=target,
            credits=amount,
            reference_id=reference_id,
        )
    )


def move(
    connection: Connection,
    now_ms: int,
    source: int,
    target: int,
    amount: Credits,
    kind: EntryKind,
    reference_id: str | None,
    at_ms: int,
) -> None:
    """Enter one balanced pair and note the change; raises `InsufficientFunds`."""
    if source not in _OURS:
        free = free_of(connection, source, now_ms)
        if free < amount:
            raise InsufficientFunds(source, amount, Credits(max(0, free)))
        reckon_used(connection, source)
    enter(connection, source, target, amount, kind, reference_id, at_ms)
    if source not in _OURS:
        keep_within(connection, source)
    for account_id in (source, target):
        if account_id not in _OURS:
            note_change(connection, "credits", str(account_id), at_ms)


def top_up(
    connection: Connection, account_id: int, amount: Credits, kind: EntryKind, reference_id: str | None, at_ms: int
) -> Credits:
    """Bring money in from the world; what the account owes is paid first. Returns what was left after that."""
    free_of(connection, account_id, at_ms)  # for its lock: what is owed must not change meanwhile
    enter(connection, WORLD_ACCOUNT, account_id, amount, kind, reference_id, at_ms)
    paid = min(owed_by(connection, account_id), amount)
    _repay(connection, account_id, paid, reference_id, at_ms)
    note_change(connection, "credits", str(account_id), at_ms)
    return Credits(amount - paid)


def take_back(
    connection: Connection, now_ms: int, account_id: int, amount: Credits, reference_id: str, at_ms: int
) -> Credits:
    """Return money to the world that had come from there (a refund, a dispute), and what of it is owed from now on.

    What the account has left is taken; the house advances the rest, which blocks the account until it is paid.
    """
    free = max(0, free_of(connection, account_id, now_ms))
    advanced = Credits(max(0, amount - free))
    reckon_used(connection, account_id)
    if advanced:
        enter(connection, HOUSE_ACCOUNT, account_id, advanced, "ADJUSTMENT", reference_id, at_ms)
        owes = balances.c.owed + advanced
        connection.execute(update(balances).where(balances.c.account_id == account_id).values(owed=owes))
    enter(connection, account_id, WORLD_ACCOUNT, amount, "ADJUSTMENT", reference_id, at_ms)
    keep_within(connection, account_id)
    note_change(connection, "credits", str(account_id), at_ms)
    return advanced


def repay(connection: Connection, now_ms: int, account_id: int, at_ms: int) -> Credits:
    """Pay what is owed from what is free now, money that came back from calls for one; return how much."""
    free = max(0, free_of(connection, account_id, now_ms))
    paid = Credits(min(free, owed_by(connection, account_id)))
    if paid:
        reckon_used(connection, account_id)
        _repay(connection, account_id, paid, None, at_ms)
        keep_within(connection, account_id)
    return paid


def _repay(connection: Connection, account_id: int, amount: int, reference_id: str | None, at_ms: int) -> None:
    if amount <= 0:
        return
    enter(connection, account_id, HOUSE_ACCOUNT, amount, "ADJUSTMENT", reference_id, at_ms)
    owes = balances.c.owed - amount
    connection.execute(update(balances).where(balances.c.account_id == account_id).values(owed=owes))


def entries_of(database: Database, account_id: int, limit: int) -> list[Entry]:
    """Return an account's newest entries, newest first."""
    found: list[Entry] = []
    with database.read() as connection:
        for side in ("from_account", "to_account"):
            query = select(entries).where(entries.c[side] == account_id)
            if account_id not in _OURS:
                query = query.where(text(f"{side} > 2"))  # lets the partial index serve
            found.extend(Entry(*row) for row in connection.execute(query.order_by(entries.c.id.desc()).limit(limit)))
    return sorted(found, key=lambda entry: -entry.id)[:limit]
