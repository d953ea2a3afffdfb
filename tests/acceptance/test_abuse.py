"""Hostile and broken callers, over raw sockets: a clear error or service, never a crash, and memory stays."""

import asyncio
import json
import resource
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.acceptance.traffic import CHAT, Reply, Town, chat, connection, exchange, read_reply, request, town

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_S = 1.0
MEGABYTE = 1024 * 1024
CREDIT = 1_000_000_000
GROWTH_KB = 96 * 1024
"""What all of this together may leave behind: one body of the largest size in two copies, and fragments."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """One gateway for all; it must have survived, in the memory it had, and never have been surprised."""
    folder = tmp_path_factory.mktemp("abuse")
    patience = {"server_header_timeout_s": PATIENCE_S, "server_body_timeout_s": PATIENCE_S}
    async with town(folder, **patience) as built:
        key = built.customer("witness", CREDIT)[1]
        assert (await built.call(key, "fake/echo", text="x" * 10 * MEGABYTE)).status == 200
        before_kb = built.memory_kb
        yield built
        assert (await built.call(key, "fake/echo")).status == 200
        assert built.memory_kb - before_kb < GROWTH_KB
        assert built.problems() == []
        assert "Traceback" not in built.gateway.stderr
        assert "unexpectedly" not in built.gateway.stderr


@pytest.fixture(scope="module")
def key(place: Town) -> str:
    return place.customer("hostile", CREDIT)[1]


def head(key: str, *lines: str, first: str = f"POST {CHAT} HTTP/1.1") -> bytes:
    """A request's header, with nothing added."""
    about = ("host: gateway", f"authorization: Bearer {key}", "content-type: application/json")
    return "\r\n".join((first, *about, *lines, "", "")).encode("latin-1")


async def is_well(place: Town, key: str) -> bool:
    """Whether the next call is served."""
    return (await place.call(key, "fake/echo")).status == 200


def is_told(reply: Reply, status: int) -> bool:
    """Whether a refusal has the common form, and says so."""
    return reply.status == status == reply.json["statusCode"] and bool(reply.json["message"])


async def test_a_body_of_ten_megabytes_is_served(place: Town, key: str) -> None:
    reply = await place.call(key, "fake/echo", text="x" * 10 * MEGABYTE)
    assert reply.status == 200
    assert len(reply.json["choices"][0]["message"]["content"]) == 10 * MEGABYTE


