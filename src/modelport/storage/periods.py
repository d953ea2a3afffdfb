"""Parts of the request rows and entries by the time of their calls, which their ids begin with."""

from sqlalchemy import ColumnElement, Connection, collate, select

from modelport.core.ids import time_prefix
from modelport.core.moments import Period
from modelport.storage.tables import horizons

LOGS = "requests"
"""The horizon of request rows."""
_BESIDE_MS = 60_000
"""How far the time in an id may lie beside that of its row, when a clock was set between the two."""


def horizon_of(connection: Connection, name: str) -> int:
    """Return before which moment rows of a kind were swept; 0 when none were."""
    return connection.scalar(select(horizons.c.at_ms).where(horizons.c.name == name)) or 0


def kept(connection: Connection, period: Period) -> Period:
    """Return the part of a period from which request rows are still there."""
    horizon = horizon_of(connection, LOGS)
    return period if horizon <= (period.from_ms or 0) else Period(horizon, period.to_ms)


def ids_in(column: ColumnElement[str], period: Period) -> list[ColumnElement[bool]]:
    """Bound an id by its time, widely: whether its row is in the period its own time says."""
    bounds: list[ColumnElement[bool]] = []
    if period.from_ms is not None:
        bounds.append(column >= time_prefix(max(0, period.from_ms - _BESIDE_MS)))
    if period.to_ms is not None:
        bounds.append(column < time_prefix(period.to_ms + _BESIDE_MS))
    return bounds


def moments_in(column: ColumnElement[int], period: Period) -> list[ColumnElement[bool]]:
    """Bound a moment."""
    bounds: list[ColumnElement[bool]] = []
    if period.from_ms is not None:
        bounds.append(column >= period.from_ms)
    if period.to_ms is not None:
        bounds.append(column < period.to_ms)
    return bounds


def in_byte_order(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    """Compare and sort a text by its bytes, which is the order of time for ids, whatever the database's language."""
    return column if connection.dialect.name == "sqlite" else collate(column, "C")
