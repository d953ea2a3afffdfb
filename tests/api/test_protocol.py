"""Connections whose callers are slow, large, broken or gone."""

import asyncio
import json
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime

import pytest

from modelport.api.protocol import Limits
from modelport.api.request import Bodies
from modelport.keys.key import Key
from modelport.serving.exchange import CallRequest
from modelport.serving.ports import Client
from tests.api.site import REPLY, Site, head
from tests.api.wire import CHAT, QUICK, assert_error, post, read_answer


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"x: abcdefgh\r\n" * 8_000 + b"\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 1_000_000, 431, "headers_too_large"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 414, "url_too_long"),
        (b"GET /" + b"a" * 400_000, 414, "url_too_long"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\nbroken header\r\n\r\n", 400, "malformed_request"),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400, "malformed_request"),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400, "malformed_request"),
        (
            b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "malformed_request",
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
    ],
)
async def test_a_head_beyond_the_bounds_or_not_http_is_refused_in_the_common_form(
    request_bytes: bytes, status: int, code: str
) -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(request_bytes)
        answer = await read_answer(reader)
        assert_error(answer, status, code)
        assert answer[1]["connection"] == "close"
        writer.close()


async def test_a_head_that_exceeds_the_bound_only_in_sum_is_refused() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\n" + b"x: abcdefgh\r\n" * 4_500)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"y: abcdefgh\r\n" * 1_500 + b"\r\n")
        assert_error(await read_answer(reader), 431, "headers_too_large")
        writer.close()


async def test_a_head_just_below_the_bound_is_served() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(head("GET", "/healthz", ["x: " + "a" * 65_000]))
        assert (await read_answer(reader))[0] == 200
        writer.close()


async def test_a_head_that_arrives_byte_by_byte_is_served_or_refused_in_time() -> None:
    site = Site()
    async with site.running(QUICK):
        reader, writer = await site.raw()
        for byte in head("GET", "/healthz"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await read_answer(reader))[0] == 200
        writer.write(b"GET /healthz HT")
        assert_error(await read_answer(reader), 408, "request_timeout")
        assert await reader.read() == b""
        writer.close()


async def test_a_head_that_trickles_is_refused_although_it_never_stands_still() -> None:
    site = Site()
    async with site.running(QUICK):
        reader, writer = await site.raw()
        answer = asyncio.create_task(read_answer(reader))
        writer.write(b"GET /healthz HTTP/1.1\r\nx: ")
        while not answer.done():
            writer.write(b"a")
            await asyncio.sleep(0.05)
        assert_error(await answer, 408, "request_timeout")
        writer.close()


@pytest.mark.parametrize("part", [b"", b'{"model":'])
async def test_a_body_that_stands_still_is_refused_in_time(part: bytes) -> None:
    site = Site()
    async with site.running(QUICK):
        reader, writer = await site.raw()
        writer.write(post(site, 100) + part)
        assert_error(await read_answer(reader), 408, "request_timeout")
        writer.close()
    assert site.chats == []


async def test_a_body_that_trickles_beyond_the_whole_time_is_refused() -> None:
    site = Site()
    async with site.running(QUICK):
        reader, writer = await site.raw()
        answer = asyncio.create_task(read_answer(reader))
        writer.write(post(site, 100_000))
        while not answer.done():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        assert_error(await answer, 408, "request_timeout")
        writer.close()


async def test_an_idle_connection_is_closed_without_a_word() -> None:
    site = Site()
    async with site.running(QUICK):
        reader, writer = await site.raw()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        reader, writer = await site.raw()
        writer.write(head("GET", "/healthz"))
        await read_answer(reader)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_long_answer_is_not_cut_by_the_idle_time() -> None:
    async def late(request: CallRequest, key: Key, client: Client) -> None:
        await asyncio.sleep(1.5)
        await client.start(200, [])
        await client.finish(REPLY)

    site = Site(serve_chat=late)
    async with site.running(QUICK):
        reader, writer = await site.raw()
        writer.write(post(site, 2) + b"{}")
        assert (await read_answer(reader))[2] == REPLY
        writer.close()


async def test_a_body_of_ten_megabytes_arrives_whole() -> None:
    site = Site()
    body = b'{"text":"' + b"a" * 10_000_000 + b'"}'
    async with site.running():
        reader, writer = await site.raw()
        writer.write(post(site, len(body)) + body)
        await writer.drain()
        assert (await read_answer(reader))[0] == 200
        writer.close()
    assert site.chats[0].body == body


async def test_a_chunked_body_arrives_whole() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        key = f"x-api-key: {site.regular}"
        writer.write(head("POST", CHAT, [key, "transfer-encoding: chunked", "content-type: application/json"]))
        for piece in (b'{"a"', b":", b"1}"):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert (await read_answer(reader))[0] == 200
        writer.close()
    assert site.chats[0].body == b'{"a":1}'


