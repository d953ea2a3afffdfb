"""What reports need from storage."""

from collections.abc import Sequence
from typing import Protocol

from modelport.reports.calls import CallFilter, CallPage
from modelport.reports.transactions import Place, Transaction, TransactionFilter
from modelport.reports.usage import Part, Spent, Window


class ReportStore(Protocol):
    """Reads what was used and what it cost. Calls block; each sees one consistent state.

    Sums also count calls whose rows were swept, each as of the beginning of its quarter hour.
    """

    def key_id(self, account_id: int, prefix: str) -> int:
        """Find a key of the account, deleted or not; raises `UnknownPrefix`."""
        ...

    def spent(self, key_id: int, window: Window) -> Spent:
        """Sum up what the calls of a key cost."""
        ...

    def used(self, key_id: int, windows: Sequence[Window]) -> list[Part]:
        """Sum up the calls of a key for each window, model and status that has any."""
        ...

    def calls(self, key_id: int, window: Window, wanted: CallFilter, offset: int, limit: int) -> CallPage:
        """Return calls of a key whose rows are still there: the newest first, of one moment by id, greatest first."""
        ...

    def transactions(
        self, account_id: int, wanted: TransactionFilter, after: Place | None, limit: int
    ) -> list[Transaction]:
        """Return what moved on an account: the newest first, of one moment by id, greatest first."""
        ...
