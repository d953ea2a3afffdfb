"""PostgreSQL goes away under a gateway: what ended is charged once, what did not is refused, and calls work again."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from modelport.storage.migrate import migrate
from tests.acceptance.outages import (
    CREDIT,
    MAX_TOKENS,
    WITHIN_S,
    check,
    check_refusals,
    load,
    readiness,
    until_ready,
)
from tests.acceptance.traffic import Town, town
from tests.twins.postgres import PostgresServer

pytestmark = [pytest.mark.debian("postgresql"), pytest.mark.asyncio(loop_scope="module")]

AWAY = "database cannot be reached"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server that keeps what it committed when it is killed; the machine itself goes on."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = PostgresServer(folder, ("-c", "fsync=off"))
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> AsyncIterator[Town]:
    """Two workers on one database, whose charges wait for it for three seconds."""
    migrate(url := postgres.create("outages"))
    folder = tmp_path_factory.mktemp("outages")
    async with town(folder, database_url=url, latency_ms=20, server_workers=2, storage_retry_s=3) as built:
        yield built


async def answers(place: Town, key: str) -> bool:
    return (await place.call(key, max_tokens=MAX_TOKENS)).status == 200


async def test_calls_wait_while_postgres_restarts(place: Town, postgres: PostgresServer) -> None:
    account, key = place.customer("restarted", CREDIT)
    async with load(place, account, key) as under:
        await under.until_answered(100)
        await asyncio.to_thread(postgres.restart)
        await under.until_answered(200)
    assert under.refused == []
    check(under)


async def test_a_killed_postgres_that_comes_back_has_every_answer_charged_once(
    place: Town, postgres: PostgresServer
) -> None:
    account, key = place.customer("killed", CREDIT)
    async with load(place, account, key) as under:
        await under.until_answered(100)
        await asyncio.to_thread(postgres.kill9)
        async with asyncio.timeout(WITHIN_S):
            while (await readiness(place))[0] == 200:
                pass
        await asyncio.to_thread(postgres.start)
        await until_ready(place)
        await under.until_answered(200)
    check_refusals(under.refused, AWAY)
    check(under)


async def test_while_postgres_is_away_for_long_calls_are_refused_and_afterwards_all_is_as_before(
    place: Town, postgres: PostgresServer
) -> None:
    account, key = place.customer("away", CREDIT)
    async with load(place, account, key) as under:
        await under.until_answered(100)
        await asyncio.to_thread(postgres.stop)
        await under.until(lambda reply: not reply.is_complete, 100)
        status, reason = await readiness(place)
        assert status == 503
        assert "the database cannot be reached" in reason
        broken = await asyncio.to_thread(place.gateway.run, "doctor", "--json", check=False)
        assert broken.returncode == 1
        [found] = [one for one in json.loads(broken.stdout)["findings"] if one["state"] == "broken"]
        assert (found["name"], AWAY in found["detail"]) == ("database", True)
        await asyncio.to_thread(postgres.start)
        await under.until_answered(200)
    check_refusals(under.refused, AWAY)
    check(under)
    said = place.gateway.stderr
    assert "Traceback" not in said
    for worker in (1, 2):
        assert said.count(f"ERROR worker {worker}: modelport.storage.writer: the database cannot be reached") == 1
        assert said.count(f"worker {worker}: modelport.storage.writer: the ledger can be written again") == 1


async def test_changes_made_right_after_postgres_came_back_reach_every_worker(
    place: Town, postgres: PostgresServer
) -> None:
    place.account("changed", CREDIT)
    await asyncio.to_thread(postgres.restart)
    key = await asyncio.to_thread(place.gateway.create_key, "changed")
    assert all([await answers(place, key) for _ in range(20)])
    await asyncio.to_thread(place.gateway.run, "keys", "disable", key[:8], "--account", "changed")
    async with asyncio.timeout(WITHIN_S):
        while any([await answers(place, key) for _ in range(20)]):
            pass
