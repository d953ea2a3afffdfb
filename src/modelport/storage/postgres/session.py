"""One connection of PostgreSQL, kept by one thread, which opens it again when the server went away."""

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from psycopg import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from modelport.ledger.problems import StoreUnavailable
from modelport.storage.database import Database, InTheWay, Lost, first_line, translated, unavailable
from modelport.storage.postgres.teller import PostgresTeller

_log = logging.getLogger(__name__)
_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
_CROWDED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)


class PostgresSession:
    """The `Session` on a server."""

    _connection: Connection
    _driver: psycopg.Connection[Any]
    teller: PostgresTeller

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open()

    def _open(self) -> None:
        with translated():
            self._connection = self._database.engine.connect()
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        self._driver = cast("psycopg.Connection[Any]", raw)
        clock = self._database.clock
        self.teller = PostgresTeller(self._driver, None if clock is None else clock.now_ms)

    @contextmanager
    def write(self) -> Generator[Connection]:
        """Write all or nothing through SQLAlchemy."""
        with self._told():
            transaction = self._connection.begin()
            try:
                yield self._connection
                transaction.commit()
            except BaseException:
                with suppress(DBAPIError, psycopg.Error):
                    transaction.rollback()
                raise

    @contextmanager
    def write_driver(self) -> Generator[None]:
        """Write all or nothing through the driver."""
        with self._told():
            try:
                yield
                self._driver.commit()
            except BaseException:
                with suppress(psycopg.Error):
                    self._driver.rollback()
                raise

    @contextmanager
    def _told(self) -> Generator[None]:
        """Say whether the connection is lost, others were in the way, or the work was wrong."""
        try:
            yield
        except StoreUnavailable as error:
            raise Lost(error.reason) if self._driver.closed else error from error
        except (DBAPIError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, _CROWDED):
                raise InTheWay(first_line(cause)) from error
            if self._driver.closed:
                raise Lost(first_line(cause)) from error
            if isinstance(cause, psycopg.OperationalError):
                raise unavailable(cause) from error
            raise

    def reopen(self, until_s: float) -> bool:
        """Connect again, trying until that moment of the monotonic clock; False when it was in vain."""
        pause_s = _PAUSE_S
        with suppress(Exception):
            self._connection.invalidate()
            self._connection.close()
        while True:
            try:
                self._open()
            except StoreUnavailable as problem:
                if time.monotonic() + pause_s > until_s:
                    _log.debug("no connection: %s", problem.reason)
                    return False
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                _log.warning("the database can be reached again")
                return True

    def close(self) -> None:
        """Give the connection back."""
        with suppress(DBAPIError, psycopg.Error):
            self._connection.close()
