"""The page on faults: what a caller sees and pays for each thing that a provider may do wrong.

`python -m tests.acceptance.faults_page` writes it; a test holds the table to the truth and the page to the table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from tests.fake import faults as fake

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"

SERVED = ("chat", "messages", "responses")
"""The formats that callers speak."""
CALLED = ("chat", "messages", "responses", "gemini")
"""The formats that providers speak."""
UNREACHABLE = "unreachable"
MORE = {
    UNREACHABLE: "Is not there: nobody listens at its address.",
    "stall-after-7": "Sends 7 events of a long stream (7 bytes of a whole answer), then nothing.",
    "cut-4000": "Closes the connection after 4,000 bytes of a long stream.",
    "429-after-1": "Answers 429 with Retry-After: 1.",
    "503-after-1": "Answers 503 with Retry-After: 1.",
}
"""Faults beside those that the fake names."""
FAULTS = fake.FAULTS | MORE
LONG = frozenset({"stall-after-7", "cut-4000"})
"""Faults that come in the middle of a long answer."""
STREAM_ONLY = fake.STREAM_ONLY | {"cut-4000"}
WHOLE_ONLY = fake.WHOLE_ONLY


@dataclass(frozen=True, slots=True)
class Seen:
    """What a caller sees of a call."""

    status: int
    """The HTTP status; 200 with a code is a stream that was cut."""
    code: str | None = None
    origin: str = "provider"
    told: int | None = None
    """The status inside the error event of a cut stream."""

    @property
    def is_good(self) -> bool:
        """Whether the answer is complete."""
        return self.code is None

    @property
    def is_cut(self) -> bool:
        """Whether part of the answer was delivered."""
        return self.told is not None


@dataclass(frozen=True, slots=True)
class Way:
    """From a provider of one format to a caller of another, or of the same."""

    served: str
    called: str

    @property
    def is_relay(self) -> bool:
        """Whether nothing is rebuilt on the way."""
        return self.served == self.called


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid."""

    fault: str
    way: Way
    is_streaming: bool
    has_spare: bool
    """Whether another provider offers the model, too."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the call of a cell may end."""

    seen: Seen
    asked: tuple[str, ...] = ("first",)
    """Which providers were asked, in order."""


GOOD = Seen(200)
TIMEOUT = Seen(504, "provider_timeout")
STALLED = Seen(504, "provider_stalled")
CUT = Seen(502, "provider_cut_short")
MALFORMED = Seen(502, "provider_malformed_answer")
TOO_LARGE = Seen(502, "provider_answer_too_large")
FAILED = Seen(500, "provider_error")
BUSY = Seen(429, "provider_rate_limit")
OVERLOADED = Seen(503, "provider_overloaded")
CREDENTIALS = Seen(503, "provider_credentials", "gateway")

WAYS = tuple(Way(*pair) for pair in product(SERVED, CALLED))


def mid_stream(seen: Seen) -> Seen:
    """The same, after a part was delivered."""
    return Seen(200, seen.code, seen.origin, told=seen.status)


ERRORS: dict[str, Seen] = {
    "no-answer": TIMEOUT,
    "refuse": CUT,
    "reset": CUT,
    "stall-headers": TIMEOUT,
    "stall-after-2": STALLED,
    "cut-0": CUT,
    "cut-200": CUT,
    "cut-clean": CUT,
    "cut-whole": CUT,
    "wrong-json": MALFORMED,
    "not-http": MALFORMED,
    "html": MALFORMED,
    "error-in-200": FAILED,
    "stream-error": FAILED,
    "error-first": FAILED,
    "429": BUSY,
    "500": FAILED,
    "503": OVERLOADED,
    "529": OVERLOADED,
    "401": CREDENTIALS,
    "403": CREDENTIALS,
    "400": Seen(400, "provider_refused"),
    "404": Seen(503, "provider_lacks_model"),
    "huge-header": TOO_LARGE,
    "huge-body": TOO_LARGE,
    "bad-gzip": MALFORMED,
    "redirect": MALFORMED,
    "empty": MALFORMED,
    "bad-chunk": MALFORMED,
    UNREACHABLE: Seen(503, "provider_unreachable"),
    "stall-after-7": STALLED,
    "cut-4000": CUT,
    "429-after-1": BUSY,
    "503-after-1": OVERLOADED,
}
"""What is told when nothing was delivered. A fault that is not here does no harm."""

STREAMED: dict[str, Seen] = {"huge-body": MALFORMED, "empty": CUT}
"""Where the same fault of a stream is told in another way."""

LATE: dict[str, frozenset[str]] = {
    "stall-after-2": frozenset({"chat", "gemini"}),
    "wrong-json": frozenset({"gemini"}),
    "cut-clean": frozenset(CALLED),
    "stream-error": frozenset(CALLED),
    "stall-after-7": frozenset(CALLED),
    "cut-4000": frozenset(CALLED),
}
"""Faults that come after a stream has begun, and from providers of which formats: others begin with names only."""

