"""One of several processes that serve: started by the supervisor, and ended with it."""

import asyncio
import signal
import sys

import uvloop

from modelport.api.server import listening, raise_file_limit
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
from modelport.bootstrap.gateway import Membership, gateway, limits, write_log
from modelport.bootstrap.leases import BorrowedEngines
from modelport.bootstrap.memory import settle, share_heap
from modelport.core.errors import Problem
from modelport.settings import unpacked


async def _heed(
    channel: Channel[ToWorker], engines: BorrowedEngines, stop: asyncio.Event, force: asyncio.Event
) -> None:
    """Do what the supervisor says; once it has gone, stop."""
    while (said := await channel.receive()) is not None:
        if isinstance(said, Lent | Refused):
            engines.hear(said)
        elif isinstance(said, Force):
            force.set()
        elif isinstance(said, Stop):
            stop.set()
    engines.close()
    stop.set()


async def _serve(assignment: Assignment, channel: Channel[ToWorker]) -> None:
    settings = unpacked(assignment.settings)
    share_heap()
    write_log(settings, assignment.number)
    raise_file_limit()
    stop, force = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engines = BorrowedEngines(channel.send)
    heeding = asyncio.create_task(_heed(channel, engines, stop, force))
    member = Membership(assignment.number, assignment.owner, engines, lambda: channel.send(Wake()))
    address = assignment.host, assignment.port
    async with gateway(settings, member) as app:
        settle()
        drain_s = settings.server.drain_s
        async with listening(app, *address, limits=limits(settings), drain_s=drain_s, force=force, is_shared=True):
            channel.send(Ready())
            await stop.wait()
    heeding.cancel()


async def _work() -> int:
    channel = await channel_over(own_end(), SAID_TO_WORKER)
    assignment = await channel.receive()
    if not isinstance(assignment, Assignment):
        return 1  # the supervisor died before it had said anything
    try:
        await _serve(assignment, channel)
    except Problem as problem:
        channel.send(Failed(problem.message))
        return 1
    finally:
        await channel.close()
    return 0


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_work()))
