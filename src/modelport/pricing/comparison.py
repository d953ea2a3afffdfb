"""Compares the rates that calls were charged at with those of a catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Offer

_KINDS = 1000
"""How many kinds of differences are told apart; calls of further ones are only counted."""
_KEPT = 10_000


@dataclass(slots=True)
class Difference:
    """One rate that is not the catalogue's; `ours` is what calls were charged at, None means that there is none."""

    model: str
    provider: str
    meter: str
    ours: int | None
    theirs: int | None
    calls: int = 0
    first_ms: int = 0
    last_ms: int = 0


_Found = tuple[tuple[str, int | None, int | None], ...]


@dataclass(slots=True)
class Comparison:
    """What calls were charged at beside what a catalogue says for their moment, markup included."""

    catalogue: Catalogue
    calls: int = 0
    """Calls that were charged at other rates."""
    _kinds: dict[tuple[str, str, str, int | None, int | None], Difference] = field(
        default_factory=dict[tuple[str, str, str, int | None, int | None], Difference]
    )
    _known: dict[tuple[str, str, str | None, int, int, str], _Found] = field(
        default_factory=dict[tuple[str, str, str | None, int, int, str], _Found]
    )

    def look(
        self,
        model: str,
        provider: str | None,
        upstream: str | None,
        at_ms: int,
        input_tokens: int,
        rates: Mapping[str, int],
    ) -> None:
        """Compare the rates of one call."""
        if not rates or provider is None:
            return
        found = self._differing(model, provider, upstream, at_ms, input_tokens, rates)
        self.calls += bool(found)
        for meter, ours, theirs in found:
            kind = (model, provider, meter, ours, theirs)
            difference = self._kinds.get(kind)
            if difference is None:
                if len(self._kinds) >= _KINDS:
                    continue
                difference = self._kinds[kind] = Difference(*kind, first_ms=at_ms, last_ms=at_ms)
            difference.calls += 1
            difference.first_ms = min(difference.first_ms, at_ms)
            difference.last_ms = max(difference.last_ms, at_ms)

    def differences(self) -> list[Difference]:
        """Return the kinds of differences, those of most calls first."""
        return sorted(self._kinds.values(), key=lambda one: (-one.calls, one.model, one.provider, one.meter))

    def _differing(
        self, model: str, provider: str, upstream: str | None, at_ms: int, input_tokens: int, rates: Mapping[str, int]
    ) -> _Found:
        offer = _offer(self.catalogue.offers(model), provider, upstream)
        in_force = None if offer is None else offer.rates_at(at_ms)
        if in_force is None:
            return (("", None, None),)
        since, tier = in_force.since_ms, sum(input_tokens > one.above_tokens for one in in_force.tiers)
        place = (model, provider, upstream, since, tier, repr(rates))
        found = self._known.get(place)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            theirs = in_force.at(input_tokens)
            found = tuple(
                (meter, ours, theirs.get(meter)) for meter, ours in rates.items() if theirs.get(meter) != ours
            )
            self._known[place] = found
        return found


def _offer(offers: tuple[Offer, ...], provider: str, upstream: str | None) -> Offer | None:
    """Return the offer of that provider, by the name that it was called with where there are several."""
    sold = [offer for offer in offers if offer.provider.id == provider]
    return next((offer for offer in sold if offer.upstream == upstream), sold[0] if sold else None)
