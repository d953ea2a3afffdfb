"""The process that drives jobs: started by the one that serves, and ended with it."""

import asyncio
import os
import signal
import sys

import uvloop

from modelport.bootstrap.channel import (
    SAID_TO_WORKER,
    Assignment,
    Channel,
    Failed,
    Force,
    Lent,
    Ready,
    Refused,
    Stop,
    ToWorker,
    Wake,
    channel_over,
    own_end,
)
from modelport.bootstrap.gateway import write_log
from modelport.bootstrap.labour import labour
from modelport.bootstrap.leases import BorrowedEngines
from modelport.bootstrap.memory import share_heap
from modelport.core.errors import Problem
from modelport.settings import unpacked

ORPHANED_S = 5.0
"""How long submissions may go on that are on their way when the process that serves has gone."""


async def _heed(
    channel: Channel[ToWorker],
    engines: BorrowedEngines,
    woken: asyncio.Event,
    stop: asyncio.Event,
    force: asyncio.Event,
) -> None:
    """Do what the one that serves says; once it has gone, stop soon."""
    while (said := await channel.receive()) is not None:
        if isinstance(said, Lent | Refused):
            engines.hear(said)
        elif isinstance(said, Wake):
            woken.set()
        elif isinstance(said, Force):
            force.set()
        elif isinstance(said, Stop):
            stop.set()
    asyncio.get_running_loop().call_later(ORPHANED_S, force.set)
    stop.set()


async def _drive(assignment: Assignment, channel: Channel[ToWorker]) -> None:
    settings = unpacked(assignment.settings)
    share_heap()
    write_log(settings, assignment.number, "job worker")
    woken, stop, force = asyncio.Event(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engines = BorrowedEngines(channel.send)
    heeding = asyncio.create_task(_heed(channel, engines, woken, stop, force))
    async with labour(settings, engines, assignment.owner) as here:
        here.worker.woken = woken
        channel.send(Ready())
        await stop.wait()
        here.rest()
        closing = asyncio.create_task(here.driver.submissions.close())
        forced = asyncio.create_task(force.wait())
        await asyncio.wait([closing, forced], return_when=asyncio.FIRST_COMPLETED)
        heeding.cancel()
        # What is under way goes on at the next start from what is written down, as after a crash.
        sys.stderr.flush()
        os._exit(0)


async def _work() -> int:
    channel = await channel_over(own_end(), SAID_TO_WORKER)
    assignment = await channel.receive()
    if not isinstance(assignment, Assignment):
        return 1
    try:
        await _drive(assignment, channel)
    except Problem as problem:
        channel.send(Failed(problem.message))
        return 1
    finally:
        await channel.close()
    return 0


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_work()))
