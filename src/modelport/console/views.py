"""What the page of a model shows, gathered."""

from dataclasses import dataclass
from datetime import UTC, datetime

from modelport.catalogue.facts import Model, Rates
from modelport.catalogue.parameters import decoded
from modelport.console.fields import Field, fields
from modelport.console.live import Live
from modelport.console.prices import PriceList, price_lists, short_price
from modelport.console.samples import Endpoint, endpoints
from modelport.console.wording import CAPABILITIES, OPERATIONS, capability
from modelport.routing.router import Router, Step

_VERDICTS = {
    "serves": "Ready",
    "unconfigured": "Not configured",
    "unpriced": "No price",
    "unspoken": "Not in this version",
    "maintenance": "In maintenance",
}


_MODALITIES = ("text", "image", "audio", "video", "file")


@dataclass(frozen=True, slots=True)
class Seller:
    """One provider of a model."""

    name: str
    documentation: str
    verdict: str
    is_ready: bool
    needs: tuple[str, ...]
    """The settings without which it is not configured."""
    price: str
    closed: str
    """What callers are told while it is in maintenance."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model, as its page shows it."""

    model: Model
    kind: str
    capabilities: tuple[str, ...]
    fields: tuple[Field, ...]
    endpoints: tuple[Endpoint, ...]
    sellers: tuple[Seller, ...]
    price: str
    prices: tuple[PriceList, ...]
    rates: Rates | None
    closed: str
    """What callers are told while nobody serves it for maintenance."""
    only: tuple[str, ...]
    """The providers that alone may serve it; empty for all."""
    live: Live | None
    """None where nobody measures, or what was measured cannot be read now."""
    is_past: bool
    """Whether the day on which it retires has come."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """What goes in, text first."""
        return tuple(kind for kind in _MODALITIES if kind in self.model.inputs)

    @property
    def ready(self) -> tuple[str, ...]:
        """Who serves it here."""
        return tuple(seller.name for seller in self.sellers if seller.is_ready)

    @property
    def unpriced(self) -> str:
        """Who would serve it here if a price were set; empty when that is not what it lacks."""
        return next((seller.name for seller in self.sellers if seller.verdict == _VERDICTS["unpriced"]), "")

    @property
    def needed(self) -> tuple[str, ...]:
        """The settings that would have it served by the first provider that only lacks them."""
        return next((seller.needs for seller in self.sellers if seller.needs), ())


def model_view(model: Model, router: Router, now_ms: int, root: str, live: Live | None) -> ModelView:
    """Gather what the page of a model shows."""
    parameters = decoded(model.parameters)
    steps = router.explain(model, None, now_ms).steps
    rates = next((step.rates for step in steps if step.rates is not None), None)
    return ModelView(
        model=model,
        kind=OPERATIONS[model.operation],
        capabilities=tuple(capability(name) for name in CAPABILITIES if name in model.capabilities),
        fields=fields(parameters),
        endpoints=endpoints(model, parameters, rates, root),
        sellers=tuple(_seller(step, model) for step in steps),
        price=short_price(rates, model.operation),
        prices=price_lists(rates, model),
        rates=rates,
        closed=router.closed(model),
        only=tuple(_name(provider_id, router) for provider_id in model.only_providers),
        live=live,
        is_past=model.retires_on is not None and model.retires_on <= datetime.fromtimestamp(now_ms / 1000, UTC).date(),
    )


def _seller(step: Step, model: Model) -> Seller:
    provider = step.offer.provider
    needs = provider.variables if step.verdict == "unconfigured" else ()
    price = short_price(step.rates, model.operation) or "not known"
    verdict = _VERDICTS.get(step.verdict, step.verdict)
    closed = step.reason if step.verdict == "maintenance" else ""
    return Seller(provider.name, provider.documentation, verdict, step.verdict == "serves", needs, price, closed)


def _name(provider_id: str, router: Router) -> str:
    provider = router.catalogue.provider(provider_id)
    return provider_id if provider is None else provider.name
