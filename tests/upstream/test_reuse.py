"""When a connection is used again: what the other end closes without a word, and answers that are left early."""

import asyncio
import contextlib
import socket
import threading
import time

import pytest

from modelport.serving.ports import CutShort
from modelport.upstream.connection import FRESH_S
from modelport.upstream.pool import SETTLE_S, PoolLimits
from modelport.upstream.providers import Providers
from tests.upstream.vendor import (
    OK,
    STREAM_HEAD,
    Talk,
    answers,
    answers_once,
    answers_then_waits,
    offer_of,
    providers,
    request_of,
    vendor,
)

LIMIT = 1 << 20
BEGUN = STREAM_HEAD + b"2\r\nab\r\n"
NO_SWEEP = PoolLimits(sweep_s=60.0)


async def asked(transport: Providers, url: str) -> bytes:
    async with transport.send(offer_of(url), request_of()) as answer:
        return await answer.body(LIMIT)


@pytest.mark.parametrize(("count", "wait_s"), [(1, 0), (2, 2 * FRESH_S)])
async def test_a_close_that_the_event_loop_has_not_seen_yet_is_noticed_before_anything_is_sent(
    count: int, wait_s: float
) -> None:
    may_close, has_closed = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                for _ in range(count):
                    connection.recv(65536)
                    connection.sendall(OK)
                may_close.wait(5)
            has_closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        async with providers() as transport:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            for _ in range(count):
                assert await asked(transport, url) == b"hi"
            may_close.set()
            has_closed.wait(5)
            time.sleep(wait_s)  # noqa: ASYNC251 - the loop stands still, for as long as a proven connection is fresh
            assert await asked(transport, url) == b"hi"
            assert (transport.counts.dials, transport.counts.reuses) == (2, count - 1)
        thread.join(5)


async def tally(transport: Providers, url: str, name: str, times: int) -> int:
    """Make calls in a row, each with a body of its own; return how many were cut short."""
    cut = 0
    for number in range(times):
        try:
            async with transport.send(offer_of(url), request_of(b"%b %d" % (name.encode(), number))) as answer:
                assert await answer.body(LIMIT) == b"hi"
        except CutShort:
            cut += 1
    return cut


async def test_a_provider_that_closes_unannounced_after_each_answer_cuts_no_call_short() -> None:
    async with vendor(answers_once(OK)) as acme, providers() as transport:
        assert await tally(transport, acme.url, "in a row", 100) == 0
        assert len(acme.seen) == 100


async def test_a_provider_that_closes_unannounced_cuts_few_of_many_parallel_calls_short() -> None:
    async with vendor(answers_once(OK)) as acme, providers() as transport:
        cut = await asyncio.gather(*(tally(transport, acme.url, f"caller {number}", 10) for number in range(40)))
        assert sum(cut) <= 4
        assert len({seen.body for seen in acme.seen}) == len(acme.seen)


async def test_a_provider_that_closes_unannounced_after_a_while_cuts_one_call_short_and_is_watched_then() -> None:
    async def script(talk: Talk) -> None:
        for _ in range(3):
            await talk.request()
            await talk.send(OK)

    async with vendor(script) as acme, providers() as transport:
        assert await tally(transport, acme.url, "in a row", 100) <= 1
        assert len({seen.body for seen in acme.seen}) == len(acme.seen)


async def hasty_once(talk: Talk) -> None:
    """Close the first connection unannounced; keep the others."""
    await (answers_once if talk.vendor.accepted == 1 else answers)(OK)(talk)


async def test_a_connection_to_a_provider_that_closed_in_haste_is_reused_once_it_has_settled() -> None:
    async with vendor(hasty_once) as acme, providers() as transport:
        assert await tally(transport, acme.url, "in a row", 3) == 0
        dials = transport.counts.dials
        await asyncio.sleep(2 * SETTLE_S)
        assert await tally(transport, acme.url, "later", 1) == 0
        assert transport.counts.dials == dials


async def test_a_provider_that_closed_in_haste_is_not_waited_for_where_no_more_connections_may_be_opened() -> None:
    async with vendor(hasty_once) as acme, providers(PoolLimits(connections=1)) as transport:
        assert await tally(transport, acme.url, "in a row", 20) == 0
        assert (transport.counts.dials, transport.counts.reuses) == (2, 18)


async def test_stopping_an_answer_closes_the_connection_at_once() -> None:
    async with vendor(answers_then_waits(BEGUN)) as acme, providers(NO_SWEEP) as transport:
        async with transport.send(offer_of(acme.url), request_of()) as answer:
            await answer.some()
            answer.stop()
        async with asyncio.timeout(10):
            await acme.closed.wait()


async def test_leaving_early_by_an_exception_closes_the_connection_at_once() -> None:
    async with vendor(answers_then_waits(BEGUN)) as acme, providers(NO_SWEEP) as transport:
        with pytest.raises(RuntimeError):
            async with transport.send(offer_of(acme.url), request_of()) as answer:
                await answer.some()
                raise RuntimeError
        async with asyncio.timeout(10):
            await acme.closed.wait()


async def test_stopping_a_complete_answer_gives_the_connection_back() -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        for _ in range(2):
            async with transport.send(offer_of(acme.url), request_of()) as answer:
                await answer.body(LIMIT)
                answer.stop()
        assert transport.counts.dials == 1


async def test_a_stream_left_at_its_last_event_gives_its_connection_back_when_the_end_follows() -> None:
    has_left = asyncio.Event()

    async def script(talk: Talk) -> None:
        while await talk.request() is not None:
            await talk.send(BEGUN)
            await has_left.wait()
            has_left.clear()
            await talk.send(b"0\r\n\r\n")

    # With one place only, the next call waits until the connection is back.
    async with vendor(script) as acme, providers(PoolLimits(connections=1)) as transport:
        for _ in range(5):
            async with transport.send(offer_of(acme.url), request_of()) as answer:
                assert await answer.some() == b"ab"
            has_left.set()
        assert (transport.counts.dials, transport.counts.reuses) == (1, 4)


async def test_a_stream_left_early_is_closed_when_its_end_does_not_follow() -> None:
    async with vendor(answers_then_waits(BEGUN)) as acme, providers() as transport:
        async with transport.send(offer_of(acme.url), request_of()) as answer:
            await answer.some()
        assert transport.counts.open == 1
        async with asyncio.timeout(10):
            await acme.closed.wait()


async def test_a_stream_left_early_is_closed_when_it_goes_on_and_on() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(BEGUN)
        with contextlib.suppress(ConnectionError):
            while not talk.reader.at_eof():
                talk.writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
                await talk.writer.drain()
        talk.vendor.closed.set()

    async with vendor(script) as acme, providers(NO_SWEEP) as transport:
        async with transport.send(offer_of(acme.url), request_of()) as answer:
            await answer.some()
        async with asyncio.timeout(10):
            await acme.closed.wait()


async def test_closing_the_transport_ends_what_lingers() -> None:
    async with vendor(answers_then_waits(BEGUN)) as acme:
        async with providers(NO_SWEEP) as transport, transport.send(offer_of(acme.url), request_of()) as answer:
            await answer.some()
        assert transport.counts.open == 0
