"""The same ledger twice: in memory and on SQLite, with what tests need around it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

from modelport.core.credits import Credits
from modelport.ledger.records import WORLD_ACCOUNT, CallRecord
from modelport.ledger.store import LedgerStore
from modelport.storage.accounts import Accounts
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.ledger import Ledger, open_writer, reclaim_all
from modelport.storage.moves import balance_of, top_up
from tests.twins.clock import StoppedClock
from tests.twins.database import fresh_database
from tests.twins.ledger import Vault, VaultLedger

KINDS = ("twin", "sqlite")


class World(Protocol):
    """A place where money is kept."""

    clock: StoppedClock

    async def process(self, owner: str) -> LedgerStore:
        """Open the store as a process of that name."""
        ...

    def account(self, credit: int) -> int:
        """Make an account with so much money."""
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

    def reclaim(self) -> None:
        """End every slice, as a new start does."""
        ...

    def problems(self) -> list[str]:
        """Say what does not add up."""
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

    def balance(self, account_id: int) -> int:
        return self.vault.balance(account_id)

    def free(self, account_id: int) -> int:
        return self.vault.free(account_id)

    def rows(self) -> int:
        return len(self.vault.requests)

    def charged(self, account_id: int) -> int:
        return sum(paid.charged for record, paid in self.vault.requests.values() if record.account_id == account_id)

    def top_up(self, account_id: int, credit: int) -> None:
        self.vault.entries.append(("PAYMENT", WORLD_ACCOUNT, account_id, credit))

    def reclaim(self) -> None:
        self.vault.allotments.clear()

    def problems(self) -> list[str]:
        vault = self.vault
        found = [
            f"account {account_id}: balance {vault.balance(account_id)}, free {vault.free(account_id)}"
            for account_id in range(3, self._last_account + 1)
            if vault.balance(account_id) < 0 or vault.free(account_id) < 0
        ]
        rows = sum(paid.charged + paid.on_house for _, paid in vault.requests.values())
        entered = sum(amount for kind, _, _, amount in vault.entries if kind == "MODEL_USAGE")
        return found if rows == entered else [*found, f"rows say {rows}, entries {entered}"]


class SqliteWorld:
    """A database file."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.clock = StoppedClock()
        self.database = fresh_database(folder, self.clock)
        self._stack = stack
        stack.callback(self.database.close)
        self._accounts = Accounts(self.database)

    async def process(self, owner: str) -> LedgerStore:
        database = Database(self.database.url, clock=self.clock)
        self._stack.callback(database.close)
        return Ledger(database, await self._stack.enter_async_context(open_writer(database)), owner)

    def account(self, credit: int) -> int:
        name = f"account {len(self._accounts.all())}"
        return self._accounts.create(name, "", Credits(credit), self.clock.now_ms()).id

    def balance(self, account_id: int) -> int:
        with self.database.read() as connection:
            return balance_of(connection, account_id)

    def free(self, account_id: int) -> int:
        return self.balance(account_id) - self._sum(
            "SELECT SUM(credits) FROM allotments WHERE account_id = ? AND expires_at_ms > ?",
            account_id,
            self.clock.now_ms(),
        )

    def rows(self) -> int:
        return self._sum("SELECT COUNT(*) FROM requests")

    def charged(self, account_id: int) -> int:
        return self._sum("SELECT SUM(charged_credits) FROM requests WHERE account_id = ?", account_id)

    def top_up(self, account_id: int, credit: int) -> None:
        now = self.clock.now_ms()
        with self.database.write() as connection:
            top_up(connection, account_id, Credits(credit), "PAYMENT", None, now)

    def _sum(self, query: str, *parameters: int) -> int:
        with self.database.read() as connection:
            return connection.exec_driver_sql(query, parameters).scalar_one() or 0

    def reclaim(self) -> None:
        reclaim_all(self.database)

    def problems(self) -> list[str]:
        return check_books(self.database)


@asynccontextmanager
async def open_world(kind: str, folder: Path) -> AsyncIterator[World]:
    """Make a world; whatever was opened in it is closed with it."""
    async with AsyncExitStack() as stack:
        yield TwinWorld() if kind == "twin" else SqliteWorld(folder, stack)


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
