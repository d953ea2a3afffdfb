"""Databases with a hundred thousand request rows, for asking what a question costs on many."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from sqlalchemy import Table, create_engine

from bench.report_rows import Batch, batches, load, load_owners
from modelport.storage.database import Database, sqlite_url
from modelport.storage.tables import entries, requests, usage_rollups
from tests.twins.database import fresh_database

CALLS = 100_000
DAYS = 4
"""So few that a quarter hour has hundreds of calls: looking at sums and looking at rows differ widely."""


@cache
def _made() -> list[Batch]:
    return list(batches(CALLS, DAYS))


@contextmanager
def filled(kind: str, folder: Path) -> Iterator[Database]:
    """Open a database that has been used for days; it is not connected to yet."""
    if kind == "sqlite":
        yield from _filled_file(folder)
    else:
        yield from _filled_server()


def _filled_file(folder: Path) -> Iterator[Database]:
    fresh_database(folder).close()
    engine = create_engine(sqlite_url(folder))
    with engine.connect() as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        load_owners(connection)
        for batch in _made():
            load(connection, batch)
        connection.commit()
    engine.dispose()
    database = Database(sqlite_url(folder))
    yield database
    database.close()


def _filled_server() -> Iterator[Database]:
    from tests.twins.postgres import server

    url = server().create("months", "migrated")
    database = Database(url)
    with database.write() as connection:
        load_owners(connection)
    database.close()
    with psycopg.connect(url) as raw:
        for table, name in ((requests, "requests"), (usage_rollups, "rollups"), (entries, "entries")):
            _copy(raw, table, [row for batch in _made() for row in getattr(batch, name)])
    with psycopg.connect(url, autocommit=True) as raw:
        raw.execute("VACUUM ANALYZE")
    yield database
    database.close()
    server().drop("months")


def _copy(raw: psycopg.Connection, table: Table, rows: list[tuple[object, ...]]) -> None:
    names = ", ".join(column.name for column in table.columns)
    with raw.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
