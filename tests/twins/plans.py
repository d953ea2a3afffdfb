"""Watches how a database finds what it is asked for: which tables it reads whole, what it sorts, what it looks at."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection as PostgresConnection
from psycopg.errors import Diagnostic
from sqlalchemy import Connection, event

from modelport.storage.database import Database

LARGE = ("requests", "entries", "usage_rollups")
"""The tables that have rows for calls."""
SORTED_MOST = 6_000
"""So many rows PostgreSQL may sort: what is left of a list is cheaper sorted than walked when it is a few pages."""
_STEPS = 100
_EXPLAIN_ALL = (
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_level = notice",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_timing = off",
    "SET auto_explain.log_format = json",
)


@dataclass
class Seen:
    """What was watched while questions were asked."""

    scans: list[str] = field(default_factory=list)
    """Large tables, or indexes of them, that were read from one end to the other."""
    sorts: list[str] = field(default_factory=list)
    """What was put in order though an index could have it."""
    looked_at: int = 0
    """Instructions of SQLite's machine, or rows that PostgreSQL's scans met: the same at each run."""


@contextmanager
def watched(database: Database) -> Iterator[Callable[[], Seen]]:
    """Watch every statement as it really runs on a database that is not connected to yet.

    What is yielded returns what was seen since it was last called.
    """
    current = Seen()

    def take() -> Seen:
        nonlocal current
        taken, current = current, Seen()
        return taken

    if database.is_shared:
        event.listen(database.engine, "connect", lambda raw, _: _tell(raw, lambda: current))
    else:
        event.listen(
            database.engine, "connect", lambda raw, _: raw.set_progress_handler(lambda: _step(current), _STEPS)
        )
        event.listen(database.engine, "before_cursor_execute", lambda *given: _explain(current, *given))
    yield take


def _step(seen: Seen) -> None:
    seen.looked_at += _STEPS


def _explain(
    seen: Seen, connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, is_many: bool
) -> None:
    if is_many or not statement.lstrip().startswith(("SELECT", "DELETE", "UPDATE", "WITH")):
        return
    raw = connection.connection.driver_connection
    assert raw is not None
    for line in (row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)):
        if line.startswith("SCAN ") and line.split()[1] in LARGE:
            seen.scans.append(f"{line}: {statement}")
        if line == "USE TEMP B-TREE FOR ORDER BY":
            seen.sorts.append(f"{line}: {statement}")


def _tell(raw: PostgresConnection, seen: Callable[[], Seen]) -> None:
    """Have PostgreSQL tell the plan of each statement after it, with the rows that it met."""

    def note(diagnostic: Diagnostic) -> None:
        _, is_plan, plan = (diagnostic.message_primary or "").partition("plan:\n")
        if is_plan:
            told = json.loads(plan)
            _look(seen(), told["Plan"], told["Query Text"])

    for statement in _EXPLAIN_ALL:
        raw.execute(statement.encode())
    raw.commit()
    raw.add_notice_handler(note)


def _look(seen: Seen, node: dict[str, Any], statement: str) -> None:
    kind, table, parts = node["Node Type"], node.get("Relation Name"), node.get("Plans", [])
    if kind == "Seq Scan" and table in LARGE:
        seen.scans.append(f"{kind} {table}: {statement}")
    if kind == "Sort" and parts[0]["Actual Rows"] > SORTED_MOST:
        seen.sorts.append(f"{kind} of {parts[0]['Actual Rows']} rows: {statement}")
    if table in LARGE:
        met = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        seen.looked_at += met * node["Actual Loops"]
    for part in parts:
        _look(seen, part, statement)
