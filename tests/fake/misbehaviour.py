"""Each fault of `faults.py`, as a change to the answer that would have been right."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from tests.fake.completions import chunks, whole
from tests.fake.faults import Fault
from tests.fake.models import Pace
from tests.fake.stream_faults import DONE, STREAM_CHANGES, WRONG_USAGE, Event, Reply, data_of, told_to_answer
from tests.fake.vendors import Vendor, error_body
from tests.fake.wire import Answer, Close, Completed, Pause, Script, Stall, chunk, compress, head, play

_AT_ONCE = 1e-6
"""An interval that only gives each piece a segment of its own."""
_HUGE_BYTES = 256 * 1024 * 1024
_HUGE_PART = b"x" * 65536
_HUGE_START = {True: b'data: {"choices":[{"delta":{"content":"', False: b'{"choices":[{"message":{"content":"'}


def answer(reply: Reply, fault: Fault | None) -> Script:
    """Answer a call, with a fault where one is asked for."""
    if fault is None:
        return play(_good(reply, fault, _sse))
    if fault.name.isdigit():
        return play(_refused(reply.vendor, int(fault.name)))
    if fault.name in _SCRIPTS:
        return _SCRIPTS[fault.name](reply)
    if fault.name == "cut":
        return _cut(play(_good(reply, fault, _sse)), fault.number)
    if fault.name == "stall-after":
        return _stalled(reply, fault)
    good = _good(reply, fault, _FRAMES.get(fault.name, _sse))
    return play(_CHANGES[fault.name](good) if fault.name in _CHANGES else good)


def _good(reply: Reply, fault: Fault | None, frame: Callable[[Event], bytes]) -> Answer:
    name = fault.name if fault else ""
    if not reply.is_streaming:
        body = whole(reply.vendor, reply.completion)
        parts: Iterable[bytes] = [msgspec.json.encode(_WHOLE[name](body) if name in _WHOLE else body)]
        return Answer(200, parts, latency_s=reply.pace.latency_s)
    events = _events(reply)
    parts = (frame(event) for event in (STREAM_CHANGES[name](events, reply) if name in STREAM_CHANGES else events))
    if reply.vendor.sends_comments:
        parts = _prepend(b": OPENROUTER PROCESSING\n\n", parts)
    complete = () if name in {"cut-clean", "stream-error", "error-first"} else (Completed(),)
    pace = reply.pace
    return Answer(
        200,
        parts,
        content_type="text/event-stream; charset=utf-8",
        framing="chunked",
        latency_s=pace.latency_s,
        interval_s=pace.interval_s,
        trailer=complete,
    )


def _prepend(first: bytes, parts: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from parts


def _events(reply: Reply) -> Iterator[Event]:
    yield from chunks(reply.vendor, reply.completion, wants_usage=reply.wants_usage)
    yield DONE


def _sse(event: Event) -> bytes:
    return b"data: %b\n\n" % data_of(event)


_FRAMES: dict[str, Callable[[Event], bytes]] = {
    "crlf": lambda event: b"data: %b\r\n\r\n" % data_of(event),
    "no-space": lambda event: b"data:%b\n\n" % data_of(event),
    "comment": lambda event: b": keep-alive\n\ndata: %b\n\n" % data_of(event),
    "event-names": lambda event: b"id: 7\nevent: message\ndata: %b\n\n" % data_of(event),
}


_WHOLE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no-usage": lambda body: {name: value for name, value in body.items() if name != "usage"},
    "wrong-usage": lambda body: body | {"usage": WRONG_USAGE},
}


def _gzip(good: Answer) -> Answer:
    return replace(good, parts=compress(good.parts), headers=(("Content-Encoding", "gzip"),))


def _bad_gzip(good: Answer) -> Answer:
    compressed = b"".join(compress(good.parts))
    middle = len(compressed) // 2
    parts = [compressed[:middle], b"\xff" * 64, compressed[middle + 64 :]]
    return replace(good, parts=parts, headers=(("Content-Encoding", "gzip"),), trailer=())


def _pieces(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    body = b"".join(parts)
    return (body[at : at + size] for at in range(0, len(body), size))


def _split(good: Answer) -> Answer:
    if good.framing == "length":
        return good
    return replace(good, parts=_pieces(good.parts, 7), interval_s=_AT_ONCE)


def _whole_wrong_json(good: Answer) -> Answer:
    if good.framing != "length":
        return replace(good, trailer=())
    return replace(good, parts=[b"".join(good.parts)[:-9]], trailer=())


_CHANGES: dict[str, Callable[[Answer], Answer]] = {
    "gzip": _gzip,
    "bad-gzip": _bad_gzip,
    "wrong-json": _whole_wrong_json,
    "drip": lambda good: replace(good, parts=_pieces(good.parts, 1), framing="chunked", interval_s=_AT_ONCE),
    "split-events": _split,
    "slow-first": lambda good: replace(good, latency_s=1.0),
    "one-write": lambda good: replace(good, one_write=True),
    "huge-header": lambda good: replace(good, headers=(("X-Huge", "x" * 1024 * 1024),), trailer=()),
    "connection-close-body": lambda good: replace(good, framing="close", trailer=(Completed(), Close())),
    "close-keepalive": lambda good: replace(good, trailer=(Completed(), Close())),
    "idle-close": lambda good: replace(good, trailer=(Completed(), Close(after_s=0.05))),
    "empty": lambda good: replace(good, parts=[], framing="length", trailer=()),
}


def _refused(vendor: Vendor, status: int) -> Answer:
    headers = (("Retry-After", "7"),) if status == 429 else ()
    return Answer(status, [error_body(vendor, told_to_answer(status))], headers=headers, trailer=())


def _plain(status: int, body: bytes, content_type: str, *headers: tuple[str, str]) -> Script:
    return play(Answer(status, [body], content_type=content_type, headers=headers, trailer=()))


def _stalled_headers(reply: Reply) -> Script:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: applic"
    yield Stall()


def _huge_body(reply: Reply) -> Script:
    yield head(200, [("Content-Type", _type(reply)), ("Transfer-Encoding", "chunked")])
    yield chunk(
        b'data: {"choices":[{"delta":{"content":"' if reply.is_streaming else b'{"choices":[{"message":{"content":"'
    )
    for _ in range(_HUGE_BYTES // len(_HUGE_PART)):
        yield chunk(_HUGE_PART)
    yield chunk(b'"}}]}\n\n') + b"0\r\n\r\n"


def _bad_chunk(reply: Reply) -> Script:
    parts = list(_good(reply, None, _sse).parts)
    yield head(200, [("Content-Type", _type(reply)), ("Transfer-Encoding", "chunked")])
    yield chunk(parts[0][:-1])
    yield b"zz\r\n" + parts[0] + b"\r\n"
    yield Close()


def _cut_whole(reply: Reply) -> Script:
    steps = list(play(_good(reply, None, _sse)))
    if reply.is_streaming:
        yield from steps
        return
    yield b"".join(step for step in steps if isinstance(step, bytes))[:-1]
    yield Close()


def _type(reply: Reply) -> str:
    return "text/event-stream" if reply.is_streaming else "application/json"


def _only(*steps: Stall | Close | bytes) -> Callable[[Reply], Script]:
    return lambda reply: iter(steps)


_SCRIPTS: dict[str, Callable[[Reply], Script]] = {
    "no-answer": _only(Stall()),
    "refuse": _only(Close()),
    "reset": _only(Close(abort=True)),
    "stall-headers": _stalled_headers,
    "not-http": _only(b"SSH-2.0-fake\r\nthis is not what you are looking for\r\n", Close()),
    "html": lambda reply: _plain(200, b"<!doctype html><title>Welcome</title><p>Not an answer.", "text/html"),
    "error-in-200": lambda reply: _plain(
        200, msgspec.json.encode(reply.vendor.error(told_to_answer(503))), "application/json"
    ),
    "redirect": lambda reply: _plain(302, b"", "text/plain", ("Location", "http://elsewhere.invalid/chat/completions")),
    "huge-body": _huge_body,
    "bad-chunk": _bad_chunk,
    "cut-whole": _cut_whole,
}


def _cut(script: Script, body_bytes: int) -> Script:
    """Play until so many bytes of the body were sent, counted without framing, then close."""
    left = body_bytes
    for step in script:
        if isinstance(step, Pause):
            yield step
        elif isinstance(step, bytes) and step.startswith(b"HTTP/1.1"):
            front, gap, body = step.partition(b"\r\n\r\n")
            yield front + gap + body[:left]
            left -= len(body)
        elif isinstance(step, bytes):
            size, gap, data = step.partition(b"\r\n")
            yield step if left > int(size, 16) else size + gap + data[:left]
            left -= int(size, 16)
        if left <= 0:
            break
    yield Close()


def _stalled(reply: Reply, fault: Fault) -> Script:
    """Play `fault.number` events of a stream, or bytes of a whole answer, and then nothing."""
    good = _good(reply, fault, _sse)
    if not reply.is_streaming:
        body = b"".join(good.parts)
        yield (
            head(200, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]) + body[: fault.number]
        )
    else:
        yield head(200, [("Content-Type", good.content_type), ("Transfer-Encoding", "chunked")])
        for part, _ in zip(good.parts, range(fault.number), strict=False):
            yield chunk(part)
    yield Stall()


def pace_with(fault: Fault | None, pace: Pace) -> Pace:
    """Lengthen an answer where the fault is to be long, or must outlast a cut."""
    return replace(pace, pieces=2000) if fault is not None and fault.name == "long" else pace