async def test_a_body_of_forty_megabytes_is_refused(place: Town, key: str) -> None:
    body = chat("fake/echo", text="x" * 40 * MEGABYTE)
    assert is_told(await exchange(place.gateway.base_url, request(key, body)), 413)
    chunked = head(key, "transfer-encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    assert is_told(await exchange(place.gateway.base_url, chunked), 413)
    assert await is_well(place, key)


@pytest.mark.parametrize(
    "lines",
    [["x-long: " + "x" * 100_000], [f"x-many-{number}: {'x' * 80}" for number in range(1100)]],
    ids=["one", "many"],
)
async def test_headers_of_a_hundred_kilobytes_are_refused(place: Town, key: str, lines: list[str]) -> None:
    assert is_told(await exchange(place.gateway.base_url, request(key, chat("fake/echo"), *lines)), 431)


async def test_an_address_of_a_hundred_kilobytes_is_refused(place: Town, key: str) -> None:
    payload = request(key, b"", path="/v1/models?" + "x" * 100_000, method="GET")
    assert is_told(await exchange(place.gateway.base_url, payload), 414)


async def drip(place: Town, first: bytes, rest: Iterator[bytes]) -> tuple[Reply, float]:
    """Send a byte now and then until an answer comes; returns it and how long it took."""
    begun_s = time.monotonic()
    async with connection(place.gateway.base_url) as (reader, writer):
        writer.write(first)
        answer = asyncio.create_task(read_reply(reader))
        for piece in rest:
            done, _ = await asyncio.wait([answer], timeout=0.1)
            if done:
                break
            writer.write(piece)
        return await answer, time.monotonic() - begun_s


async def test_a_header_that_comes_a_byte_at_a_time_is_cut_off(place: Town, key: str) -> None:
    reply, took_s = await drip(place, b"POST /v1/chat", iter([b"x"] * 600))
    assert is_told(reply, 408)
    assert took_s < PATIENCE_S + 3


async def test_a_body_that_stops_coming_is_cut_off(place: Town, key: str) -> None:
    whole = request(key, chat("fake/echo"))
    begun_s = time.monotonic()
    assert is_told(await exchange(place.gateway.base_url, whole[:-5]), 408)
    assert time.monotonic() - begun_s < PATIENCE_S + 3


async def test_a_connection_that_says_nothing_is_told_nothing(place: Town) -> None:
    async with connection(place.gateway.base_url) as (reader, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(PATIENCE_S + 0.5):
                await reader.read(1)


def idle_many() -> int:
    """As many as the issue asks for, in this process as in the server's."""
    return min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2)


@pytest.mark.parametrize("count", [500, pytest.param(idle_many(), marks=pytest.mark.long)])
async def test_calls_are_served_beside_many_idle_connections(place: Town, key: str, count: int) -> None:
    before_kb = place.memory_kb
    async with AsyncExitStack() as stack:
        for begun in range(0, count, 250):
            some = range(begun, min(begun + 250, count))
            await asyncio.gather(*(stack.enter_async_context(connection(place.gateway.base_url)) for _ in some))
        replies = await asyncio.gather(*(place.call(key, "fake/echo") for _ in range(50)))
        assert {reply.status for reply in replies} == {200}
        assert place.memory_kb - before_kb < 20 * count + 4096
    assert await is_well(place, key)


def body_with(**fields: str) -> bytes:
    """A call with raw JSON in some of its fields."""
    given = {"model": '"fake/echo"', "messages": '[{"role":"user","content":"hi"}]'} | fields
    return ("{" + ",".join(f'"{name}":{value}' for name, value in given.items()) + "}").encode()


DEEP = "[" * 100_000 + "]" * 100_000
DEEP_OBJECT = '{"a":' * 100_000 + "1" + "}" * 100_000
REFUSED_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"{",
    "no object": b"[]",
    "a string": b'"hi"',
    "invalid UTF-8": b'{"model":"fake/echo","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "an overlong form": b'{"model":"fake/echo","messages":[{"role":"user","content":"\xc0\xaf"}]}',
    "half a surrogate, encoded": b'{"model":"fake/echo","messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
    "a NUL in a string": b'{"model":"fake/echo","messages":[{"role":"user","content":"a\x00b"}]}',
    "a NUL behind the end": body_with() + b"\x00",
    "two objects": body_with() * 2,
    "deep from the top": DEEP.encode(),
    "deep messages": body_with(messages=DEEP),
    "deep content": body_with(messages='[{"role":"user","content":' + DEEP + "}]"),
    "a deep documented field": body_with(metadata=DEEP_OBJECT),
    "deep tools": body_with(tools=DEEP),
    "an endless max_tokens": body_with(max_tokens="9" * 100_000),
    "an infinite max_tokens": body_with(max_tokens="1e999"),
    "a negative max_tokens": body_with(max_tokens="-1"),
    "half a token": body_with(max_tokens="1.5"),
    "an infinite temperature": body_with(temperature="1e999"),
    "not a number": body_with(temperature="NaN"),
    "far too many choices": body_with(n="1000000000"),
    "an infinite content": body_with(messages='[{"role":"user","content":1e999}]'),
    "an infinite text": body_with(messages='[{"role":"user","content":[{"type":"text","text":1e999}]}]'),
    "an infinite image": body_with(messages='[{"role":"user","content":[{"type":"image_url","image_url":1e999}]}]'),
    "a hundred thousand messages": body_with(
        messages="[" + ",".join(['{"role":"user","content":"hi"}'] * 100_000) + "]"
    ),
    "a hundred thousand parts": body_with(
        messages='[{"role":"user","content":[' + ",".join(['{"type":"text","text":"a"}'] * 100_000) + "]}]"
    ),
    "a million wrong messages": body_with(messages="[" + ",".join(['{"role":"x"}'] * 1_000_000) + "]"),
    "a hex number": body_with(seed="0x10"),
}


async def test_a_byte_order_mark_is_skipped(place: Town, key: str) -> None:
    assert (await exchange(place.gateway.base_url, request(key, b"\xef\xbb\xbf" + body_with()))).status == 200


@pytest.mark.parametrize("body", REFUSED_BODIES.values(), ids=REFUSED_BODIES.keys())
async def test_a_body_that_makes_no_sense_is_a_bad_request(place: Town, key: str, body: bytes) -> None:
    reply = await exchange(place.gateway.base_url, request(key, body))
    assert is_told(reply, 400)
    assert len(reply.body) < 16_384
    assert await is_well(place, key)


