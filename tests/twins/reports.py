"""Reports by brute force over the rows themselves: the twin of `storage.reports`, and the judge of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, insert

from modelport.core.credits import Credits
from modelport.keys.key import UnknownPrefix
from modelport.ledger.records import CallRecord, Entry, Receipt
from modelport.operations.usage import Usage
from modelport.reports.calls import CallFilter, CallPage, LoggedCall
from modelport.reports.store import ReportStore
from modelport.reports.transactions import Place, Transaction, TransactionFilter
from modelport.reports.usage import Part, Spent, Window
from modelport.storage.reports import Reports
from modelport.storage.tables import horizons, requests
from tests.keys.twin import TwinKeys
from tests.twins.worlds import TwinWorld, World

Row = tuple[CallRecord, Receipt]


@dataclass
class TwinReports:
    """Looks at every row for every question."""

    rows: list[Row] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    keys: TwinKeys = field(default_factory=TwinKeys)
    swept_ms: int = 0

    def key_id(self, account_id: int, prefix: str) -> int:
        for key in self.keys.by_id.values():
            if (key.account_id, key.prefix) == (account_id, prefix):
                return key.id
        raise UnknownPrefix(f"no key of this account has the prefix '{prefix}'")

    def spent(self, key_id: int, window: Window) -> Spent:
        parts = self.used(key_id, [window])
        return Spent(sum(part.credits for part in parts), sum(part.charged for part in parts))

    def used(self, key_id: int, windows: Sequence[Window]) -> list[Part]:
        sums: dict[tuple[int, str, str], list[int]] = {}
        for record, paid in self.rows:
            at = record.created_at_ms
            if (quarter := at // 900_000 * 900_000) < self.swept_ms:
                at = quarter
            for number, window in enumerate(windows):
                if record.key_id != key_id or not window.start_ms <= at < window.end_ms:
                    continue
                found = sums.setdefault((number, record.model, record.status), [0] * 5)
                usage = Usage(record.usage, record.usage_source)
                values = (1, paid.charged > 0, paid.charged, usage.input_tokens, usage.output_tokens)
                for position, value in enumerate(values):
                    found[position] += value
        return [Part(*place, *values) for place, values in sums.items()]  # type: ignore[arg-type]

    def calls(self, key_id: int, window: Window, wanted: CallFilter, offset: int, limit: int) -> CallPage:
        found = [
            (record, paid)
            for record, paid in self.rows
            if record.key_id == key_id
            and max(window.start_ms, self.swept_ms) <= record.created_at_ms < window.end_ms
            and (wanted.models is None or {record.model, record.model.partition("/")[2]} & wanted.models)
            and (wanted.statuses is None or record.status in wanted.statuses)
        ]
        found.sort(key=lambda row: (row[0].created_at_ms, row[0].inference_id), reverse=True)
        return CallPage([_logged(*row) for row in found[offset : offset + limit]], len(found))

    def transactions(
        self, account_id: int, wanted: TransactionFilter, after: Place | None, limit: int
    ) -> list[Transaction]:
        found = [seen for entry in self.entries if (seen := _seen(entry, account_id)) is not None]
        found = [
            one
            for one in found
            if (wanted.from_ms is None or one.created_at_ms >= wanted.from_ms)
            and (wanted.to_ms is None or one.created_at_ms < wanted.to_ms)
            and wanted.direction in (None, one.direction)
            and wanted.kind in (None, one.kind)
            and (after is None or (one.created_at_ms, one.id) < (after.created_at, after.id))
        ]
        return sorted(found, key=lambda one: (one.created_at_ms, one.id), reverse=True)[:limit]


def _logged(record: CallRecord, paid: Receipt) -> LoggedCall:
    return LoggedCall(
        record.created_at_ms,
        record.status,
        record.origin,
        record.model,
        paid.charged,
        Usage(record.usage, record.usage_source),
        record.request_id,
        record.inference_id,
        record.client_request_id,
    )


def _seen(entry: Entry, account_id: int) -> Transaction | None:
    if account_id not in (entry.from_account, entry.to_account):
        return None
    direction = "TOPUP" if entry.to_account == account_id else "CHARGE"
    amount = Credits(entry.credits)
    return Transaction(entry.id, entry.created_at_ms, direction, entry.kind, amount, entry.model, entry.reference_id)


def reports_of(world: World) -> ReportStore:
    """Open the reports of a world."""
    if isinstance(world, TwinWorld):
        return TwinReports(list(world.vault.requests.values()))
    return Reports(world.database)  # type: ignore[attr-defined]


def sweep(reports: ReportStore, before_ms: int) -> None:
    """Forget the rows of calls before a moment, and note that; what they sum up to stays."""
    if isinstance(reports, TwinReports):
        reports.swept_ms = before_ms
        return
    assert isinstance(reports, Reports)
    with reports.database.write() as connection:
        connection.execute(delete(horizons))
        connection.execute(insert(horizons).values(name="requests", at_ms=before_ms))
        connection.execute(delete(requests).where(requests.c.created_at_ms < before_ms))