CLOSING = frozenset({"idle-close", "close-keepalive"})
"""Faults that a later call may meet: its request may cross the goodbye, and what was sent is not sent again."""

USAGE: dict[str, tuple[str, str]] = {
    "no-usage": ("estimated", "counted"),
    "wrong-usage": ("estimated", "counted"),
}
"""Where the usage comes from when the provider's own cannot be had, without and with a stream."""

NO_FALLBACK = frozenset({"400"})
"""Faults that lie in the call, so that asking another provider would not help."""

ASKED_AGAIN = frozenset({UNREACHABLE, "429-after-1", "503-after-1"})
"""Faults after which the only provider is asked once more: it was never reached, or said that it needs a moment."""


def is_shown(fault: str, *, is_streaming: bool) -> bool:
    """Whether a fault shows in such an answer at all."""
    return fault not in (WHOLE_ONLY if is_streaming else STREAM_ONLY)


def grid() -> list[Cell]:
    """List every cell; where a second provider changes nothing, or much is sent, it stands by on relays only."""
    return [
        Cell(fault, way, is_streaming, has_spare)
        for fault, is_streaming in product(FAULTS, (False, True))
        if is_shown(fault, is_streaming=is_streaming)
        for way, has_spare in product(WAYS, (False, True))
        if way.is_relay or _is_translated_too(fault, is_streaming=is_streaming, has_spare=has_spare)
    ]


def _is_translated_too(fault: str, *, is_streaming: bool, has_spare: bool) -> bool:
    if fault == "huge-body":
        return is_streaming and not has_spare
    return fault in ERRORS or not has_spare


def shown(fault: str, way: Way, *, is_streaming: bool) -> frozenset[Seen]:
    """What the answer of the misbehaving provider comes to; several where it hangs on how its bytes arrive."""
    if fault in CLOSING:
        return frozenset({GOOD, CUT})
    if fault not in ERRORS:
        return frozenset({GOOD})
    seen = STREAMED.get(fault, ERRORS[fault]) if is_streaming else ERRORS[fault]
    if fault == "bad-gzip":
        early = frozenset({MALFORMED, CUT})
        return early | {mid_stream(one) for one in early} if is_streaming else early
    if not is_streaming:
        return frozenset({seen})
    if fault == "wrong-json" and way == Way("chat", "chat"):
        return frozenset({seen, mid_stream(seen)})
    return frozenset({mid_stream(seen) if way.called in LATE.get(fault, ()) else seen})


def expected(cell: Cell) -> frozenset[Ending]:
    """How the call of a cell may end."""
    return frozenset(_ending(cell, seen) for seen in shown(cell.fault, cell.way, is_streaming=cell.is_streaming))


def _ending(cell: Cell, seen: Seen) -> Ending:
    if seen.is_good or seen.is_cut:
        return Ending(seen)
    if cell.has_spare and cell.fault not in NO_FALLBACK:
        return Ending(GOOD, ("first", "spare"))
    return Ending(seen, ("first", "first") if cell.fault in ASKED_AGAIN else ("first",))


def usage_source(fault: str, *, is_streaming: bool) -> str:
    """Where the usage of an answer that is good comes from."""
    return USAGE.get(fault, ("provider", "provider"))[is_streaming]


INTRODUCTION = f"""# When a provider misbehaves

What a caller sees and pays for each thing that can go wrong between the gateway and a provider: as a whole answer and
as a stream, over Chat Completions, Messages and Responses, from providers that speak one of these or Gemini, with one
provider that offers the model and with two. This page is made from the rules that the tests hold all
{len(grid()):,} combinations to (`python -m tests.acceptance.faults_page`); they were played by a fake provider.

- An answer that failed costs the caller nothing. Its request row says `failed`.
- A stream that was cut after a part was delivered is free to the caller as well; its cost is entered against the house
  (`billing_status = house`). It ends with an error, never with what ends a good answer (below).
- As long as nothing was delivered, the next provider that offers the model is asked, up to three in all and none twice;
  an answer of the second is charged once, at its own price. The request row lists all attempts.
- When all have failed, or there is only one, the last is asked once more if it was never reached, or if it answered 429
  or 503 with a `Retry-After` of at most two seconds.
- An error's `origin` says whose fault it is: `provider`, or `gateway` for what its operator has to put right.
- Silence ends by the provider's `timeouts`: `connect_s`, `first_byte_s`, `idle_s`.

## How a stream that was cut ends

| caller's format | last events | never comes |
| --- | --- | --- |
| Chat Completions | `data: {{…, "error": {{…}}}}` | the chunk with usage, `data: [DONE]` |
| Messages | `event: error` with `"type": "error"` | `message_delta` with usage, `message_stop` |
| Responses | `response.failed`, then `event: error` | `response.completed` |

The error is the body that the same problem has as an answer of its own; `statusCode` is the status it would have had.

## Faults

What is told is the same in all three formats. Where it depends on the provider's format, this is said: a stream has
begun once the provider said something, and some formats tell more names than others before that.

| the provider … | whole answer | stream | with a second provider |
| --- | --- | --- | --- |
"""

