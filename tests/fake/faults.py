"""The faults that a model named `fault/<name>` shows: one sentence each, so that a test can iterate over them.

`cut-<n>` and `stall-after-<n>` take any number; the tables name one each. `429-after-<n>` and `503-after-<n>`, which
they do not name, ask for a pause of n seconds.
"""

import re
from dataclasses import dataclass

FAILURES: dict[str, str] = {
    "no-answer": "Reads the request and never sends a byte.",
    "refuse": "Reads the request and closes the connection without a byte.",
    "reset": "Reads the request and resets the connection.",
    "stall-headers": "Sends the status line and half of the headers, then nothing.",
    "stall-after-2": "Sends 2 events of a stream (2 bytes of a whole answer), then nothing; the connection stays open.",
    "cut-0": "Sends the headers and closes the connection before the body.",
    "cut-200": "Closes the connection after 200 bytes of the body.",
    "cut-clean": "Ends a stream properly for HTTP, but without finish_reason and without [DONE].",
    "cut-whole": "Promises a Content-Length and closes the connection one byte short of it.",
    "wrong-json": "Sends an answer, or the second event of a stream, that is not JSON.",
    "not-http": "Answers with a line that is not HTTP.",
    "html": "Answers 200 with an HTML page.",
    "error-in-200": "Answers 200 with an error object as JSON, streaming or not.",
    "stream-error": "Sends two pieces of a stream, then an error object as an event, then [DONE].",
    "error-first": "Sends an error object as the first event of a stream.",
    "429": "Answers 429 with Retry-After: 7.",
    "500": "Answers 500.",
    "503": "Answers 503.",
    "529": "Answers 529, as a vendor that is overloaded.",
    "401": "Answers 401 as to a wrong key.",
    "403": "Answers 403 as to a key without the right.",
    "400": "Answers 400 as to a bad request.",
    "404": "Answers 404 as to a model that is not there.",
    "huge-header": "Sends a header of 1 MB before the answer.",
    "huge-body": "Sends a body that is one string of 256 MB; in a stream, one event of that size.",
    "bad-gzip": "Says that the body is gzip, and corrupts it half way.",
    "redirect": "Answers 302 to another host.",
    "empty": "Answers 200 with an empty body.",
    "bad-chunk": "Sends chunked encoding whose second size is not a number; a whole answer is chunked, too.",
}
"""The caller must get an error for these, not an answer."""

HARMLESS: dict[str, str] = {
    "no-done": "Ends a stream with finish_reason, but without [DONE].",
    "drip": "Sends the body a byte at a time.",
    "no-usage": "Leaves usage out.",
    "wrong-usage": "Sends usage whose members are a string, a negative number and a fraction.",
    "usage-every-chunk": "Sends growing usage in every event of a stream.",
    "usage-in-last-choice-chunk": "Sends usage in the event that carries finish_reason, and no event of its own.",
    "duplicate-usage": "Sends the usage event twice.",
    "double-done": "Sends [DONE] twice.",
    "gzip": "Compresses the body with gzip, flushed at each event.",
    "close-keepalive": "Closes the connection right after an answer that did not announce it.",
    "idle-close": "Closes the connection once it was idle for 50 ms.",
    "slow-first": "Waits a second before the first byte.",
    "crlf": "Ends the lines of a stream with CR LF.",
    "comment": "Sends comment lines between the events of a stream.",
    "no-space": "Sends events as data:{…} without the space.",
    "long": "Sends 2,000 pieces.",
    "connection-close-body": "Sends the body without a length; the end of the connection ends it.",
    "one-write": "Sends headers and the whole stream in a single segment.",
    "split-events": "Sends a stream in 7-byte pieces that respect no boundary.",
    "event-names": "Adds id and event lines to each event of a stream.",
}
"""The answer is complete, and the caller must get it whole."""

FAULTS: dict[str, str] = FAILURES | HARMLESS

STREAM_ONLY = frozenset(
    {"cut-clean", "no-done", "stream-error", "error-first", "usage-every-chunk", "usage-in-last-choice-chunk"}
    | {"duplicate-usage", "double-done", "crlf", "comment", "no-space", "split-events", "event-names"}
)
"""Faults that only a stream can show; a whole answer is then a good one."""

WHOLE_ONLY = frozenset({"cut-whole"})
"""Faults that only a whole answer can show; a stream is then a good one."""

PREFIX = "fault/"

_NUMBERED = re.compile(r"(cut|stall-after|429-after|503-after)-(\d+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """Which fault to show, with its number where it takes one."""

    name: str
    number: int = 0


def parse_fault(model: str) -> Fault | None:
    """Return the fault that a model name asks for; None for any other name."""
    if not model.startswith(PREFIX):
        return None
    name = model.removeprefix(PREFIX)
    if match := _NUMBERED.fullmatch(name):
        return Fault(match[1], int(match[2]))
    return Fault(name) if name in FAULTS else None
