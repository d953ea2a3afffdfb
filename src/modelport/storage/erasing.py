"""Erases who an account was; what it spent stays, without a name, since it is accounts."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, select, tuple_, update

from modelport.core.credits import Credits, usd_text
from modelport.core.errors import Problem
from modelport.ledger.records import WORLD_ACCOUNT
from modelport.storage.changes import note_change
from modelport.storage.database import Database
from modelport.storage.moves import balance_of, enter, free_of, is_lent, repay
from modelport.storage.tables import (
    accounts,
    allotments,
    auto_top_ups,
    jobs,
    keys,
    payment_customers,
    promos,
    requests,
    responses,
    webhook_seeds,
)

_DIGEST_BYTES = 33
_AT_ONCE = 100
_LOOKED_AT_ONCE = 1000
_REFERENCE = "erased"
"""Under which what an account gives up is entered."""


class BalanceLeft(Problem):
    """The account still has money, which nobody said may be given up."""

    def __init__(self, name: str, balance: Credits) -> None:
        super().__init__(
            f"the account '{name}' still has {usd_text(balance)} USD: use it up first, or give it up with --forfeit"
        )


class CallsUnderWay(Problem):
    """Calls of the account have not ended, or a server still keeps some of its money at hand for them."""

    def __init__(self, name: str, held: Credits) -> None:
        super().__init__(
            f"the keys of '{name}' no longer work, but calls that began before still hold {usd_text(held)} USD of its "
            "balance: run it again in some seconds to finish"
        )


@dataclass(frozen=True, slots=True)
class Erasable:
    """An account by what it is called now."""

    id: int
    name: str
    is_erased: bool


@dataclass(slots=True)
class Erased:
    """What was done."""

    name: str
    """What the account is called from now on."""
    keys: int = 0
    responses: int = 0
    rows: int = 0
    forfeited: Credits = field(default_factory=lambda: Credits(0))
    files: int = 0


def erasable(database: Database, name: str) -> Erasable | None:
    """Find a customer's account, an erased one as well."""
    query = select(accounts.c.id, accounts.c.name, accounts.c.erased_at_ms.is_not(None))
    with database.read() as connection:
        found = connection.execute(query.where(accounts.c.name == name, accounts.c.kind == "customer")).first()
    return None if found is None else Erasable(found[0], found[1], bool(found[2]))


def no_files() -> int:
    """Stand for an account that cannot have files."""
    return 0


def erase(
    database: Database,
    account: Erasable,
    *,
    forfeit: bool,
    pause: Callable[[], None],
    forget_files: Callable[[], int] = no_files,
) -> Erased:
    """Erase an account in short steps, with a pause after each, so that others can write in between.

    Can be done again at any time: it goes on where it was interrupted. Its keys stop working first, its name goes last,
    so that it can be called by it until all is done. Raises `BalanceLeft` (nothing was changed) or `CallsUnderWay`.
    """
    done = Erased(account.name)
    with database.write() as connection:
        if not forfeit and (balance := balance_of(connection, account.id)):
            raise BalanceLeft(account.name, balance)
        done.keys = _silence(connection, account, database.now_ms())
    pause()
    with database.write() as connection:
        done.forfeited = _forfeit(connection, account, database.now_ms()) if forfeit else Credits(0)
    with database.write() as connection:
        _refuse_open(connection, account, database.now_ms())
    done.files = forget_files()
    done.responses = _forget_responses(database, account.id, pause)
    _forget_jobs(database, account.id, pause)
    done.rows = _blank_rows(database, account.id, pause)
    with database.write() as connection:
        _refuse_open(connection, account, database.now_ms())
        done.name = _unname(connection, account, database.now_ms())
    return done


def _silence(connection: Connection, account: Erasable, now_ms: int) -> int:
    """Make every key unusable and unrecognisable, and forget how to charge a card and what signs its webhooks."""
    owned = list(connection.scalars(select(keys.c.id).where(keys.c.account_id == account.id)))
    for key_id in owned:
        gone = {"is_deleted": True, "is_disabled": True, "updated_at_ms": now_ms}
        gone |= dict.fromkeys(("name", "ip_ranges", "webhook_url"))
        digest = os.urandom(_DIGEST_BYTES)
        connection.execute(update(keys).where(keys.c.id == key_id).values(digest=digest, **gone))
        note_change(connection, "key", str(key_id), now_ms)
    for table in (auto_top_ups, payment_customers, webhook_seeds):
        connection.execute(delete(table).where(table.c.account_id == account.id))
    note_change(connection, "account", str(account.id), now_ms)
    return len(owned)


