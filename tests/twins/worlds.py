"""The same ledger twice: in memory and on SQLite, with what tests need around it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from modelport.core.clock import Clock
from modelport.core.credits import Credits
from modelport.keys.key import Limit
from modelport.keys.store import KeyTerms, NewKey
from modelport.ledger.budget import KeyBudget, Period
from modelport.ledger.records import WORLD_ACCOUNT, CallRecord
from modelport.ledger.store import Fund, LedgerStore
from modelport.storage.accounts import Accounts
from modelport.storage.books import check_books
from modelport.storage.database import Database, sqlite_url
from modelport.storage.keys import Keys
from modelport.storage.ledger import Ledger, reclaim_all
from modelport.storage.moves import balance_of, owed_by, take_back, top_up
from modelport.storage.tables import keys
from modelport.storage.writer import Writer
from tests.twins.clock import StoppedClock
from tests.twins.database import fresh_database
from tests.twins.ledger import Vault, VaultLedger
from tests.twins.surveys import Survey, survey_database, survey_vault

POSTGRES = pytest.param("postgres", marks=pytest.mark.debian("postgresql"))
DATABASES = ("sqlite", POSTGRES)
KINDS = ("twin", *DATABASES)


class World(Protocol):
    """A place where money is kept."""

    clock: StoppedClock

    async def process(self, owner: str) -> LedgerStore:
        """Open the store as a process of that name."""
        ...

    def account(self, credit: int) -> int:
        """Make an account with so much money."""
        ...

    def key(self, account_id: int, threshold: int, period: Period = "no_reset") -> KeyBudget:
        """Make a key that may spend so much in each period."""
        ...

    def limit(self, key: KeyBudget, threshold: int) -> None:
        """Change what a key may spend."""
        ...

    def balance(self, account_id: int) -> int:
        """Say what an account has."""
        ...

    def free(self, account_id: int) -> int:
        """Say what of it is lent to nobody."""
        ...

    def rows(self) -> int:
        """Count the calls that have a row."""
        ...

    def charged(self, account_id: int) -> int:
        """Sum what the rows of an account's calls say it paid."""
        ...

    def top_up(self, account_id: int, credit: int) -> None:
        """Bring money in."""
        ...

    def take_back(self, account_id: int, credit: int) -> None:
        """Return money that had come in, after a refund or a dispute."""
        ...

    def owed(self, account_id: int) -> int:
        """Say what an account owes."""
        ...

    def reclaim(self) -> None:
        """End every slice, as a new start does."""
        ...

    def problems(self) -> list[str]:
        """Say what does not add up."""
        ...

    def survey(self) -> Survey:
        """Look at all that is written of money."""
        ...


class TwinWorld:
    """Everything in memory."""

    def __init__(self) -> None:
        self.clock = StoppedClock()
        self.vault = Vault(self.clock)
        self._last_account = 2

    async def process(self, owner: str) -> LedgerStore:
        return VaultLedger(self.vault, owner)

    def account(self, credit: int) -> int:
        self._last_account += 1
        if credit:
            self.vault.entries.append(("INIT", WORLD_ACCOUNT, self._last_account, credit))
        return self._last_account

    def key(self, account_id: int, threshold: int, period: Period = "no_reset") -> KeyBudget:
        key_id = len(self.vault.thresholds) + 1
        self.vault.thresholds[key_id] = threshold
        return KeyBudget(key_id, period)

    def limit(self, key: KeyBudget, threshold: int) -> None:
        self.vault.thresholds[key.key_id] = threshold

    def balance(self, account_id: int) -> int:
        return self.vault.balance(account_id)

    def free(self, account_id: int) -> int:
        return self.vault.free(Fund(account_id))

    def rows(self) -> int:
        return len(self.vault.requests)

    def charged(self, account_id: int) -> int:
        return sum(paid.charged for record, paid in self.vault.requests.values() if record.account_id == account_id)

    def top_up(self, account_id: int, credit: int) -> None:
        self.vault.top_up(account_id, credit)

    def take_back(self, account_id: int, credit: int) -> None:
        self.vault.take_back(account_id, credit)

    def owed(self, account_id: int) -> int:
        return self.vault.owed[account_id]

    def reclaim(self) -> None:
        self.vault.allotments.clear()

    def problems(self) -> list[str]:
        vault = self.vault
        found = [
            f"account {account_id}: balance {vault.balance(account_id)}, free {vault.free(Fund(account_id))}"
            for account_id in range(3, self._last_account + 1)
            if vault.balance(account_id) < 0 or vault.free(Fund(account_id)) < 0
        ]
        rows = sum(paid.charged + paid.on_house for _, paid in vault.requests.values())
        entered = sum(amount for kind, _, _, amount in vault.entries if kind == "MODEL_USAGE")
        return found if rows == entered else [*found, f"rows say {rows}, entries {entered}"]

    def survey(self) -> Survey:
        return survey_vault(self.vault)


