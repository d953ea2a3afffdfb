"""Request rows and entries page by page: what an export reads."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, TextClause, select, text, tuple_

from modelport.core.moments import Period
from modelport.ledger.exports import ExportedCall, ExportedEntry
from modelport.storage.database import Database
from modelport.storage.periods import ids_in, moments_in
from modelport.storage.tables import accounts, entries, keys, requests

_CALL_COLUMNS = (
    *(requests.c[name] for name in ExportedCall.__struct_fields__ if name != "account"),
    accounts.c.name,
)
_ENTRY_COLUMNS = tuple(entries.c[name] for name in ExportedEntry.__struct_fields__)
_PAGE = 500
_IN_MEMORY = 2000
"""Rows that are read ahead at the same time, of all keys of an account together."""
_LEAST_AHEAD = 10
_PARTS = (
    "from_account = :account AND from_account > 2 AND kind = 'MODEL_USAGE'",
    "from_account = :account AND from_account > 2 AND kind <> 'MODEL_USAGE'",
    "to_account = :account AND to_account > 2",
)
"""The entries of a customer, in the parts that have an index each."""

Read = TypeVar("Read", ExportedCall, ExportedEntry)
Query = Callable[[Read | None, int], Select[*tuple[Any, ...]]]
"""Selects so many rows that come after another, or the first."""


class StoredExports:
    """The `Exports` on a database."""

    def __init__(self, database: Database, page: int = _PAGE) -> None:
        self._database = database
        self._page = page

    def calls(self, period: Period, account_id: int | None) -> Iterator[list[ExportedCall]]:
        """Yield the calls that began in a period, of one account or of all; each key's calls are a stream of their own.

        A call that began in the period but ended after its place had been passed is left out.
        """
        if account_id is None:
            return self._pages(ExportedCall, partial(_every_call, period))
        with self._database.read() as connection:
            owned = list(connection.scalars(select(keys.c.id).where(keys.c.account_id == account_id)))
        ahead = max(_LEAST_AHEAD, min(self._page, _IN_MEMORY // max(1, len(owned))))
        streams = (self._rows(ExportedCall, partial(_calls_of, period, key_id), ahead) for key_id in owned)
        return _paged(heapq.merge(*streams, key=lambda call: (call.created_at_ms, call.inference_id)), self._page)

    def entries(self, period: Period, account_id: int | None) -> Iterator[list[ExportedEntry]]:
        """Yield the entries of a period, of one account or of all."""
        if account_id is None:
            return self._pages(ExportedEntry, partial(_every_entry, period))
        parts = [text(part).bindparams(account=account_id) for part in _PARTS]
        streams = (self._rows(ExportedEntry, partial(_entries_of, period, part), self._page) for part in parts)
        return _paged(heapq.merge(*streams, key=lambda entry: (entry.created_at_ms, entry.id)), self._page)

    def _pages(self, kind: type[Read], query: Query[Read], size: int | None = None) -> Iterator[list[Read]]:
        size = size or self._page
        last: Read | None = None
        while True:
            with self._database.read() as connection:
                page = [kind(*row) for row in connection.execute(query(last, size))]
            if page:
                yield page
            if len(page) < size:
                return
            last = page[-1]

    def _rows(self, kind: type[Read], query: Query[Read], size: int) -> Iterator[Read]:
        for page in self._pages(kind, query, size):
            yield from page


def _paged(rows: Iterable[Read], size: int) -> Iterator[list[Read]]:
    each = iter(rows)
    while page := list(islice(each, size)):
        yield page


def _calls(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    named = requests.outerjoin(accounts, accounts.c.id == requests.c.account_id)
    return select(*_CALL_COLUMNS).select_from(named).where(*conditions)


def _every_call(period: Period, last: ExportedCall | None, size: int) -> Select[*tuple[Any, ...]]:
    within = (*ids_in(requests.c.inference_id, period), *moments_in(requests.c.created_at_ms, period))
    query = _calls(*within).order_by(requests.c.inference_id).limit(size)
    return query if last is None else query.where(requests.c.inference_id > last.inference_id)


def _calls_of(period: Period, key_id: int, last: ExportedCall | None, size: int) -> Select[*tuple[Any, ...]]:
    moment, name = requests.c.created_at_ms, requests.c.inference_id
    left = period if last is None else Period(last.created_at_ms, period.to_ms)
    query = _calls(requests.c.key_id == key_id, *moments_in(moment, left)).order_by(moment, name).limit(size)
    return query if last is None else query.where(tuple_(moment, name) > (last.created_at_ms, last.inference_id))


def _every_entry(period: Period, last: ExportedEntry | None, size: int) -> Select[*tuple[Any, ...]]:
    query = select(*_ENTRY_COLUMNS).where(*moments_in(entries.c.created_at_ms, period))
    query = query.order_by(entries.c.id).limit(size)
    return query if last is None else query.where(entries.c.id > last.id)


def _entries_of(period: Period, part: TextClause, last: ExportedEntry | None, size: int) -> Select[*tuple[Any, ...]]:
    moment, number = entries.c.created_at_ms, entries.c.id
    left = period if last is None else Period(last.created_at_ms, period.to_ms)
    query = select(*_ENTRY_COLUMNS).where(part, *moments_in(moment, left)).order_by(moment, number).limit(size)
    return query if last is None else query.where(tuple_(moment, number) > (last.created_at_ms, last.id))
