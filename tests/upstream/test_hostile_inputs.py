"""Addresses and servers that mean harm: refused with a clear error, and memory stays flat."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from modelport import __version__
from modelport.assets.kinds import Family
from modelport.egress.guard import Guard, parse_ranges
from modelport.serving.inputs import InputLimits, InputRefused, Inputs, Wanted
from modelport.upstream.guarded import GuardedFetch
from modelport.upstream.pool import Pool
from tests.assets.test_archive import PICTURE, Hands
from tests.twins.assets import twin_archive
from tests.upstream.test_guarded import Names, port_of
from tests.upstream.vendor import QUICK_SWEEP, Script, Talk, Vendor, answers, vendor

IMAGE = Wanted("image", frozenset[Family]({"image"}))
LIMIT_BYTES = 1024 * 1024
HUGE_BYTES = 1024**3
BLOCK = bytes(64 * 1024)
OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"content-length: %d\r\n\r\n%b" % (len(PICTURE), PICTURE)

HOSTS = """
127.0.0.1 127.1 127.0.1 0 0.0.0.0 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001 127.0.0.1.
10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 169.254.170.2 2852039166 0xa9fea9fe 0251.0376.0251.0376
168.63.129.16 192.0.0.192 100.100.100.200 255.255.255.255 224.0.0.1
[::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:a9fe:a9fe] [::127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b::169.254.169.254] [64:ff9b:1::a00:1] [2002:7f00:1::] [2001:0:7f00:1::] [fe80::1] [fe80::1%25eth0]
[fe80::1%eth0] [fd00:ec2::254] [fc00::1] [ff02::1] [::1%25lo]
1２7.0.0.1 ①②⑦.0.0.1 127。0。0。1
""".split()  # noqa: SIM905 — fifty lines otherwise
INTERNAL = (
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "fd00::1",
    "fe80::1%2",
)


def inputs(fetch: GuardedFetch, **limits: float) -> Inputs:
    bounds = InputLimits(**{"max_bytes": LIMIT_BYTES, **limits})  # pyright: ignore[reportArgumentType]
    return Inputs(fetch, twin_archive(Hands()), bounds)


@asynccontextmanager
async def meeting(script: Script, *names: Sequence[str], **limits: float) -> AsyncGenerator[tuple[Inputs, Vendor, str]]:
    """Read from a scripted server, which is the one private address that is allowed."""
    async with vendor(script) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guard = Guard(parse_ranges(("127.0.0.1",)), frozenset({port_of(acme), 80, 443}))
        fetch = GuardedFetch(pool, guard, resolver=Names(*(names or (["127.0.0.1"],))))
        yield inputs(fetch, **limits), acme, f"http://files.example:{port_of(acme)}/cat.png"


async def refused(given: Inputs, url: str) -> str:
    with pytest.raises(InputRefused) as told:
        await given.read(url, IMAGE)
    assert told.value.param == "image"
    return told.value.message


def moved(to: str) -> Script:
    return answers(f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode())


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_spelling_of_an_internal_address_is_called(scheme: str, host: str) -> None:
    names = Names(["93.184.215.14"])
    async with Pool() as pool:
        told = await refused(
            inputs(GuardedFetch(pool, Guard(), resolver=names)), f"{scheme}://{host}/latest/meta-data/"
        )
        assert "is refused" in told
        assert (names.asked, pool.counts.dials) == ([], 0)


@pytest.mark.parametrize("address", INTERNAL)
async def test_no_name_that_leads_to_an_internal_address_is_called(address: str) -> None:
    async with Pool() as pool:
        given = inputs(GuardedFetch(pool, Guard(), resolver=Names([address])))
        assert "not public" in await refused(given, "https://files.example/cat.png")
        assert pool.counts.dials == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@files.example/",
        "http://files.example\\@127.0.0.1/",
        "http://files.example#@127.0.0.1/",
        "http://127.0.0.1:80@files.example/",
        "http://files.example:22/",
        "http://files.example:6379/",
        "http:files.example",
        "http:///etc/passwd",
        "https://files.example\r\nhost: x/",
        "https:// files.example/",
    ],
)
async def test_an_address_that_could_be_read_in_two_ways_is_not_called(url: str) -> None:
    async with Pool() as pool:
        names = Names(["127.0.0.1"])
        await refused(inputs(GuardedFetch(pool, Guard(), resolver=names)), url)
        assert pool.counts.dials == 0


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.2/",
        "http://169.254.169.254/latest/meta-data/",
        "//10.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "ftp://127.0.0.1/",
        "http://files.example:22/",
    ],
)
async def test_a_redirect_is_judged_like_the_first_address(to: str) -> None:
    async with meeting(moved(to)) as (given, acme, url):
        assert "is refused" in await refused(given, url)
        assert acme.accepted == 1


async def test_a_name_that_leads_elsewhere_at_the_next_look_is_judged_again() -> None:
    async with meeting(moved("/again"), ["127.0.0.1"], ["10.0.0.1"]) as (given, acme, url):
        assert "not public" in await refused(given, url)
        assert acme.accepted == 1


async def test_the_address_that_was_judged_is_the_one_that_is_called() -> None:
    async with meeting(answers(WHOLE), ["127.0.0.1"], ["10.0.0.1"]) as (given, acme, url):
        assert (await given.read(url, IMAGE)).data == PICTURE
        assert acme.seen[0].headers["user-agent"] == f"modelport/{__version__}"


async def test_redirects_in_a_circle_end() -> None:
    async with meeting(moved("/cat.png")) as (given, acme, url):
        assert "more than 3 times" in await refused(given, url)
        assert acme.accepted == 4


def endless(head: bytes, framed: Callable[[bytes], bytes]) -> Script:
    """Send a gigabyte, or as much of it as the other end takes."""

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(head)
        block = framed(BLOCK)
        for _ in range(HUGE_BYTES // len(BLOCK)):
            if talk.writer.is_closing():
                return
            await talk.send(block)

    return script


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def plain(data: bytes) -> bytes:
    return data


PACKED = gzip.compress(bytes(256 * LIMIT_BYTES), 9)
HUGE: dict[str, Script] = {
    "as long as it says": endless(OK + b"content-length: %d\r\n\r\n" % HUGE_BYTES, plain),
    "longer than it says": endless(OK + b"content-length: 10\r\n\r\n", plain),
    "in chunks": endless(OK + b"transfer-encoding: chunked\r\n\r\n", chunk),
    "until it closes": endless(OK + b"\r\n", plain),
    "a redirect with a body": endless(
        b"HTTP/1.1 302 Found\r\nlocation: /\r\ntransfer-encoding: chunked\r\n\r\n", chunk
    ),
    "packed": answers(OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(PACKED) + PACKED),
    "packed in parts": answers(
        OK + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(PACKED) + b"0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("kind", HUGE)
async def test_a_body_without_measure_is_refused_and_memory_stays_flat(kind: str) -> None:
    async with meeting(HUGE[kind]) as (given, _, url):
        tracemalloc.start()
        try:
            told = await asyncio.wait_for(refused(given, url), 60)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    cut = "by its content" if kind == "longer than it says" else f"larger than {LIMIT_BYTES} bytes"
    assert cut in told
    assert peak_bytes < 6 * LIMIT_BYTES


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"compress"])
async def test_a_packing_that_was_not_asked_for_is_refused(encoding: bytes) -> None:
    head = OK + b"content-encoding: %b\r\ncontent-length: 4\r\n\r\nabcd" % encoding
    async with meeting(answers(head)) as (given, _, url):
        assert "cannot be read" in await refused(given, url)


async def test_a_file_that_drips_for_ever_is_given_up() -> None:
    async def drips(talk: Talk) -> None:
        await talk.request()
        await talk.send(OK + b"transfer-encoding: chunked\r\n\r\n")
        while not talk.writer.is_closing():
            await talk.send(chunk(b"x"))
            await asyncio.sleep(0.01)

    async with meeting(drips, timeout_s=0.3) as (given, acme, url):
        assert "could not be fetched within 0.3 s" in await refused(given, url)
        await asyncio.wait_for(asyncio.gather(*acme.tasks), 10)


async def test_redirects_share_one_time() -> None:
    async def slow(talk: Talk) -> None:
        while await talk.request() is not None:
            await asyncio.sleep(0.2)
            await talk.send(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")

    async with meeting(slow, timeout_s=0.3, redirects=20) as (given, _, url):
        assert "could not be fetched within 0.3 s" in await refused(given, url)


async def test_a_page_that_calls_itself_a_picture_is_refused() -> None:
    page = b"<!doctype html><title>Not found</title>"
    head = OK + b"content-type: image/png\r\ncontent-length: %d\r\n\r\n%b" % (len(page), page)
    async with meeting(answers(head)) as (given, _, url):
        assert "Expected an image, received a file that is text/html by its content" in await refused(given, url)
