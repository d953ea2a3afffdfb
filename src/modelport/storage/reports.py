"""Reports from the database."""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, or_, select, text

from modelport.core.credits import Credits
from modelport.keys.key import UnknownPrefix
from modelport.ledger.records import EntryKind
from modelport.reports.calls import CallFilter, CallPage
from modelport.reports.transactions import Direction, Place, Transaction, TransactionFilter
from modelport.reports.usage import Part, Spent, Window
from modelport.storage import logs, usage
from modelport.storage.database import Database
from modelport.storage.tables import entries, keys

_entries = entries.c
# Each is the condition of a partial index: repeated literally, it lets that index serve.
_USAGE = text("from_account > 2 AND kind = 'MODEL_USAGE'")
_OUT = text("from_account > 2 AND kind <> 'MODEL_USAGE'")
_IN = text("to_account > 2")
_SHOWN_PREFIX = 40


class Reports:
    """The `ReportStore` on a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def key_id(self, account_id: int, prefix: str) -> int:
        """Find a key of the account, deleted or not; raises `UnknownPrefix`."""
        found = None
        if prefix.isprintable():
            with self.database.read() as connection:
                query = select(keys.c.id).where(keys.c.account_id == account_id, keys.c.prefix == prefix)
                found = connection.scalar(query)
        if found is None:
            shown = prefix[:_SHOWN_PREFIX]
            raise UnknownPrefix(f"no key of this account has the prefix '{shown}': GET /v1/keys lists them")
        return found

    def spent(self, key_id: int, window: Window) -> Spent:
        """Sum up what the calls of a key cost."""
        with self.database.read() as connection:
            return usage.spent(connection, key_id, window)

    def used(self, key_id: int, windows: Sequence[Window]) -> list[Part]:
        """Sum up the calls of a key for each window, model and status that has any."""
        with self.database.read() as connection:
            return usage.used(connection, key_id, windows)

    def calls(self, key_id: int, window: Window, wanted: CallFilter, offset: int, limit: int) -> CallPage:
        """Return calls of a key whose rows are still there, newest first."""
        with self.database.read() as connection:
            return logs.page(connection, key_id, window, wanted, offset, limit)

    def transactions(
        self, account_id: int, wanted: TransactionFilter, after: Place | None, limit: int
    ) -> list[Transaction]:
        """Return what moved on an account, newest first."""
        with self.database.read() as connection:
            found = [
                transaction
                for source in _sources(account_id, wanted)
                for transaction in _newest(connection, source, wanted, after, limit)
            ]
        found.sort(key=lambda one: (one.created_at_ms, one.id), reverse=True)
        return found[:limit]


_Query = Select[int, int, EntryKind, int, str | None, str | None]
_Source = tuple[Direction, _Query]


def _sources(account_id: int, wanted: TransactionFilter) -> list[_Source]:
    """Name the indexes that hold what is wanted: calls are apart, so that what is rare is found without them."""
    shown = select(
        _entries.id, _entries.created_at_ms, _entries.kind, _entries.credits, _entries.model, _entries.reference_id
    )
    went = shown.where(_entries.from_account == account_id)
    sources: list[_Source] = []
    if wanted.direction != "TOPUP":
        if wanted.kind in (None, "MODEL_USAGE"):
            sources.append(("CHARGE", went.where(_USAGE)))
        if wanted.kind != "MODEL_USAGE":
            sources.append(("CHARGE", _of_kind(went.where(_OUT), wanted)))
    if wanted.direction != "CHARGE":
        sources.append(("TOPUP", _of_kind(shown.where(_entries.to_account == account_id, _IN), wanted)))
    return sources


def _of_kind(query: _Query, wanted: TransactionFilter) -> _Query:
    return query if wanted.kind is None else query.where(_entries.kind == wanted.kind)


def _newest(
    connection: Connection, source: _Source, wanted: TransactionFilter, after: Place | None, limit: int
) -> list[Transaction]:
    direction, query = source
    if wanted.from_ms is not None:
        query = query.where(_entries.created_at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        query = query.where(_entries.created_at_ms < wanted.to_ms)
    if after is not None:
        older = or_(_entries.created_at_ms < after.created_at, _entries.id < after.id)
        query = query.where(_entries.created_at_ms <= after.created_at, older)
    rows = connection.execute(query.order_by(_entries.created_at_ms.desc(), _entries.id.desc()).limit(limit))
    return [
        Transaction(id_, created_at_ms, direction, kind, Credits(amount), model, reference_id)
        for id_, created_at_ms, kind, amount, model, reference_id in rows
    ]
