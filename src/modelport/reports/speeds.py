"""How fast models have been of late, by what every process measured."""

from collections.abc import Mapping, Sequence
from threading import Lock

from modelport.core.clock import Clock
from modelport.reports.traffic import Series, Traffic, TrafficStore, summed

_KEPT_S = 3.0
"""How long one look at what all processes published serves everybody who asks."""


class Speeds:
    """Adds up what every process measured within the window; calls block, and may come from any thread."""

    def __init__(self, traffic: Traffic, store: TrafficStore, clock: Clock) -> None:
        self._traffic = traffic
        self._store = store
        self._clock = clock
        self._looking = Lock()
        self._published: Mapping[str, Sequence[Series]] = {}
        self._until: tuple[float, int] = (0.0, -1)
        """Until when that look serves, and how often this process had told of itself by then."""

    def all(self) -> list[Series]:
        """Return what was measured of each model at each path, sorted; raises `StoreUnavailable`."""
        published = self._look()
        return summed((*(one for series in published.values() for one in series), *self._traffic.so_far()))

    def of(self, model_id: str) -> list[Series]:
        """Return what was measured of one model at each path, sorted; raises `StoreUnavailable`."""
        return summed((*self._look().get(model_id, ()), *self._traffic.so_far(model_id)))

    def _look(self) -> Mapping[str, Sequence[Series]]:
        """Look at what all processes published, unless somebody just did."""
        with self._looking:
            until_s, told = self._until
            now_s = self._clock.monotonic_s()
            if now_s >= until_s or told != self._traffic.told:
                told = self._traffic.told
                found: dict[str, list[Series]] = {}
                for one in summed(self._store.recent()):
                    found.setdefault(one.model, []).append(one)
                self._published, self._until = found, (now_s + _KEPT_S, told)
            return self._published
