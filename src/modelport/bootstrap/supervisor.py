"""Several processes that serve one data folder: started together, replaced when one dies, stopped together."""

import asyncio
import contextlib
import logging
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from modelport.api.server import heeding_signals, reserved
from modelport.bootstrap.catalogue import load_lean
from modelport.bootstrap.channel import (
    SAID_TO_SUPERVISOR,
    Asked,
    Assignment,
    Channel,
    Failed,
    Force,
    Returned,
    Stop,
    ToSupervisor,
    Wake,
    channel_over,
)
from modelport.bootstrap.gateway import address
from modelport.bootstrap.keeper import keeper
from modelport.bootstrap.leases import Lender
from modelport.bootstrap.office import held_office
from modelport.bootstrap.parts import engines_of
from modelport.core.errors import Problem
from modelport.engines.supervisor import Engines
from modelport.settings import Settings, packed
from modelport.storage.catalogues import AppliedCatalogues
from modelport.storage.database import Database
from modelport.storage.owners import end_slices_of

_log = logging.getLogger(__name__)

FORCED_END_S = 15.0
"""How long a worker may take to close what it has open once no call holds it up."""
OWN_COMMAND = (sys.executable, "-P", "-m", "modelport.bootstrap.worker")
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_LIVED_S = 10.0
"""A worker that lived so long is replaced at once."""


class WorkerFailed(Problem):
    """A worker could not be started."""


@dataclass(slots=True)
class Worker:
    """A worker process, until it has ended."""

    number: int
    owner: str
    process: asyncio.subprocess.Process
    channel: Channel[ToSupervisor]
    lender: Lender
    is_ready: bool = field(default=False, init=False)
    failure: str | None = field(default=None, init=False)
    """Why it could not start, in its own words."""

    async def heed(self, ready: Callable[["Worker"], None], wake: Callable[[], None]) -> None:
        """Listen to it until it has gone."""
        while (said := await self.channel.receive()) is not None:
            if isinstance(said, Asked | Returned):
                self.lender.hear(said)
            elif isinstance(said, Wake):
                wake()
            elif isinstance(said, Failed):
                self.failure = said.message
            else:
                self.is_ready = True
                ready(self)

    async def drive(self, stop: asyncio.Event, force: asyncio.Event, drain_s: float, forced_end_s: float) -> None:
        """Tell it when it has to stop, and kill it if it does not."""
        await stop.wait()
        self.channel.send(Stop())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await force.wait()
        self.channel.send(Force())
        await asyncio.sleep(forced_end_s)
        _log.error("worker %d (process %d) does not stop and is killed", self.number, self.process.pid)
        self.process.kill()

    @property
    def end(self) -> str:
        """Say how it ended."""
        code = self.process.returncode or 0
        return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"


