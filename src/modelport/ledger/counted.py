"""A ledger store that counts how calls end."""

from functools import partial

from modelport.core.counters import Counters
from modelport.ledger.records import Receipt
from modelport.ledger.store import Ended, LedgerStore, Settlement

_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


class CountedLedger:
    """Passes everything on to another store, and counts what it has committed."""

    def __init__(self, store: LedgerStore, counters: Counters) -> None:
        self.borrow, self.renew, self.free_hour = store.borrow, store.renew, store.free_hour
        self.balance, self.move = store.balance, store.move
        self._settle = store.settle
        self._calls = counters.counter(
            "modelport_calls_total", "Calls that have a row, by the class of their status.", "status", _CLASSES[1:]
        ).counts
        self._short = counters.counter(
            "modelport_settlements_short_total", "Calls whose account could not pay all of their cost."
        )
        self._house = counters.counter("modelport_settlements_on_house_total", "Calls whose whole cost the house bore.")

    def settle(self, settlement: Settlement, ended: Ended) -> None:
        """As `LedgerStore.settle`."""
        self._settle(settlement, partial(self._ended, settlement.record.http_status, ended))

    def _ended(self, http_status: int, ended: Ended, outcome: Receipt | Exception) -> None:
        if isinstance(outcome, Receipt):
            self._calls[_CLASSES[http_status // 100 - 1]] += 1
            status = outcome.billing_status
            if status == "short":
                self._short.add()
            elif status == "house":
                self._house.add()
        ended(outcome)
