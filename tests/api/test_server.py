"""Starting, stopping and holding many connections."""

import asyncio
import gc
import os
import resource
import signal
from collections.abc import Callable

import pytest

from modelport.api.cycle import Cycle
from modelport.api.protocol import HttpProtocol, Limits
from modelport.api.request import Request
from modelport.api.server import CannotListen, listening, raise_file_limit, serve
from modelport.keys.key import Key
from modelport.serving.exchange import CallRequest
from modelport.serving.ports import Client
from tests.api.site import REPLY, Site
from tests.api.wire import post, read_answer


async def test_stopping_lets_answers_end_and_takes_no_new_connections() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def held(request: CallRequest, key: Key, client: Client) -> None:
        begun.set()
        await go.wait()
        await client.start(200, [])
        await client.finish(REPLY)

    site, stop = Site(serve_chat=held), asyncio.Event()
    started = asyncio.Event()

    def on_started(host: str, port: int) -> None:
        site.host, site.port = host, port
        started.set()

    server = asyncio.create_task(serve(site.app(), "127.0.0.1", 0, stop=stop, on_started=on_started, drain_s=10))
    await started.wait()
    idle_reader, idle = await site.raw()
    reader, writer = await site.raw()
    writer.write(post(site, 2) + b"{}")
    await begun.wait()
    stop.set()
    assert await asyncio.wait_for(idle_reader.read(), 5) == b""
    await refused(site)
    go.set()
    answer = await read_answer(reader)
    assert (answer[2], answer[1]["connection"]) == (REPLY, "close")
    await asyncio.wait_for(server, 5)
    writer.close()
    idle.close()


async def test_stopping_cuts_what_does_not_end_in_time() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(request: CallRequest, key: Key, client: Client) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    site = Site(serve_chat=endless)
    async with listening(site.app(), drain_s=0.1) as (site.host, site.port):
        _, writer = await site.raw()
        writer.write(post(site, 2) + b"{}")
        await begun.wait()
    assert cancelled.is_set()
    writer.close()


async def refused(site: Site) -> None:
    """Wait until no more connections are taken."""
    while True:
        try:
            _, writer = await site.raw()
        except ConnectionError:
            return
        writer.close()
        await asyncio.sleep(0.01)


async def held_server(
    site: Site, drain_s: float
) -> tuple[asyncio.Task[None], asyncio.StreamReader, asyncio.StreamWriter]:
    """Start a server that has one call under way."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def on_started(host: str, port: int) -> None:
        site.host, site.port = host, port
        started.set()

    app = site.app()
    server = asyncio.create_task(serve(app, "127.0.0.1", 0, stop=stop, on_started=on_started, drain_s=drain_s))
    await started.wait()
    reader, writer = await site.raw()
    writer.write(post(site, 2) + b"{}")
    return server, reader, writer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_signal_drains(number: signal.Signals) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def held(request: CallRequest, key: Key, client: Client) -> None:
        begun.set()
        await go.wait()
        await client.start(200, [])
        await client.finish(REPLY)

    site = Site(serve_chat=held)
    server, reader, writer = await held_server(site, 10)
    await begun.wait()
    os.kill(os.getpid(), number)
    await refused(site)
    assert not server.done()
    go.set()
    assert (await read_answer(reader))[2] == REPLY
    await asyncio.wait_for(server, 5)
    writer.close()


async def test_a_second_signal_ends_at_once() -> None:
    begun = asyncio.Event()

    async def endless(request: CallRequest, key: Key, client: Client) -> None:
        begun.set()
        await asyncio.Event().wait()

    site = Site(serve_chat=endless)
    server, reader, writer = await held_server(site, 600)
    await begun.wait()
    os.kill(os.getpid(), signal.SIGINT)
    await refused(site)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(server, 5)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await read_answer(reader)
    writer.close()


def test_the_file_limit_is_raised_to_the_hard_one() -> None:
    assert raise_file_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[1]


async def idle_connections(count: int) -> None:
    """Open many connections, let a sweep pass, and see that others are served."""
    site = Site()
    async with site.running(Limits(keep_alive_s=600)) as client:
        idle = [await site.raw() for _ in range(count)]
        await asyncio.sleep(0.3)
        assert (await client.get("/healthz")).status_code == 200
        assert not any(reader.at_eof() for reader, _ in idle)
        for _, writer in idle:
            writer.close()


async def test_hundreds_of_idle_connections_cost_nobody_else_anything() -> None:
    await idle_connections(300)


@pytest.mark.long
async def test_ten_thousand_idle_connections_cost_nobody_else_anything() -> None:
    await idle_connections(min(10_000, raise_file_limit() // 2 - 200))


async def test_an_address_that_is_taken_is_named_with_the_reason() -> None:
    site = Site()
    async with site.running():
        with pytest.raises(CannotListen, match=f"{site.port}: Address already in use") as refused:
            async with listening(site.app(), site.host, site.port):
                pass
    assert "--port" in refused.value.message


async def test_an_answered_request_and_a_closed_connection_leave_nothing_for_the_cycle_collector() -> None:
    site = Site()
    async with site.running():
        gc.collect()
        gc.disable()
        try:
            _, writer = await site.raw()
            for number in range(3):
                writer.write(post(site, 2) + b"{}")
                await until(lambda answered=number + 1: len(site.chats) == answered)
                await until(lambda: not alive(Request))
            assert alive(HttpProtocol)
            writer.close()
            await until(lambda: not alive(HttpProtocol) and not alive(Cycle))
        finally:
            gc.enable()


def alive(kind: type) -> bool:
    return any(type(one) is kind for one in gc.get_objects())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is awaited tells nobody
            await asyncio.sleep(0.01)
