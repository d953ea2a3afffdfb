"""Processes that serve calls on one store, and die in the middle of it."""

import asyncio
from typing import Literal

from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.records import CallRecord, Receipt
from modelport.ledger.store import Ended, LedgerStore, Settlement
from tests.ledger.notes import Open
from tests.twins.ledger import Vault, VaultLedger

Loss = Literal["question", "answer"]
"""What of a commit on its way is lost with its process: it never reaches the store, or nobody hears that it did."""


class Wire:
    """The way from a process to its store, which can be cut."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self.borrow, self.renew, self.free_hour = store.borrow, store.renew, store.free_hour
        self.balance, self.move = store.balance, store.move
        self.loses: Loss | None = None
        self.asked = asyncio.Event()
        """Set when a settlement was lost, or its answer will be."""
        self.unheard: asyncio.Future[Receipt | Exception] = asyncio.get_running_loop().create_future()
        """What the process did not hear."""

    @property
    def trouble(self) -> StoreUnavailable | None:
        """Why nothing can be written now."""
        return self._store.trouble

    def settle(self, settlement: Settlement, ended: Ended) -> None:
        """Pass a settlement on, or lose it."""
        if self.loses is None:
            self._store.settle(settlement, ended)
            return
        if self.loses == "answer":
            self._store.settle(settlement, self.unheard.set_result)
        self.asked.set()


async def die_settling(one: Open, record: CallRecord, loses: Loss) -> None:
    """End a call's process while its settlement is under way; returns once nothing of that can happen any more."""
    wire = one.book.store
    assert isinstance(wire, Wire)
    wire.loses = loses
    settling = asyncio.create_task(one.hold.settle(record))
    await wire.asked.wait()
    if loses == "answer":
        outcome = await wire.unheard
        assert isinstance(outcome, Receipt), outcome
    settling.cancel()
    await asyncio.wait([settling])
    await die(one.book)


async def die(book: Book) -> None:
    """End a process without letting it put anything right."""
    book.store = VaultLedger(Vault(), "nobody")
    await book.__aexit__(None, None, None)


async def settle_again(store: LedgerStore, record: CallRecord) -> Receipt | Exception:
    """Commit a call, whoever has done that before; returns what came of it."""
    ended: asyncio.Future[Receipt | Exception] = asyncio.get_running_loop().create_future()
    charged = Credits(record.cost_credits)
    store.settle(Settlement(record, None, charged, Credits(0)), ended.set_result)
    return await ended
