"""Replicas over one PostgreSQL are one server: for money, for keys, and when one is killed and another stopped."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.test_money_parallel import MAX_TOKENS, PRICE, refused_while_held
from tests.acceptance.test_workers import processes
from tests.acceptance.traffic import Reply, Town, chat, exchange, replica, request, town
from tests.twins.postgres import fresh_postgres, give_back

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENTS = 300
REPLICAS = 3
on_three = pytest.mark.debian("postgresql")
LEASE_S = 5
SOON_S = 1.0


@dataclass(slots=True)
class Fleet:
    """Several processes that serve one database."""

    place: Town
    """The one that is neither killed nor stopped."""
    addresses: list[str]
    """Where clients find a server; the place's own comes first."""
    kill: Callable[[], None]
    """Ends one of them at once."""
    stop: Callable[[], None]
    """Tells another to finish what it has begun and go; returns at once."""


@asynccontextmanager
async def replicas(folder: Path, **settings: Any) -> AsyncGenerator[Fleet]:
    """Three servers, each with a data folder of its own, on one PostgreSQL."""
    url = fresh_postgres()
    try:
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(town(folder, database_url=url, latency_ms=20, **settings))
            others = [stack.enter_context(replica(place, folder / f"replica-{n}")) for n in range(1, REPLICAS)]
            yield Fleet(
                place,
                [place.gateway.base_url, *(other.base_url for other in others)],
                others[0].kill_process,
                lambda: os.kill(others[1].pid, signal.SIGTERM),
            )
    finally:
        give_back(url)


@asynccontextmanager
async def workers(folder: Path, **settings: Any) -> AsyncGenerator[Fleet]:
    """Three workers of one server, on SQLite."""
    async with town(folder, latency_ms=20, server_workers=REPLICAS, **settings) as place:

        def end(worker: int, how: signal.Signals) -> None:
            os.kill(processes(place.gateway)[worker], how)

        yield Fleet(place, [place.gateway.base_url], lambda: end(2, signal.SIGKILL), lambda: end(3, signal.SIGTERM))


@dataclass(slots=True)
class Clients:
    """Clients who call until they are refused, each time on a new connection; what is lost is called again."""

    fleet: Fleet
    key: str
    replies: list[Reply] = field(default_factory=list[Reply])
    refused: list[Reply] = field(default_factory=list[Reply])

    async def client(self, number: int) -> None:
        """Call at one address after the other until a call is refused."""
        turns = cycle(self.fleet.addresses[number % len(self.fleet.addresses) :] + self.fleet.addresses)
        for turn, address in enumerate(turns):
            body = chat("fake/meter", max_tokens=MAX_TOKENS, stream=bool((number + turn) % 2))
            reply = await exchange(address, request(self.key, body))
            if reply.status == 0:
                await asyncio.sleep(0.01)  # nobody is there any more, or it went while it answered
                continue
            self.replies.append(reply)
            if reply.status != 200:
                self.refused.append(reply)
                return

    async def until(self, complete: int) -> None:
        """Wait for so many whole answers."""
        async with asyncio.timeout(60):
            while self.complete < complete:  # noqa: ASYNC110 - what other tasks add up
                await asyncio.sleep(0.01)

    @property
    def complete(self) -> int:
        return sum(reply.is_complete for reply in self.replies)