class Supervisor:
    """Keeps as many workers as the settings say."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        engines: Engines,
        lock: int,
        address: tuple[str, int],
        *,
        command: Sequence[str] = OWN_COMMAND,
        forced_end_s: float = FORCED_END_S,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to serve an address; workers are started with a command, and with the lock of the data folder.

        `wake` is called when one of them has taken in a job.
        """
        self._wake = wake
        self._settings = settings
        self._packed = msgspec.Raw(packed(settings))
        self._database = database
        self._engines = engines
        self._lock = lock
        self._address = address
        self._command = tuple(command)
        self._forced_end_s = forced_end_s
        self._stop = asyncio.Event()
        self._force = asyncio.Event()
        self._starting = set(range(1, settings.server.workers + 1))
        self._all_ready = asyncio.Event()
        self._failure: WorkerFailed | None = None

    async def run(self, greet: Callable[[str], None]) -> None:
        """Serve until a signal; raises `WorkerFailed` when the first start of a worker fails."""
        with heeding_signals(self._stop, self._force):
            keeping = [asyncio.create_task(self._keep(number)) for number in sorted(self._starting)]
            greeting = asyncio.create_task(self._greet(greet))
            try:
                await asyncio.gather(*keeping)
            finally:
                self._stop.set()
                self._force.set()
                greeting.cancel()
                await asyncio.wait([*keeping, greeting])
        if self._failure is not None:
            raise self._failure
        if not greeting.cancelled():
            greeting.result()

    async def _greet(self, greet: Callable[[str], None]) -> None:
        await self._all_ready.wait()
        try:
            greet(address(*self._address))
        except BaseException:
            self._stop.set()
            raise

    async def _keep(self, number: int) -> None:
        """Have a worker of this number until it is time to stop."""
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            began_s = asyncio.get_running_loop().time()
            async with self._worker(number) as worker:
                await worker.process.wait()
            if self._stop.is_set():
                return
            if number in self._starting:
                self._give_up(worker)
                return
            lived_s = asyncio.get_running_loop().time() - began_s
            pause_s = _FIRST_PAUSE_S if lived_s >= _LIVED_S else min(_LONGEST_PAUSE_S, pause_s * 2)
            _log.error("%s; another is started in %g s", self._epitaph(worker), pause_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()

    @contextlib.asynccontextmanager
    async def _worker(self, number: int) -> AsyncGenerator[Worker]:
        """Start a worker; on the way out it has ended, and what it had borrowed is free again."""
        worker = await self._start(number)
        drain_s = self._settings.server.drain_s
        tasks = [
            asyncio.create_task(worker.heed(self._is_ready, self._wake)),
            asyncio.create_task(worker.drive(self._stop, self._force, drain_s, self._forced_end_s)),
        ]
        try:
            yield worker
            await tasks[0]  # its last words
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if worker.process.returncode is None:
                worker.process.kill()
                await worker.process.wait()
            await worker.lender.close()
            await worker.channel.close()
            await self._free(worker)

    async def _start(self, number: int) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=theirs.fileno(),
                pass_fds=(self._lock,),  # held until the last of us has gone, whoever dies first
                start_new_session=True,  # Ctrl-C is for the supervisor, which tells all of them
            )
        channel = await channel_over(ours, SAID_TO_SUPERVISOR)
        owner = secrets.token_hex(8)
        channel.send(Assignment(self._packed, number, owner, *self._address))
        return Worker(number, owner, process, channel, Lender(self._engines, channel.send))

    def _is_ready(self, worker: Worker) -> None:
        _log.info("worker %d serves: process %d", worker.number, worker.process.pid)
        self._starting.discard(worker.number)
        if not self._starting:
            self._all_ready.set()

    def _give_up(self, worker: Worker) -> None:
        if self._failure is None:
            self._failure = WorkerFailed(worker.failure or f"{self._epitaph(worker)} while it was starting")
        self._stop.set()
        self._force.set()

    def _epitaph(self, worker: Worker) -> str:
        said = f": {worker.failure}" if worker.failure else ""
        return f"worker {worker.number} (process {worker.process.pid}) {worker.end}{said}"

    async def _free(self, worker: Worker) -> None:
        """Give back what a worker had borrowed; does nothing for one that did so itself."""
        try:
            await asyncio.to_thread(end_slices_of, self._database, worker.owner)
        except Problem as problem:
            _log.error("what worker %d had borrowed is free only after its lease: %s", worker.number, problem.message)


async def supervise(settings: Settings, greet: Callable[[str], None]) -> None:
    """Serve with several processes until a signal; `greet` is told the address once all of them listen.

    Raises `CannotListen`, `WorkerFailed`, and as `gateway` does.
    """
    with held_office(settings) as (desk, lock), reserved(settings.host, settings.port) as listening:
        load_lean(settings, AppliedCatalogues(desk.database).newest().sources)  # says once what is wrong with it
        async with engines_of(settings) as engines:
            if settings.engine.preload:
                await engines.preload(settings.engine.default_model)
            async with keeper(settings, desk.database, engines, lock) as kept:
                await Supervisor(settings, desk.database, engines, lock, listening, wake=kept.wake).run(greet)
