"""Brings the schema to what this version needs."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from modelport.core.errors import Problem
from modelport.ledger.problems import StoreUnavailable
from modelport.storage.database import Database

HEAD = "0003"
"""The newest revision; a test keeps it true. Compared without loading Alembic."""


_LOCK = 7_306_500
"""Under this number one process migrates and the others wait."""


class MigrationFailed(Problem):
    """The schema could not be brought to what this version needs; nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the database's schema could not be brought to revision {HEAD}: {reason}. Nothing was changed; "
            "start the version of modelport that wrote it, or restore a backup"
        )


def migrate(url: str) -> None:
    """Bring the database to `HEAD`, in one transaction; raises `MigrationFailed`. Cheap when it is there already."""
    database = Database(url)
    try:
        if _at(database) != HEAD:
            _upgrade(database)
    except StoreUnavailable as error:
        raise MigrationFailed(error.reason) from error
    finally:
        database.close()


def _at(database: Database) -> str | None:
    with database.read() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _upgrade(database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with database.write() as connection:
            if database.is_shared:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            if _revision(connection) != HEAD:  # another process may have been faster
                config.attributes["connection"] = connection
                command.upgrade(config, HEAD)
    except (CommandError, SQLAlchemyError) as error:
        raise MigrationFailed(str(error)) from error
