"""Faults that lie in the events of a stream: which come, in which order, with what in them."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fake.form import Event, Reply
from tests.fake.vendors import Refusal


def told_to_answer(status: int) -> Refusal:
    """The refusal that a fault asks for."""
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    return Refusal(status, f"The fake was told to answer {status}.", type=kind)


def _stream_error(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    pieces = 0
    for event in events:
        yield event
        pieces += event.kind == "piece"
        if pieces == 2:
            break
    yield from reply.form.failure(reply.vendor, reply.completion, told_to_answer(500), first=False)


def _error_first(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    yield from reply.form.failure(reply.vendor, reply.completion, told_to_answer(503), first=True)


def _wrong_json(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    yield next(events)
    second = next(events)
    yield replace(second, raw=second.encoded[:-9])
    yield from events


def _cut_clean(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    kept = list(events)
    while kept and kept[-1].kind not in {"piece", "start"}:
        kept.pop()
    return iter(kept)


def _no_done(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    has_finished = False
    for event in events:
        has_finished = has_finished or event.kind == "finish"
        if event.kind != "end" or not has_finished:
            yield event


def _no_usage(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    for event in events:
        if event.kind == "usage":
            continue
        yield event.holding(reply.form.with_usage(event.data, None)) if event.has_usage else event


def _wrong_usage(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    for event in events:
        wrong = reply.form.with_usage(event.data, dict(reply.form.wrong_usage))
        yield event.holding(wrong) if event.has_usage else event


def _usage_every_chunk(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    return reply.form.growing(reply.vendor, reply.completion, events)


def _usage_in_last(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    usage = reply.form.usage(reply.vendor, reply.completion)
    for event in events:
        if event.kind == "finish":
            yield event.holding(reply.form.with_usage(event.data, usage))
        elif event.kind != "usage":
            yield event


def _duplicate_usage(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    for event in events:
        yield event
        if event.has_usage and event.kind in {"usage", "finish", "end"}:
            yield reply.form.again(event)


def _double_done(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    for event in events:
        yield event
        if event.kind == "end":
            yield reply.form.again(event)


STREAM_CHANGES: dict[str, Callable[[Iterator[Event], Reply], Iterator[Event]]] = {
    "stream-error": _stream_error,
    "error-first": _error_first,
    "wrong-json": _wrong_json,
    "cut-clean": _cut_clean,
    "no-done": _no_done,
    "no-usage": _no_usage,
    "wrong-usage": _wrong_usage,
    "usage-every-chunk": _usage_every_chunk,
    "usage-in-last-choice-chunk": _usage_in_last,
    "duplicate-usage": _duplicate_usage,
    "double-done": _double_done,
}
