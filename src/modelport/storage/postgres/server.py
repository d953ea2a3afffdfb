"""What a server of PostgreSQL says of itself."""

from dataclasses import dataclass

from sqlalchemy import text

from modelport.storage.database import Database

_LOOK = text(
    "SELECT current_setting('server_version') AS version, "
    "pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS is_read_only, "
    "pg_database_size(current_database()) AS size_bytes, "
    "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int "
    "- (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS free_connections"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and what room there is on it."""

    version: str
    place: str
    """Its address and the name of the database, and nothing of who connects."""
    is_read_only: bool
    size_bytes: int
    """Of the database."""
    free_connections: int
    """How many more may be made, by everybody together."""


def server_of(database: Database) -> Server:
    """Look at the server of a database; raises `StoreUnavailable`."""
    with database.read() as connection:
        row = connection.execute(_LOOK).one()
    url = database.engine.url
    host = url.host or url.query.get("host") or "localhost"
    port = "" if url.port is None else f":{url.port}"
    place = f"{host}{port}/{url.database or ''}"
    return Server(row.version.split()[0], place, row.is_read_only, row.size_bytes, row.free_connections)