@pytest.mark.parametrize("framing", ["content-length: 3000", "transfer-encoding: chunked"])
async def test_a_body_beyond_the_bound_is_refused_and_the_connection_goes_on(framing: str) -> None:
    site = Site(bodies=Bodies(max_bytes=1000))
    body = b"x" * 3000
    if "chunked" in framing:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with site.running():
        reader, writer = await site.raw()
        key = f"authorization: bearer {site.regular}"
        writer.write(head("POST", CHAT, [key, framing, "content-type: application/json"]) + body)
        assert_error(await read_answer(reader), 413, "body_too_large")
        writer.write(head("GET", "/healthz"))
        assert (await read_answer(reader))[0] == 200
        writer.close()


async def test_more_large_bodies_than_fit_into_memory_are_refused_and_room_comes_back() -> None:
    both, go = asyncio.Event(), asyncio.Event()

    async def held(request: CallRequest, key: Key, client: Client) -> None:
        both.set()
        await go.wait()
        await client.start(200, [])
        await client.finish(REPLY)

    body = b'{"a":"' + b"x" * 1_000_000 + b'"}'
    site = Site(serve_chat=held, bodies=Bodies(memory_bytes=1_500_000))
    async with site.running():
        first_reader, first = await site.raw()
        first.write(post(site, len(body)) + body)
        await both.wait()
        reader, second = await site.raw()
        second.write(post(site, len(body)) + body)
        answer = await read_answer(reader)
        assert_error(answer, 503, "overloaded")
        assert answer[1]["retry-after"] == "1"
        go.set()
        assert (await read_answer(first_reader))[0] == 200
        first.write(post(site, len(body)) + body)
        assert (await read_answer(first_reader))[0] == 200
        first.close()
        second.close()
    assert site.bodies.held_bytes == 0


async def test_an_early_refusal_reaches_a_caller_that_is_still_sending() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(head("POST", CHAT, ["content-length: 20000000", "connection: close"]))
        writer.write(b"x" * 20_000_000)
        await writer.drain()
        assert_error(await read_answer(reader), 401, "missing_api_key")
        writer.close()


async def test_an_endless_body_after_a_refusal_is_cut_off() -> None:
    site = Site()
    async with site.running(Limits(linger_s=0.3)):
        reader, writer = await site.raw()
        writer.write(head("POST", CHAT, ["content-length: 9000000000"]))
        assert_error(await read_answer(reader), 401, "missing_api_key")
        sending = asyncio.create_task(send_without_end(writer))
        await asyncio.wait_for(sending, 5)


async def send_without_end(writer: asyncio.StreamWriter) -> None:
    """Send until the connection is cut."""
    with suppress(ConnectionError):
        while not writer.transport.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()
            await asyncio.sleep(0.01)


async def test_a_broken_chunk_is_refused() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        key = f"authorization: Bearer {site.regular}"
        writer.write(head("POST", CHAT, [key, "transfer-encoding: chunked", "content-type: application/json"]))
        writer.write(b"zz\r\n")
        assert_error(await read_answer(reader), 400, "malformed_request")
        writer.close()
    assert site.chats == []


async def test_a_caller_that_expects_to_be_asked_for_its_body_is_asked() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(post(site, 2, "expect: 100-continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        answer = await read_answer(reader)
        assert answer[0] == 200
        assert "connection" not in answer[1]
        writer.close()


async def test_a_caller_without_a_key_is_not_asked_for_its_body() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(head("POST", CHAT, ["content-length: 5000000", "expect: 100-continue"]))
        answer = await read_answer(reader)
        assert_error(answer, 401, "missing_api_key")
        assert answer[1]["connection"] == "close"
        writer.close()


async def test_pipelined_requests_are_answered_in_order() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(b"".join(post(site, 1) + b"%d" % number for number in range(5)) + head("GET", "/healthz"))
        for _ in range(5):
            assert (await read_answer(reader))[2] == REPLY
        assert json.loads((await read_answer(reader))[2]) == {"status": "ok"}
        writer.close()
    assert [chat.body for chat in site.chats] == [b"0", b"1", b"2", b"3", b"4"]


async def test_more_pipelined_requests_than_the_bound_end_the_connection() -> None:
    site = Site()
    async with site.running(Limits(pipelined=10)):
        reader, writer = await site.raw()
        writer.write(head("GET", "/healthz") * 100)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            for _ in range(100):
                await read_answer(reader)
        writer.close()


async def test_an_offer_to_upgrade_is_answered_as_plain_http() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        upgrade = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAARAAAAAAAIAAAAA")
        writer.write(post(site, 2, *upgrade) + b"{}")
        assert (await read_answer(reader))[0] == 200
        writer.close()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET http://here.example/healthz HTTP/1.1", 200),
        ("GET http://here.example/healthz?a=b HTTP/1.1", 200),
        ("OPTIONS * HTTP/1.1", 204),
        ("GET http://here.example HTTP/1.1", 200),
        ("CONNECT here.example:443 HTTP/1.1", 405),
        ("GET /%00%ff HTTP/1.1", 404),
        ("GET /healthz?" + "a" * 5000 + " HTTP/1.1", 200),
    ],
)
async def test_unusual_request_lines_get_a_proper_answer(line: str, status: int) -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(f"{line}\r\nhost: here.example\r\n\r\n".encode())
        assert (await read_answer(reader))[0] == status


