"""Follows changes on SQLite: a counter in memory says whether anybody wrote since."""

import sqlite3
import threading
import time

from sqlalchemy.engine import make_url

from modelport.storage.changes import AT_ONCE, Change
from modelport.storage.database import Database, translated

_NEW = f"SELECT id, kind, subject FROM changes WHERE id > ? ORDER BY id LIMIT {AT_ONCE}"


class SqliteChanges:
    """The `Changes` of a file."""

    is_quick = True

    def __init__(self, database: Database) -> None:
        path = make_url(database.url).database
        assert path
        self._lock = threading.Lock()
        with translated():
            self._connection = sqlite3.connect(
                path, timeout=database.busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            self._version = self._data_version()
            self._last: int = self._connection.execute("SELECT COALESCE(MAX(id), 0) FROM changes").fetchone()[0]

    def wait(self, within_s: float) -> None:
        """Let that time pass: nothing wakes a reader of a file."""
        time.sleep(within_s)

    def poll(self) -> list[Change]:
        """Return what changed since the last poll: microseconds when nothing was written to the database since."""
        with self._lock, translated():
            version = self._data_version()
            if version == self._version:
                return []
            found = [Change(*row) for row in self._connection.execute(_NEW, (self._last,))]
            if len(found) < AT_ONCE:
                self._version = version
            if found:
                self._last = found[-1].id
            return found

    def close(self) -> None:
        """Close the follower's connection."""
        with self._lock:
            self._connection.close()

    def _data_version(self) -> int:
        return self._connection.execute("PRAGMA data_version").fetchone()[0]
