"""How fast models answer now and how often providers fail, from the calls of the last minutes. No key is needed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelport.api.query import Query
from modelport.api.request import Answer, Request, json_answer
from modelport.catalogue.catalogue import Catalogue
from modelport.core.clock import Clock, iso_ms
from modelport.reports.traffic import WINDOW_MS, Series, Traffic, TrafficStore, Tries, percentiles, summed

ALIASES_MAX = 100
_KEPT_S = 3.0
"""How long one look at what all processes published serves everybody who asks."""


@dataclass(slots=True)
class SpeedRoutes:
    """`/models/metrics`."""

    catalogue: Callable[[], Catalogue]
    traffic: Traffic
    store: TrafficStore
    clock: Clock
    in_thread: Callable[[Callable[[], list[Series]]], Awaitable[list[Series]]]
    """Runs work that waits for the disk, as `asyncio.to_thread` does."""
    _published: Sequence[Series] = field(default=(), init=False)
    _until: tuple[float, int] = field(default=(0.0, -1), init=False)
    """Until when that look serves, and how often this process had told of itself by then."""
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def show(self, request: Request) -> Answer:
        """Answer what was measured of the models that are asked for, by id or alias, or of all."""
        query = Query(request.query_string, (), {"aliases": ALIASES_MAX})
        measured = summed((*await self._recent(), *self.traffic.so_far()))
        if named := query.all("aliases"):
            shown = _as_named(measured, dict.fromkeys(named), self._ids())
        else:
            shown = [(one.model, one) for one in measured]
        return json_answer(
            {
                "window_seconds": WINDOW_MS // 1000,
                "generated_at": iso_ms(self.clock.now_ms()),
                "models": [_model(name, one) for name, one in shown if one.duration_ms],
                "providers": _providers([one for _, one in shown]),
            }
        )

    async def _recent(self) -> Sequence[Series]:
        """Look at what all processes published, unless somebody just did."""
        async with self._looking:
            until_s, told = self._until
            now_s = self.clock.monotonic_s()
            if now_s >= until_s or told != self.traffic.told:
                told = self.traffic.told
                self._published = summed(await self.in_thread(self.store.recent))
                self._until = (now_s + _KEPT_S, told)
            return self._published

    def _ids(self) -> Mapping[str, str]:
        return {name: model.id for model in self.catalogue().models() for name in (*model.aliases, model.id)}


def _as_named(measured: Sequence[Series], named: Iterable[str], ids: Mapping[str, str]) -> list[tuple[str, Series]]:
    """Pick the models that are named, each under the name that was asked for."""
    by_model: dict[str, list[Series]] = {}
    for one in measured:
        by_model.setdefault(one.model, []).append(one)
    return [(name, one) for name in named for one in by_model.get(ids.get(name, name), ())]


def _model(name: str, one: Series) -> dict[str, object]:
    metrics: dict[str, object] = {}
    if one.ttft_ms:
        metrics["ttft_ms"] = _milliseconds(one.ttft_ms)
    if one.tps:
        metrics["tps"] = {f"p{percent}": round(tenths / 10, 1) for percent, tenths in percentiles(one.tps).items()}
    metrics["duration_ms"] = _milliseconds(one.duration_ms)
    return {"alias": name, "endpoint": one.endpoint, "metrics": metrics}


def _milliseconds(buckets: Mapping[int, int]) -> dict[str, int]:
    return {f"p{percent}": round(value) for percent, value in percentiles(buckets).items()}


def _providers(measured: Sequence[Series]) -> list[dict[str, object]]:
    sums: dict[str, Tries] = {}
    for one in measured:
        for provider, tries in one.providers.items():
            found = sums.setdefault(provider, Tries())
            found.attempts += tries.attempts
            found.errors += tries.errors
    return [
        {
            "id": provider,
            "attempts": tries.attempts,
            "errors": tries.errors,
            "error_rate": round(tries.errors / tries.attempts, 4),
        }
        for provider, tries in sorted(sums.items())
    ]
