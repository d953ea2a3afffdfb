"""How fast models answer and how often providers fail, in counts of a fixed size that add up over processes."""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from modelport.ledger.records import CallRecord

WINDOW_MS = 300_000
"""How far back measurements reach."""
PERIOD_S = 10.0
"""How often a process tells the others what it has measured."""
TEXT_ENDPOINTS = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"})

Measure = Literal["ttft_ms", "tps", "duration_ms"]
PERCENTILES = (50, 75, 90, 99)
_FINE = 4
"""Each power of two has 2⁴ buckets, so that a bucket is at most 1/16 of its values wide."""
_MOST = 2**30 - 1
"""What is more is counted as this much: twelve days of milliseconds."""
_SERIES_MAX = 4_000
_AT_ONCE = 128
_NEAR = 8_192
"""Below this, buckets are looked up; their numbers are below 256."""
_CALLERS_FAULTS = frozenset(range(400, 500)) - {401, 402, 403, 404, 408, 429}
"""What a provider answers where the request was wrong, which says nothing about the provider."""

Buckets = dict[int, int]
"""How many values fell into each bucket; buckets without any are left out."""


class Tries(Struct, array_like=True):
    """How often a provider was asked and was to blame that no whole answer came, and how long its answers took."""

    attempts: int = 0
    errors: int = 0
    duration_ms: Buckets = msgspec.field(default_factory=Buckets)
    ttft_ms: Buckets = msgspec.field(default_factory=Buckets)
    """Of streams of text."""
    tps: Buckets = msgspec.field(default_factory=Buckets)
    """Tenths of output tokens in a second of the whole call; of text."""

    def add(self, other: "Tries") -> None:
        """Count all that another one counted."""
        self.attempts += other.attempts
        self.errors += other.errors
        for mine, theirs in (
            (self.duration_ms, other.duration_ms),
            (self.ttft_ms, other.ttft_ms),
            (self.tps, other.tps),
        ):
            for bucket, count in theirs.items():
                mine[bucket] = mine.get(bucket, 0) + count


class Series(Struct, array_like=True):
    """What was measured of one model at one path, for each provider."""

    model: str
    endpoint: str
    providers: dict[str, Tries] = msgspec.field(default_factory=dict[str, Tries])

    def add(self, other: "Series") -> None:
        """Count all that another one counted."""
        for provider, tries in other.providers.items():
            self.providers.setdefault(provider, Tries()).add(tries)

    def whole(self) -> Tries:
        """Add up what all providers did."""
        total = Tries()
        for tries in self.providers.values():
            total.add(tries)
        return total


class TrafficStore(Protocol):
    """Keeps what processes have measured, for as long as it counts. Calls block."""

    def publish(self, measured: list[Series]) -> None:
        """Add what this process measured since it last did, and forget what is too old."""
        ...

    def recent(self) -> list[Series]:
        """Return what every process published within the window; of one model at one path there may be many."""
        ...


class Traffic:
    """What this process has measured since it was last taken; bounded by models, paths, providers and buckets."""

    __slots__ = ("_counting", "_ended", "_leaving", "_near", "_series", "record", "told")

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], Series] = {}
        self._leaving: list[Series] = []
        self._ended: list[CallRecord] = []
        self._counting = Lock()
        self._near = bytes(map(bucket_of, range(_NEAR)))
        ended, append, fold = self._ended, self._ended.append, self._fold

        def record(call: CallRecord) -> None:
            append(call)
            if len(ended) >= _AT_ONCE:
                fold()

        self.told = 0
        """How often something was told."""
        self.record = record
        """Counts a call that ended: its times when it succeeded, and whom it asked in any case.

        Each call pays for it: it only notes the call, and every so many are counted in one go.
        """

    def take(self) -> list[Series]:
        """Return what was measured, for the others to be told, and begin anew."""
        self._fold()
        with self._counting:
            self._leaving, self._series = [*self._leaving, *self._series.values()], {}
            return self._leaving

    def let_go(self) -> None:
        """Forget what was taken: it was told, or is not worth telling later."""
        with self._counting:
            self._leaving = []
            self.told += 1

    def so_far(self, model: str | None = None) -> list[Series]:
        """Return what was measured and not yet told, of one model or of all; may be asked from any thread."""
        self._fold()
        with self._counting:
            mine = (*self._leaving, *self._series.values())
            return summed(one for one in mine if model is None or one.model == model)

    def _fold(self) -> None:
        """Count what has ended, in one loop: most of what a measurement costs is here."""
        with self._counting:
            all_series, near = self._series, self._near
            ended = self._ended[:]
            for call in ended:
                place = (call.model, call.endpoint)
                series = all_series.get(place)
                if series is None:
                    if len(all_series) >= _SERIES_MAX:
                        continue
                    series = all_series[place] = Series(*place)
                _count_tries(series.providers, call)
                if call.status == "succeeded" and call.provider is not None:
                    _count_times(series.providers, call.provider, call, near)
            del self._ended[: len(ended)]  # others may have ended meanwhile


