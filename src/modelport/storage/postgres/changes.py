"""Follows changes on PostgreSQL: a notification wakes, the table says what changed."""

import threading
import time
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import func, select

from modelport.storage.changes import AT_ONCE, CHANNEL, Change
from modelport.storage.database import Database
from modelport.storage.tables import changes

_BEHIND = 1_000
"""Ids are drawn before their transactions commit: one that is so much lower than the newest may still come."""


class PostgresChanges:
    """The `Changes` of a server. While that cannot be reached `poll` raises; what was missed is read afterwards."""

    is_quick = False

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._listener: psycopg.Connection[Any] | None = None
        self._is_closed = False
        with database.read() as connection:
            self._newest: int = connection.scalar(select(func.coalesce(func.max(changes.c.id), 0))) or 0
            near = select(changes.c.id).where(changes.c.id > self._newest - _BEHIND)
            self._seen = set(connection.scalars(near))

    def wait(self, within_s: float) -> None:
        """Return when something may have changed, or when that time has passed."""
        try:
            listener = self._listening()
            for _ in listener.notifies(timeout=within_s, stop_after=1):
                return
        except (psycopg.Error, OSError):
            self._listener = None
            if not self._is_closed:
                time.sleep(within_s)

    def _listening(self) -> psycopg.Connection[Any]:
        if self._listener is None or self._listener.closed:
            engine = self._database.engine
            address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._listener = psycopg.connect(address, connect_timeout=5, autocommit=True)
            self._listener.execute(f"LISTEN {CHANNEL}")
        return self._listener

    def poll(self) -> list[Change]:
        """Return what changed since the last look; raises `StoreUnavailable`."""
        with self._lock, self._database.read() as connection:
            query = (
                select(changes.c.id, changes.c.kind, changes.c.subject)
                .where(changes.c.id > self._newest - _BEHIND)
                .order_by(changes.c.id)
                .limit(AT_ONCE)
            )
            found = [Change(*row) for row in connection.execute(query) if row.id not in self._seen]
            oldest = connection.scalar(select(func.min(changes.c.id))) if found else None
            if oldest is not None and oldest > self._newest + 1:  # those before it were swept, unseen by us
                found.insert(0, Change(oldest - 1, "everything", ""))
            if found:
                self._seen.update(change.id for change in found)
                self._newest = max(self._newest, found[-1].id)
                self._seen = {one for one in self._seen if one > self._newest - _BEHIND}
            return found

    def close(self) -> None:
        """Close the follower's connection."""
        self._is_closed = True
        if self._listener is not None:
            with suppress(psycopg.Error):
                self._listener.close()
