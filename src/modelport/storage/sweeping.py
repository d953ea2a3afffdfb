"""Forgets request rows beyond their time, and changes that everybody has heard of; entries and sums stay."""

from sqlalchemy import delete, func, select, text

from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.ids import time_prefix
from modelport.storage.database import Database
from modelport.storage.periods import LOGS
from modelport.storage.tables import changes, requests

CHANGES_KEPT_MS = DAY_MS
CHANGES_KEPT = 1_000
"""The newest changes stay however old they are: by them a process that was away for long sees what it missed."""
_MOVE_HORIZON = text(
    "INSERT INTO horizons (name, at_ms) VALUES (:name, :at_ms) "
    "ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms WHERE horizons.at_ms < excluded.at_ms"
)


def sweep_logs(database: Database, before_ms: int, limit: int) -> int:
    """Forget at most so many rows of calls that began before the last quarter hour up to a moment; return how many.

    The horizon is moved there in the same transaction, so that whoever sums up rows begins behind it, whether or not
    all of the rows before it are gone. A row is old by its time and by the one in its id: none is half in a quarter.
    """
    horizon = before_ms // QUARTER_MS * QUARTER_MS
    if horizon <= 0:
        return 0
    old = (
        select(requests.c.inference_id)
        .where(requests.c.inference_id < time_prefix(horizon), requests.c.created_at_ms < horizon)
        .order_by(requests.c.inference_id)
        .limit(limit)
    )
    with database.read() as connection:
        found = list(connection.scalars(old))  # Looked for without the lock that settlements wait for.
    if not found:
        return 0
    with database.write() as connection:
        connection.execute(_MOVE_HORIZON, {"name": LOGS, "at_ms": horizon})
        gone = connection.execute(delete(requests).where(requests.c.inference_id.in_(found)))
    return gone.rowcount


def sweep_changes(database: Database, limit: int) -> int:
    """Forget those of the oldest so many changes that are older than a day; return how many.

    A process that did not look for so long finds the gap and forgets all that it remembers.
    """
    before = database.now_ms() - CHANGES_KEPT_MS
    newest = select(func.max(changes.c.id)).scalar_subquery()
    oldest = select(changes.c.id, changes.c.at_ms).where(changes.c.id <= newest - CHANGES_KEPT)
    with database.read() as connection:
        rows = connection.execute(oldest.order_by(changes.c.id).limit(limit)).all()
    old = [row.id for row in rows if row.at_ms < before]
    if not old:
        return 0
    with database.write() as connection:
        return connection.execute(delete(changes).where(changes.c.id.in_(old))).rowcount
