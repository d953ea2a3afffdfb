"""Money in the database."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select

from modelport.core.credits import NO_CREDITS, Credits
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.records import EntryKind
from modelport.ledger.store import Ended, FreeHour, Fund, Loan, Renewal, Settlement, Slice
from modelport.storage.database import Database
from modelport.storage.moves import balance_of, move
from modelport.storage.promos import give_free_hour
from modelport.storage.sweeping import CHANGES_KEPT_MS
from modelport.storage.tables import allotments, changes, key_allotments, key_spend
from modelport.storage.teller import JOB, Teller
from modelport.storage.writer import Writer

LEASE_S = 5.0
"""How long a slice lives after it was last renewed."""


class Ledger:
    """The `LedgerStore` of one process on a database; `owner` names the process and must be new at each start."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        owner: str,
        lease_s: float = LEASE_S,
        free_per_hour: Credits = NO_CREDITS,
    ) -> None:
        self._database = database
        self._writer = writer
        self._owner = owner
        self._lease_ms = int(lease_s * 1000)
        self._free_per_hour = free_per_hour

    @property
    def trouble(self) -> StoreUnavailable | None:
        """Why nothing can be written now; None when it can."""
        return self._writer.trouble

    def settle(self, settlement: Settlement, ended: Ended) -> None:
        """Commit a call's row and entries, then call `ended` once on the event loop."""
        self._writer.settle(settlement, ended)

    async def borrow(self, fund: Fund, least: Credits, want: Credits) -> Loan:
        """Add between `least` and `want` of what is free in the fund to this process's slice, or nothing."""

        def work(teller: Teller) -> Loan:
            return teller.borrow(self._owner, fund, least, want, self._lease_ms)

        return await self._writer.run_quick(work)

    async def renew(self, renewals: Sequence[Renewal], returned: Sequence[Slice] = ()) -> Sequence[Slice]:
        """Extend the expiry of slices and return whole others to their funds; say which had lapsed."""

        def work(teller: Teller) -> Sequence[Slice]:
            return teller.renew(renewals, returned, self._lease_ms)

        return await self._writer.run_quick(work)

    async def free_hour(self, account_id: int) -> FreeHour:
        """Give an account that never paid what it may use this hour for nothing, once."""
        if not self._free_per_hour:
            return "none"

        def work(connection: Connection) -> FreeHour:
            return give_free_hour(connection, account_id, self._free_per_hour, self._database.now_ms())

        return await self._writer.run(work)

    async def balance(self, account_id: int) -> Credits:
        """Return the sum of the account's entries, whatever is lent or held."""

        def read() -> Credits:
            with self._database.read() as connection:
                return balance_of(connection, account_id)

        return await asyncio.to_thread(read)

    async def move(
        self, source: int, target: int, amount: Credits, kind: EntryKind, reference_id: str | None, at_ms: int
    ) -> None:
        """Enter one balanced pair; raises `InsufficientFunds` when `source` may not go that low."""

        def work(connection: Connection) -> None:
            move(connection, self._database.now_ms(), source, target, amount, kind, reference_id, at_ms)

        await self._writer.run(work)


def spent_since(connection: Connection, key_id: int, since_day: int) -> Credits:
    """Sum what a key was charged from a UTC day on."""
    total = connection.scalar(
        select(func.coalesce(func.sum(key_spend.c.credits), 0)).where(
            key_spend.c.key_id == key_id, key_spend.c.day >= since_day
        )
    )
    return Credits(int(total or 0))


def reclaim_all(database: Database) -> int:
    """End every slice of a process and forget old changes, for a start that holds the data folder alone.

    Returns how many ended.
    """
    with database.write() as connection:
        ended = sum(
            connection.execute(delete(table).where(~table.c.owner.startswith(JOB))).rowcount
            for table in (allotments, key_allotments)
        )
        connection.execute(delete(changes).where(changes.c.at_ms < database.now_ms() - CHANGES_KEPT_MS))
        return ended
