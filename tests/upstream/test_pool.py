"""The pool over real sockets: reuse, timeouts, bounds, cancellation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from modelport.catalogue.facts import Timeouts
from modelport.serving.ports import (
    ConnectFailed,
    CutShort,
    FirstByteTimeout,
    IdleTimeout,
    ProviderBusy,
    ProviderUnavailable,
    UpstreamAnswer,
)
from modelport.upstream.pool import PoolLimits
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


async def asked(transport: Providers, url: str) -> bytes:
    async with transport.send(offer_of(url), request_of()) as answer:
        return await answer.body(LIMIT)


async def settled(transport: Providers, open_connections: int) -> None:
    """Let the loop run until the pool has noticed what the other ends did."""
    async with asyncio.timeout(10):
        while transport.counts.open != open_connections:  # noqa: ASYNC110 — the pool announces nothing
            await asyncio.sleep(0.001)


async def test_a_hundred_calls_in_a_row_dial_once() -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        for _ in range(100):
            assert await asked(transport, acme.url) == b"hi"
        assert (transport.counts.dials, transport.counts.reuses, acme.accepted) == (1, 99, 1)


async def test_a_stream_that_was_read_to_its_end_gives_its_connection_back() -> None:
    async with vendor(answers(STREAM_HEAD, b"2\r\nab\r\n", b"0\r\n\r\n")) as acme, providers() as transport:
        for _ in range(3):
            async with transport.send(offer_of(acme.url), request_of()) as answer:
                assert await answer.some() == b"ab"
                assert await answer.some() == b""
                assert await answer.some() == b""
        assert transport.counts.dials == 1


async def test_head_and_body_leave_in_one_piece_and_large_bodies_arrive() -> None:
    body = b"x" * 3_000_000
    async with vendor(answers(OK)) as acme, providers() as transport:
        async with transport.send(offer_of(acme.url), request_of(body)) as answer:
            await answer.body(LIMIT)
        assert acme.seen[0].body == body


async def test_a_connection_that_the_provider_closed_while_idle_is_not_used_again() -> None:
    async with vendor(answers_once(OK)) as acme, providers() as transport:
        for _ in range(3):
            assert await asked(transport, acme.url) == b"hi"
            await settled(transport, 0)
        assert (transport.counts.dials, transport.counts.reuses) == (3, 0)


async def test_a_request_that_was_sent_is_never_sent_again() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(OK)
        await talk.request()  # read, and not answered

    async with vendor(script) as acme, providers() as transport:
        assert await asked(transport, acme.url) == b"hi"
        with pytest.raises(CutShort, match="without answering") as caught:
            await asked(transport, acme.url)
        assert caught.value.was_sent
        assert (acme.accepted, len(acme.seen)) == (1, 2)


async def test_a_close_in_the_middle_of_a_body_is_cut_short_after_what_came() -> None:
    async with vendor(answers_once(STREAM_HEAD + b"2\r\nab\r\n")) as acme, providers() as transport:
        async with transport.send(offer_of(acme.url), request_of()) as answer:
            assert await answer.some() == b"ab"
            with pytest.raises(CutShort, match="in the middle"):
                await answer.some()
        assert transport.counts.open == 0 or not transport.counts.reuses


async def test_no_answer_in_time_is_a_first_byte_timeout_and_closes() -> None:
    offer_timeouts = Timeouts(first_byte_s=0.05)
    async with vendor(answers_then_waits(b"HTTP/1.1 200 OK\r\n")) as acme, providers() as transport:
        with pytest.raises(FirstByteTimeout, match=r"Acme did not begin.*first_byte_s"):
            async with transport.send(offer_of(acme.url, timeouts=offer_timeouts), request_of()):
                pass
        async with asyncio.timeout(10):
            await acme.closed.wait()


async def test_what_is_made_in_silence_has_a_time_of_its_own() -> None:
    may_answer = asyncio.Event()

    async def answers_late(talk: Talk) -> None:
        await talk.request()
        await may_answer.wait()
        await talk.send(OK)
        await talk.until_closed()

    async with vendor(answers_late) as acme, providers() as transport:
        offer = offer_of(acme.url, timeouts=Timeouts(first_byte_s=0.05))
        making = transport.send(offer, replace(request_of(), is_making=True))
        waiting = asyncio.create_task(making.__aenter__())
        with pytest.raises(FirstByteTimeout):
            async with transport.send(offer, request_of()):
                pass
        may_answer.set()
        assert (await waiting).status == 200
        await making.__aexit__(None, None, None)


async def test_a_stalled_answer_is_an_idle_timeout_after_what_came() -> None:
    timeouts = Timeouts(idle_s=0.05)
    async with (
        vendor(answers_then_waits(STREAM_HEAD + b"2\r\nab\r\n")) as acme,
        providers() as transport,
        transport.send(offer_of(acme.url, timeouts=timeouts), request_of()) as answer,
    ):
        assert await answer.some() == b"ab"
        with pytest.raises(IdleTimeout, match="idle_s"):
            await answer.some()


async def test_chunk_framing_alone_does_not_count_as_progress() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(STREAM_HEAD + b"2;")
        with contextlib.suppress(ConnectionError):
            while not talk.reader.at_eof():
                await talk.send(b"x")
                await asyncio.sleep(0.01)

    async with (
        vendor(script) as acme,
        providers() as transport,
        transport.send(offer_of(acme.url, timeouts=Timeouts(idle_s=0.05)), request_of()) as answer,
    ):
        with pytest.raises(IdleTimeout):
            await answer.body(LIMIT)


async def test_a_slow_drip_is_not_idle() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(STREAM_HEAD)
        for _ in range(10):
            await talk.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.06)
        await talk.send(b"0\r\n\r\n")

    async with (
        vendor(script) as acme,
        providers() as transport,
        transport.send(offer_of(acme.url, timeouts=Timeouts(idle_s=0.5)), request_of()) as answer,
    ):
        assert await answer.body(LIMIT) == b"x" * 10


async def test_a_reader_that_takes_its_time_does_not_make_the_provider_idle() -> None:
    reader_is_back = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(STREAM_HEAD + b"2\r\nab\r\n")
        await reader_is_back.wait()
        await talk.send(b"0\r\n\r\n")

    async with (
        vendor(script) as acme,
        providers() as transport,
        transport.send(offer_of(acme.url, timeouts=Timeouts(idle_s=0.3)), request_of()) as answer,
    ):
        await asyncio.sleep(0.5)
        reader_is_back.set()
        assert await answer.body(LIMIT) == b"ab"


@pytest.mark.parametrize("data", [b"", STREAM_HEAD])
async def test_a_cancelled_call_closes_its_connection_at_once(data: bytes) -> None:
    async with vendor(answers_then_waits(data)) as acme, providers() as transport:
        call = asyncio.ensure_future(asked(transport, acme.url))
        async with asyncio.timeout(10):
            await acme.was_asked.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await acme.closed.wait()


async def test_a_refused_connection_says_whose_and_what_to_check() -> None:
    async with vendor(answers(OK)) as acme:
        url = acme.url
    async with providers() as transport:
        with pytest.raises(ConnectFailed, match=r"Acme could not be reached.*refused.*provider `acme`") as caught:
            await asked(transport, url)
        assert not caught.value.was_sent
        assert transport.counts.open == 0


async def test_a_name_that_does_not_exist_fails_to_connect() -> None:
    async with providers() as transport:
        with pytest.raises(ConnectFailed):
            await asked(transport, "http://no-such-name.invalid/v1")


async def test_connecting_takes_no_longer_than_its_timeout() -> None:
    async with vendor(answers_then_waits(b"")) as deaf, providers() as transport:
        url = deaf.url.replace("http:", "https:")  # never completes a TLS handshake
        with pytest.raises(ConnectFailed, match=r"within 0\.1 s.*connect_s"):
            async with transport.send(offer_of(url, timeouts=Timeouts(connect_s=0.1)), request_of()):
                pass


async def test_calls_beyond_the_bound_of_connections_wait_their_turn() -> None:
    order: list[int] = []

    async def call(number: int) -> None:
        assert await asked(transport, acme.url) == b"hi"
        order.append(number)

    async with vendor(answers(OK)) as acme, providers(PoolLimits(connections=1)) as transport:
        await asyncio.gather(*(call(number) for number in range(50)))
        assert order == sorted(order)
        assert transport.counts.dials == 1


async def test_calls_that_wait_get_the_place_of_a_connection_that_closed() -> None:
    parting = OK.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n")
    async with vendor(answers_once(parting)) as acme, providers(PoolLimits(connections=1)) as transport:
        assert await asyncio.gather(*(asked(transport, acme.url) for _ in range(10))) == [b"hi"] * 10
        assert transport.counts.dials == 10


async def test_waiting_for_a_connection_is_bounded_in_time_and_number() -> None:
    timeouts = Timeouts(connect_s=0.1)
    limits = PoolLimits(connections=1, waiting=1)
    async with vendor(answers_then_waits(STREAM_HEAD)) as acme, providers(limits) as transport:
        offer = offer_of(acme.url, timeouts=timeouts)
        async with transport.send(offer_of(acme.url), request_of()):
            patient = asyncio.ensure_future(transport.send(offer, request_of()).__aenter__())
            await asyncio.sleep(0)
            with pytest.raises(ProviderBusy, match="too many") as caught:
                async with transport.send(offer, request_of()):
                    pass
            assert caught.value.retry_after_s == 1
            with pytest.raises(ProviderBusy, match="in use"):
                await patient


async def test_one_who_gives_up_waiting_does_not_take_a_place_along() -> None:
    async with vendor(answers(OK)) as acme, providers(PoolLimits(connections=1)) as transport:
        for _ in range(20):
            calls = [asyncio.ensure_future(asked(transport, acme.url)) for _ in range(5)]
            await asyncio.sleep(0.001)
            for call in calls[1:4]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert await asked(transport, acme.url) == b"hi"


async def test_a_dial_that_is_cancelled_gives_its_place_back() -> None:
    async with vendor(answers(OK)) as acme, providers(PoolLimits(connections=1)) as transport:
        for turns in range(12):
            call = asyncio.ensure_future(asked(transport, acme.url))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        async with asyncio.timeout(10):
            assert await asked(transport, acme.url) == b"hi"


async def test_a_provider_that_may_take_two_calls_refuses_a_third_at_once() -> None:
    async with vendor(answers_then_waits(STREAM_HEAD)) as acme, providers() as transport:
        offer = offer_of(acme.url, concurrency=2)
        async with transport.send(offer, request_of()):
            async with transport.send(offer, request_of()):
                with pytest.raises(ProviderBusy, match="concurrency"):
                    async with transport.send(offer, request_of()):
                        pass
            async with transport.send(offer, request_of()) as answer:
                assert answer.status == 200


async def test_idle_connections_are_bounded_and_expire() -> None:
    limits = PoolLimits(idle=2, idle_s=0.5, sweep_s=0.01)
    async with vendor(answers(OK)) as acme, providers(limits) as transport:
        await asyncio.gather(*(asked(transport, acme.url) for _ in range(6)))
        await settled(transport, 2)
        await settled(transport, 0)


async def test_closing_the_transport_closes_everything_and_ends_what_waits() -> None:
    limits = PoolLimits(connections=1)
    async with vendor(answers_then_waits(STREAM_HEAD)) as acme:
        async with providers(limits) as transport:
            inside = transport.send(offer_of(acme.url), request_of())
            answer = await inside.__aenter__()
            waiting = asyncio.ensure_future(asked(transport, acme.url))
            reading = asyncio.ensure_future(answer.some())
            await asyncio.sleep(0)
        with pytest.raises(ProviderUnavailable, match="stopping"):
            await waiting
        with pytest.raises(CutShort):
            await reading
        await inside.__aexit__(None, None, None)
        assert transport.counts.open == 0


async def test_a_thousand_streams_run_at_once() -> None:
    everybody_is_here = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(STREAM_HEAD + b"2\r\nab\r\n")
        await everybody_is_here.wait()
        for _ in range(3):
            await talk.send(b"2\r\ncd\r\n")
        await talk.send(b"0\r\n\r\n")
        await talk.until_closed()

    async def call() -> bytes:
        async with transport.send(offer_of(acme.url, timeouts=Timeouts(30, 30, 30)), request_of()) as answer:
            beginning = await answer.some()
            if len(acme.seen) == 1000:
                everybody_is_here.set()
            rest = [piece async for piece in pieces(answer)]
            return beginning + b"".join(rest)

    async with vendor(script) as acme, providers() as transport:
        assert set(await asyncio.gather(*(call() for _ in range(1000)))) == {b"abcdcdcd"}
        assert transport.counts.dials == 1000


async def pieces(answer: UpstreamAnswer) -> AsyncIterator[bytes]:
    while piece := await answer.some():
        yield piece