def _forfeit(connection: Connection, account: Erasable, now_ms: int) -> Credits:
    """Pay what the account owes, and move what is left to the world; what calls hold stays."""
    repay(connection, now_ms, account.id, now_ms)
    free = Credits(max(0, free_of(connection, account.id, now_ms)))
    if free:
        enter(connection, account.id, WORLD_ACCOUNT, free, "ADJUSTMENT", _REFERENCE, now_ms)
        note_change(connection, "credits", str(account.id), now_ms)
    if not balance_of(connection, account.id):
        connection.execute(update(promos).where(promos.c.account_id == account.id).values(remaining=0, note=None))
    return free


def _refuse_open(connection: Connection, account: Erasable, now_ms: int) -> None:
    """Raise `CallsUnderWay` while anything is left or lent; locks the balance until the transaction ends."""
    free_of(connection, account.id, now_ms)
    balance = balance_of(connection, account.id)
    lent = select(func.count()).where(allotments.c.account_id == account.id, is_lent(connection, now_ms))
    if balance or connection.scalar(lent):
        raise CallsUnderWay(account.name, balance)


def _forget_responses(database: Database, account_id: int, pause: Callable[[], None]) -> int:
    """Delete kept responses of the account, going through the ids of all; return how many."""
    last, total = "", 0
    while True:
        page = select(responses.c.id, responses.c.account_id).where(responses.c.id > last).order_by(responses.c.id)
        with database.read() as connection:
            found = connection.execute(page.limit(_LOOKED_AT_ONCE)).all()
        ours = [row.id for row in found if row.account_id == account_id]
        for start in range(0, len(ours), _AT_ONCE):
            some = responses.c.id.in_(ours[start : start + _AT_ONCE])
            with database.write() as connection:
                total += connection.execute(delete(responses).where(some)).rowcount
            pause()
        if len(found) < _LOOKED_AT_ONCE:
            return total
        last = found[-1].id


def _forget_jobs(database: Database, account_id: int, pause: Callable[[], None]) -> None:
    """Delete jobs of the account that have ended: what was asked, and what was made of it."""
    ended = select(jobs.c.id).where(jobs.c.account_id == account_id, jobs.c.ended_at_ms.is_not(None)).limit(_AT_ONCE)
    while True:
        with database.write() as connection:
            gone = connection.execute(delete(jobs).where(jobs.c.id.in_(ended))).rowcount
        pause()
        if gone < _AT_ONCE:
            return


def _blank_rows(database: Database, account_id: int, pause: Callable[[], None]) -> int:
    """Take the ids that callers know from the account's request rows; return how many rows had some."""
    with database.read() as connection:
        owned = list(connection.scalars(select(keys.c.id).where(keys.c.account_id == account_id)))
    return sum(_blank_rows_of(database, key_id, pause) for key_id in owned)


def _blank_rows_of(database: Database, key_id: int, pause: Callable[[], None]) -> int:
    moment, name = requests.c.created_at_ms, requests.c.inference_id
    last: tuple[int, str] = (0, "")
    total = 0
    while True:
        page = (
            select(moment, name, requests.c.request_id, requests.c.client_request_id)
            .where(requests.c.key_id == key_id, moment >= last[0], tuple_(moment, name) > last)
            .order_by(moment, name)
            .limit(_AT_ONCE)
        )
        with database.read() as connection:
            found = connection.execute(page).all()
        named = [row.inference_id for row in found if row.request_id or row.client_request_id is not None]
        if named:
            blank = update(requests).where(name.in_(named)).values(request_id="", client_request_id=None)
            with database.write() as connection:
                total += connection.execute(blank).rowcount
            pause()
        if len(found) < _AT_ONCE:
            return total
        last = (found[-1].created_at_ms, found[-1].inference_id)


def _unname(connection: Connection, account: Erasable, now_ms: int) -> str:
    """Give the account a name that says nothing, and note when; what it is called is returned."""
    if account.is_erased:
        return account.name
    name = f"erased-{account.id}"
    if connection.scalar(select(accounts.c.id).where(accounts.c.name == name)) is not None:
        name = f"{name}-{os.urandom(4).hex()}"  # somebody chose to be called that
    connection.execute(
        update(accounts).where(accounts.c.id == account.id).values(name=name, email="", erased_at_ms=now_ms)
    )
    note_change(connection, "account", str(account.id), now_ms)
    return name
