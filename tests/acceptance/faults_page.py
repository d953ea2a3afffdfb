"""The page on faults: what a caller sees and pays for each thing that a provider may do wrong.

`python -m tests.acceptance.faults_page` writes it; a test holds the table to the truth and the page to the table.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.fake.faults import FAULTS, STREAM_ONLY, WHOLE_ONLY

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


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


GOOD = Seen(200)
TIMEOUT = Seen(504, "provider_timeout")
STALLED = Seen(504, "provider_stalled")
CUT = Seen(502, "provider_cut_short")
MALFORMED = Seen(502, "provider_malformed_answer")
TOO_LARGE = Seen(502, "provider_answer_too_large")
FAILED = Seen(500, "provider_error")
CREDENTIALS = Seen(503, "provider_credentials", "gateway")


def mid_stream(seen: Seen) -> Seen:
    """The same, after a part was delivered."""
    return Seen(200, seen.code, seen.origin, told=seen.status)


ERRORS: dict[str, tuple[Seen, Seen]] = {
    "no-answer": (TIMEOUT, TIMEOUT),
    "refuse": (CUT, CUT),
    "reset": (CUT, CUT),
    "stall-headers": (TIMEOUT, TIMEOUT),
    "stall-after-2": (STALLED, mid_stream(STALLED)),
    "cut-0": (CUT, CUT),
    "cut-200": (CUT, CUT),
    "cut-clean": (GOOD, mid_stream(CUT)),
    "cut-whole": (CUT, GOOD),
    "wrong-json": (MALFORMED, mid_stream(MALFORMED)),
    "not-http": (MALFORMED, MALFORMED),
    "html": (MALFORMED, MALFORMED),
    "error-in-200": (FAILED, FAILED),
    "stream-error": (GOOD, mid_stream(FAILED)),
    "error-first": (GOOD, FAILED),
    "429": (Seen(429, "provider_rate_limit"),) * 2,
    "500": (FAILED, FAILED),
    "503": (Seen(503, "provider_overloaded"),) * 2,
    "401": (CREDENTIALS, CREDENTIALS),
    "403": (CREDENTIALS, CREDENTIALS),
    "400": (Seen(400, "provider_refused"),) * 2,
    "404": (Seen(503, "provider_lacks_model"),) * 2,
    "huge-header": (TOO_LARGE, TOO_LARGE),
    "huge-body": (TOO_LARGE, MALFORMED),
    "bad-gzip": (MALFORMED, CUT),
    "redirect": (MALFORMED, MALFORMED),
    "empty": (MALFORMED, CUT),
    "bad-chunk": (MALFORMED, MALFORMED),
}
"""By the name of the fault: without and with a stream. What is not here does no harm."""

USAGE: dict[str, tuple[str, str]] = {
    "no-usage": ("estimated", "counted"),
    "wrong-usage": ("estimated", "counted"),
}
"""Where the usage comes from when the provider's own cannot be had."""

NO_FALLBACK = frozenset({"400"})
"""Faults that lie in the call, so that asking another provider would not help."""


def expected(fault: str, *, is_streaming: bool) -> Seen:
    """What a caller sees of a fault."""
    return ERRORS.get(fault, (GOOD, GOOD))[is_streaming]


def usage_source(fault: str, *, is_streaming: bool) -> str:
    """Where the usage of an answer that is good comes from."""
    return USAGE.get(fault, ("provider", "provider"))[is_streaming]


INTRODUCTION = """# When a provider misbehaves

What a caller sees and pays for each thing that can go wrong between the gateway and a provider. This page is made from
the table that the tests hold every fault to (`python -m tests.acceptance.faults_page`).

- An answer that failed costs the caller nothing. Its request row says `failed`.
- A stream that was cut after a part was delivered is free to the caller as well; its cost is entered against the house
  (`billing_status = house`). It ends with an error event, without a last chunk with usage and without `[DONE]`, so that
  no client takes it for complete.
- As long as nothing was delivered, the next provider that offers the model is asked, up to three in all. The table
  shows what is told when there is no other, or when the call pins its provider.
- `origin` says whose fault it is: `provider`, or `gateway` for what its operator has to put right.
- Silence ends by the provider's `timeouts`: `connect_s`, `first_byte_s`, `idle_s`.

| the provider … | whole answer | stream | another provider is asked |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Print the page."""
    return INTRODUCTION + "".join(_line(fault, sentence) for fault, sentence in FAULTS.items())


def _line(fault: str, sentence: str) -> str:
    text = f"`{fault}`: {sentence.rstrip('.')}"
    seen = [_cell(fault, is_streaming=is_streaming) for is_streaming in (False, True)]
    return f"| {text} | {' | '.join(seen)} | {_fallback(fault)} |\n"


def _cell(fault: str, *, is_streaming: bool) -> str:
    if fault in (WHOLE_ONLY if is_streaming else STREAM_ONLY):
        return "–"
    seen = expected(fault, is_streaming=is_streaming)
    if seen.is_good:
        source = usage_source(fault, is_streaming=is_streaming)
        return "served, charged" if source == "provider" else f"served, charged by usage that is {source}"
    error = f"`{seen.code}` ({seen.origin})"
    return f"cut: error event {seen.told} {error}; on the house" if seen.is_cut else f"{seen.status} {error}; free"


def _fallback(fault: str) -> str:
    if fault not in ERRORS:
        return "–"
    if fault in NO_FALLBACK:
        return "no"
    if not expected(fault, is_streaming=True).is_cut:
        return "yes"
    return "no" if fault in STREAM_ONLY else "yes, but not once a stream has begun"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
