"""Fresh databases, migrated once and copied."""

import tempfile
from functools import cache
from pathlib import Path

from modelport.core.clock import Clock, SystemClock
from modelport.storage.database import FILE_NAME, Database, sqlite_url
from modelport.storage.migrate import migrate


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        migrate(sqlite_url(Path(folder)))
        return (Path(folder) / FILE_NAME).read_bytes()


def fresh_database(folder: Path, clock: Clock | None = None, busy_timeout_s: float = 5.0) -> Database:
    """Open a new database of the newest schema in a folder; the caller closes it."""
    (folder / FILE_NAME).write_bytes(_migrated())
    return Database(sqlite_url(folder), busy_timeout_s=busy_timeout_s, clock=clock or SystemClock())
