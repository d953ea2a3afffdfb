"""What the page of a model tells of the calls of the last minutes: numbers that were measured, and no others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelport.catalogue.facts import Offer
from modelport.reports.traffic import WINDOW_MS, Buckets, Series, Tries, by_provider, percentiles

MINUTES = WINDOW_MS // 60_000

Measure = Callable[[str], Sequence[Series]]
"""Says what was measured of the model of this id, path by path; raises `StoreUnavailable`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one path of a model has been: what is measured, and what so many calls stay below."""

    endpoint: str
    name: str
    p50: str
    p90: str
    p99: str


@dataclass(frozen=True, slots=True)
class Served:
    """What one provider of a model did at all paths; texts are empty where nothing was measured."""

    name: str
    attempts: int
    uptime: str
    """The share of attempts of which it is not to blame that they failed."""
    first: str
    speed: str
    whole: str


@dataclass(frozen=True, slots=True)
class Live:
    """The last minutes of a model, on all processes."""

    paces: tuple[Pace, ...]
    served: tuple[Served, ...]
    """Each provider, also those who were not asked."""

    @property
    def is_quiet(self) -> bool:
        """Whether nobody has called it."""
        return not self.paces and not any(one.attempts for one in self.served)


def live(measured: Sequence[Series], offers: Iterable[Offer]) -> Live:
    """Write out what was measured of a model that these offers sell."""
    tries = by_provider(measured)
    names = {offer.provider.id: offer.provider.name for offer in offers}
    names |= {provider: provider for provider in sorted(tries) if provider not in names}
    served = tuple(_served(name, tries.get(provider, Tries())) for provider, name in names.items())
    return Live(tuple(pace for one in measured for pace in _paces(one.endpoint, one.whole())), served)


def _served(name: str, tries: Tries) -> Served:
    uptime = "" if not tries.attempts else share(tries.attempts - tries.errors, tries.attempts)
    return Served(
        name,
        tries.attempts,
        uptime,
        _half(tries.ttft_ms, duration),
        _half(tries.tps, speed),
        _half(tries.duration_ms, duration),
    )


def _half(buckets: Buckets, told: Callable[[float], str]) -> str:
    return told(percentiles(buckets)[50]) if buckets else ""


def _paces(endpoint: str, times: Tries) -> tuple[Pace, ...]:
    kinds: Mapping[str, tuple[Buckets, Callable[[float], str]]] = {
        "Time to first token": (times.ttft_ms, duration),
        "Output tokens per second": (times.tps, speed),
        "Whole call": (times.duration_ms, duration),
    }
    return tuple(
        Pace(endpoint, name, *(told(percentiles(buckets)[percent]) for percent in (50, 90, 99)))
        for name, (buckets, told) in kinds.items()
        if buckets
    )


def duration(taken_ms: float) -> str:
    """Print a time as precisely as it was measured: `210 ms`, `1.2 s`, `95 s`."""
    if taken_ms < 1_000:
        return f"{taken_ms:.0f} ms"
    return f"{taken_ms / 1_000:.1f} s" if taken_ms < 10_000 else f"{taken_ms / 1_000:.0f} s"


def speed(tenths: float) -> str:
    """Print a number of tokens in a second that is told in tenths."""
    return f"{tenths / 10:.1f}" if tenths < 100 else f"{tenths / 10:.0f}"


def share(part: int, whole: int) -> str:
    """Print a share so that only a whole is 100 % and only nothing is 0 %."""
    if part in (0, whole):
        return "100 %" if part else "0 %"
    thousandths = min(max(part * 1_000 // whole, 1), 999)
    return f"{thousandths / 10:.1f} %"