def summed(measured: Iterable[Series]) -> list[Series]:
    """Add up what belongs together, sorted by model and path."""
    sums: dict[tuple[str, str], Series] = {}
    for one in measured:
        found = sums.get((one.model, one.endpoint))
        if found is None:
            found = sums[one.model, one.endpoint] = Series(one.model, one.endpoint)
        found.add(one)
    return [sums[place] for place in sorted(sums)]


def by_provider(measured: Iterable[Series]) -> dict[str, Tries]:
    """Add up what each provider did, at all paths and for all models."""
    sums: dict[str, Tries] = {}
    for one in measured:
        for provider, tries in one.providers.items():
            sums.setdefault(provider, Tries()).add(tries)
    return sums


def percentiles(buckets: Mapping[int, int]) -> dict[int, float]:
    """Return the value below or at which so many percent of all lie, to within a thirtieth of it."""
    total, reached, found = sum(buckets.values()), 0, dict[int, float]()
    wanted = [percent for percent in PERCENTILES if total]
    for bucket in sorted(buckets):
        reached += buckets[bucket]
        while wanted and reached * 100 >= wanted[0] * total:
            found[wanted.pop(0)] = middle_of(bucket)
    return found


def bucket_of(value: int) -> int:
    """Return the bucket of a value: its own up to 31, above that one of sixteen between powers of two."""
    if value < 1 << _FINE:
        return max(0, value)
    value = min(value, _MOST)
    shift = value.bit_length() - _FINE - 1
    return (shift << _FINE) + (value >> shift)


def middle_of(bucket: int) -> float:
    """Return the value that stands for a bucket."""
    if bucket < 2 << _FINE:
        return bucket
    shift = (bucket >> _FINE) - 1
    least = ((bucket & ((1 << _FINE) - 1)) + (1 << _FINE)) << shift
    return least + ((1 << shift) - 1) / 2


def _count(buckets: Buckets, bucket: int) -> None:
    try:
        buckets[bucket] += 1
    except KeyError:
        buckets[bucket] = 1


def _count_tries(providers: dict[str, Tries], call: CallRecord) -> None:
    for attempt in call.attempts:
        tries = providers.get(attempt.provider)
        if tries is None:
            tries = providers[attempt.provider] = Tries()
        tries.attempts += 1
        if attempt.error is not None:
            if attempt.status not in _CALLERS_FAULTS:
                tries.errors += 1
        elif call.error is not None and call.error.startswith("provider_"):  # it began to answer and broke off
            tries.errors += 1


def _count_times(providers: dict[str, Tries], provider: str, call: CallRecord, near: bytes) -> None:
    tries = providers.get(provider)
    if tries is None:
        tries = providers[provider] = Tries()
    taken_ms = call.duration_ms
    _count(tries.duration_ms, near[taken_ms] if taken_ms < _NEAR else bucket_of(taken_ms))
    if call.endpoint in TEXT_ENDPOINTS:
        used = call.usage.get
        if output := used("output", 0) + used("reasoning", 0) + used("audio_output", 0):
            pace = output * 10_000 // (taken_ms or 1)
            _count(tries.tps, near[pace] if pace < _NEAR else bucket_of(pace))
        first_ms = call.first_byte_ms
        if first_ms is not None and call.is_streaming:
            _count(tries.ttft_ms, near[first_ms] if first_ms < _NEAR else bucket_of(first_ms))
