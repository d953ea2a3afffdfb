"""Credit given and taken by the operator, and what he is shown of an account's money."""

from dataclasses import dataclass

from sqlalchemy import select

from modelport.core.credits import Credits, usd_text
from modelport.core.errors import Problem
from modelport.ledger.records import WORLD_ACCOUNT
from modelport.storage.database import Database
from modelport.storage.moves import balance_of, free_of, move, owed_by, top_up
from modelport.storage.promos import expire_promos, grant_promo, promised
from modelport.storage.reckoning import Promo
from modelport.storage.tables import promos


@dataclass(frozen=True, slots=True)
class Funds:
    """What an account has and owes."""

    balance: Credits
    owed: Credits
    promos: tuple[Promo, ...]


class CannotTake(Problem):
    """More was to be taken from an account than is free on it."""

    def __init__(self, wanted: Credits, free: Credits, held: Credits) -> None:
        lent = f", {usd_text(held)} USD more is held for calls that are under way" if held else ""
        super().__init__(
            f"{usd_text(wanted)} USD cannot be taken: {usd_text(free)} USD is free{lent}; take at most what is free"
        )


def funds(database: Database, account_id: int) -> Funds:
    """Tell what an account has, which part of it expires when, and what it owes."""
    now_ms = database.now_ms()
    with database.write() as connection:
        left = promised(connection, account_id, now_ms)
        return Funds(balance_of(connection, account_id), owed_by(connection, account_id), tuple(left))


def grant(database: Database, account_id: int, amount: Credits, expires_at_ms: int | None, note: str | None) -> Credits:
    """Give credit, for good or until it expires; returns what of it is left after what the account owes was paid."""
    now_ms = database.now_ms()
    with database.write() as connection:
        if expires_at_ms is None:
            return top_up(connection, account_id, amount, "BONUS", note, now_ms)
        return grant_promo(connection, account_id, amount, now_ms, expires_at_ms, note)


def adjust(database: Database, account_id: int, change: int, reason: str) -> None:
    """Correct a balance; what is taken must be free. Raises `CannotTake`."""
    now_ms = database.now_ms()
    with database.write() as connection:
        if change > 0:
            top_up(connection, account_id, Credits(change), "ADJUSTMENT", reason, now_ms)
            return
        wanted = Credits(-change)
        free = Credits(max(0, free_of(connection, account_id, now_ms)))
        if free < wanted:
            raise CannotTake(wanted, free, Credits(balance_of(connection, account_id) - free))
        move(connection, now_ms, account_id, WORLD_ACCOUNT, wanted, "ADJUSTMENT", reason, now_ms)


def expire(database: Database, account_id: int | None) -> dict[int, Credits]:
    """Take back what is due of one account's promotions, or of all; return what went, by account."""
    now_ms = database.now_ms()
    with database.read() as connection:
        due = select(promos.c.account_id).where(promos.c.remaining > 0, promos.c.expires_at_ms <= now_ms)
        if account_id is not None:
            due = due.where(promos.c.account_id == account_id)
        found = list(connection.scalars(due.distinct().order_by(promos.c.account_id)))
    went: dict[int, Credits] = {}
    for one in found:
        with database.write() as connection:
            if amount := expire_promos(connection, one, now_ms):
                went[one] = amount
    return went
