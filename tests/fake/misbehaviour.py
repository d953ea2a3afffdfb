"""Each fault of `faults.py`, as a change to the answer that would have been right."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from tests.fake.faults import Fault
from tests.fake.form import Event, Reply
from tests.fake.models import Pace
from tests.fake.stream_faults import STREAM_CHANGES, told_to_answer
from tests.fake.wire import Answer, Close, Completed, Pause, Script, Stall, chunk, compress, head, play

_AT_ONCE = 1e-6
"""An interval that only gives each piece a segment of its own."""
_PAUSES_S = {"429": 7}
_HUGE_BYTES = 256 * 1024 * 1024
_HUGE_PART = b"x" * 65536


def answer(reply: Reply, fault: Fault | None) -> Script:
    """Answer a call, with a fault where one is asked for."""
    if fault is None:
        return play(_good(reply, fault))
    status, _, after = fault.name.partition("-")
    if status.isdigit():
        return play(_refused(reply, int(status), fault.number if after else _PAUSES_S.get(status)))
    if fault.name in _SCRIPTS:
        return _SCRIPTS[fault.name](reply)
    if fault.name == "cut":
        return _cut(play(_good(reply, fault)), fault.number)
    if fault.name == "stall-after":
        return _stalled(reply, fault)
    good = _good(reply, fault)
    return play(_CHANGES[fault.name](good) if fault.name in _CHANGES else good)


def _good(reply: Reply, fault: Fault | None) -> Answer:
    name = fault.name if fault else ""
    if not reply.is_streaming:
        return Answer(200, [msgspec.json.encode(_whole(reply, name))], latency_s=reply.pace.latency_s)
    events = reply.form.events(reply.vendor, reply.completion, wants_usage=reply.wants_usage)
    if name in STREAM_CHANGES:
        events = STREAM_CHANGES[name](events, reply)
    parts: Iterable[bytes] = (_frame(event, name, reply.form.line_end) for event in events)
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


def _whole(reply: Reply, fault: str) -> dict[str, Any]:
    body = reply.form.whole(reply.vendor, reply.completion)
    if fault == "no-usage":
        return reply.form.with_usage(body, None)
    return reply.form.with_usage(body, dict(reply.form.wrong_usage)) if fault == "wrong-usage" else body


def _prepend(first: bytes, parts: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from parts


def _frame(event: Event, fault: str, line_end: bytes) -> bytes:
    """Put an event on lines of its own, in one of the ways that are allowed."""
    name = b"" if event.name is None else event.name.encode()
    lines = [(b"event", name)] if name else []
    if fault == "event-names":
        lines = [(b"id", b"7"), (b"event", name or b"message")]
    gap = b":" if fault == "no-space" else b": "
    end = b"\r\n" if fault == "crlf" else line_end
    start = b": keep-alive" + end * 2 if fault == "comment" else b""
    return start + b"".join(field + gap + value + end for field, value in [*lines, (b"data", event.encoded)]) + end


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


def _refused(reply: Reply, status: int, pause_s: int | None) -> Answer:
    headers = () if pause_s is None else (("Retry-After", str(pause_s)),)
    return Answer(status, [reply.form.error(reply.vendor, told_to_answer(status))], headers=headers, trailer=())


def _plain(status: int, body: bytes, content_type: str, *headers: tuple[str, str]) -> Script:
    return play(Answer(status, [body], content_type=content_type, headers=headers, trailer=()))


def _stalled_headers(reply: Reply) -> Script:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: applic"
    yield Stall()


def _huge_body(reply: Reply) -> Script:
    yield head(200, [("Content-Type", _type(reply)), ("Transfer-Encoding", "chunked")])
    yield chunk(reply.form.huge[reply.is_streaming])
    for _ in range(_HUGE_BYTES // len(_HUGE_PART)):
        yield chunk(_HUGE_PART)
    yield chunk(b'"}}]}\n\n') + b"0\r\n\r\n"


def _bad_chunk(reply: Reply) -> Script:
    parts = list(_good(reply, None).parts)
    yield head(200, [("Content-Type", _type(reply)), ("Transfer-Encoding", "chunked")])
    yield chunk(parts[0][:-1])
    yield b"zz\r\n" + parts[0] + b"\r\n"
    yield Close()


def _cut_whole(reply: Reply) -> Script:
    steps = list(play(_good(reply, None)))
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
    "error-in-200": lambda reply: _plain(200, reply.form.error(reply.vendor, told_to_answer(503)), "application/json"),
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
    good = _good(reply, fault)
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
