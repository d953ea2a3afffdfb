"""A PostgreSQL server of one's own: Debian's, on a unix socket in a temporary folder, as `nobody` for root."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import psycopg

from modelport.storage.migrate import migrate
from modelport.storage.tables import metadata
from tests.packages import find

START_WITHIN_S = 30.0
USER = "postgres"


@dataclass
class PostgresServer:
    """One server and its data; may be stopped, killed and started again."""

    folder: Path
    options: Sequence[str] = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._own(self.folder)
        self._run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The process from which all others of a running server descend."""
        assert self._process is not None, "it is running"
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """Name one of its databases."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it, and return once it takes connections."""
        command = [find("postgres"), "-D", str(self.data), "-k", str(self.folder), "-c", "listen_addresses="]
        limits = ["-c", "max_connections=200", "-c", "shared_buffers=64MB"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *limits, *self.options], stdout=log, stderr=log, cwd="/", **self._user()
            )
        until = time.monotonic() + START_WITHIN_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise AssertionError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}") from None
                time.sleep(0.02)

    def stop(self, *, is_kind: bool = False) -> None:
        """Stop it: `is_kind` waits for transactions, else connections are cut as a restart of the service does."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM if is_kind else signal.SIGINT)
            process.wait(START_WITHIN_S)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def kill9(self) -> None:
        """End it at once, without a chance to clean up."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(START_WITHIN_S)

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database and return its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [find(program), *arguments], capture_output=True, text=True, check=False, cwd="/", **self._user()
        )
        assert done.returncode == 0, f"{program}:\n{done.stdout}\n{done.stderr}"

    def _own(self, folder: Path) -> None:
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def _user(self) -> dict[str, object]:
        return {"user": "nobody"} if os.getuid() == 0 else {}


@cache
def server() -> PostgresServer:
    """The server that tests of stores share; started on first use, stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder.chmod(0o755)
    found = PostgresServer(folder)
    found.start()
    migrate(found.create("migrated"))
    atexit.register(_end, found)
    return found


def _end(found: PostgresServer) -> None:
    found.stop()
    shutil.rmtree(found.folder, ignore_errors=True)


_numbers = count(1)


_swept: list[str] = []
"""Databases that were used and are empty again: a tenth of the time of making one."""
_SEEDED = ("accounts", "balances", "schema_terms")


def fresh_postgres() -> str:
    """Return the URL of a database of the newest schema in which nothing is; to be given back with `give_back`."""
    if _swept:
        return _swept.pop()
    return server().create(f"test_{os.getpid()}_{next(_numbers)}", "migrated")


@contextmanager
def blank_postgres() -> Iterator[str]:
    """Yield the URL of a database without a schema, which is dropped afterwards."""
    name = f"blank_{os.getpid()}_{next(_numbers)}"
    try:
        yield server().create(name)
    finally:
        server().drop(name)


def give_back(url: str) -> None:
    """Empty a database for the next test, whatever was done to it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        names = [name for name in metadata.tables if name not in _SEEDED]
        connection.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY".encode())
        connection.execute("DELETE FROM balances WHERE account_id > 2")
        connection.execute("DELETE FROM accounts WHERE id > 2")
        connection.execute("SELECT setval(pg_get_serial_sequence('accounts', 'id'), 2)")
    _swept.append(url)
