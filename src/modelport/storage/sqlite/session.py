"""One connection of SQLite, kept by one thread."""

from collections.abc import Generator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import Connection

from modelport.storage.database import Database, translated
from modelport.storage.sqlite.teller import SqliteTeller


class SqliteSession:
    """The `Session` on a file."""

    def __init__(self, database: Database) -> None:
        with translated():
            self._connection = database.engine.connect()
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, SqliteConnection)
        self._driver = raw
        self.cursor = raw.cursor()
        self.teller = SqliteTeller(self.cursor, database.now_ms, database.lease_now_ms)

    @contextmanager
    def write(self) -> Generator[Connection]:
        """Write all or nothing through SQLAlchemy."""
        with translated(), self._connection.begin():
            yield self._connection

    @contextmanager
    def write_driver(self) -> Generator[None]:
        """Write all or nothing through the driver's cursor."""
        with translated():
            self.cursor.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.cursor.execute("COMMIT")
            except BaseException:
                if self._driver.in_transaction:
                    self.cursor.execute("ROLLBACK")
                raise

    def reopen(self, until_s: float) -> bool:
        """Say that a file does not go away."""
        del until_s
        return False

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
