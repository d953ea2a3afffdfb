"""A database with calls that were really settled: what reports, replays, exports and sweeps are tested on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from modelport.core.credits import Credits
from modelport.core.ids import IdSource
from modelport.keys.issue import KeyHasher, KeyIssuer
from modelport.keys.key import Key
from modelport.ledger.records import CallRecord
from modelport.ledger.store import LedgerStore, Settlement, Slice
from modelport.storage.accounts import Accounts
from modelport.storage.database import Database
from modelport.storage.keys import Keys
from tests.twins.clock import StoppedClock
from tests.twins.worlds import DATABASES, World, call, open_world

STORES = DATABASES
"""The worlds that are databases."""
RATE = 1_000_000_000_000
"""One credit for each unit."""


@dataclass
class Booked:
    """Accounts with keys, and calls of theirs."""

    world: World
    database: Database
    store: LedgerStore
    clock: StoppedClock

    def __post_init__(self) -> None:
        self.new_id = IdSource(self.clock.now_ms)
        self.issuer = KeyIssuer(Keys(self.database), KeyHasher([(1, b"a secret of the server, 32 bytes.")]))

    def account(self, name: str, credit: int = 1_000_000) -> int:
        """Make an account with money."""
        return Accounts(self.database).create(name, f"{name}@example.org", Credits(credit), self.clock.now_ms()).id

    def key(self, account_id: int, *, is_management: bool = False) -> Key:
        """Make a key of an account."""
        return self.issuer.issue(account_id, self.clock.now_ms(), is_management=is_management)[0]

    async def settle(self, *settlements: Settlement) -> None:
        """Settle in one go and wait for all."""
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in settlements]
        for settlement, future in zip(settlements, futures, strict=True):
            self.store.settle(settlement, future.set_result)
        for outcome in await asyncio.gather(*futures):
            if isinstance(outcome, Exception):
                raise outcome

    def record(self, key: Key, cost: int = 7, **changed: object) -> CallRecord:
        """Make the record of a call that begins now."""
        facts: dict[str, object] = {
            "inference_id": self.new_id(),
            "key_id": key.id,
            "key_prefix": key.prefix,
            "created_at_ms": self.clock.now_ms(),
            "usage": {"output": cost} if cost else {},
            "rates": {"output": RATE} if cost else {},
        }
        return call(key.account_id, cost, **(facts | changed))

    async def calls(self, *records: CallRecord, lent: Slice | None = None) -> Sequence[CallRecord]:
        """Settle calls that the account pays, out of a slice if there is one, or the house where the record says so."""
        await self.settle(
            *(
                Settlement(
                    record,
                    lent,
                    Credits(0 if record.is_on_house else record.cost_credits),
                    Credits(record.cost_credits if record.is_on_house else 0),
                )
                for record in records
            )
        )
        return records

    def execute(self, statement: str) -> None:
        """Change the database behind everybody's back."""
        with self.database.write() as connection:
            connection.exec_driver_sql(statement)

    def scalar(self, query: str) -> object:
        """Look at one value."""
        with self.database.read() as connection:
            return connection.exec_driver_sql(query).scalar()


@asynccontextmanager
async def open_booked(kind: str, folder: Path) -> AsyncIterator[Booked]:
    """Open an empty database of a kind."""
    async with open_world(kind, folder) as world:
        database: Database = world.database  # type: ignore[attr-defined]
        yield Booked(world, database, await world.process("a"), world.clock)