ODD_BODIES: dict[str, bytes] = {
    "a deep unknown field": body_with(unheard_of=DEEP),
    "a huge max_tokens": body_with(max_tokens="2147483647"),
    "a huger max_tokens": body_with(max_tokens=str(2**63)),
    "a huge seed": body_with(seed=str(2**64)),
    "a long exponent": body_with(seed="1" + "0" * 300),
    "NUL in the model": body_with(model=r'"fake/echo\u0000"'),
    "a lone surrogate": body_with(messages=r'[{"role":"user","content":"\ud800"}]'),
    "an escaped NUL": body_with(messages=r'[{"role":"user","content":"a\u0000b"}]'),
    "a long model": body_with(model='"' + "x" * MEGABYTE + '"'),
    "line breaks in the model": body_with(model=r'"fake/echo\r\nset-cookie: a=b"'),
    "line breaks in the provider": body_with(provider=r'"fake\r\nset-cookie: a=b"'),
    "a hundred thousand fields": body_with(**{f"field_{number}": "1" for number in range(100_000)}),
    "fifty thousand messages": body_with(messages="[" + ",".join(['{"role":"user","content":"hi"}'] * 50_000) + "]"),
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
async def test_an_odd_body_is_served_or_refused_but_never_a_surprise(place: Town, key: str, body: bytes) -> None:
    reply = await exchange(place.gateway.base_url, request(key, body))
    assert reply.is_framed
    assert reply.status in (200, 400, 404)
    assert "set-cookie" not in reply.headers
    assert sum(len(name) + len(value) for name, value in reply.headers.items()) < 8192
    assert reply.status == 200 or len(reply.body) < 16_384
    kept = place.gateway.rows("SELECT * FROM requests WHERE inference_id = ?", reply.headers.get("x-inference-id"))
    assert all(len(str(row)) < 16_384 for row in kept)
    assert await is_well(place, key)


async def test_a_fields_name_cannot_write_a_header(place: Town, key: str) -> None:
    names = ["evil\r\nset-cookie: a=b", "nul\0", 'quote"', "comma,", "ünïcode", "\U0001f600", "x" * 5000]
    body = json.loads(chat("fake/echo")) | dict.fromkeys(names, 1)
    reply = await exchange(place.gateway.base_url, request(key, json.dumps(body).encode()))
    assert reply.status == 200
    assert "set-cookie" not in reply.headers
    dropped = reply.headers["x-modelport-dropped-params"]
    assert dropped.startswith("evil%0D%0Aset-cookie%3A%20a%3Db,nul%00,quote%22,comma%2C,")
    assert dropped.isascii()
    assert len(dropped) <= 1000


async def test_of_a_field_that_comes_twice_one_is_used_everywhere(place: Town, key: str) -> None:
    body = body_with(max_tokens='5,"max_tokens":2', model='"fake/echo","model":"fake/meter"')
    reply = await exchange(place.gateway.base_url, request(key, body))
    sent = place.fake.requests[-1].body
    assert (sent.count(b'"max_tokens"'), sent.count(b'"model"')) == (1, 1)
    assert reply.json["usage"]["completion_tokens"] == 2
    assert reply.json["meta"]["usage"]["credits_used"] == 2000


async def test_requests_in_one_piece_are_answered_in_their_order(place: Town, key: str) -> None:
    payload = b"".join(request(key, chat("fake/echo", text=f"number {number}")) for number in range(20))
    async with connection(place.gateway.base_url) as (reader, writer):
        writer.write(payload)
        replies = [await read_reply(reader) for _ in range(20)]
    said = [reply.json["choices"][0]["message"]["content"] for reply in replies]
    assert said == [f"number {number}" for number in range(20)]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
async def test_a_method_that_is_not_possible_is_told_with_those_that_are(place: Town, key: str, method: str) -> None:
    reply = await exchange(place.gateway.base_url, request(key, b"", method=method))
    assert is_told(reply, 405)
    assert "POST" in reply.headers["allow"]


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: gateway\r\n\r\n"
SMALL = chat("fake/echo")
LENGTH = f"content-length: {len(SMALL)}"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMALL), SMALL)
MALFORMED: dict[str, tuple[tuple[str, ...], bytes]] = {
    "a length and chunks": ((LENGTH, "transfer-encoding: chunked"), CHUNKED + SMUGGLED),
    "chunks and a length": (("transfer-encoding: chunked", "content-length: 4"), CHUNKED + SMUGGLED),
    "two lengths": ((LENGTH, "content-length: 3"), SMALL + SMUGGLED),
    "a signed length": ((f"content-length: +{len(SMALL)}",), SMALL + SMUGGLED),
    "a length with a minus": (("content-length: -1",), SMALL + SMUGGLED),
    "a length in hex": ((f"content-length: {len(SMALL):#x}",), SMALL + SMUGGLED),
    "an endless length": (("content-length: " + "9" * 40,), SMALL + SMUGGLED),
    "an unknown encoding": (("transfer-encoding: xchunked",), CHUNKED + SMUGGLED),
    "chunks that are not last": (("transfer-encoding: chunked, gzip",), CHUNKED + SMUGGLED),
    "a size that is no number": (("transfer-encoding: chunked",), b"zz\r\n" + SMALL + b"\r\n0\r\n\r\n" + SMUGGLED),
    "a negative size": (("transfer-encoding: chunked",), b"-5\r\n" + SMALL + b"\r\n0\r\n\r\n" + SMUGGLED),
    "an endless size": (("transfer-encoding: chunked",), b"f" * 40 + b"\r\n" + SMALL + SMUGGLED),
    "a chunk longer than said": (("transfer-encoding: chunked",), b"3\r\n" + SMALL + b"\r\n0\r\n\r\n" + SMUGGLED),
    "a space before the colon": (("transfer-encoding : chunked",), CHUNKED + SMUGGLED),
    "a folded header": ((LENGTH, "x-fold: a\r\n transfer-encoding: chunked"), SMALL),
    "a NUL in a header": ((LENGTH, "x-nul: a\0b"), SMALL),
    "a lone CR in a header": ((LENGTH, "x-cr: a\rset-cookie: b"), SMALL),
}


