"""The schema is brought to what this version needs, or nothing starts."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from modelport.storage import migrate as module
from modelport.storage.database import FILE_NAME, Database, sqlite_url
from modelport.storage.migrate import HEAD, MigrationFailed, migrate, migrate_apart, standing
from modelport.storage.tables import metadata
from tests.twins.worlds import DATABASES

SERVE = """
import sys
from modelport.storage.migrate import migrate
import modelport.storage.ledger, modelport.storage.accounts, modelport.storage.keys
migrate(sys.argv[1])
print("alembic" in sys.modules)
"""


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database in which there is nothing yet."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    from tests.twins.postgres import server

    name = f"empty_{uuid4().hex}"
    yield server().create(name)
    server().drop(name)


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_revisions_are_numbers_of_four_digits_so_that_later_ones_are_greater() -> None:
    versions = sorted(path.name for path in Path(module.__file__).with_name("migrations").glob("versions/0*.py"))
    assert [name[:5] for name in versions] == [f"{number:04}_" for number in range(1, int(HEAD) + 1)]


def test_the_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    migrate(url)
    with closing(Database(url)) as database, database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_migrations_and_the_code_write_every_table_of_a_file_in_the_same_words(tmp_path: Path) -> None:
    migrate(sqlite_url(tmp_path))
    database = Database(sqlite_url(tmp_path))
    with database.read() as connection:
        made = dict(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all())
    database.close()
    other = Database(sqlite_url(tmp_path / ".." / tmp_path.name).replace(FILE_NAME, "direct.db"))
    metadata.create_all(other.engine)
    with other.read() as connection:
        direct = dict(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all())
    other.close()
    del made["alembic_version"]
    words = {name: sorted(sql.replace(",", " ").split()) for name, sql in made.items()}
    assert words == {name: sorted(sql.replace(",", " ").split()) for name, sql in direct.items()}


def test_a_database_at_its_head_is_opened_without_loading_alembic(url: str) -> None:
    loads = [
        subprocess.run([sys.executable, "-c", SERVE, url], check=True, capture_output=True, text=True).stdout.strip()
        for _ in range(2)
    ]
    assert loads == ["True", "False"]


def test_a_server_has_another_process_migrate_and_keeps_nothing_of_it(url: str) -> None:
    command = [sys.executable, "-c", SERVE.replace("migrate import migrate", "migrate import migrate_apart as migrate")]
    told = subprocess.run([*command, url], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "False"
    with closing(Database(url)) as database:
        assert standing(database).revision == HEAD


def test_what_another_process_could_not_migrate_is_told_in_its_words(url: str) -> None:
    with closing(Database(url)) as database, database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE requests (mine INTEGER)")
    with pytest.raises(MigrationFailed) as here:
        migrate(url)
    with pytest.raises(MigrationFailed) as apart:
        migrate_apart(url)
    assert apart.value.message == here.value.message


def test_several_processes_may_migrate_at_once(url: str) -> None:
    command = [sys.executable, "-c", SERVE, url]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]


def test_a_schema_of_another_version_is_refused_and_left_alone(url: str) -> None:
    migrate(url)
    with closing(Database(url)) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.exec_driver_sql("UPDATE schema_terms SET oldest = '9998'")
    with pytest.raises(MigrationFailed, match="9999"):
        migrate(url)


def test_a_migration_that_fails_changes_nothing(url: str) -> None:
    with closing(Database(url)) as database:
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE requests (mine INTEGER)")
        with pytest.raises(MigrationFailed, match="requests"):
            migrate(url)
        with database.read() as connection:
            assert inspect(connection).get_table_names() == ["requests"]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("not a database" * 1000)
    with pytest.raises(MigrationFailed, match="not a database"):
        migrate(sqlite_url(tmp_path))
