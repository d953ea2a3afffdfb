"""Credit that expires: what is left of it when its time is over goes back to the world."""

from sqlalchemy import Connection, func, insert, select, text, update

from modelport.core.credits import Credits
from modelport.ledger.records import WORLD_ACCOUNT, EntryKind
from modelport.ledger.store import FreeHour
from modelport.storage.changes import note_change
from modelport.storage.database import Database
from modelport.storage.moves import enter, free_of, top_up
from modelport.storage.reckoning import Promo, left_of, reckon_used
from modelport.storage.tables import entries, promos

_AT_ONCE = 500
HOUR_MS = 3_600_000
_FREE_HOUR = "free hour"


def grant_promo(
    connection: Connection, account_id: int, amount: Credits, at_ms: int, expires_at_ms: int, note: str | None
) -> Credits:
    """Give credit that expires; returns what of it is left after what the account owes was paid."""
    reckon(connection, account_id, at_ms)
    left = top_up(connection, account_id, amount, "BONUS", note, at_ms)
    if left:
        connection.execute(
            insert(promos).values(
                account_id=account_id,
                granted=left,
                remaining=left,
                created_at_ms=at_ms,
                expires_at_ms=expires_at_ms,
                note=note,
            )
        )
    return left


def reckon(connection: Connection, account_id: int, now_ms: int) -> None:
    """Take what was used since the last time from the promotions, the first to expire first; locks the balance."""
    free_of(connection, account_id, now_ms)
    reckon_used(connection, account_id)


def expire_promos(connection: Connection, account_id: int, now_ms: int) -> Credits:
    """Take back what is left of promotions whose time is over, and return how much.

    What calls still hold stays until they have ended: it is theirs to use, and the next round takes the rest.
    """
    reckon(connection, account_id, now_ms)
    free = max(0, free_of(connection, account_id, now_ms))
    total = 0
    for promo in left_of(connection, account_id):
        amount = min(promo.remaining, free - total)
        if promo.expires_at_ms > now_ms or amount <= 0:
            continue
        enter(connection, account_id, WORLD_ACCOUNT, amount, _EXPIRED, f"promo-{promo.id}", now_ms)
        connection.execute(update(promos).where(promos.c.id == promo.id).values(remaining=promo.remaining - amount))
        total += amount
    if total:
        note_change(connection, "credits", str(account_id), now_ms)
    return Credits(total)


def expire_all(database: Database) -> int:
    """Expire what is due on every account, each in a transaction of its own; return how many credits went."""
    now_ms = database.now_ms()
    with database.read() as connection:
        due = select(promos.c.account_id).where(promos.c.remaining > 0, promos.c.expires_at_ms <= now_ms)
        accounts = list(connection.scalars(due.distinct().limit(_AT_ONCE)))
    total = 0
    for account_id in accounts:
        with database.write() as connection:
            total += expire_promos(connection, account_id, now_ms)
    return total


def give_free_hour(connection: Connection, account_id: int, amount: Credits, now_ms: int) -> FreeHour:
    """Give an account that never paid credit that expires with the hour, unless it had that already."""
    free_of(connection, account_id, now_ms)  # for its lock: nobody else may give it meanwhile
    if was_paid_for(connection, account_id):
        return "none"
    ends_ms = now_ms - now_ms % HOUR_MS + HOUR_MS
    given = select(func.count()).where(
        promos.c.account_id == account_id, promos.c.expires_at_ms == ends_ms, promos.c.note == _FREE_HOUR
    )
    if connection.scalar(given):
        return "used_up"
    expire_promos(connection, account_id, now_ms)
    grant_promo(connection, account_id, amount, now_ms, ends_ms, _FREE_HOUR)
    return "granted"


def promised(connection: Connection, account_id: int, now_ms: int) -> list[Promo]:
    """List what is left of an account's promotions, the first to expire first; locks the balance."""
    reckon(connection, account_id, now_ms)
    return left_of(connection, account_id)


def was_paid_for(connection: Connection, account_id: int) -> bool:
    """Whether the account ever paid."""
    paid = select(func.count()).where(
        entries.c.to_account == account_id, text("to_account > 2"), entries.c.kind == "PAYMENT"
    )
    return bool(connection.scalar(paid))


_EXPIRED: EntryKind = "CREDITS_EXPIRED"