HARMLESS = """
## Oddities that do no harm

The answer is complete, and charged once. The second provider is not asked.

| the provider … | whole answer | stream |
| --- | --- | --- |
"""

CLOSED = """
A connection that a provider closes without notice is seen before it is used again; in the instant where a request
crosses the goodbye, that call fails as `provider_cut_short` or goes to the next provider.
"""


def page() -> str:
    """Print the page."""
    harmful = "".join(_line(fault) for fault in FAULTS if fault in ERRORS)
    harmless = "".join(_harmless(fault) for fault in FAULTS if fault not in ERRORS)
    return INTRODUCTION + harmful + HARMLESS + harmless + CLOSED


def _named(fault: str) -> str:
    return f"`{fault}`: {FAULTS[fault].rstrip('.')}"


def _line(fault: str) -> str:
    whole, stream = (_alone(fault, is_streaming=is_streaming) for is_streaming in (False, True))
    return f"| {_named(fault)} | {whole} | {'the same' if stream == whole else stream} | {_second(fault)} |\n"


def _harmless(fault: str) -> str:
    whole, stream = (_served(fault, is_streaming=is_streaming) for is_streaming in (False, True))
    return f"| {_named(fault)} | {whole} | {stream} |\n"


def _served(fault: str, *, is_streaming: bool) -> str:
    if not is_shown(fault, is_streaming=is_streaming):
        return "–"
    source = usage_source(fault, is_streaming=is_streaming)
    return "charged" if source == "provider" else f"charged by usage that is {source}"


def _alone(fault: str, *, is_streaming: bool) -> str:
    """Tell what comes of a fault when there is no other provider."""
    if not is_shown(fault, is_streaming=is_streaming):
        return "–"
    cells = [Cell(fault, way, is_streaming, has_spare=False) for way in WAYS]
    return _merged({cell.way: _endings(expected(cell)) for cell in cells})


def _endings(endings: Iterable[Ending]) -> str:
    """Tell how calls end; an error of which the same may come early and late is told once."""
    seen = {ending.seen for ending in endings}
    early = sorted((one for one in seen if not one.is_cut), key=str, reverse=True)
    late = sorted((one for one in seen if one.is_cut), key=str, reverse=True)
    if early and late:
        return f"{' or '.join(map(_error, early))}; free, or cut with this once it has begun, on the house"
    if late:
        return f"cut: {' or '.join(_error(replace(one, status=one.told or 0)) for one in late)}; on the house"
    asked = ", asked twice" if any(len(ending.asked) > 1 for ending in endings) else ""
    return f"{' or '.join(map(_error, early))}{asked}; free"


def _error(seen: Seen) -> str:
    return f"{seen.status} `{seen.code}`" + (f" ({seen.origin})" if seen.origin != "provider" else "")


def _second(fault: str) -> str:
    """Tell what changes when another provider offers the model."""
    told: list[str] = []
    for is_streaming in (False, True):
        if is_shown(fault, is_streaming=is_streaming):
            cells = [Cell(fault, way, is_streaming, has_spare=True) for way in WAYS]
            told.append(_merged({cell.way: _takes_over(expected(cell)) for cell in cells}))
    if len(set(told)) == 1:
        return told[0]
    return f"whole: {told[0]}; stream: {told[1]}"


def _takes_over(endings: Iterable[Ending]) -> str:
    falls_back = {len(ending.asked) > 1 for ending in endings}
    if falls_back == {True, False}:
        return "it answers unless a stream has begun"
    return "it answers" if falls_back == {True} else "no change"


def _merged(texts: Mapping[Way, str]) -> str:
    """Tell a text for each way: what most have first, then where it is another."""
    ways: dict[str, list[Way]] = {}
    for way, text in texts.items():
        ways.setdefault(text, []).append(way)
    usual, *others = sorted(ways, key=lambda text: -len(ways[text]))
    return ". ".join([usual, *(f"{_from(ways[text])}: {text}" for text in others)])


def _from(ways: list[Way]) -> str:
    called = [name for name in CALLED if name in {way.called for way in ways}]
    if len(ways) == len(called) * len(SERVED):
        return f"From {' and '.join(called)}"
    return "From " + " and ".join(f"{way.called} to {way.served}" for way in ways)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
