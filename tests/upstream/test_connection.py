"""One connection, driven without a socket: framing, bounds, and what is kept alive."""

import asyncio
import gzip
import zlib
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.catalogue.facts import Timeouts
from modelport.serving.ports import AnswerTooLarge, CutShort, MalformedAnswer
from modelport.upstream.answer import BUFFER_BYTES, Answer
from modelport.upstream.connection import HEAD_BYTES, HEADER_COUNT, LINGER_BYTES, Connection
from modelport.upstream.peer import Peer

PEER = Peer("Acme", "provider `acme`", Timeouts())
LIMIT = 1 << 20
TEXT = b"a stream tells the truth, " * 3


class Wire(asyncio.Transport):
    """A transport that goes nowhere and notes what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_reading_now = True
        self.was_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.was_aborted

    def abort(self) -> None:
        self.was_aborted = True

    def pause_reading(self) -> None:
        self.is_reading_now = False

    def resume_reading(self) -> None:
        self.is_reading_now = True


@dataclass
class Keeper:
    """An owner that counts."""

    keep_s: float = 60.0
    hasty_until_s: float = 0.0
    hastes: int = 0
    free: list[Connection] = field(default_factory=list[Connection])

    def released(self, connection: Connection) -> None:
        self.free.append(connection)

    def lost(self, connection: Connection) -> None: ...

    def closed_in_haste(self) -> None:
        self.hastes += 1


@dataclass
class Bench:
    """A connection with a request under way."""

    wire: Wire
    keeper: Keeper
    connection: Connection
    answer: Answer


def begun(head: bytes = b"POST / HTTP/1.1\r\n\r\n") -> Bench:
    loop = asyncio.get_running_loop()
    wire, keeper = Wire(), Keeper()
    connection = Connection(loop, keeper)
    connection.connection_made(wire)
    answer = Answer(loop, PEER)
    connection.start(answer, head, b"")
    return Bench(wire, keeper, connection, answer)


def packed(data: bytes, bits: int) -> bytes:
    packer = zlib.compressobj(wbits=bits)
    return packer.compress(data) + packer.flush()


def sized(data: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", *fields, b"Content-Length: %d" % len(data), b"", data))


def chunked(data: bytes, *fields: bytes, size: int = 7, trailers: bytes = b"") -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    body = b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = b"\r\n".join((b"HTTP/1.1 200 OK", *fields, b"Transfer-Encoding: chunked", b"", b""))
    return head + body + b"0\r\n" + trailers + b"\r\n"


GZIP = b"Content-Encoding: gzip"
FRAMINGS = {
    "content-length": sized(TEXT, b"X-Empty:", b"Server: acme"),
    "empty body": sized(b""),
    "chunked": chunked(TEXT),
    "chunked with trailers": chunked(TEXT, trailers=b"X-Sum: 1\r\nServer: other\r\n"),
    "chunked and empty": chunked(b""),
    "no content": b"HTTP/1.1 204 No Content\r\nServer: acme\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "after 100 and 103": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + sized(TEXT),
    "offer of an upgrade": sized(TEXT, b"Connection: Upgrade, keep-alive", b"Upgrade: h2c"),
    "gzip": sized(gzip.compress(TEXT), GZIP),
    "two gzip members": sized(gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:]), GZIP),
    "gzip and chunked": chunked(gzip.compress(TEXT), b"Content-Encoding: X-GZip"),
    "gzip of nothing": sized(gzip.compress(b""), GZIP),
    "gzip without a body": sized(b"", GZIP),
    "deflate": sized(packed(TEXT, 15), b"Content-Encoding: deflate"),
    "bare deflate": sized(packed(TEXT, -15), b"Content-Encoding: deflate"),
}
EMPTY = {"empty body", "chunked and empty", "no content", "not modified", "gzip of nothing", "gzip without a body"}
NAMES = sorted(FRAMINGS)


def expected(name: str) -> bytes:
    return b"" if name in EMPTY else TEXT


async def streamed(answer: Answer) -> bytes:
    pieces: list[bytes] = []
    while piece := await answer.some():
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("name", NAMES)
async def test_an_answer_cut_in_two_anywhere_is_the_same_answer(name: str) -> None:
    data = FRAMINGS[name]
    for cut in range(len(data) + 1):
        bench = begun()
        for piece in (data[:cut], data[cut:]):
            if piece:
                bench.connection.data_received(piece)
        assert bench.answer.is_complete
        assert await bench.answer.body(LIMIT) == expected(name)
        assert bench.keeper.free == [bench.connection]


@pytest.mark.parametrize("name", NAMES)
async def test_an_answer_that_ends_too_early_anywhere_is_cut_short(name: str) -> None:
    data = FRAMINGS[name]
    for cut in range(len(data)):
        bench = begun()
        if cut:
            bench.connection.data_received(data[:cut])
        bench.connection.eof_received()
        assert not bench.answer.is_complete
        with pytest.raises(CutShort):
            await streamed(bench.answer)
        assert not bench.keeper.free


@given(name=st.sampled_from(NAMES), cuts=st.lists(st.integers(1, 400), max_size=30), whole=st.booleans())
async def test_an_answer_in_any_pieces_is_the_same_answer(name: str, cuts: list[int], whole: bool) -> None:
    data = FRAMINGS[name]
    bench = begun()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        bench.connection.data_received(data[start:end])
    got = await (bench.answer.body(LIMIT) if whole else streamed(bench.answer))
    assert (got, bench.answer.is_complete) == (expected(name), True)


async def test_a_body_that_ends_with_the_connection_is_complete_and_the_connection_is_not_kept() -> None:
    bench = begun()
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nall ")
    bench.connection.data_received(b"of it")
    bench.connection.eof_received()
    assert await bench.answer.body(LIMIT) == b"all of it"
    assert not bench.keeper.free


async def test_a_body_that_ends_with_a_reset_is_cut_short() -> None:
    bench = begun()
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nall ")
    bench.connection.connection_lost(ConnectionResetError())
    assert await bench.answer.some() == b"all "
    with pytest.raises(CutShort, match="in the middle"):
        await bench.answer.some()


async def test_an_answer_to_head_has_no_body() -> None:
    bench = begun(b"HEAD / HTTP/1.1\r\n\r\n")
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
    assert await bench.answer.body(LIMIT) == b""
    assert bench.answer.header(b"content-length") == b"500"
    assert bench.wire.was_aborted


async def test_repeated_headers_are_joined_and_trailers_are_not_headers() -> None:
    bench = begun()
    bench.connection.data_received(chunked(TEXT, b"A: 1", b"a: 2", trailers=b"B: 3\r\n"))
    assert (bench.answer.header(b"a"), bench.answer.header(b"b")) == (b"1, 2", None)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab",
        sized(b"x", b"Content-Encoding: br"),
        sized(b"x", *(b"h%d: 1" % number for number in range(HEADER_COUNT + 1))),
    ],
)
async def test_what_is_not_proper_http_is_malformed_and_closes(data: bytes) -> None:
    bench = begun()
    bench.connection.data_received(data)
    with pytest.raises(MalformedAnswer, match="provider `acme`"):
        await bench.answer.body(LIMIT)
    assert bench.wire.was_aborted
    assert not bench.keeper.free


@pytest.mark.parametrize(
    "data", [sized(b"not gzip at all", GZIP), sized(packed(TEXT, 15) + b"x", b"Content-Encoding: deflate")]
)
async def test_a_damaged_compressed_body_is_malformed(data: bytes) -> None:
    bench = begun()
    bench.connection.data_received(data)
    with pytest.raises(MalformedAnswer):
        await bench.answer.body(LIMIT)


async def test_a_compressed_body_without_its_end_is_cut_short() -> None:
    for read in (streamed, lambda answer: answer.body(LIMIT)):
        bench = begun()
        bench.connection.data_received(sized(gzip.compress(TEXT)[:-3], GZIP))
        with pytest.raises(CutShort):
            await read(bench.answer)


@pytest.mark.parametrize("piece", [b"x-long: " + b"a" * 5000 + b"\r\n", b"x" * 5000])
async def test_a_head_without_end_is_too_large(piece: bytes) -> None:
    bench = begun()
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\n")
    for _ in range(HEAD_BYTES // len(piece) + 2):
        if not bench.wire.was_aborted:
            bench.connection.data_received(piece)
    with pytest.raises(AnswerTooLarge, match="head"):
        await bench.answer.body(LIMIT)


async def test_a_large_head_that_comes_in_one_piece_with_its_body_is_too_large() -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT, b"x: " + b"a" * HEAD_BYTES))
    with pytest.raises(AnswerTooLarge, match="head"):
        await bench.answer.body(LIMIT)


async def test_a_large_body_that_comes_with_its_head_is_not_taken_for_a_large_head() -> None:
    bench = begun()
    bench.connection.data_received(sized(b"x" * 3 * HEAD_BYTES))
    assert len(await bench.answer.body(LIMIT)) == 3 * HEAD_BYTES


async def test_trailers_without_end_are_too_large() -> None:
    bench = begun()
    bench.connection.data_received(chunked(TEXT)[:-2])
    for _ in range(20):
        if not bench.wire.was_aborted:
            bench.connection.data_received(b"x-trailer: " + b"a" * 5000 + b"\r\n")
    with pytest.raises(AnswerTooLarge):
        await bench.answer.body(LIMIT)


async def test_an_announced_body_beyond_the_readers_bound_is_refused_before_it_comes() -> None:
    bench = begun()
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    with pytest.raises(AnswerTooLarge, match="999 bytes"):
        await bench.answer.body(999)


async def test_a_body_that_grows_beyond_the_readers_bound_is_refused_and_closes() -> None:
    bench = begun()
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    reading = asyncio.ensure_future(bench.answer.body(10))
    await asyncio.sleep(0)
    bench.connection.data_received(b"x" * 11)
    with pytest.raises(AnswerTooLarge):
        await reading
    assert bench.wire.was_aborted


async def test_a_complete_body_beyond_the_readers_bound_is_refused() -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT))
    with pytest.raises(AnswerTooLarge):
        await bench.answer.body(len(TEXT) - 1)


async def test_a_gzip_bomb_is_refused_as_a_whole_and_streams_in_small_pieces() -> None:
    bomb = sized(gzip.compress(b"\0" * 50_000_000), GZIP)
    whole = begun()
    whole.connection.data_received(bomb)
    with pytest.raises(AnswerTooLarge):
        await whole.answer.body(LIMIT)
    pieces = begun()
    pieces.connection.data_received(bomb)
    assert all([len(await pieces.answer.some()) <= 64 * 1024 for _ in range(20)])


async def test_a_slow_reader_stops_the_socket_and_a_read_starts_it_again() -> None:
    bench = begun()
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    bench.connection.data_received(b"x" * BUFFER_BYTES)
    assert bench.wire.is_reading_now
    bench.connection.data_received(b"x")
    assert not bench.wire.is_reading_now
    assert len(await bench.answer.some()) == BUFFER_BYTES + 1
    assert bench.wire.is_reading_now


async def test_a_reader_that_wants_the_whole_body_starts_the_socket_again() -> None:
    bench = begun()
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    bench.connection.data_received(b"x" * 300_000)
    assert not bench.wire.is_reading_now
    reading = asyncio.ensure_future(bench.answer.body(LIMIT))
    await asyncio.sleep(0)
    assert bench.wire.is_reading_now
    bench.connection.data_received(b"x" * 700_000)
    assert len(await reading) == 1_000_000


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad", b"H", b"garbage"])
async def test_bytes_after_an_answer_do_not_reach_it_and_drop_the_connection(surplus: bytes) -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT) + surplus)
    assert await bench.answer.body(LIMIT) == TEXT
    assert bench.wire.was_aborted
    assert not bench.keeper.free


async def test_bytes_on_an_idle_connection_drop_it() -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT))
    assert bench.connection.is_usable()
    bench.connection.data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert bench.wire.was_aborted
    assert not bench.connection.is_usable()
    assert bench.keeper.hastes == 1


async def test_a_close_right_after_an_answer_is_hasty_once() -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT))
    bench.connection.eof_received()
    bench.connection.connection_lost(None)
    assert bench.keeper.hastes == 1


async def test_a_cut_before_any_byte_is_hasty_only_on_a_connection_that_has_answered() -> None:
    for answers in (0, 1):
        bench = begun()
        for _ in range(answers):
            bench.connection.data_received(sized(TEXT))
            bench.connection.start(Answer(asyncio.get_running_loop(), PEER), b"POST / HTTP/1.1\r\n\r\n", b"")
        bench.connection.connection_lost(ConnectionResetError())
        assert bench.keeper.hastes == answers


@pytest.mark.parametrize("field", [b"Connection: close", b"Keep-Alive: timeout=1", b"X-Closed: by us"])
async def test_a_close_that_was_announced_or_is_ours_is_not_hasty(field: bytes) -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT, field))
    bench.connection.abort()
    bench.connection.connection_lost(None)
    assert bench.keeper.hastes == 0


async def test_a_cut_in_the_middle_of_an_answer_is_not_hasty() -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT))
    bench.connection.start(Answer(asyncio.get_running_loop(), PEER), b"POST / HTTP/1.1\r\n\r\n", b"")
    bench.connection.data_received(b"HTTP/1.1 200")
    bench.connection.connection_lost(ConnectionResetError())
    assert bench.keeper.hastes == 0


@pytest.mark.parametrize("rest", [b"0\r\n\r\n", b"4\r\nrest\r\n0\r\n\r\n"])
async def test_an_answer_that_was_left_may_end_and_the_connection_is_free(rest: bytes) -> None:
    bench = begun()
    bench.connection.data_received(chunked(TEXT)[:-5])
    bench.connection.abandon(bench.answer, at_once=False)
    for place in range(len(rest)):
        assert not bench.keeper.free
        bench.connection.data_received(rest[place : place + 1])
    assert bench.keeper.free == [bench.connection]
    assert bench.connection.is_usable()


async def test_an_answer_that_was_left_has_a_moment_to_end_however_much_comes() -> None:
    bench = begun()
    bench.connection.data_received(chunked(TEXT)[:-5])
    bench.connection.abandon(bench.answer, at_once=False)
    now_s = asyncio.get_running_loop().time()
    bench.connection.data_received(b"4\r\nmore\r\n")
    bench.connection.check(now_s + 0.1)
    assert not bench.wire.was_aborted
    bench.connection.data_received(b"4\r\nmore\r\n")
    bench.connection.check(now_s + 0.3)
    assert bench.wire.was_aborted
    assert not bench.keeper.free


@pytest.mark.parametrize("piece", [b"400\r\n" + b"x" * 1024 + b"\r\n", b"1;" + b"n" * 1024 + b"\r\nx\r\n"])
async def test_what_is_discarded_of_an_answer_is_bounded_and_not_kept(piece: bytes) -> None:
    bench = begun()
    bench.connection.data_received(chunked(TEXT)[:-5])
    await bench.answer.some()
    bench.connection.abandon(bench.answer, at_once=False)
    for _ in range(LINGER_BYTES // len(piece)):
        bench.connection.data_received(piece)
        assert not bench.answer.chunks
    assert not bench.wire.was_aborted
    bench.connection.data_received(piece)
    assert bench.wire.was_aborted


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nx",
        sized(b"x" * (LINGER_BYTES + 2))[:-1],
    ],
)
async def test_an_answer_whose_connection_could_not_be_kept_is_left_at_once(data: bytes) -> None:
    bench = begun()
    bench.connection.data_received(data)
    bench.connection.abandon(bench.answer, at_once=False)
    assert bench.wire.was_aborted


async def test_an_answer_that_was_found_broken_asks_to_be_left_at_once() -> None:
    broken, large = begun(), begun()
    broken.connection.data_received(chunked(b"not gzip at all", GZIP)[:-5])
    with pytest.raises(MalformedAnswer):
        await broken.answer.some()
    large.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    with pytest.raises(AnswerTooLarge):
        await large.answer.body(999)
    assert broken.answer.is_stopped
    assert large.answer.is_stopped


@pytest.mark.parametrize("field", [b"Connection: close", b"Keep-Alive: timeout=1"])
async def test_a_connection_that_is_about_to_close_is_not_kept(field: bytes) -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT, field))
    assert await bench.answer.body(LIMIT) == TEXT
    assert bench.wire.was_aborted
    assert not bench.keeper.free


async def test_an_idle_connection_ends_before_the_other_end_would_close_it() -> None:
    bench = begun()
    bench.connection.data_received(sized(TEXT, b"Keep-Alive: timeout=5, max=100"))
    now_s = asyncio.get_running_loop().time()
    bench.connection.check(now_s + 3.5)
    assert not bench.wire.was_aborted
    bench.connection.check(now_s + 4.5)
    assert bench.wire.was_aborted


async def test_one_parser_reads_answer_after_answer() -> None:
    bench = begun()
    for name in (name for _ in range(3) for name in NAMES):
        answer = Answer(asyncio.get_running_loop(), PEER)
        bench.connection.start(answer, b"POST / HTTP/1.1\r\n\r\n", b"")
        bench.connection.data_received(FRAMINGS[name])
        assert await answer.body(LIMIT) == expected(name)