@pytest.mark.parametrize(("lines", "body"), MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_request_with_two_readings_is_refused_and_nothing_behind_it_is_heard(
    place: Town, key: str, lines: tuple[str, ...], body: bytes
) -> None:
    async with asyncio.timeout(20), connection(place.gateway.base_url) as (reader, writer):
        writer.write(head(key, *lines) + body)
        reply = await read_reply(reader)
        assert reply.status in (0, 400)
        assert await reader.read() == b""
    assert await is_well(place, key)


GARBAGE: dict[str, bytes] = {
    "not HTTP": b"SSH-2.0-client\r\n",
    "an old version": b"GET /\r\n\r\n",
    "a newer version": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": b"BREW /pot HTTP/1.1\r\nhost: gateway\r\n\r\n",
    "NULs": b"\0" * 1000,
    "noise": bytes(range(256)) * 400,
    "a line without an end": b"G" * 100_000,
}


@pytest.mark.parametrize("payload", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_not_http_is_refused_and_the_connection_ends(place: Town, key: str, payload: bytes) -> None:
    async with asyncio.timeout(20), connection(place.gateway.base_url) as (reader, writer):
        writer.write(payload)
        reply = await read_reply(reader)
        assert reply.status in (0, 400, 404, 414, 431)
        writer.close()
    assert await is_well(place, key)


async def test_a_caller_who_speaks_tls_to_a_plain_port_is_turned_away(place: Town, key: str) -> None:
    host, port = place.gateway.base_url.removeprefix("http://").split(":")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(host, int(port), ssl=ssl.create_default_context())
    assert await is_well(place, key)


@pytest.mark.parametrize(
    "secret", ["", "x", "' OR 1=1 --", "é" * 40, "x" * 60_000, "\x01\x02", "0" * 32, "%00", "Bearer Bearer"]
)
async def test_a_key_that_is_none_is_told_so(place: Town, secret: str) -> None:
    reply = await exchange(place.gateway.base_url, request(secret, chat("fake/echo")))
    assert is_told(reply, 401) or reply.status == 400


async def test_callers_who_connect_send_half_and_go_leave_nothing(place: Town, key: str) -> None:
    payload = request(key, chat("fake/echo", text="x" * 50_000))

    async def send_some(share: int) -> None:
        async with connection(place.gateway.base_url) as (_, writer):
            writer.write(payload[: len(payload) * share // 100])
            await writer.drain()

    before_kb = place.memory_kb
    await asyncio.gather(*(send_some(number % 100) for number in range(500)))
    assert await is_well(place, key)
    assert place.memory_kb - before_kb < 32 * 1024
