"""Exports in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from modelport.core.moments import Period
from modelport.ledger.exports import ExportedCall, ExportedEntry


@dataclass
class TwinExports:
    """Hands out what it was given, a row to the page."""

    rows: list[ExportedCall] = field(default_factory=list[ExportedCall])
    moved: list[ExportedEntry] = field(default_factory=list[ExportedEntry])

    def calls(self, period: Period, account_id: int | None) -> Iterator[list[ExportedCall]]:
        for row in self.rows:
            if period.holds(row.created_at_ms) and account_id in (None, row.account_id):
                yield [row]

    def entries(self, period: Period, account_id: int | None) -> Iterator[list[ExportedEntry]]:
        for entry in self.moved:
            if period.holds(entry.created_at_ms) and account_id in (None, entry.from_account, entry.to_account):
                yield [entry]
