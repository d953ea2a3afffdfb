"""Sums of usage: whole quarter hours from what settlements summed up, the edges from request rows."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from modelport.operations.usage import INPUT_METERS, OUTPUT_METERS
from modelport.reports.usage import Part, Spent, Window
from modelport.storage.periods import LOGS, horizon_of
from modelport.storage.quarters import cut
from modelport.storage.tables import requests, usage_rollups

_QUARTERS_AT_ONCE = 100
"""What is grouped in one go, a day of 25 hours: small sorts are cheaper than one large."""
_ROWS_AT_ONCE = 1000

_sums = usage_rollups.c
_rows = requests.c
_IN_QUARTERS = (
    _sums.key_id == bindparam("of_key"),
    _sums.quarter >= bindparam("first"),
    _sums.quarter < bindparam("end"),
)
_IN_WINDOW = (
    _rows.key_id == bindparam("of_key"),
    _rows.created_at_ms >= bindparam("start_ms"),
    _rows.created_at_ms < bindparam("end_ms"),
)
_SUMMED = ("requests", "charged", "credits", "input_tokens", "output_tokens")
_PARTS = (
    select(_sums.model, _sums.status, *(func.sum(_sums[name]) for name in _SUMMED))
    .where(*_IN_QUARTERS)
    .group_by(_sums.model, _sums.status)
)
_SPENT = select(func.sum(_sums.credits), func.sum(_sums.charged)).where(*_IN_QUARTERS)
_EDGE = select(_rows.model, _rows.status, _rows.charged_credits, _rows.usage).where(*_IN_WINDOW)
_EDGE_SPENT = select(func.sum(_rows.charged_credits), func.count()).where(*_IN_WINDOW, _rows.charged_credits > 0)

usage_decoder = msgspec.json.Decoder(dict[str, int])


def spent(connection: Connection, key_id: int, window: Window) -> Spent:
    """Sum up what the calls of a key cost."""
    parts = cut(window, horizon_of(connection, LOGS))
    found = [connection.execute(_SPENT, {"of_key": key_id, "first": parts.first, "end": parts.end}).one()]
    found += [connection.execute(_EDGE_SPENT, _bounds(key_id, edge)).one() for edge in parts.edges]
    return Spent(sum(int(cost or 0) for cost, _ in found), sum(int(charged or 0) for _, charged in found))


def used(connection: Connection, key_id: int, windows: Sequence[Window]) -> list[Part]:
    """Sum up the calls of a key for each window, model and status that has any."""
    swept = horizon_of(connection, LOGS)
    sums: dict[tuple[int, str, str], list[int]] = {}
    for number, window in enumerate(windows):
        parts = cut(window, swept)
        for model, status, *values in _of_quarters(connection, key_id, parts.first, parts.end):
            _add(sums, (number, model, status), [int(value) for value in values])
        for edge in parts.edges:
            for model, status, charged, usage in _of_rows(connection, key_id, edge):
                meters = usage_decoder.decode(usage)
                values = (1, int(charged > 0), charged, _units(meters, INPUT_METERS), _units(meters, OUTPUT_METERS))
                _add(sums, (number, model, status), values)
    return [Part(*place, *values) for place, values in sums.items()]  # pyright: ignore[reportArgumentType]


def _of_quarters(connection: Connection, key_id: int, first: int, end: int) -> Iterator[Sequence[str]]:
    for begin in range(first, end, _QUARTERS_AT_ONCE):
        bounds = {"of_key": key_id, "first": begin, "end": min(end, begin + _QUARTERS_AT_ONCE)}
        yield from connection.execute(_PARTS, bounds)


def _of_rows(connection: Connection, key_id: int, edge: Window) -> Iterator[tuple[str, str, int, str]]:
    streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE)
    yield from streamed.execute(_EDGE, _bounds(key_id, edge))


def _bounds(key_id: int, edge: Window) -> Mapping[str, int]:
    return {"of_key": key_id, "start_ms": edge.start_ms, "end_ms": edge.end_ms}


def _units(usage: Mapping[str, int], meters: frozenset[str]) -> int:
    return sum(units for meter, units in usage.items() if meter in meters)


def _add(sums: dict[tuple[int, str, str], list[int]], place: tuple[int, str, str], values: Sequence[int]) -> None:
    found = sums.setdefault(place, [0] * len(_SUMMED))
    for position, value in enumerate(values):
        found[position] += value
