"""What is known of the offers' health: those that failed again and again, or asked for a pause, are tried last."""

from collections.abc import Callable
from dataclasses import dataclass, field

from modelport.catalogue.facts import Offer, Rates

FAILURES_TO_OPEN = 5
"""Failures without a success between them after which an offer is left alone for a while."""
OPEN_S = 15.0
"""How long it is left alone; then one call tries it again, and a failure of that one opens it anew."""
PROBE_S = 5.0
"""How long other calls wait for what that one finds."""
MOST_PAUSE_S = 60.0
"""The longest pause that is granted to an offer which asks for one."""
MOST_KNOWN = 10_000

Offers = tuple[tuple[Offer, Rates], ...]
_Name = tuple[str, str]


@dataclass(slots=True)
class _State:
    failures: int = 0
    shut_until_s: float = 0.0


@dataclass(slots=True)
class Health:
    """A breaker for each offer. Bounded, in memory, one process's own view."""

    now_s: Callable[[], float]
    _states: dict[_Name, _State] = field(default_factory=dict[_Name, _State], init=False)

    def ordered(self, offers: Offers) -> Offers:
        """Return the offers with the unhealthy ones last: they are tried when nothing else is left."""
        if not self._states or len(offers) == 1:
            return offers
        now_s = self.now_s()
        well = tuple(pair for pair in offers if self._may_try(pair[0], now_s))
        if len(well) == len(offers):
            return offers
        return well + tuple(pair for pair in offers if pair not in well)

    def worked(self, offer: Offer) -> None:
        """Note a success."""
        if self._states:
            self._states.pop(_name(offer), None)

    def failed(self, offer: Offer, pause_s: float | None) -> None:
        """Note a failure that another call may meet too, and the pause that the provider asked for."""
        if len(self._states) >= MOST_KNOWN:
            self._states.clear()
        state = self._states.setdefault(_name(offer), _State())
        state.failures += 1
        now_s = self.now_s()
        if pause_s is not None:
            state.shut_until_s = max(state.shut_until_s, now_s + min(pause_s, MOST_PAUSE_S))
        if state.failures >= FAILURES_TO_OPEN:
            state.shut_until_s = max(state.shut_until_s, now_s + OPEN_S)

    def _may_try(self, offer: Offer, now_s: float) -> bool:
        """Whether an offer comes in its turn; of one that was left alone, a single call finds out how it is."""
        state = self._states.get(_name(offer))
        if state is None or state.shut_until_s == 0.0:
            return True
        if now_s < state.shut_until_s:
            return False
        state.shut_until_s = now_s + PROBE_S
        return True


def _name(offer: Offer) -> _Name:
    return offer.provider.id, offer.model_id
