"""Faults that lie in the events of a stream: which come, in which order, with what in them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.fake.completions import Completion
from tests.fake.models import Pace
from tests.fake.vendors import Refusal, Vendor

DONE = b"[DONE]"

Event = dict[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """All that is needed to answer a call."""

    vendor: Vendor
    completion: Completion
    is_streaming: bool
    wants_usage: bool
    pace: Pace


def data_of(event: Event) -> bytes:
    """Encode what follows `data:`."""
    return event if isinstance(event, bytes) else msgspec.json.encode(event)


def told_to_answer(status: int) -> Refusal:
    """The refusal that a fault asks for."""
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    return Refusal(status, f"The fake was told to answer {status}.", type=kind)


def _stream_error(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    for _ in range(3):
        yield next(events)
    yield msgspec.json.encode(reply.vendor.error(told_to_answer(500)))
    yield DONE


def _error_first(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    yield msgspec.json.encode(reply.vendor.error(told_to_answer(503)))
    yield DONE


def _wrong_json(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    yield next(events)
    yield data_of(next(events))[:-9]
    yield from events


def _is_usage(event: Event) -> bool:
    return isinstance(event, dict) and event["choices"] == []


def _finishes(event: Event) -> bool:
    return isinstance(event, dict) and any(choice["finish_reason"] for choice in event["choices"])


def _cut_clean(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    return (event for event in events if event != DONE and not _finishes(event) and not _is_usage(event))


def _no_usage(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    return (event for event in events if not _is_usage(event))


def _wrong_usage(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    return (
        event | {"usage": WRONG_USAGE} if isinstance(event, dict) and _is_usage(event) else event for event in events
    )


def _usage_every_chunk(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    prompt = reply.completion.usage["prompt_tokens"]
    for count, event in enumerate(events):
        if isinstance(event, dict) and not _is_usage(event):
            so_far = min(count, reply.completion.usage["completion_tokens"])
            usage = {"prompt_tokens": prompt, "completion_tokens": so_far, "total_tokens": prompt + so_far}
            yield event | {"usage": usage}
        else:
            yield event


def _usage_in_last(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    for event in events:
        if isinstance(event, dict) and _finishes(event):
            yield event | {"usage": reply.completion.usage}
        elif not _is_usage(event):
            yield event


def _duplicate_usage(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    for event in events:
        yield event
        if _is_usage(event):
            yield event


def _double_done(events: Iterator[Event], reply: Reply) -> Iterator[Event]:
    yield from events
    yield DONE


WRONG_USAGE = {"prompt_tokens": "seven", "completion_tokens": -3, "total_tokens": 4.5}

STREAM_CHANGES: dict[str, Callable[[Iterator[Event], Reply], Iterator[Event]]] = {
    "stream-error": _stream_error,
    "error-first": _error_first,
    "wrong-json": _wrong_json,
    "cut-clean": _cut_clean,
    "no-done": lambda events, reply: (event for event in events if event != DONE),
    "no-usage": _no_usage,
    "wrong-usage": _wrong_usage,
    "usage-every-chunk": _usage_every_chunk,
    "usage-in-last-choice-chunk": _usage_in_last,
    "duplicate-usage": _duplicate_usage,
    "double-done": _double_done,
}
