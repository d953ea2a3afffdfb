"""Databases as released versions left them: `released/NNNN.json` holds what the code of that revision wrote."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, LargeBinary, MetaData, Table, insert, null, select, text

from modelport.storage import migrate as module
from modelport.storage.database import Database
from modelport.storage.migrate import migrate

FOLDER = Path(__file__).with_name("released")
SCHEMA = (
    "SELECT name, sql FROM sqlite_master "
    "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version' ORDER BY name"
)
FIRST_ON_POSTGRES = "0003"
"""Earlier versions knew SQLite only."""

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Population:
    """What was in a database, and the secrets with which it was made."""

    revision: str
    now_ms: int
    secrets: list[tuple[int, bytes]]
    """Of the server, with their versions, the newest first."""
    keys: Mapping[str, str]
    """The secret of each key by its prefix."""
    schema: Mapping[str, str]
    tables: Rows


def revisions() -> list[str]:
    """List the revisions that there are."""
    return sorted(path.name[:4] for path in Path(module.__file__).with_name("migrations").glob("versions/0*.py"))


def released() -> list[str]:
    """List the revisions of which there is a population."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def population(revision: str) -> Population:
    """Read one."""
    found = json.loads((FOLDER / f"{revision}.json").read_text())
    secrets = [(version, secret.encode()) for version, secret in found["secrets"]]
    return Population(revision, found["now_ms"], secrets, found["keys"], found["schema"], found["tables"])


def save(found: Population) -> None:
    """Write one, a row a line."""
    head = {"revision": found.revision, "now_ms": found.now_ms, "keys": found.keys}
    secrets = [(version, secret.decode()) for version, secret in found.secrets]
    lines = [f"{_json(name)}: {_json(value)}," for name, value in (*head.items(), ("secrets", secrets))]
    schema = ",\n".join(f"{_json(name)}: {_json(sql)}" for name, sql in found.schema.items())
    tables = ",\n".join(f"{_json(name)}: [\n{_lines(rows)}\n]" for name, rows in found.tables.items())
    whole = "\n".join(["{", *lines, f'"schema": {{\n{schema}\n}},', f'"tables": {{\n{tables}\n}}', "}"])
    (FOLDER / f"{found.revision}.json").write_text(f"{whole}\n")


def _lines(rows: Sequence[Row]) -> str:
    return ",\n".join(map(_json, rows))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def fill(url: str, found: Population) -> None:
    """Bring an empty database to where that version had it: its schema, its rows, its counters."""
    migrate(url, found.revision)
    database = Database(url)
    with database.write() as connection:
        tables = _tables(connection)
        for table in reversed(tables):
            connection.execute(table.delete())
        for table in tables:
            for row in found.tables[table.name]:
                connection.execute(insert(table).values({name: _given(table, name, row[name]) for name in row}))
        if database.is_shared:
            _count_on(connection, tables)
    database.close()


def rows_of(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Read every row of every table, in the order of its first columns, as a population has them."""
    with database.read() as connection:
        return {
            table.name: [
                {name: _kept(table, name, value) for name, value in row._mapping.items()}
                for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in _tables(connection)
        }


def schema_of(database: Database) -> dict[str, str]:
    """Return the statements that make the schema; of SQLite only."""
    with database.read() as connection:
        return {row.name: row.sql for row in connection.execute(text(SCHEMA))}


def _tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _given(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if isinstance(kind, JSON):
        return null() if value is None else json.loads(value)
    if isinstance(kind, LargeBinary):
        return null() if value is None else bytes.fromhex(value["hex"])
    return value


def _kept(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if isinstance(kind, JSON):
        return None if value is None else json.dumps(value)
    if isinstance(kind, LargeBinary):
        return None if value is None else {"hex": bytes(value).hex()}
    return int(value) if isinstance(value, bool) else value


def _count_on(connection: Connection, tables: Sequence[Table]) -> None:
    for table in tables:
        if "id" not in table.c:
            continue
        counter = connection.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
        if counter is not None:
            highest = f"(SELECT COALESCE(MAX(id), 0) + 1 FROM {table.name})"
            connection.execute(text(f"SELECT setval(:counter, {highest}, false)"), {"counter": counter})