async def test_http_1_0_is_answered_and_closed() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        answer = await read_answer(reader)
        assert (answer[0], answer[1]["connection"]) == (200, "close")
        assert await reader.read() == b""
        writer.close()


async def test_a_connection_lost_while_the_body_comes_in_is_not_served() -> None:
    site = Site()
    async with site.running() as client:
        _, writer = await site.raw()
        writer.write(post(site, 100) + b"{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await client.get("/healthz")).status_code == 200
    assert site.chats == []


async def test_serving_is_told_at_once_when_the_caller_leaves() -> None:
    left = asyncio.Event()
    states: list[bool] = []

    async def stream(request: CallRequest, key: Key, client: Client) -> None:
        client.on_leave(left.set)
        states.append(client.has_left)
        await client.start(200, [(b"content-type", b"text/event-stream")])
        await client.send(b"data: 1\n\n")
        await left.wait()
        states.append(client.has_left)
        await client.send(b"data: 2\n\n")
        await client.finish()

    site = Site(serve_chat=stream)
    async with site.running():
        reader, writer = await site.raw()
        writer.write(post(site, 2) + b"{}")
        await reader.readuntil(b"data: 1\n\n")
        writer.close()
        await asyncio.wait_for(left.wait(), 5)
    assert states == [False, True]


async def test_callbacks_of_an_answered_request_are_forgotten() -> None:
    calls: list[str] = []

    async def note(request: CallRequest, key: Key, client: Client) -> None:
        client.on_leave(lambda: calls.append(request.request_id))
        await client.start(200, [])
        await client.finish(REPLY)

    site = Site(serve_chat=note)
    async with site.running() as client:
        for _ in range(3):
            await client.post(CHAT, content=b"{}", headers={"x-api-key": site.regular})
    assert calls == []


async def test_a_caller_that_reads_nothing_is_cut_off() -> None:
    ended = asyncio.Event()

    async def flood(request: CallRequest, key: Key, client: Client) -> None:
        await client.start(200, [])
        while not client.has_left:
            await client.send(b"x" * 100_000)
        ended.set()

    site = Site(serve_chat=flood)
    async with site.running(QUICK):
        _, writer = await site.raw()
        writer.write(post(site, 2) + b"{}")
        await asyncio.wait_for(ended.wait(), 10)
        writer.close()


async def test_an_answer_whose_maker_fails_midway_does_not_look_complete() -> None:
    async def broken(request: CallRequest, key: Key, client: Client) -> None:
        await client.start(200, [])
        await client.send(b"some")
        raise RuntimeError("broken")

    site = Site(serve_chat=broken)
    async with site.running():
        reader, writer = await site.raw()
        writer.write(post(site, 2) + b"{}")
        received = b""
        with pytest.raises(ConnectionError):
            while piece := await reader.read(1000):
                received += piece
            raise ConnectionError("closed")
        assert not received.endswith(b"0\r\n\r\n")
        writer.close()


async def test_a_header_with_a_line_break_never_leaves() -> None:
    async def splitting(request: CallRequest, key: Key, client: Client) -> None:
        await client.start(200, [(b"x-name", b"a\r\nset-cookie: b")])
        await client.finish(REPLY)

    site = Site(serve_chat=splitting)
    async with site.running():
        reader, writer = await site.raw()
        writer.write(post(site, 2) + b"{}")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await read_answer(reader)
        writer.close()


async def test_every_answer_is_dated() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get("/healthz")
        reader, writer = await site.raw()
        writer.write(b"nonsense\r\n\r\n")
        refused = await reader.readuntil(b"\r\n\r\n")
    assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 10
    assert b"\r\ndate: " in refused


async def test_a_request_without_a_host_is_refused_in_http_1_1_only() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert (await read_answer(reader))[0] == 400
        reader, writer = await site.raw()
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert (await read_answer(reader))[0] == 200


async def test_a_method_that_http_does_not_know_is_refused_with_the_path() -> None:
    site = Site()
    async with site.running():
        reader, writer = await site.raw()
        writer.write(b"FOO /v1/models?x=1 HTTP/1.1\r\nhost: here.example\r\n\r\n")
        status, _, body = await read_answer(reader)
    assert (status, json.loads(body)["path"]) == (400, "/v1/models")
