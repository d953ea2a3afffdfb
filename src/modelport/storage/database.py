"""The database: opened, read and written in transactions."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import DatabaseError, OperationalError
from sqlite3 import Error as SqliteError
from typing import Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from modelport.core.clock import Clock, SystemClock
from modelport.ledger.problems import StoreUnavailable

Durability = Literal["process", "power"]
"""What a commit survives: the death of the process, or loss of power too (each group is synced)."""

FILE_NAME = "modelport.db"
_CONNECTIONS = 8
_CONNECTION_WAIT_S = 10
_OWNER_ONLY = 0o600


def sqlite_url(folder: Path) -> str:
    """Name the database file of a data folder."""
    return URL.create("sqlite", database=str(folder / FILE_NAME)).render_as_string(hide_password=False)


@dataclass(slots=True)
class Database:
    """One database. Calls block; connections are pooled and may be used from any thread."""

    url: str
    durability: Durability = "process"
    busy_timeout_s: float = 5.0
    clock: Clock = field(default_factory=SystemClock)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        if make_url(self.url).get_backend_name() != "sqlite":
            raise ValueError(f"database URL '{make_url(self.url)}': only sqlite:///path is supported")
        _make_private(make_url(self.url).database)
        self.engine = create_engine(
            self.url,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=_CONNECTION_WAIT_S,
            connect_args={"timeout": self.busy_timeout_s, "isolation_level": None, "check_same_thread": False},
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", _begin)

    def _prepare(self, raw: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if self.durability == 'power' else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA wal_autocheckpoint = 1000")
        cursor.close()

    @contextmanager
    def read(self) -> Generator[Connection]:
        """Read one consistent state."""
        with translated(), self.engine.connect() as connection:
            yield connection.execution_options(is_reading=True)

    @contextmanager
    def write(self) -> Generator[Connection]:
        """Write all or nothing; one writer at a time."""
        with translated(), self.engine.begin() as connection:
            yield connection

    def now_ms(self) -> int:
        """Tell the database's clock, which for a file is this machine's."""
        return self.clock.now_ms()

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def _make_private(file: str | None) -> None:
    """Keep others of this machine from reading the database: SQLite gives its side files the same mode.

    Where that fails, so will opening it, which says why. A file that exists is never opened here: closing it would
    drop the locks that SQLite holds on it elsewhere in this process.
    """
    if not file or file == ":memory:":
        return
    with suppress(OSError):
        Path(file).touch(_OWNER_ONLY, exist_ok=False)
    for name in (file, f"{file}-wal", f"{file}-shm"):
        with suppress(OSError):
            Path(name).chmod(_OWNER_ONLY)


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("is_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def translated() -> Generator[None]:
    """Turn what the driver says about a database that cannot be used into `StoreUnavailable`."""
    try:
        yield
    except DBAPIError as error:
        if _is_unusable(error.orig):
            raise StoreUnavailable(str(error.orig)) from error
        raise
    except PoolTimeout as error:
        raise StoreUnavailable(f"no connection became free within {_CONNECTION_WAIT_S} s") from error
    except SqliteError as error:
        if _is_unusable(error):
            raise StoreUnavailable(str(error)) from error
        raise


def _is_unusable(error: BaseException | None) -> bool:
    return isinstance(error, OperationalError) or type(error) is DatabaseError


class Session:
    """One connection kept by one thread: writes through SQLAlchemy, or, where microseconds count, without it."""

    def __init__(self, database: Database) -> None:
        with translated():
            self._connection = database.engine.connect()
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, SqliteConnection)
        self._driver = raw
        self.cursor = raw.cursor()
        """The driver's own, for `executemany`; takes part in either kind of transaction."""

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

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
