"""The supervisor and workers that only play their part."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from modelport.api.server import reserved
from modelport.bootstrap.office import held_office
from modelport.bootstrap.parts import engines_of
from modelport.bootstrap.supervisor import Supervisor, WorkerFailed
from modelport.core.credits import Credits
from modelport.ledger.store import Fund
from modelport.settings import Settings
from modelport.storage.ledger import Ledger
from modelport.storage.writer import Writer

WORKERS = 2


@dataclass(slots=True)
class Stage:
    """A supervisor over a folder of its own."""

    supervisor: Supervisor
    folder: Path
    borrow: Callable[[str], "asyncio.Future[object]"]
    greetings: list[str] = field(default_factory=list[str])

    async def run(self) -> None:
        await self.supervisor.run(self.greetings.append)

    @property
    def starts(self) -> list[tuple[int, str, int]]:
        """Number, owner and process of each start so far."""
        noted = self.folder / "starts"
        lines = noted.read_text().splitlines() if noted.exists() else []
        return [(int(number), owner, int(pid)) for number, owner, pid in (line.split() for line in lines)]


def settings_of(folder: Path) -> Settings:
    server = msgspec.structs.replace(Settings().server, workers=WORKERS, drain_s=0.2)
    return Settings(data_dir=folder / "data", server=server)


@asynccontextmanager
async def on_stage(folder: Path, mode: str) -> AsyncGenerator[Stage]:
    settings = settings_of(folder)
    command = (sys.executable, str(Path(__file__).with_name("scripted.py")), str(folder), mode)
    with held_office(settings) as (desk, lock), reserved("127.0.0.1", 0) as listening:
        account = desk.accounts.create("spender", "", Credits(1000), desk.now_ms()).id
        async with engines_of(settings) as engines, Writer(desk.database) as writer:

            def borrow(owner: str) -> "asyncio.Future[object]":
                lend = Ledger(desk.database, writer, owner).borrow(Fund(account), Credits(1), Credits(1000))
                return asyncio.ensure_future(lend)

            supervisor = Supervisor(
                settings, desk.database, engines, lock, listening, command=command, forced_end_s=0.2
            )
            yield Stage(supervisor, folder, borrow)


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_it_greets_once_when_all_listen_and_ends_with_a_signal(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "good") as stage:
        running = asyncio.create_task(stage.run())
        await until(lambda: bool(stage.greetings))
        assert sorted(number for number, _, _ in stage.starts) == [1, 2]
        assert stage.greetings[0].startswith("http://127.0.0.1:")
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        assert len(stage.greetings) == 1
        assert len(stage.starts) == WORKERS


async def test_what_keeps_all_workers_from_starting_is_told_once_in_their_words(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "refuses") as stage:
        with pytest.raises(WorkerFailed) as raised:
            await stage.run()
        assert raised.value.message == "there is no bread"
        assert stage.greetings == []


async def test_a_worker_that_dies_without_a_word_while_it_starts_ends_the_server(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "dies") as stage:
        with pytest.raises(WorkerFailed, match=r"worker \d \(process \d+\) ended with status 3 while it was starting"):
            await stage.run()


async def test_a_worker_that_dies_again_and_again_is_replaced_less_and_less_often(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with on_stage(tmp_path, "fragile") as stage:
        running = asyncio.create_task(stage.run())
        began_s = time.monotonic()
        await until(lambda: len(stage.starts) >= 3 * WORKERS)
        assert time.monotonic() - began_s > 0.5 + 1
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    told = [message for message in errors if message.startswith("worker 1 ")]
    assert [message.rpartition("; ")[2] for message in told[:2]] == [
        "another is started in 0.5 s",
        "another is started in 1 s",
    ]
    assert all("ended with status 4" in message for message in told)


async def test_a_worker_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "stubborn") as stage:
        running = asyncio.create_task(stage.run())
        await until(lambda: bool(stage.greetings))
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(10):
            await running
        for _, _, pid in stage.starts:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


async def test_what_a_dead_worker_had_borrowed_is_free_at_once(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "good") as stage:
        running = asyncio.create_task(stage.run())
        await until(lambda: bool(stage.greetings))
        _, owner, pid = stage.starts[0]
        while (await stage.borrow(owner)).granted:  # type: ignore[attr-defined]
            pass
        assert not (await stage.borrow("another")).granted  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: len(stage.starts) > WORKERS)
        assert (await stage.borrow("another")).granted == 250  # type: ignore[attr-defined]
        assert owner not in {new for _, new, _ in stage.starts[WORKERS:]}
        os.kill(os.getpid(), signal.SIGTERM)
        await running


async def test_a_greeting_that_fails_stops_everything_and_is_told(tmp_path: Path) -> None:
    def greet(_: str) -> None:
        raise WorkerFailed("the keys could not be made")

    async with on_stage(tmp_path, "good") as stage:
        with pytest.raises(WorkerFailed, match="the keys could not be made"):
            await stage.supervisor.run(greet)
        assert len(stage.starts) == WORKERS
