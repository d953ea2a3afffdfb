"""Accounts in the database."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from modelport.accounts.account import Account, AccountExists, UnknownAccount
from modelport.core.credits import Credits
from modelport.core.pace import Pace, pace_of
from modelport.storage.changes import note_change
from modelport.storage.database import Database
from modelport.storage.moves import top_up
from modelport.storage.tables import accounts, balances

_PACE = ("requests_per_minute", "tokens_per_minute", "concurrent_calls")
_SHOWN = accounts.c["id", "name", "email", "created_at_ms", *_PACE]
_IS_CUSTOMER = and_(accounts.c.kind == "customer", accounts.c.erased_at_ms.is_(None))


class Accounts:
    """The `AccountStore` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, email: str, credit: Credits, at_ms: int) -> Account:
        """Add an account, with an `INIT` entry if it starts with credit; raises `AccountExists`."""
        try:
            with self._database.write() as connection:
                made = connection.execute(
                    insert(accounts)
                    .values(name=name, email=email, kind="customer", created_at_ms=at_ms)
                    .returning(accounts.c.id)
                )
                account_id: int = made.scalar_one()
                connection.execute(insert(balances).values(account_id=account_id, credits=0))
                note_change(connection, "account", str(account_id), at_ms)
                if credit:
                    top_up(connection, account_id, credit, "INIT", None, at_ms)
        except IntegrityError as error:
            raise AccountExists(name) from error
        return Account(account_id, name, email, at_ms)

    def by_name(self, name: str) -> Account:
        """Return the account of that name; raises `UnknownAccount`."""
        return self._one(accounts.c.name == name, name)

    def by_id(self, account_id: int) -> Account:
        """Return the account of that id; raises `UnknownAccount`."""
        return self._one(accounts.c.id == account_id, str(account_id))

    def all(self) -> list[Account]:
        """Return all accounts that were not erased, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(*_SHOWN).where(_IS_CUSTOMER).order_by(accounts.c.id)).all()
        return [_account(row) for row in rows]

    def limit(self, account_id: int, bounds: Pace, at_ms: int) -> Account:
        """Set what bounds the calls of the account's keys together; raises `UnknownAccount`."""
        with self._database.write() as connection:
            connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, _IS_CUSTOMER)
                .values(
                    requests_per_minute=bounds.requests_per_minute,
                    tokens_per_minute=bounds.tokens_per_minute,
                    concurrent_calls=bounds.concurrent_calls,
                )
            )
            note_change(connection, "account", str(account_id), at_ms)
            return _found(connection, accounts.c.id == account_id, str(account_id))

    def _one(self, condition: ColumnElement[bool], named: str) -> Account:
        with self._database.read() as connection:
            return _found(connection, condition, named)


def _found(connection: Connection, condition: ColumnElement[bool], named: str) -> Account:
    row = connection.execute(select(*_SHOWN).where(condition, _IS_CUSTOMER)).first()
    if row is None:
        raise UnknownAccount(named)
    return _account(row)


def _account(row: Row[Any]) -> Account:
    return Account(row.id, row.name, row.email, row.created_at_ms, pace_of(*row[-len(_PACE) :]))
