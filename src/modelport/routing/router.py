"""Chooses who is asked, in which order. Pure: the same catalogue, configuration and moment give the same plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model, Offer, Provider, Rates
from modelport.routing.problems import Setting, UnderMaintenance, UnknownProvider, Unpriced, Unserved, Unspoken

ANY_PROVIDER = "auto"

Verdict = Literal["serves", "unspoken", "unconfigured", "unpriced", "not pinned", "maintenance"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The offers to try for one call, best first, each once, with the rates in force."""

    model: Model
    offers: tuple[tuple[Offer, Rates], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What the router thinks of one offer, and why."""

    offer: Offer
    rates: Rates | None
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every offer of a model in the order in which it would be tried, those that serve first."""

    model: Model
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan and the moments between which no price changes."""

    since_ms: int
    until_ms: int
    plan: Plan


def configured_by(providers: tuple[Provider, ...], environ: Mapping[str, str]) -> frozenset[str]:
    """Say which providers can be used: those of which every variable is set, secret and address alike."""
    return frozenset(
        provider.id
        for provider in providers
        if all(environ.get(variable, "").strip() for variable in provider.variables)
    )


class Router:
    """Plans calls over a catalogue, for the providers in `configured`.

    A provider that needs no variable is configured by existing.
    """

    def __init__(self, catalogue: Catalogue, configured: frozenset[str]) -> None:
        without_variables = {provider.id for provider in catalogue.providers() if not provider.variables}
        self.catalogue = catalogue
        self._configured = configured | without_variables
        self._planned: dict[str, _Planned] = {}

    def is_configured(self, provider_id: str) -> bool:
        """Whether calls can be sent to this provider."""
        return provider_id in self._configured

    def plan(self, model: Model, provider_pin: str | None, now_ms: int) -> Plan:
        """Order the offers that can serve `model` by the provider's priority, then price, then id.

        A pin, in any case, leaves one offer and no fallback.
        Raises `UnderMaintenance`, `UnknownProvider`, `Unserved`, `Unspoken` or `Unpriced`.
        """
        if provider_pin is not None and provider_pin.lower() != ANY_PROVIDER:
            return self._plan(model, self._pinned(model, provider_pin), now_ms)
        planned = self._planned.get(model.id)
        if planned is not None and planned.since_ms <= now_ms < planned.until_ms:
            return planned.plan
        offers = self.catalogue.offers(model.id)
        plan = self._plan(model, offers, now_ms)
        since_ms, until_ms = _unchanging(offers, now_ms)
        self._planned[model.id] = _Planned(since_ms, until_ms, plan)
        return plan

    def explain(self, model: Model, provider_pin: str | None, now_ms: int) -> Explanation:
        """Tell for every offer of `model` whether it would be tried and why; raises nothing."""
        pin = provider_pin.lower() if provider_pin is not None and provider_pin.lower() != ANY_PROVIDER else None
        steps = [self._step(model, offer, pin, now_ms) for offer in self.catalogue.offers(model.id)]
        steps.sort(key=lambda step: (step.verdict != "serves", *_rank(step.offer, step.rates)))
        return Explanation(model, tuple(steps))

    def closed(self, model: Model) -> str:
        """Return what callers of `model` are told while it, or everybody who would serve it, is in maintenance."""
        configured = [offer for offer in self.catalogue.offers(model.id) if offer.provider.id in self._configured]
        return model.maintenance or _closed(configured)

    def shown_rates(self, model: Model, now_ms: int) -> Rates | None:
        """Return the price to show for `model`: of the offer that would be used, else of the first that has one."""
        steps = self.explain(model, None, now_ms).steps
        return next((step.rates for step in steps if step.rates is not None), None)

    def searching_models(self, limit: int, now_ms: int) -> tuple[str, ...]:
        """Return ids of models that could search the web now, cheapest first; at most `limit`."""
        found: list[tuple[int, str]] = []
        for model in self.catalogue.models():
            if model.maintenance:
                continue
            prices = [
                rates.usual
                for offer in self.catalogue.offers(model.id)
                if _searches(offer) and self._is_open(offer) and (rates := offer.rates_at(now_ms))
            ]
            if prices:
                found.append((min(prices), model.id))
        return tuple(model_id for _, model_id in sorted(found)[:limit])

    def _plan(self, model: Model, offers: tuple[Offer, ...], now_ms: int) -> Plan:
        if model.maintenance:
            raise UnderMaintenance(model, model.maintenance)
        configured = [offer for offer in offers if offer.provider.id in self._configured]
        if not configured:
            raise Unserved(model, _settings(offers))
        if closed := _closed(configured):
            raise UnderMaintenance(model, closed)
        open_ = [offer for offer in configured if not offer.provider.maintenance]
        usable = [offer for offer in open_ if offer.can_be_called(model.operation)]
        if not usable:
            raise Unspoken(model, open_)
        priced = [(offer, rates) for offer in usable if (rates := offer.rates_at(now_ms)) is not None]
        if not priced:
            raise Unpriced(model, usable)
        return Plan(model, tuple(sorted(priced, key=lambda pair: _rank(*pair))))

    def _is_open(self, offer: Offer) -> bool:
        return offer.provider.id in self._configured and not offer.provider.maintenance

    def _pinned(self, model: Model, pin: str) -> tuple[Offer, ...]:
        offers = self.catalogue.offers(model.id)
        name = pin.lower()
        pinned = tuple(offer for offer in offers if offer.provider.answers_to(name))
        if not pinned:
            raise UnknownProvider(pin, model, [offer.provider for offer in offers])
        return pinned

    def _step(self, model: Model, offer: Offer, pin: str | None, now_ms: int) -> Step:
        rates = offer.rates_at(now_ms)
        provider = offer.provider
        if pin is not None and not provider.answers_to(pin):
            return Step(offer, rates, "not pinned", f"the call asks for '{pin}' only")
        if not offer.can_be_called(model.operation):
            formats = " or ".join(offer.spoken(model.operation))
            return Step(offer, rates, "unspoken", f"this version does not call {formats}")
        if closed := model.maintenance or provider.maintenance:
            return Step(offer, rates, "maintenance", closed)
        if provider.id not in self._configured:
            return Step(offer, rates, "unconfigured", f"set {' and '.join(provider.variables)}")
        if rates is None:
            return Step(offer, rates, "unpriced", f"write its price into catalogue/{provider.id}.toml")
        return Step(offer, rates, "serves", f"priority {provider.priority}")


def _closed(offers: Sequence[Offer]) -> str:
    """Return why all of these are closed; empty where one is open or there are none."""
    if not all(offer.provider.maintenance for offer in offers):
        return ""
    return next((offer.provider.maintenance for offer in offers), "")


def _searches(offer: Offer) -> bool:
    """Whether a search can be asked for in the first of an offer's formats; OpenAI's chat has no tool of its own."""
    spoken = offer.speaks or offer.provider.speaks.get("chat", ())
    return bool(offer.quirks.search) and (offer.quirks.search != "native" or spoken[:1] != ("openai_chat",))


def _rank(offer: Offer, rates: Rates | None) -> tuple[int, bool, int, str]:
    price = 0 if rates is None else rates.usual
    return offer.provider.priority, rates is None, price, offer.provider.id


def _settings(offers: tuple[Offer, ...]) -> tuple[Setting, ...]:
    """List what would serve: keys first, engines of one's own, which have to be installed, after them."""
    ranked = sorted(
        offers, key=lambda offer: (offer.provider.secret_env is None, offer.provider.priority, offer.provider.id)
    )
    return tuple(Setting(offer.provider.variables, offer.provider.name) for offer in ranked if offer.provider.variables)


def _unchanging(offers: tuple[Offer, ...], now_ms: int) -> tuple[int, int]:
    changes = [rates.since_ms for offer in offers for rates in offer.rates]
    since_ms = max((at for at in changes if at <= now_ms), default=0)
    until_ms = min((at for at in changes if at > now_ms), default=1 << 62)
    return since_ms, until_ms
