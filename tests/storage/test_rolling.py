"""Old and new versions run side by side: new schemas serve old code until they say that they do not."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, inspect

from modelport.cli import main
from modelport.core.credits import Credits
from modelport.ledger.records import Receipt
from modelport.ledger.store import Fund, LedgerStore, Settlement, Slice
from modelport.storage.database import Database, sqlite_url
from modelport.storage.folder import locked_folder
from modelport.storage.migrate import HEAD, MigrationFailed, SchemaTooNew, Standing, migrate, standing
from tests.storage.next_revisions import CONTRACTED, EXPANDED, broken_revision, next_revisions
from tests.twins.clock import StoppedClock
from tests.twins.worlds import DATABASES, POSTGRES, StoredWorld, blank, call

WITHIN_S = 60.0
MIGRATE = "import sys; from modelport.storage.migrate import migrate; migrate(sys.argv[1])"
WAITING = (
    "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND waitstart < clock_timestamp() - interval '300 ms'"
)


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with blank(request.param, tmp_path) as named:
        yield named


@pytest.fixture
async def world(url: str) -> AsyncIterator[StoredWorld]:
    migrate(url)
    async with AsyncExitStack() as stack:
        clock = StoppedClock()
        yield StoredWorld(Database(url, clock=clock), clock, stack)


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    return next_revisions(tmp_path)


class Caller:
    """Code of today that settles calls one after another until it is told to stop."""

    def __init__(self, world: StoredWorld, store: LedgerStore) -> None:
        self.store = store
        self.account = world.account(1_000_000)
        self.receipts: list[Receipt] = []
        self._settled = asyncio.Event()
        self._is_over = False

    async def call(self) -> None:
        """Borrow and settle one call."""
        loan = await self.store.borrow(Fund(self.account), Credits(7), Credits(700))
        ended: asyncio.Future[Receipt | Exception] = asyncio.get_running_loop().create_future()
        self.store.settle(self._settlement(loan.slice), ended.set_result)
        outcome = await ended
        if isinstance(outcome, Exception):
            raise outcome
        self.receipts.append(outcome)
        self._settled.set()

    async def call_until_over(self) -> None:
        while not self._is_over:
            await self.call()

    async def more(self, number: int) -> None:
        """Wait until so many more calls are settled."""
        wanted = len(self.receipts) + number
        async with asyncio.timeout(WITHIN_S):
            while len(self.receipts) < wanted:
                self._settled.clear()
                await self._settled.wait()

    def end(self) -> None:
        self._is_over = True

    def _settlement(self, lent: Slice | None) -> Settlement:
        record = call(self.account, 7, len(self.receipts))
        return Settlement(record, lent, Credits(7), Credits(0))


async def test_code_of_today_goes_on_settling_while_and_after_the_schema_is_expanded(
    world: StoredWorld, versions: Path
) -> None:
    caller = Caller(world, await world.process("old"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(caller.call_until_over())
        await caller.more(5)
        await asyncio.to_thread(migrate, world.database.url, EXPANDED, versions)
        await caller.more(5)
        migrate(world.database.url)  # a process of today that starts again
        caller.store = await world.process("old, started again")
        await caller.more(5)
        caller.end()
    found = standing(world.database)
    assert (found.revision, found.serves(HEAD)) == (EXPANDED, True)
    assert {receipt.billing_status for receipt in caller.receipts} == {"charged"}
    assert world.charged(caller.account) == 7 * len(caller.receipts)
    assert world.problems() == []


async def test_old_and_new_code_spend_the_same_money_side_by_side(world: StoredWorld, versions: Path) -> None:
    migrate(world.database.url, EXPANDED, versions)
    old = Caller(world, await world.process("old"))
    await old.call()
    with world.database.write() as connection:  # what new code does with what it added
        connection.exec_driver_sql("UPDATE requests SET region = 'north'")
        connection.exec_driver_sql("UPDATE regions SET calls = calls + 1")
    await old.call()
    with world.database.read() as connection:
        regions = connection.exec_driver_sql("SELECT region FROM requests ORDER BY inference_id").scalars().all()
    assert regions == ["north", None]
    assert world.problems() == []


def test_a_contracted_schema_is_refused_by_code_that_it_does_not_serve_and_left_alone(url: str, versions: Path) -> None:
    migrate(url)
    migrate(url, CONTRACTED, versions)
    database = Database(url)
    with pytest.raises(SchemaTooNew) as refused:
        migrate(url)
    assert standing(database) == Standing(CONTRACTED, EXPANDED)
    database.close()
    for told in (CONTRACTED, EXPANDED, HEAD, "start a newer version", "restore a backup"):
        assert told in refused.value.message


def test_a_schema_that_does_not_say_whom_it_serves_is_refused(url: str, versions: Path) -> None:
    migrate(url, EXPANDED, versions)
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM schema_terms")
    database.close()
    with pytest.raises(SchemaTooNew, match=f"revision {EXPANDED}, which this version does not know"):
        migrate(url)


def commanded(url: str, folder: Path, *command: str) -> Result:
    variables = {} if url.startswith("sqlite") else {"MODELPORT_DATABASE_URL": url, "MODELPORT_SECRET": "1:" + "s" * 32}
    return CliRunner(env=variables).invoke(main, [*command, "--data-dir", str(folder)])


def test_commands_work_on_an_expanded_schema_and_say_why_not_on_a_contracted_one(
    url: str, versions: Path, tmp_path: Path
) -> None:
    migrate(url, EXPANDED, versions)
    assert commanded(url, tmp_path, "accounts", "list").exit_code == 0
    migrate(url, CONTRACTED, versions)
    told = commanded(url, tmp_path, "accounts", "list")
    assert told.exit_code == 1
    assert f"revision {CONTRACTED}" in told.stderr


def test_a_command_migrates_ahead_of_the_servers_and_says_what_it_did(url: str, versions: Path, tmp_path: Path) -> None:
    migrate(url, "0002")
    told = commanded(url, tmp_path, "migrate")
    assert (told.exit_code, told.stdout) == (0, f"brought from revision 0002 to {HEAD}\n")
    assert commanded(url, tmp_path, "migrate").stdout == f"at revision {HEAD} already\n"
    migrate(url, EXPANDED, versions)
    told = commanded(url, tmp_path, "migrate")
    assert told.stdout == f"at revision {EXPANDED}, newer than this version's {HEAD}, which it still serves\n"
    migrate(url, CONTRACTED, versions)
    assert commanded(url, tmp_path, "migrate").exit_code == 1


def test_no_command_of_a_new_version_migrates_the_folder_of_a_server_that_runs(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    migrate(url, "0002")
    database = Database(url)
    with locked_folder(tmp_path):
        told = commanded(url, tmp_path, "accounts", "list")
        assert (told.exit_code, "stop that server first" in told.stderr) == (1, True)
        assert standing(database) == Standing("0002")
    assert commanded(url, tmp_path, "accounts", "list").exit_code == 0
    assert standing(database) == Standing(HEAD)
    with locked_folder(tmp_path):
        assert commanded(url, tmp_path, "accounts", "list").exit_code == 0
    database.close()


def shape(connection: Connection) -> dict[str, list[str]]:
    found = inspect(connection)
    return {name: [column["name"] for column in found.get_columns(name)] for name in found.get_table_names()}


async def test_a_migration_that_fails_in_the_middle_leaves_everything_as_it_was(
    world: StoredWorld, tmp_path: Path
) -> None:
    account = world.account(500)
    with world.database.read() as connection:
        before = shape(connection)
    with pytest.raises(MigrationFailed, match=f"revision {EXPANDED}: .*a_table_that_is_not_there"):
        migrate(world.database.url, EXPANDED, broken_revision(tmp_path))
    with world.database.read() as connection:
        assert shape(connection) == before
    assert standing(world.database) == Standing(HEAD)
    assert world.balance(account) == 500
    assert world.problems() == []


def served(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelport", "serve", "--port", "0", "--data-dir", str(folder)]
    variables = {} if url.startswith("sqlite") else {"MODELPORT_DATABASE_URL": url, "MODELPORT_SECRET": "1:" + "s" * 32}
    return subprocess.run(
        command, env=clean_environment() | variables, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MODELPORT_")}


def test_a_server_whose_migration_fails_does_not_start_and_says_why(url: str, tmp_path: Path) -> None:
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE requests (mine INTEGER)")
    ended = served(url, tmp_path)
    assert ended.returncode == 1
    assert "requests" in ended.stderr
    assert "Nothing was changed" in ended.stderr
    assert "Traceback" not in ended.stderr
    with database.read() as connection:
        assert shape(connection) == {"requests": ["mine"]}
    database.close()


@pytest.mark.parametrize("kind", [POSTGRES])
def test_of_processes_that_start_at_once_one_migrates_and_the_others_wait_for_it(kind: str, tmp_path: Path) -> None:
    with blank(kind, tmp_path) as url, psycopg.connect(url, autocommit=True) as watching:
        impatient = f"{url}&options=-c%20lock_timeout%3D50"
        with psycopg.connect(url) as first:
            first.execute("SELECT pg_advisory_xact_lock(7306500)")
            command = [sys.executable, "-c", MIGRATE, impatient]
            processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
            wait_for_waiting(watching, processes)
        assert [process.communicate(timeout=WITHIN_S)[1] for process in processes] == ["", ""]
        assert [process.returncode for process in processes] == [0, 0]
        assert watching.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def wait_for_waiting(watching: psycopg.Connection[tuple[int]], processes: list[subprocess.Popen[str]]) -> None:
    """Return once all of them have waited for their turn longer than other locks are waited for."""
    until = time.monotonic() + WITHIN_S
    while watching.execute(WAITING).fetchone() != (len(processes),):
        assert time.monotonic() < until, "they do not wait"
        assert all(process.poll() is None for process in processes), "one gave up"
        time.sleep(0.02)
