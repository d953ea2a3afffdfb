"""A ledger store that counts how calls end."""

from collections.abc import Callable
from typing import Protocol

from modelport.core.counters import Counters
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.records import CallRecord, Receipt
from modelport.ledger.store import Ended, LedgerStore, Settlement

_CLASSES = ("", "1xx", "2xx", "3xx", "4xx", "5xx")


class _Settle(Protocol):
    """What `LedgerStore.settle` is called with."""

    def __call__(self, settlement: Settlement, ended: Ended) -> None: ...


class CountedLedger:
    """Passes everything on to another store, counts what it has committed, and shows the rows to `seen`."""

    def __init__(
        self, store: LedgerStore, counters: Counters, seen: Callable[[CallRecord], None] = lambda _: None
    ) -> None:
        self.borrow, self.renew, self.free_hour = store.borrow, store.renew, store.free_hour
        self.balance, self.move = store.balance, store.move
        self.settle = _counted(store.settle, counters, seen)
        self._store = store

    @property
    def trouble(self) -> StoreUnavailable | None:
        """Why nothing can be written now; None when it can."""
        return self._store.trouble


def _counted(settle: _Settle, counters: Counters, seen: Callable[[CallRecord], None]) -> _Settle:
    """Have settlements counted once they are committed, by closures: each call pays for it, and they cost least."""
    calls = counters.counter(
        "modelport_calls_total", "Calls that have a row, by the class of their status.", "status", _CLASSES[2:]
    ).counts
    short = counters.counter(
        "modelport_settlements_short_total", "Calls whose account could not pay all of their cost."
    )
    house = counters.counter("modelport_settlements_on_house_total", "Calls whose whole cost the house bore.")

    def settle_counted(settlement: Settlement, ended: Ended) -> None:
        def counted(outcome: Receipt | Exception) -> None:
            if isinstance(outcome, Receipt):
                calls[_CLASSES[settlement.record.http_status // 100]] += 1
                seen(settlement.record)
                if outcome.on_house:
                    (short if outcome.billing_status == "short" else house).add()
            ended(outcome)

        settle(settlement, counted)

    return settle_counted
