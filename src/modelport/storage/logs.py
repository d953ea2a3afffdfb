"""Pages of request rows, counted by quarter hour, so that a deep page is found without the rows before it."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from modelport.core.credits import Credits
from modelport.operations.usage import Usage
from modelport.reports.calls import CallFilter, CallPage, LoggedCall, named
from modelport.reports.usage import Window
from modelport.storage.quarters import Cut, cut, swept_ms
from modelport.storage.settlement import QUARTER_MS
from modelport.storage.tables import requests, usage_rollups
from modelport.storage.usage import usage_decoder

_sums = usage_rollups.c
_rows = requests.c
_COUNT = func.sum(_sums.requests)
_SHOWN = (
    _rows.created_at_ms,
    _rows.status,
    _rows.origin,
    _rows.model,
    _rows.charged_credits,
    _rows.usage,
    _rows.usage_source,
    _rows.request_id,
    _rows.inference_id,
    _rows.client_request_id,
)

_Stretch = tuple[Window, int]
"""A span of time and how many of the wanted rows lie in it."""


def page(connection: Connection, key_id: int, window: Window, wanted: CallFilter, offset: int, limit: int) -> CallPage:
    """Return calls of a key, newest first, and how many there are."""
    window = Window(max(window.start_ms, swept_ms(connection)), window.end_ms)
    if window.start_ms >= window.end_ms:
        return CallPage((), 0)
    models = None
    if wanted.models is not None:
        models = named(wanted.models, _models(connection, key_id, window))
        if not models:
            return CallPage((), 0)
    rows = [_rows.key_id == key_id, *_matching(_rows.model, _rows.status, models, wanted)]
    sums = [_sums.key_id == key_id, *_matching(_sums.model, _sums.status, models, wanted)]
    stretches = list(_stretches(connection, cut(window), rows, sums))
    total = sum(count for _, count in stretches)
    return CallPage(list(_walk(connection, stretches, rows, offset, limit)), total)


def _models(connection: Connection, key_id: int, window: Window) -> list[str]:
    """List the models that the key called, those of the quarter hours at both ends included."""
    query = select(_sums.model).where(
        _sums.key_id == key_id,
        _sums.quarter >= window.start_ms // QUARTER_MS,
        _sums.quarter <= window.end_ms // QUARTER_MS,
    )
    return list(connection.scalars(query.distinct()))


def _matching(
    model: ColumnElement[str], status: ColumnElement[str], models: Sequence[str] | None, wanted: CallFilter
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if models is not None:
        found.append(model.in_(models))
    if wanted.statuses is not None:
        found.append(status.in_(sorted(wanted.statuses)))
    return found


def _stretches(
    connection: Connection, parts: Cut, rows: Sequence[ColumnElement[bool]], sums: Sequence[ColumnElement[bool]]
) -> Iterator[_Stretch]:
    """Count the wanted rows, stretch by stretch, the newest first."""
    if parts.newer is not None:
        yield parts.newer, _counted(connection, parts.newer, rows)
    quarters = (
        select(_sums.quarter, _COUNT)
        .where(*sums, _sums.quarter >= parts.first, _sums.quarter < parts.end)
        .group_by(_sums.quarter)
        .order_by(_sums.quarter.desc())
    )
    for quarter, count in connection.execute(quarters):
        yield Window(quarter * QUARTER_MS, (quarter + 1) * QUARTER_MS), int(count)
    if parts.older is not None:
        yield parts.older, _counted(connection, parts.older, rows)


def _counted(connection: Connection, edge: Window, rows: Sequence[ColumnElement[bool]]) -> int:
    return connection.scalar(select(func.count()).where(*rows, *_within(edge))) or 0


def _walk(
    connection: Connection,
    stretches: Sequence[_Stretch],
    rows: Sequence[ColumnElement[bool]],
    offset: int,
    limit: int,
) -> Iterator[LoggedCall]:
    """Pass over whole stretches by their counts, then read rows."""
    for window, count in stretches:
        if offset >= count:
            offset -= count
            continue
        query = (
            select(*_SHOWN)
            .where(*rows, *_within(window))
            .order_by(_rows.created_at_ms.desc(), _rows.inference_id.desc())
            .limit(limit)
            .offset(offset)
        )
        for row in connection.execute(query):
            limit -= 1
            yield _call(row)
        offset = 0
        if limit <= 0:
            return


def _within(window: Window) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _rows.created_at_ms >= window.start_ms, _rows.created_at_ms < window.end_ms


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
