"""Queries of the report routes."""

import re
from dataclasses import dataclass
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from modelport.api.problems import InvalidQuery
from modelport.api.query import Query, unexpected
from modelport.ledger.records import CallStatus, EntryKind
from modelport.reports.calls import CallFilter
from modelport.reports.days import zone_named
from modelport.reports.transactions import Direction, TransactionFilter
from modelport.reports.usage import Window

Grouping = Literal["day", "model", "day,model"]

LIMIT_MAX = 100
LIMIT_DEFAULT = 50
OFFSET_MAX = 2**53
NAMES_MAX = 50
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WINDOW_MAX_MS = 92 * DAY_MS

_PERIOD = re.compile("([0-9]{1,4})([hd])")
_WINDOW = ("period", "start", "end", "key_prefix")
_UTC = "UTC"


@dataclass(frozen=True, slots=True)
class Asked:
    """What usage and logs have in common: a window, and whose calls."""

    window: Window
    key_prefix: str | None


@dataclass(frozen=True, slots=True)
class DetailQuery:
    """`GET /v2/usage/detail`."""

    asked: Asked
    grouping: Grouping | None
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class LogsQuery:
    """`GET /v2/logs`."""

    asked: Asked
    wanted: CallFilter
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class TransactionsQuery:
    """`GET /v2/billing/transactions`."""

    wanted: TransactionFilter
    cursor: str | None
    limit: int


def read_usage(query_string: bytes, now_ms: int) -> Asked:
    """Read a query; raises `InvalidQuery`."""
    query = Query(query_string, (*_WINDOW, "group_by", "tz"))
    for name in ("group_by", "tz"):
        if query.get(name) is not None:
            raise InvalidQuery(f"'{name}': Unknown parameter; only GET /v2/usage/detail takes it", name)
    return _asked(query, now_ms)


def read_detail(query_string: bytes, now_ms: int) -> DetailQuery:
    """Read a query; raises `InvalidQuery` or `UnknownZone`."""
    query = Query(query_string, (*_WINDOW, "group_by", "tz"))
    zone = query.get("tz")
    return DetailQuery(
        _asked(query, now_ms),
        query.choice("group_by", get_args(Grouping)),
        zone_named(_UTC if zone is None else zone),
    )


def read_logs(query_string: bytes, now_ms: int) -> LogsQuery:
    """Read a query; raises `InvalidQuery`."""
    query = Query(query_string, (*_WINDOW, "limit", "offset"), {"model": NAMES_MAX, "status": NAMES_MAX})
    models: list[str] = query.all("model")
    statuses: list[CallStatus] = query.choices("status", get_args(CallStatus))
    return LogsQuery(
        _asked(query, now_ms),
        CallFilter(frozenset(models) or None, frozenset(statuses) or None),
        query.integer("limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
        query.integer("offset", 0, 0, OFFSET_MAX),
    )


def read_transactions(query_string: bytes) -> TransactionsQuery:
    """Read a query; raises `InvalidQuery`. Whether the cursor is good is not checked here."""
    query = Query(query_string, ("from", "to", "direction", "type", "limit", "cursor"))
    from_ms = query.moment_ms("from", needs_offset=True)
    to_ms = query.moment_ms("to", needs_offset=True)
    if from_ms is not None and to_ms is not None and to_ms <= from_ms:
        raise InvalidQuery("'to': Expected moment later than 'from', received one that is not", "to")
    return TransactionsQuery(
        TransactionFilter(
            from_ms, to_ms, query.choice("direction", get_args(Direction)), query.choice("type", get_args(EntryKind))
        ),
        query.get("cursor"),
        query.integer("limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
    )


def _asked(query: Query, now_ms: int) -> Asked:
    return Asked(_window(query, now_ms), query.get("key_prefix"))


def _window(query: Query, now_ms: int) -> Window:
    period = query.get("period")
    start_ms, end_ms = query.moment_ms("start"), query.moment_ms("end")
    if period is not None:
        if start_ms is not None or end_ms is not None:
            raise InvalidQuery("'period': Expected alone, received beside 'start' or 'end': send one form", "period")
        return Window(max(0, now_ms - _length_ms(period)), now_ms)
    if start_ms is None or end_ms is None:
        missing = "end" if start_ms is not None else "start" if end_ms is not None else "period"
        raise InvalidQuery(f"'{missing}': Required; send 'period' (24h, 7d), or 'start' and 'end'", missing)
    if end_ms < start_ms:
        raise InvalidQuery("'end': Expected moment not before 'start', received an earlier one", "end")
    if end_ms - start_ms > WINDOW_MAX_MS:
        raise InvalidQuery("'end': Expected at most 92 days after 'start', received more: ask in parts", "end")
    return Window(start_ms, end_ms)


def _length_ms(period: str) -> int:
    found = _PERIOD.fullmatch(period)
    length_ms = 0 if found is None else int(found[1]) * (HOUR_MS if found[2] == "h" else DAY_MS)
    if not 0 < length_ms <= WINDOW_MAX_MS:
        raise unexpected("period", "hours or days from 1h to 2208h or 92d, such as 24h or 7d", period)
    return length_ms
