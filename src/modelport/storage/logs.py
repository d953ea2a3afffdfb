"""Pages of request rows, counted by quarter hour, so that a deep page is found without the rows before it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select

from modelport.core.clock import QUARTER_MS
from modelport.core.credits import Credits
from modelport.operations.usage import Usage
from modelport.reports.calls import CallFilter, CallPage, LoggedCall, named
from modelport.reports.usage import Window
from modelport.storage.periods import LOGS, horizon_of
from modelport.storage.quarters import Cut, cut
from modelport.storage.tables import requests, usage_rollups
from modelport.storage.usage import usage_decoder

_sums = usage_rollups.c
_rows = requests.c
_SHOWN = _rows[
    "created_at_ms",
    "status",
    "origin",
    "model",
    "charged_credits",
    "usage",
    "usage_source",
    "request_id",
    "inference_id",
    "client_request_id",
]
_WITHIN = (_rows.created_at_ms >= bindparam("start_ms"), _rows.created_at_ms < bindparam("end_ms"))
_Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What picks the wanted rows out of a key's, in the rows themselves and in their sums."""

    rows: _Conditions
    sums: _Conditions
    is_all: bool


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A span of time, and which of the wanted rows lie in it: so many are newer."""

    window: Window
    newer: int


def page(connection: Connection, key_id: int, window: Window, asked: CallFilter, offset: int, limit: int) -> CallPage:
    """Return calls of a key, newest first, and how many there are."""
    window = Window(max(window.start_ms, horizon_of(connection, LOGS)), window.end_ms)
    if window.start_ms >= window.end_ms:
        return CallPage((), 0)
    models = None
    if asked.models is not None:
        models = named(asked.models, _models(connection, key_id, window))
        if not models:
            return CallPage((), 0)
    wanted = _Wanted(
        [_rows.key_id == key_id, *_matching(_rows.model, _rows.status, models, asked)],
        [_sums.key_id == key_id, *_matching(_sums.model, _sums.status, models, asked)],
        asked == CallFilter(),
    )
    counts = _counts(connection, cut(window), wanted)
    through = list(accumulate(count for _, count in counts))
    total = through[-1] if through else 0
    first, last = bisect_right(through, offset), bisect_left(through, offset + limit)
    stretches = [
        _Stretch(counts[at][0], through[at] - counts[at][1]) for at in range(first, min(last + 1, len(counts)))
    ]
    return CallPage(list(_walk(connection, stretches, wanted, offset, limit)), total)


def _models(connection: Connection, key_id: int, window: Window) -> list[str]:
    """List the models that the key called, those of the quarter hours at both ends included."""
    query = select(_sums.model).where(
        _sums.key_id == key_id,
        _sums.quarter >= window.start_ms // QUARTER_MS,
        _sums.quarter <= window.end_ms // QUARTER_MS,
    )
    return list(connection.scalars(query.distinct()))


def _matching(
    model: ColumnElement[str], status: ColumnElement[str], models: Sequence[str] | None, asked: CallFilter
) -> _Conditions:
    found: _Conditions = []
    if models is not None:
        found.append(model.in_(models))
    if asked.statuses is not None:
        found.append(status.in_(sorted(asked.statuses)))
    return found


def _counts(connection: Connection, parts: Cut, wanted: _Wanted) -> list[tuple[Window, int]]:
    """Count the wanted rows of each quarter hour and of the edges, the newest first; what has none may be left out."""
    quarters = (
        select(_sums.quarter, func.sum(_sums.requests))
        .where(*wanted.sums, _sums.quarter >= parts.first, _sums.quarter < parts.end)
        .group_by(_sums.quarter)
        .order_by(_sums.quarter.desc())
    )
    return [
        *_edge(connection, parts.newer, wanted),
        *(
            (Window(quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS), int(count))
            for quarter, count in connection.execute(quarters).all()
        ),
        *_edge(connection, parts.older, wanted),
    ]


def _edge(connection: Connection, edge: Window | None, wanted: _Wanted) -> list[tuple[Window, int]]:
    if edge is None:
        return []
    query = select(func.count()).where(*wanted.rows, *_WITHIN)
    return [(edge, connection.scalar(query, {"start_ms": edge.start_ms, "end_ms": edge.end_ms}) or 0)]


def _walk(
    connection: Connection, stretches: Sequence[_Stretch], wanted: _Wanted, offset: int, limit: int
) -> Iterator[LoggedCall]:
    """Read the rows of a page out of the stretches that hold them."""
    if wanted.is_all and stretches:  # there is nothing between them
        newest, oldest = stretches[0], stretches[-1]
        stretches = [_Stretch(Window(oldest.window.start_ms, newest.window.end_ms), newest.newer)]
    query = (
        select(*_SHOWN)
        .where(*wanted.rows, *_WITHIN)
        .order_by(_rows.created_at_ms.desc(), _rows.inference_id.desc())
        .limit(bindparam("at_most"))
        .offset(bindparam("passed"))
    )
    for one in stretches:
        passed = max(0, offset - one.newer)
        bounds = {"start_ms": one.window.start_ms, "end_ms": one.window.end_ms, "passed": passed, "at_most": limit}
        for row in connection.execute(query, bounds).all():
            limit -= 1
            yield _call(row)


def _call(row: Row[*tuple[Any, ...]]) -> LoggedCall:
    return LoggedCall(
        created_at_ms=row.created_at_ms,
        status=row.status,
        origin=row.origin,
        model=row.model,
        charged=Credits(row.charged_credits),
        usage=Usage(usage_decoder.decode(row.usage), row.usage_source),
        request_id=row.request_id,
        inference_id=row.inference_id,
        client_request_id=row.client_request_id,
    )
