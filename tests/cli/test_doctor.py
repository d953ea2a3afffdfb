"""What `doctor` says of the database, of Redis and of the store of files."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from click.testing import CliRunner, Result

from modelport.cli import main
from modelport.storage.database import Database, sqlite_url
from modelport.storage.migrate import HEAD, migrate
from tests.redis_server import RedisServer
from tests.storage.next_revisions import CONTRACTED, EXPANDED, next_revisions
from tests.twins.worlds import DATABASES, blank

SECRET = "1:" + "s" * 32
PASSWORD = "hunter2%40%2F"
"""Of the address; it means hunter2@/."""


class Place(NamedTuple):
    """A database without a schema, and the variables that name it."""

    url: str
    folder: Path
    variables: dict[str, str]

    def doctor(self, **more: str) -> Result:
        command = ["--data-dir", str(self.folder), "doctor", "--json"]
        return CliRunner(env=self.variables | more).invoke(main, command)

    def found(self, name: str, **more: str) -> Any:
        findings = json.loads(self.doctor(**more).stdout)["findings"]
        return next(finding for finding in findings if finding["name"] == name)


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with blank(request.param, tmp_path) as url:
        variables = {} if request.param == "sqlite" else shared(url)
        yield Place(url, tmp_path, variables)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Place]:
    with blank("postgres", tmp_path) as url:
        yield Place(url, tmp_path, shared(url))


def shared(url: str) -> dict[str, str]:
    return {"MODELPORT_DATABASE_URL": url.replace("postgres@", f"postgres:{PASSWORD}@"), "MODELPORT_SECRET": SECRET}


def execute(place: Place, statement: str) -> None:
    database = Database(place.url)
    with database.write() as connection:
        connection.exec_driver_sql(statement)
    database.close()


def test_a_database_at_the_newest_revision_whose_books_balance_is_fine(place: Place) -> None:
    migrate(place.url)
    told = place.found("database")
    assert told["state"] == "ok"
    assert told["detail"].endswith(f"at revision {HEAD}; the books balance")
    assert place.found("room")["state"] == "ok"
    assert place.doctor().exit_code == 0


def test_an_older_schema_is_told_and_left_as_it_is(place: Place) -> None:
    migrate(place.url, "0002")
    told = place.found("database")
    assert told["state"] == "missing"
    assert f"at revision 0002; the next start brings it to {HEAD}" in told["detail"]
    assert place.found("database") == told


def test_a_newer_schema_is_told_with_whether_it_serves_this_version(place: Place) -> None:
    versions = next_revisions(place.folder)
    migrate(place.url, EXPANDED, versions)
    assert f"at revision {EXPANDED}, newer than this version's {HEAD}, which" in place.found("database")["detail"]
    migrate(place.url, CONTRACTED, versions)
    told = place.found("database")
    assert (told["state"], "start a newer version" in told["detail"]) == ("broken", True)
    assert place.doctor().exit_code == 1


def test_books_that_do_not_balance_are_told(place: Place) -> None:
    migrate(place.url)
    execute(place, "INSERT INTO accounts (name, email, kind, created_at_ms) VALUES ('ann', '', 'customer', 0)")
    execute(place, "INSERT INTO balances (account_id, credits) VALUES (3, 7)")
    told = place.found("database")
    assert told["state"] == "broken"
    assert "account 3 shows 7 credits, its entries sum to 0" in told["detail"]


def test_a_full_disk_is_told_before_writes_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(sqlite_url(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 5_000_000, 5_000_000))
    told = Place(sqlite_url(tmp_path), tmp_path, {}).found("room")
    assert (told["state"], told["detail"].startswith("only 5.0 MB are free")) == ("broken", True)


@pytest.mark.debian("postgresql")
def test_a_shared_database_is_named_by_its_server_without_who_connects(server: Place) -> None:
    migrate(server.url)
    detail = server.found("database")["detail"]
    assert detail.startswith("PostgreSQL 1")
    assert "postgres:" not in detail
    assert "more connections fit" in server.found("room")["detail"]


@pytest.mark.debian("postgresql")
def test_a_database_that_takes_no_writes_is_told(server: Place) -> None:
    migrate(server.url)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(
            "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', "
            "current_database()); END$$"
        )
    told = server.found("room")
    assert (told["state"], "takes no writes" in told["detail"]) == ("broken", True)


@pytest.mark.debian("postgresql")
def test_a_shared_database_without_a_shared_secret_is_told(server: Place) -> None:
    migrate(server.url)
    told = server.found("secret", MODELPORT_SECRET="")
    assert (told["state"], "MODELPORT_SECRET" in told["detail"]) == ("broken", True)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:hunter2%40%2F@127.0.0.1:1/name",
        "postgresql://ann@127.0.0.1:1/name?password=hunter2%40%2F",
        "postgresql:///name?host=/nowhere/hunter2&password=hunter2",
        "postgresql://ann:hunter2@127.0.0.1:1/name?nonsense=1",
        "postgresql://ann:p/hunter2@127.0.0.1:1/name",
        "postgresql://ann:p@hunter2@127.0.0.1:1/name",
        "postgresql://ann:hunter2#@127.0.0.1:1/name",
    ],
)
def test_no_password_of_a_database_that_cannot_be_used_is_shown(address: str, tmp_path: Path) -> None:
    told = Place(address, tmp_path, {"MODELPORT_DATABASE_URL": address, "MODELPORT_SECRET": SECRET}).doctor()
    assert told.exit_code != 0
    assert "hunter2" not in told.output
    assert told.exception is None or isinstance(told.exception, SystemExit)


@pytest.mark.debian("redis-server")
def test_redis_that_answers_is_fine(tmp_path: Path) -> None:
    place = Place("", tmp_path, {})
    with RedisServer() as redis:
        assert place.found("redis", MODELPORT_REDIS_URL=redis.url)["state"] == "ok"
        redis.kill()
        assert place.found("redis", MODELPORT_REDIS_URL=redis.url)["state"] == "broken"


@pytest.mark.debian("redis-server")
def test_redis_that_refuses_a_password_is_told_without_the_password(tmp_path: Path) -> None:
    with RedisServer() as redis:
        address = redis.url.replace("unix://", "unix://ann:hunter2@")
        told = Place("", tmp_path, {}).doctor(MODELPORT_REDIS_URL=address)
    assert told.exit_code == 1
    assert "hunter2" not in told.output
    found = next(one for one in json.loads(told.stdout)["findings"] if one["name"] == "redis")
    assert found["state"] == "broken"


@pytest.mark.parametrize("address", ["redis://:p/hunter2@127.0.0.1:1/0", "redis://:hunter2@127.0.0.1:1/0"])
def test_no_password_of_redis_that_cannot_be_used_is_shown(address: str, tmp_path: Path) -> None:
    told = Place("", tmp_path, {}).doctor(MODELPORT_REDIS_URL=address)
    assert told.exit_code != 0
    assert "hunter2" not in told.output


def test_without_redis_nothing_is_said_of_it(tmp_path: Path) -> None:
    findings = json.loads(Place("", tmp_path, {}).doctor().stdout)["findings"]
    assert "redis" not in [one["name"] for one in findings]


def test_the_folder_of_files_is_named_and_not_made(tmp_path: Path) -> None:
    found = Place("", tmp_path, {}).found("files")
    assert (found["state"], found["detail"]) == ("ok", str(tmp_path / "assets"))
    assert not (tmp_path / "assets").exists()


def test_files_that_replicas_do_not_share_are_told(server: Place) -> None:
    assert "replicas share files by `assets.url`" in server.found("files")["detail"]


def test_a_store_of_files_that_cannot_be_reached_is_told_without_its_credential(tmp_path: Path) -> None:
    away = {
        "MODELPORT_ASSETS_URL": "s3://files/below",
        "MODELPORT_ASSETS_ENDPOINT": "http://127.0.0.1:1",
        "MODELPORT_ASSETS_REGION": "eu-central-1",
        "MODELPORT_ASSETS_ACCESS_KEY_ID": "ann",
        "MODELPORT_ASSETS_SECRET_ACCESS_KEY": "hunter2",
    }
    place = Place("", tmp_path, {})
    found = place.found("files", **away)
    assert found["state"] == "broken"
    assert found["detail"].startswith("s3://files/below: this gateway's store of files cannot be used now")
    assert "hunter2" not in place.doctor(**away).output
