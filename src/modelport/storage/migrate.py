"""Brings the schema to what this version needs, or finds that a newer one serves this version too."""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from modelport.core.errors import Problem
from modelport.ledger.problems import StoreUnavailable
from modelport.storage.database import Database, first_line

HEAD = "0007"
"""The newest revision; a test keeps it true. Compared without loading Alembic. Revisions are in the order of text."""

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 7_306_500
"""Under this number one process migrates and the others wait."""
_WAIT_S = 600
"""How long a process waits while another migrates."""
_LOCK_S = 3
"""How long a migration stands in line for a table that calls use: those that come later wait behind it meanwhile."""
_TIMES = 5
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"


_TOLD = 3
_APART = f"""
import sys
from modelport.storage.migrate import MigrationFailed, migrate
try:
    migrate(sys.stdin.read())
except MigrationFailed as problem:
    sys.stdout.write(problem.message)
    sys.exit({_TOLD})
"""


class MigrationFailed(Problem):
    """The schema could not be brought to what this version needs; nothing was changed."""

    def __init__(self, reason: str, head: str = HEAD) -> None:
        super().__init__(
            f"the database's schema could not be brought to revision {head}: {reason}. Nothing was changed; "
            "start the version of modelport that wrote it, or restore a backup"
        )


class SchemaTooNew(MigrationFailed):
    """The schema was brought to a revision that does not serve this version any more."""

    def __init__(self, revision: str, oldest: str | None, head: str) -> None:
        serves = "this version does not know" if oldest is None else f"serves versions that know revision {oldest}"
        Problem.__init__(
            self,
            f"the database is at revision {revision}, which {serves}; this one knows revision {head}. Nothing was "
            "changed; start a newer version of modelport, or restore a backup that this one wrote",
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a database was brought, and the oldest code that it serves."""

    revision: str | None
    """None while there is no schema."""
    oldest: str | None = None
    """The oldest revision whose code works on it; None where it does not say so."""

    def is_older(self, head: str = HEAD) -> bool:
        """Whether code that knows `head` has to migrate it before use."""
        return self.revision is None or self.revision < head

    def serves(self, head: str = HEAD) -> bool:
        """Whether code that knows `head` works on it as it is."""
        is_newer = self.revision is not None and self.revision > head
        return self.revision == head or (is_newer and self.oldest is not None and self.oldest <= head)


def standing(database: Database) -> Standing:
    """Say how far a database was brought; raises `StoreUnavailable`."""
    try:
        with database.read() as connection:
            return _standing(connection)
    except DBAPIError as error:  # an address that the driver does not take, a table that may not be read
        raise StoreUnavailable(first_line(error.orig)) from error


def has_older_schema(url: str) -> bool:
    """Say whether there is a schema that this version would have to change; raises `MigrationFailed`."""
    with _opened(Database(url)) as database:
        found = standing(database)
    return found.revision is not None and found.is_older()


def migrate(url: str, head: str = HEAD, beside: Path | None = None) -> None:
    """Bring the database to `head`, in one transaction, unless a newer schema says that it serves `head` too.

    Raises `MigrationFailed`. Cheap when there is nothing to do. `beside` is another folder of migrations.
    """
    with _opened(Database(url, busy_timeout_s=_WAIT_S), head) as database:
        if not _is_fit(standing(database), head):
            _upgrade(database, head, beside)


def migrate_apart(url: str) -> None:
    """As `migrate`, in a process of its own, which takes Alembic with it: 12 MB that a server would keep."""
    with _opened(Database(url)) as database:
        if _is_fit(standing(database), HEAD):
            return
    done = subprocess.run([sys.executable, "-c", _APART], input=url, capture_output=True, text=True, check=False)
    if done.returncode == _TOLD:
        raise _Told(done.stdout)
    if done.returncode:
        raise MigrationFailed((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])


@contextmanager
def _opened(database: Database, head: str = HEAD) -> Generator[Database]:
    """Close a database on every way out; when it cannot be read or written, the migration failed."""
    try:
        yield database
    except StoreUnavailable as error:
        raise MigrationFailed(error.reason, head) from error
    finally:
        database.close()


class _Told(MigrationFailed):
    """What the process that migrated says."""

    def __init__(self, message: str) -> None:
        Problem.__init__(self, message)


def _standing(connection: Connection) -> Standing:
    tables = inspect(connection)
    if not tables.has_table("alembic_version"):
        return Standing(None)
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision == HEAD or not tables.has_table("schema_terms"):
        return Standing(revision)
    return Standing(revision, connection.scalar(text("SELECT oldest FROM schema_terms")))


def _is_fit(found: Standing, head: str) -> bool:
    """Say whether nothing has to be done; raises `SchemaTooNew` when nothing can be done."""
    if found.revision is None or found.is_older(head):
        return False
    if not found.serves(head):
        raise SchemaTooNew(found.revision, found.oldest, head)
    return True


def _upgrade(database: Database, head: str, beside: Path | None) -> None:
    """Upgrade; where a table is in use for long, give way to who uses it, and try again a few times."""
    for left in reversed(range(_TIMES)):
        try:
            return _upgrade_at_once(database, head, beside)
        except StoreUnavailable as error:
            if not _is_crowded(error):
                raise
            if not left:
                reason = f"a table stayed in use for {_LOCK_S} s, {_TIMES} times: is an export or a backup under way?"
                raise StoreUnavailable(reason) from error
        time.sleep(_PAUSE_S)
    return None


def _is_crowded(error: StoreUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def _upgrade_at_once(database: Database, head: str, beside: Path | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    folders = [_MIGRATIONS / "versions", *([] if beside is None else [beside])]
    config.set_main_option("script_location", _escaped(str(_MIGRATIONS)))
    config.set_main_option("version_locations", _escaped(os.pathsep.join(map(str, folders))))
    config.set_main_option("path_separator", "os")
    try:
        with database.write() as connection:
            if database.is_shared:
                _take_turn(connection)
            if not _is_fit(_standing(connection), head):  # another process may have been faster
                config.attributes["connection"] = connection
                command.upgrade(config, head)
    except (CommandError, SQLAlchemyError) as error:
        raise MigrationFailed(str(error), head) from error


def _escaped(value: str) -> str:
    return value.replace("%", "%%")


def _take_turn(connection: Connection) -> None:
    """Wait until no other process migrates, then stand in line for tables only shortly."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_S}s'"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_S}s'"))