async def spend_all(fleet: Fleet, key: str, paid_for: int) -> Clients:
    """Let the clients spend everything, while one process is killed and one is stopped on the way."""
    crowd = Clients(fleet, key)
    tasks = [asyncio.create_task(crowd.client(number)) for number in range(CLIENTS)]
    await crowd.until(paid_for // 4)
    fleet.kill()
    await crowd.until(paid_for // 2)
    fleet.stop()
    await asyncio.gather(*tasks)
    return crowd


def check(fleet: Fleet, account: int, crowd: Clients, paid_for: int, code: str) -> None:
    """See that exactly what was paid for was served and charged, and that nobody was refused before all was spent."""
    rows = fleet.place.requests(account)
    charged = [row["inference_id"] for row in rows if row["charged_credits"]]
    assert len(charged) == paid_for
    received = [reply.inference_id for reply in crowd.replies if reply.is_complete]
    assert [name for name, times in Counter(received).items() if times > 1] == []
    assert set(received) <= set(charged)
    assert len(charged) - len(received) <= CLIENTS // REPLICAS  # charged, and cut on the way to their clients
    assert {reply.error["code"] for reply in crowd.refused} == {code}
    assert len(crowd.refused) == CLIENTS
    assert refused_while_held(rows) == []
    assert fleet.place.problems() == []


FLEETS = pytest.mark.parametrize(
    "fleet",
    [
        pytest.param(replicas, marks=pytest.mark.debian("postgresql"), id="replicas"),
        pytest.param(workers, id="workers"),
    ],
)
SIZES = pytest.mark.parametrize("paid_for", [900, pytest.param(6000, marks=pytest.mark.long)])


@FLEETS
@SIZES
async def test_processes_of_which_one_is_killed_and_one_stopped_spend_a_balance_to_the_last_call(
    tmp_path: Path, fleet: Any, paid_for: int
) -> None:
    async with fleet(tmp_path, money_hold_wait_s=60) as built:
        account, key = built.place.customer("balance", paid_for * PRICE)
        crowd = await spend_all(built, key, paid_for)
        check(built, account, crowd, paid_for, "insufficient_funds")
        assert built.place.balance(account) == 0


@FLEETS
@SIZES
async def test_processes_of_which_one_is_killed_and_one_stopped_spend_a_key_limit_to_the_last_call(
    tmp_path: Path, fleet: Any, paid_for: int
) -> None:
    async with fleet(tmp_path, money_hold_wait_s=60) as built:
        account = built.place.account("limited", 2 * paid_for * PRICE)
        key = built.place.key(account)
        terms = {"limit": {"retention": "month", "threshold": paid_for * PRICE / 2_000_000}}
        await built.place.ask("PATCH", f"/v1/keys/{key[:8]}", built.place.key(account, is_management=True), terms)
        crowd = await spend_all(built, key, paid_for)
        check(built, account, crowd, paid_for, "key_limit_reached")
        assert built.place.balance(account) == paid_for * PRICE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Three replicas, which no test stops."""
    async with replicas(tmp_path_factory.mktemp("replicas")) as built:
        yield built


async def statuses_of(fleet: Fleet, key: str) -> list[int]:
    """Call every replica once."""
    body = request(key, chat("fake/meter", max_tokens=MAX_TOKENS))
    return [(await exchange(address, body)).status for address in fleet.addresses]


async def seconds_until(fleet: Fleet, key: str, wanted: int) -> float:
    """Say how long it takes until every replica answers so."""
    began_s = time.monotonic()
    async with asyncio.timeout(20):
        while await statuses_of(fleet, key) != [wanted] * REPLICAS:
            pass
    return time.monotonic() - began_s


@on_three
async def test_a_key_that_a_command_made_works_on_every_replica_on_its_next_call(three: Fleet) -> None:
    three.place.account("commanded", 100 * PRICE)
    key = await asyncio.to_thread(three.place.gateway.create_key, "commanded")
    assert await statuses_of(three, key) == [200] * REPLICAS


@on_three
async def test_what_one_replica_changes_of_a_key_reaches_the_others_within_a_second(three: Fleet) -> None:
    account, key = three.place.customer("changed", 100 * PRICE)
    management = three.place.key(account, is_management=True)
    assert await statuses_of(three, key) == [200] * REPLICAS
    for is_disabled, status in ((True, 401), (False, 200)):
        await three.place.ask("PATCH", f"/v1/keys/{key[:8]}", management, {"disabled": is_disabled})
        assert await seconds_until(three, key, status) < SOON_S


@on_three
async def test_credit_that_a_command_granted_is_spent_by_every_replica_at_once(three: Fleet) -> None:
    account, key = three.place.customer("granted", 0)
    assert await statuses_of(three, key) == [403] * REPLICAS
    await asyncio.to_thread(three.place.gateway.run, "credits", "grant", "granted", "0.015")
    assert await statuses_of(three, key) == [200] * REPLICAS
    assert three.place.balance(account) == 0


@on_three
async def test_a_report_is_the_same_on_every_replica(three: Fleet) -> None:
    _, key = three.place.customer("reported", 100 * PRICE)
    await statuses_of(three, key)
    asked = request(key, b"", path="/v2/billing/transactions", method="GET")
    reports = [(await exchange(address, asked)).json for address in three.addresses]
    assert [call["amount"]["credits"] for call in reports[0]["data"][:REPLICAS]] == [PRICE] * REPLICAS
    assert reports == [reports[0]] * REPLICAS