class StoredWorld:
    """A database: a file, or a server's."""

    def __init__(self, database: Database, clock: StoppedClock, stack: AsyncExitStack) -> None:
        self.clock = clock
        self.database = database
        self._stack = stack
        stack.callback(self.database.close)
        self._accounts = Accounts(self.database)

    async def process(self, owner: str) -> LedgerStore:
        database = Database(self.database.url, clock=self.clock)
        self._stack.callback(database.close)
        return Ledger(database, await self._stack.enter_async_context(Writer(database)), owner)

    def account(self, credit: int) -> int:
        name = f"account {len(self._accounts.all())}"
        return self._accounts.create(name, "", Credits(credit), self.clock.now_ms()).id

    def key(self, account_id: int, threshold: int, period: Period = "no_reset") -> KeyBudget:
        limit = Limit(period, Credits(threshold))
        prefix = uuid4().hex[:8]
        made = Keys(self.database).add(
            NewKey(account_id, prefix, prefix.encode(), False, KeyTerms(limit=limit)), self.clock.now_ms()
        )
        assert made is not None
        return KeyBudget(made.id, period)

    def limit(self, key: KeyBudget, threshold: int) -> None:
        with self.database.write() as connection:
            connection.execute(update(keys).where(keys.c.id == key.key_id).values(limit_credits=threshold))

    def balance(self, account_id: int) -> int:
        with self.database.read() as connection:
            return balance_of(connection, account_id)

    def free(self, account_id: int) -> int:
        return self.balance(account_id) - self._sum(
            "SELECT SUM(credits) FROM allotments WHERE account_id = :account AND expires_at_ms > :now",
            account=account_id,
            now=self.clock.now_ms(),
        )

    def rows(self) -> int:
        return self._sum("SELECT COUNT(*) FROM requests")

    def charged(self, account_id: int) -> int:
        return self._sum("SELECT SUM(charged_credits) FROM requests WHERE account_id = :account", account=account_id)

    def top_up(self, account_id: int, credit: int) -> None:
        now = self.clock.now_ms()
        with self.database.write() as connection:
            top_up(connection, account_id, Credits(credit), "PAYMENT", None, now)

    def take_back(self, account_id: int, credit: int) -> None:
        now = self.clock.now_ms()
        with self.database.write() as connection:
            take_back(connection, now, account_id, Credits(credit), "refund", now)

    def owed(self, account_id: int) -> int:
        with self.database.read() as connection:
            return owed_by(connection, account_id)

    def _sum(self, query: str, **parameters: int) -> int:
        with self.database.read() as connection:
            return int(connection.execute(text(query), parameters).scalar_one() or 0)

    def reclaim(self) -> None:
        reclaim_all(self.database)

    def problems(self) -> list[str]:
        return check_books(self.database)

    def survey(self) -> Survey:
        return survey_database(self.database)


@asynccontextmanager
async def open_world(kind: str, folder: Path) -> AsyncIterator[World]:
    """Make a world; whatever was opened in it is closed with it."""
    async with AsyncExitStack() as stack:
        if kind == "twin":
            yield TwinWorld()
            return
        clock = StoppedClock()
        yield StoredWorld(open_database(kind, folder, stack, clock), clock, stack)


def open_database(kind: str, folder: Path, stack: AsyncExitStack | ExitStack, clock: Clock | None = None) -> Database:
    """Open a new database of the newest schema; it ends with the stack, the caller closes it."""
    if kind == "sqlite":
        return fresh_database(folder, clock)
    from tests.twins.postgres import fresh_postgres, give_back

    url = fresh_postgres()
    stack.callback(give_back, url)
    return Database(url, clock=clock)


@contextmanager
def blank(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a database without a schema."""
    if kind == "sqlite":
        yield sqlite_url(folder)
        return
    from tests.twins.postgres import blank_postgres

    with blank_postgres() as url:
        yield url


@contextmanager
def opened(kind: str, folder: Path, *accounts: str, clock: Clock | None = None) -> Iterator[Database]:
    """Open a new database with accounts of those names, the first of which is number three."""
    with ExitStack() as stack:
        database = open_database(kind, folder, stack, clock)
        stack.callback(database.close)
        for name in accounts:
            Accounts(database).create(name, "", Credits(0), 0)
        yield database


def call(account_id: int, cost: int, number: int | str = 0, **changed: object) -> CallRecord:
    """Make the record of a call that went well."""
    facts: dict[str, object] = {
        "inference_id": f"call-{number:>016}",
        "request_id": "request",
        "client_request_id": None,
        "account_id": account_id,
        "key_id": 1,
        "key_prefix": "0123abcd",
        "created_at_ms": StoppedClock().at_ms,
        "duration_ms": 12,
        "first_byte_ms": 5,
        "endpoint": "/v1/chat/completions",
        "origin": "api",
        "model": "acme/large",
        "provider": "acme",
        "upstream_model": "large",
        "is_streaming": False,
        "status": "succeeded",
        "http_status": 200,
        "error": None,
        "usage": {"output": cost},
        "usage_source": "provider",
        "rates": {"output": 1_000_000_000_000},
        "cost_credits": cost,
        "is_on_house": False,
        "attempts": (),
        "dropped": (),
    }
    return CallRecord(**(facts | changed))  # type: ignore[arg-type]
