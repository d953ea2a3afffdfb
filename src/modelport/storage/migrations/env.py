"""Runs migrations on the connection that `storage.migrate` opened."""

from alembic import context
from sqlalchemy import Connection

from modelport.storage.tables import metadata


def run() -> None:
    """Run what Alembic was asked to, inside the caller's transaction."""
    connection = context.config.attributes["connection"]
    assert isinstance(connection, Connection)
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    context.run_migrations()


run()
