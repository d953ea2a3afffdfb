"""The database: SQLite in a folder, or PostgreSQL; opened, read and written in transactions."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import SQLITE_FULL, DatabaseError, OperationalError
from sqlite3 import Connection as SqliteConnection
from sqlite3 import Error as SqliteError
from typing import TYPE_CHECKING, Literal, Protocol

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from modelport.core.clock import Clock, SystemClock
from modelport.ledger.problems import StoreAway, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from modelport.storage.teller import Teller

Durability = Literal["process", "power"]
"""What a commit survives: the death of the process, or loss of power too (each group is synced)."""

FILE_NAME = "modelport.db"
CONNECTIONS = 8
"""How many connections a process has at most."""
_CONNECTION_WAIT_S = 10
_OWNER_ONLY = 0o600
_DISK_FULL = "53100"
_NO_SERVER = ("08", "57P")
"""Classes of PostgreSQL's error codes: the connection failed; the server stops or starts. Without a code there is no
server that could have sent one."""
_NOW = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
_POSTGRES = {
    "connect_timeout": 5,
    "application_name": "modelport",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000",
}
"""Bounds on everything that a server which went away could leave hanging."""


def sqlite_url(folder: Path) -> str:
    """Name the database file of a data folder."""
    return URL.create("sqlite", database=str(folder / FILE_NAME)).render_as_string(hide_password=False)


class Lost(StoreAway):
    """The connection to the database broke; a commit that was on its way may have arrived."""


class InTheWay(Exception):
    """The database gave another transaction precedence: the same may be tried again."""


class Session(Protocol):
    """One connection kept by one thread: writes through SQLAlchemy, or, where microseconds count, without it."""

    @property
    def teller(self) -> "Teller":
        """What takes part in either kind of transaction without SQLAlchemy."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """Write all or nothing through SQLAlchemy."""
        ...

    def write_driver(self) -> AbstractContextManager[None]:
        """Write all or nothing through the driver, without SQLAlchemy."""
        ...

    def reopen(self, until_s: float) -> bool:
        """Connect again, trying until that moment of the monotonic clock; False when it was in vain."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


@dataclass(slots=True)
class Database:
    """One database. Calls block; connections are pooled and may be used from any thread."""

    url: str
    durability: Durability = "process"
    busy_timeout_s: float = 5.0
    clock: Clock | None = None
    """The time; default: the database's own clock, which for a file is this machine's."""
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        named = make_url(self.url)
        if named.get_backend_name() in ("postgresql", "postgres"):
            self.engine = _postgres_engine(named)
            return
        if named.get_backend_name() != "sqlite":
            raise ValueError(f"database URL '{named}': only sqlite:///path and postgresql://host/name are supported")
        _make_private(named.database)
        self.engine = create_engine(
            self.url,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=_CONNECTION_WAIT_S,
            connect_args={"timeout": self.busy_timeout_s, "isolation_level": None, "check_same_thread": False},
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", _begin)

    @property
    def is_shared(self) -> bool:
        """Whether other machines may use it at the same time: PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    def _prepare(self, raw: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if self.durability == 'power' else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA wal_autocheckpoint = 1000")
        cursor.close()
        assert isinstance(raw, SqliteConnection)
        raw.create_function("lease_now_ms", 0, self.lease_now_ms)

    @contextmanager
    def read(self) -> Generator[Connection]:
        """Read one consistent state."""
        with translated(), self.engine.connect() as connection:
            if self.is_shared:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                yield connection
            else:
                yield connection.execution_options(is_reading=True)

    @contextmanager
    def write(self) -> Generator[Connection]:
        """Write all or nothing; on SQLite one writer at a time."""
        with translated(), self.engine.begin() as connection:
            yield connection

    def now_ms(self) -> int:
        """Tell the database's clock."""
        if self.clock is not None:
            return self.clock.now_ms()
        if not self.is_shared:
            return SystemClock().now_ms()
        with translated(), self.engine.connect() as connection:
            return connection.scalar(_NOW) or 0

    def lease_now_ms(self) -> int:
        """Tell the time by which slices lapse: of a file, one that never steps and that all of this machine share."""
        return self.now_ms() if self.is_shared else round((self.clock or SystemClock()).monotonic_s() * 1000)

    def session(self) -> Session:
        """Open a connection for one thread; raises `StoreUnavailable`."""
        if self.is_shared:
            from modelport.storage.postgres.session import PostgresSession

            return PostgresSession(self)
        from modelport.storage.sqlite.session import SqliteSession

        return SqliteSession(self)

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def _postgres_engine(named: URL) -> Engine:
    return create_engine(
        named.set(drivername="postgresql+psycopg"),
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=_CONNECTION_WAIT_S,
        pool_pre_ping=True,
        connect_args={name: value for name, value in _POSTGRES.items() if name not in named.query},
    )


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
        if is_unusable(error.orig):
            raise unavailable(error.orig) from error
        raise
    except PoolTimeout as error:
        raise StoreUnavailable(f"no connection became free within {_CONNECTION_WAIT_S} s") from error
    except SqliteError as error:
        if is_unusable(error):
            raise unavailable(error) from error
        raise


def unavailable(error: BaseException | None) -> StoreUnavailable:
    """Say what an error of a driver means: no server, no room on its disk, or something else that it says."""
    state = getattr(error, "sqlstate", None)
    if getattr(error, "sqlite_errorcode", None) == SQLITE_FULL or state == _DISK_FULL:
        return StoreFull(first_line(error))
    if not isinstance(error, SqliteError) and (state is None or state.startswith(_NO_SERVER)):
        return StoreAway(first_line(error))
    return StoreUnavailable(first_line(error))


def first_line(error: BaseException | None) -> str:
    """Say what a driver said, without the lines behind it."""
    return str(error).strip().partition("\n")[0]


def is_unusable(error: BaseException | None) -> bool:
    """Whether an error of a driver is about the database as a whole, not about what was asked of it."""
    if isinstance(error, SqliteError):
        return isinstance(error, OperationalError) or type(error) is DatabaseError
    return type(error).__module__.startswith("psycopg") and any(
        kind.__name__ in ("OperationalError", "InterfaceError", "InternalError") for kind in type(error).__mro__
    )
