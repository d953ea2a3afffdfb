"""Server-sent events cut anywhere, with every line end the standard knows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.dialects.sse import MAX_EVENT_BYTES, SseEvent, SseReader, event_of
from modelport.dialects.wire import MalformedReply

STREAM = (
    b": welcome\n\n"
    b"event: start\ndata: {}\n\n"
    b'data: {"a":1}\n\n'
    b"data:tight\n\n"
    b"id: 7\nretry: 10\ndata: one\ndata: two\n\n"
    b"event: silent\n\n"
    b"data\n\n"
    b": keep-alive\ndata: [DONE]\n\n"
)
EVENTS = [
    SseEvent(b"start", b"{}"),
    SseEvent(b"", b'{"a":1}'),
    SseEvent(b"", b"tight"),
    SseEvent(b"", b"one\ntwo"),
    SseEvent(b"", b""),
    SseEvent(b"", b"[DONE]"),
]


def read(*pieces: bytes) -> list[SseEvent]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_cut_at_every_byte_tells_the_same(end: bytes) -> None:
    stream = STREAM.replace(b"\n", end) + b": so that the last line end is not held back"
    for cut in range(len(stream) + 1):
        assert read(stream[:cut], stream[cut:]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_a_stream_cut_at_many_places_tells_the_same(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert read(*(STREAM[a:b] for a, b in pairwise(places))) == EVENTS


def test_a_byte_order_mark_is_skipped_even_when_it_is_cut() -> None:
    stream = b"\xef\xbb\xbfdata: x\n\n"
    for cut in range(len(stream)):
        assert read(stream[:cut], stream[cut:]) == [SseEvent(b"", b"x")]


def test_what_is_not_ended_is_no_event() -> None:
    assert read(b"data: half\n") == []


def test_an_event_without_bounds_is_refused() -> None:
    reader = SseReader()
    with pytest.raises(MalformedReply, match="exceeds"):
        reader.feed(b"data: " + b"x" * MAX_EVENT_BYTES)


def test_what_is_written_is_read_back() -> None:
    assert read(event_of(b"{}", b"ping") + event_of(b"[DONE]")) == [SseEvent(b"ping", b"{}"), SseEvent(b"", b"[DONE]")]
