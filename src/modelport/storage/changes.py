"""What changed: written with the change itself, followed by every process that keeps copies in memory."""

import sqlite3
import threading
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert
from sqlalchemy.engine import make_url

from modelport.storage.database import Database, translated
from modelport.storage.tables import changes

ChangeKind = Literal["account", "key", "credits", "catalogue"]

_AT_ONCE = 10_000
_NEW = f"SELECT id, kind, subject FROM changes WHERE id > ? ORDER BY id LIMIT {_AT_ONCE}"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is no longer what a process may remember."""

    id: int
    kind: ChangeKind
    subject: str
    """The id of the account (`account`, `credits`) or key (`key`) that changed."""


def note_change(connection: Connection, kind: ChangeKind, subject: str, at_ms: int) -> None:
    """Tell the other processes, when the caller's transaction commits."""
    connection.execute(insert(changes).values(kind=kind, subject=subject, at_ms=at_ms))


class Changes:
    """Follows the changes from the moment it is opened. `poll` may be called from any thread."""

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

    def poll(self) -> list[Change]:
        """Return what changed since the last poll: microseconds when nothing was written to the database since."""
        with self._lock, translated():
            version = self._data_version()
            if version == self._version:
                return []
            found = [Change(*row) for row in self._connection.execute(_NEW, (self._last,))]
            if len(found) < _AT_ONCE:
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
