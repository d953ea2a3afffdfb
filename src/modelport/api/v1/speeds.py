"""How fast models answer now and how often providers fail, from the calls of the last minutes. No key is needed."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelport.api.query import Query
from modelport.api.request import Answer, Request, json_answer
from modelport.catalogue.catalogue import Catalogue
from modelport.core.clock import Clock, iso_ms
from modelport.reports.traffic import WINDOW_MS, Series, Tries, by_provider, percentiles

ALIASES_MAX = 100


@dataclass(frozen=True, slots=True)
class SpeedRoutes:
    """`/models/metrics`."""

    catalogue: Callable[[], Catalogue]
    measured: Callable[[], list[Series]]
    """Tells of every model at every path what was measured, sorted."""
    clock: Clock
    in_thread: Callable[[Callable[[], list[Series]]], Awaitable[list[Series]]]
    """Runs work that waits for the disk, as `asyncio.to_thread` does."""

    async def show(self, request: Request) -> Answer:
        """Answer what was measured of the models that are asked for, by id or alias, or of all."""
        query = Query(request.query_string, (), {"aliases": ALIASES_MAX})
        measured = await self.in_thread(self.measured)
        if named := query.all("aliases"):
            shown = _as_named(measured, dict.fromkeys(named), self._ids())
        else:
            shown = [(one.model, one) for one in measured]
        return json_answer(
            {
                "window_seconds": WINDOW_MS // 1000,
                "generated_at": iso_ms(self.clock.now_ms()),
                "models": [
                    _model(name, one.endpoint, times) for name, one in shown if (times := one.whole()).duration_ms
                ],
                "providers": _providers([one for _, one in shown]),
            }
        )

    def _ids(self) -> Mapping[str, str]:
        return {name: model.id for model in self.catalogue().models() for name in (*model.aliases, model.id)}


def _as_named(measured: Sequence[Series], named: Iterable[str], ids: Mapping[str, str]) -> list[tuple[str, Series]]:
    """Pick the models that are named, each under the name that was asked for."""
    by_model: dict[str, list[Series]] = {}
    for one in measured:
        by_model.setdefault(one.model, []).append(one)
    return [(name, one) for name in named for one in by_model.get(ids.get(name, name), ())]


def _model(name: str, endpoint: str, times: Tries) -> dict[str, object]:
    metrics: dict[str, object] = {}
    if times.ttft_ms:
        metrics["ttft_ms"] = _milliseconds(times.ttft_ms)
    if times.tps:
        metrics["tps"] = {f"p{percent}": round(tenths / 10, 1) for percent, tenths in percentiles(times.tps).items()}
    metrics["duration_ms"] = _milliseconds(times.duration_ms)
    return {"alias": name, "endpoint": endpoint, "metrics": metrics}


def _milliseconds(buckets: Mapping[int, int]) -> dict[str, int]:
    return {f"p{percent}": round(value) for percent, value in percentiles(buckets).items()}


def _providers(measured: Iterable[Series]) -> list[dict[str, object]]:
    return [
        {
            "id": provider,
            "attempts": tries.attempts,
            "errors": tries.errors,
            "error_rate": round(tries.errors / tries.attempts, 4),
        }
        for provider, tries in sorted(by_provider(measured).items())
        if tries.attempts
    ]
