"""Several worker processes on one folder and one port are one server: for money, for keys, and when one dies."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.acceptance.gateway import Gateway, command
from tests.acceptance.test_money_parallel import MAX_TOKENS, PRICE, all_at_once, refused_while_held, statuses
from tests.acceptance.traffic import Reply, Town, chat, connection, read_reply, request, town

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKERS = 3
CALLERS = 60
SOON_S = 1.0
_SERVES = re.compile(r"worker (\d+) serves: process (\d+)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A gateway of three workers, which no test stops."""
    folder = tmp_path_factory.mktemp("workers")
    async with town(folder, latency_ms=20, money_hold_wait_s=60, server_workers=WORKERS) as built:
        yield built


def processes(gateway: Gateway) -> dict[int, int]:
    """The process of each worker, the newest of its number."""
    return {int(number): int(pid) for number, pid in _SERVES.findall(gateway.stderr)}


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def children_of(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


@dataclass(slots=True)
class Door:
    """A connection that is kept, to one worker."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    worker: int = 0

    async def ask(self, payload: bytes) -> Reply:
        self.writer.write(payload)
        return await read_reply(self.reader)


@asynccontextmanager
async def doors(place: Town) -> AsyncGenerator[list[Door]]:
    """A connection to each worker: connections are made until there is one to all."""
    found: dict[int, Door] = {}
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        while len(found) < WORKERS:
            door = Door(*await stack.enter_async_context(connection(place.gateway.base_url)))
            reply = await door.ask(request("", b"", path="/healthz", method="GET"))
            door.worker = reply.json["worker"]
            found.setdefault(door.worker, door)
        yield list(found.values())


def call(key: str, **fields: object) -> bytes:
    return request(key, chat("fake/meter", max_tokens=MAX_TOKENS, **fields))


async def test_all_workers_answer_at_one_address_and_the_greeting_comes_once(place: Town) -> None:
    _, key = place.customer("greeted", 10 * PRICE)
    async with doors(place) as each:
        assert sorted(door.worker for door in each) == [1, 2, 3]
        assert [(await door.ask(call(key))).status for door in each] == [200] * WORKERS
    found = processes(place.gateway)
    assert len({place.gateway.pid, *found.values()}) == WORKERS + 1
    assert place.gateway.stdout.count("Modelport listens on") == 1


SIZES = pytest.mark.parametrize(
    ("is_streaming", "calls", "paid_for"),
    [
        pytest.param(False, 300, 120, id="whole"),
        pytest.param(True, 300, 120, id="stream"),
        pytest.param(False, 1000, 400, id="whole-1000", marks=pytest.mark.long),
    ],
)


@SIZES
async def test_of_many_calls_over_all_workers_exactly_those_succeed_that_can_be_paid(
    place: Town, is_streaming: bool, calls: int, paid_for: int
) -> None:
    account, key = place.customer(f"exact-{is_streaming}-{calls}", paid_for * PRICE)
    replies = await all_at_once(place, [key], calls, stream=is_streaming)
    assert statuses(replies) == {200: paid_for, 403: calls - paid_for}
    assert {reply.error["code"] for reply in replies if reply.status == 403} == {"insufficient_funds"}
    assert place.balance(account) == 0
    assert refused_while_held(place.requests(account)) == []
    assert place.problems() == []


async def test_calls_over_all_workers_that_cost_less_than_they_hold_use_the_balance_up(place: Town) -> None:
    account, key = place.customer("half", 100 * PRICE)
    replies = await all_at_once(place, [key], 300, model="fake/meter-half")
    counts = statuses(replies)
    assert counts.keys() == {200, 403}
    assert counts[200] >= 200
    assert place.balance(account) < PRICE // 2
    assert refused_while_held(place.requests(account)) == []
    assert place.problems() == []


async def test_a_key_that_a_command_made_works_on_every_worker_on_its_next_call(place: Town) -> None:
    place.account("commanded", 100 * PRICE)
    async with doors(place) as each:
        for _ in range(2):
            key = await asyncio.to_thread(place.gateway.create_key, "commanded")
            assert [(await door.ask(call(key))).status for door in each] == [200] * WORKERS


async def test_a_disabled_key_stops_on_every_worker_within_a_second(place: Town) -> None:
    account, key = place.customer("disabled", 100 * PRICE)
    management = place.key(account, is_management=True)
    async with doors(place) as each:
        assert [(await door.ask(call(key))).status for door in each] == [200] * WORKERS
        terms = json.dumps({"disabled": True}).encode()
        patched = await each[0].ask(request(management, terms, path=f"/v1/keys/{key[:8]}", method="PATCH"))
        assert patched.status == 200
        began_s = time.monotonic()
        async with asyncio.timeout(SOON_S):
            for door in each:
                while (await door.ask(call(key))).status == 200:
                    assert door is not each[0]
        assert time.monotonic() - began_s < SOON_S


async def test_credit_that_a_command_granted_is_spent_by_all_workers(place: Town) -> None:
    account, key = place.customer("granted-to-all", 0)
    async with doors(place) as each:
        assert [(await door.ask(call(key))).status for door in each] == [403] * WORKERS
        await asyncio.to_thread(place.gateway.run, "credits", "grant", "granted-to-all", "0.015")
        assert [(await door.ask(call(key))).status for door in each] == [200] * WORKERS
    assert place.balance(account) == 0


async def test_a_response_that_one_worker_kept_is_known_to_all(place: Town) -> None:
    _, key = place.customer("kept", 100 * PRICE)
    asked = json.dumps({"model": "fake/echo", "input": "hello", "store": True}).encode()
    async with doors(place) as each:
        kept = (await each[0].ask(request(key, asked, path="/v1/responses"))).json
        for door in each:
            found = await door.ask(request(key, b"", path=f"/v1/responses/{kept['id']}", method="GET"))
            assert (found.status, found.json["id"]) == (200, kept["id"])


@dataclass(slots=True)
class Load:
    """Callers who call again and again, each time on a new connection, until they are told to stop."""

    place: Town
    key: str
    replies: list[Reply] = field(default_factory=list[Reply])
    is_over: bool = False

    async def caller(self, number: int) -> None:
        while not self.is_over:
            self.replies.append(await self.place.call(self.key, max_tokens=MAX_TOKENS, stream=bool(number % 2)))

    async def until(self, more: int) -> None:
        """Wait for so many more whole answers."""
        wanted = self.complete + more
        async with asyncio.timeout(30):
            while self.complete < wanted:  # noqa: ASYNC110 - what other tasks add up
                await asyncio.sleep(0.01)

    @property
    def complete(self) -> int:
        return sum(reply.is_complete for reply in self.replies)


@asynccontextmanager
async def load(place: Town, key: str) -> AsyncGenerator[Load]:
    under = Load(place, key)
    callers = [asyncio.create_task(under.caller(number)) for number in range(CALLERS)]
    try:
        yield under
    finally:
        under.is_over = True
        await asyncio.gather(*callers)


async def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=20, server_workers=WORKERS) as place:
        account, key = place.customer("killed", 100_000 * PRICE)
        gateway = place.gateway
        async with load(place, key) as under:
            await under.until(300)
            for turn in range(1, 4):
                victim = processes(gateway)[turn]
                os.kill(victim, signal.SIGKILL)
                await under.until(100)
                await asyncio.to_thread(gateway.until_said, f"worker {turn} (process {victim}) was ended by signal 9")
                async with asyncio.timeout(20):
                    while processes(gateway)[turn] == victim:  # noqa: ASYNC110 - another process writes it
                        await asyncio.sleep(0.01)
                await under.until(100)
        lost = [reply for reply in under.replies if not reply.is_complete]
        assert {reply.status for reply in lost} <= {0, 200}  # cut with their worker; nobody was refused
        assert len(lost) <= 3 * CALLERS
        async with doors(place) as each:
            assert [(await door.ask(call(key))).status for door in each] == [200] * WORKERS
        rows = place.requests(account)
        assert len([row for row in rows if row["charged_credits"]]) >= under.complete + WORKERS
        assert place.balance(account) == 100_000 * PRICE - sum(row["charged_credits"] for row in rows)
        assert {row["billing_status"] for row in rows} <= {"charged", "free"}
        assert place.problems() == []


async def test_what_killed_workers_had_borrowed_can_be_spent_within_a_second(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=400, server_workers=WORKERS) as place:
        account, key = place.customer("freed", 40 * PRICE)
        async with doors(place) as each:
            under_way = [asyncio.create_task(door.ask(call(key))) for door in each]
            await place.fake.until(lambda: place.fake.answering == WORKERS)
            found = processes(place.gateway)
            for door in (each[0], each[2]):
                os.kill(found[door.worker], signal.SIGKILL)
            replies = await asyncio.gather(*under_way)
            assert [reply.status for reply in replies] == [0, 200, 0]
            left = place.balance(account)
            assert left == 39 * PRICE
            began_s = time.monotonic()
            everything = await each[1].ask(request(key, chat("fake/meter", max_tokens=left * MAX_TOKENS // PRICE)))
            assert everything.status == 200
            assert everything.json["usage"]["completion_tokens"] == left * MAX_TOKENS // PRICE
            assert time.monotonic() - began_s < 0.4 + SOON_S
        assert place.balance(account) == 0
        assert place.problems() == []


async def test_sigterm_lets_the_calls_of_all_workers_end(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=400, server_drain_s=20, server_workers=WORKERS) as place:
        account, key = place.customer("stop", 100 * PRICE)
        calls = [asyncio.create_task(place.call(key, max_tokens=MAX_TOKENS, stream=bool(n % 2))) for n in range(50)]
        await place.fake.until(lambda: place.fake.answering == 50)
        workers = processes(place.gateway)
        os.kill(place.gateway.pid, signal.SIGTERM)
        replies = await asyncio.gather(*calls)
        assert await asyncio.to_thread(place.gateway.wait) == 0
        assert all(reply.is_complete for reply in replies)
        assert place.balance(account) == 50 * PRICE
        assert [pid for pid in workers.values() if is_alive(pid)] == []
        assert place.gateway.rows("SELECT * FROM allotments") == []
        assert "Traceback" not in place.gateway.stderr
        place.gateway.start()
        assert (await place.call(key, max_tokens=50 * MAX_TOKENS)).status == 200
        assert place.problems() == []


async def test_a_second_signal_waits_for_no_call(tmp_path: Path) -> None:
    async with town(tmp_path, models=["late-60000"], server_drain_s=60, server_workers=WORKERS) as place:
        account, key = place.customer("forced", 100 * PRICE)
        calls = [asyncio.create_task(place.call(key, "fake/late-60000")) for _ in range(9)]
        await place.fake.until(lambda: place.fake.answering == 9)
        began_s = time.monotonic()
        os.kill(place.gateway.pid, signal.SIGTERM)
        await asyncio.sleep(0.1)  # a second signal at the same instant is the first one
        assert await asyncio.to_thread(place.gateway.stop) == 0
        assert time.monotonic() - began_s < 20
        assert not any(reply.is_complete for reply in await asyncio.gather(*calls))
        assert place.balance(account) == 100 * PRICE
        assert place.problems() == []


async def test_workers_whose_supervisor_died_let_their_calls_end_and_keep_others_off_the_folder(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=8000, server_drain_s=40, server_workers=WORKERS) as place:
        account, key = place.customer("orphans", 100 * PRICE)
        calls = [asyncio.create_task(place.call(key, max_tokens=MAX_TOKENS)) for _ in range(20)]
        await place.fake.until(lambda: place.fake.answering == 20)
        supervisor = place.gateway.pid
        place.gateway.kill_process()
        second = await asyncio.to_thread(command, place.gateway.environment, "serve", "--port", "0", check=False)
        assert second.returncode == 1
        assert f"in use by the workers of process {supervisor}, which has died" in second.stderr
        assert all(reply.is_complete for reply in await asyncio.gather(*calls))
        await asyncio.to_thread(place.gateway.kill9)  # returns once the last worker has closed its outputs
        assert place.balance(account) == 80 * PRICE
        assert place.gateway.rows("SELECT * FROM allotments") == []
        place.gateway.start()
        assert place.problems() == []


async def test_a_worker_that_is_told_to_stop_by_itself_is_replaced(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=300, server_workers=WORKERS) as place:
        _, key = place.customer("recycled", 100 * PRICE)
        async with doors(place) as each:
            answer = asyncio.create_task(each[0].ask(call(key)))
            await place.fake.until(lambda: place.fake.answering == 1)
            old = processes(place.gateway)
            os.kill(old[each[0].worker], signal.SIGTERM)
            assert (await answer).status == 200
        async with asyncio.timeout(20):
            while processes(place.gateway) == old:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        assert place.problems() == []


def refused(gateway: Gateway, *arguments: str) -> str:
    """Say what a start wrote that has to fail."""
    done = command(gateway.environment, "serve", "--workers", "3", *arguments, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


async def test_what_keeps_workers_from_starting_is_told_once(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "data")
    gateway.catalogue.mkdir(parents=True)
    (gateway.catalogue / "wrong.toml").write_text("name = 3\n")
    told = await asyncio.to_thread(refused, gateway, "--port", "0")
    assert told.count("Error: ") == 1
    assert told.count("the catalogue has") == 1
    assert "catalogue/wrong.toml: name: is a number" in told
    assert "Traceback" not in told


async def test_a_port_that_is_taken_is_told_once_even_if_those_who_have_it_would_share(
    place: Town, tmp_path: Path
) -> None:
    port = place.gateway.base_url.rpartition(":")[2]
    told = await asyncio.to_thread(refused, Gateway(tmp_path / "data"), "--port", port)
    assert told.count("Error: ") == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in told


async def test_one_worker_is_one_process_without_a_supervisor(tmp_path: Path) -> None:
    with Gateway(tmp_path / "data", arguments=("--workers", "1")) as gateway:
        assert children_of(gateway.pid) == ""
        assert "worker" not in gateway.stderr


async def test_the_option_wins_over_the_setting(tmp_path: Path) -> None:
    settings = {"MODELPORT_SERVER_WORKERS": "1"}
    with Gateway(tmp_path / "data", settings=settings, arguments=("--workers", "2", "--host", "localhost")) as gateway:
        for number in (1, 2):  # a worker says so after it has told its supervisor
            gateway.until_said(f"worker {number} serves")
        assert sorted(processes(gateway)) == [1, 2]
        assert gateway.base_url.startswith("http://localhost:")
        assert await asyncio.to_thread(gateway.stop) == 0
