"""Keeps the process that drives jobs: started with the first job, replaced when it dies, stopped with the server."""

import asyncio
import contextlib
import logging
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Sequence

import msgspec

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
from modelport.bootstrap.leases import Lender
from modelport.core.clock import SystemClock
from modelport.core.errors import Problem
from modelport.engines.supervisor import Engines
from modelport.settings import Settings, packed
from modelport.storage.database import Database
from modelport.storage.jobs import StoredJobs

_log = logging.getLogger(__name__)
OWN_COMMAND = (sys.executable, "-P", "-m", "modelport.bootstrap.job_worker")
_LOOK_S = 1.0
"""How often it is seen whether there is a job, while nobody drives any."""
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_LIVED_S = 10.0
_FORCED_END_S = 5.0


class Keeper:
    """Keeps one job worker, from the first job on; `wake` says that there is one."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        engines: Engines,
        lock: int,
        *,
        command: Sequence[str] = OWN_COMMAND,
    ) -> None:
        """Prepare to start it with a command, and with the lock of the data folder."""
        self._settings = settings
        self._jobs = StoredJobs(database)
        self._engines = engines
        self._lock = lock
        self._command = tuple(command)
        self._needed = asyncio.Event()
        self._stop = asyncio.Event()
        self._channel: Channel[ToSupervisor] | None = None
        self.pid: int | None = None
        """Of the process, while there is one."""

    def wake(self) -> None:
        """Have the worker look for jobs; it is started if need be."""
        self._needed.set()
        if self._channel is not None:
            self._channel.send(Wake())

    async def keep(self) -> None:
        """Have a worker once there is a job, until it is time to stop."""
        pause_s = _FIRST_PAUSE_S
        await self._first()
        while not self._stop.is_set():
            began_s = asyncio.get_running_loop().time()
            status = await self._one()
            if self._stop.is_set():
                return
            lived_s = asyncio.get_running_loop().time() - began_s
            pause_s = _FIRST_PAUSE_S if lived_s >= _LIVED_S else min(_LONGEST_PAUSE_S, pause_s * 2)
            _log.error("the job worker ended with status %s; another is started in %g s", status, pause_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()

    async def _first(self) -> None:
        """Wait for a job: one that was just taken in, or that another process left, be it but to tell of its end."""
        while not (self._needed.is_set() or self._stop.is_set()):
            try:
                if await asyncio.to_thread(self._jobs.has_work, SystemClock().now_ms()):
                    return
            except Problem as problem:
                _log.error("it could not be seen whether there are jobs: %s", problem.message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._needed.wait()

    async def _one(self) -> int | None:
        """Run one worker to its end; return the status that it ended with."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=theirs.fileno(),
                pass_fds=(self._lock,),  # held until the last of us has gone, whoever dies first
                start_new_session=True,
            )
        channel = self._channel = await channel_over(ours, SAID_TO_SUPERVISOR)
        self.pid = process.pid
        lender = Lender(self._engines, channel.send)
        channel.send(Assignment(msgspec.Raw(packed(self._settings)), 1, secrets.token_hex(8), "", 0))
        tasks = [asyncio.create_task(self._heed(channel, lender)), asyncio.create_task(self._end(channel, process))]
        try:
            await process.wait()
        finally:
            self._channel, self.pid = None, None
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if process.returncode is None:
                process.kill()
                await process.wait()
            await lender.close()
            await channel.close()
        return process.returncode

    async def _heed(self, channel: Channel[ToSupervisor], lender: Lender) -> None:
        while (said := await channel.receive()) is not None:
            if isinstance(said, Asked | Returned):
                lender.hear(said)
            elif isinstance(said, Failed):
                _log.error("the job worker cannot start: %s", said.message)

    async def _end(self, channel: Channel[ToSupervisor], process: asyncio.subprocess.Process) -> None:
        """Tell it when it has to stop, and kill it if it does not."""
        await self._stop.wait()
        channel.send(Stop())
        await asyncio.sleep(self._settings.server.drain_s)
        channel.send(Force())
        await asyncio.sleep(_FORCED_END_S)
        process.kill()

    def stop(self) -> None:
        """Stop soon."""
        self._stop.set()
        self._needed.set()

    def close(self) -> None:
        """Give back what it looks with."""
        self._jobs.close()


@contextlib.asynccontextmanager
async def keeper(settings: Settings, database: Database, engines: Engines, lock: int) -> AsyncGenerator[Keeper]:
    """Keep a job worker beside the body; on the way out it has ended."""
    kept = Keeper(settings, database, engines, lock)
    task = asyncio.create_task(kept.keep())
    try:
        yield kept
    finally:
        kept.stop()
        await asyncio.wait([task])
        kept.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the job worker could not be kept", exc_info=error)
