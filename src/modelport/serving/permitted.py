"""What a key may ask for: its models, and its providers."""

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model
from modelport.keys.key import Key, ModelNotAllowed, ProviderNotAllowed
from modelport.routing.router import Plan


def check_model(key: Key, model: Model) -> None:
    """Raise `ModelNotAllowed` when the key's models, by id, former id or as `maker/*`, do not include this one."""
    models = key.models
    if models is not None and models.isdisjoint((model.id, model.former)) and models.isdisjoint(model.families):
        raise ModelNotAllowed(key.prefix, model.id)


def check_pin(key: Key, pin: str | None, model: Model, catalogue: Catalogue) -> None:
    """Raise `ProviderNotAllowed` when the call asks for a provider of the model that is not among the key's."""
    if key.providers is None or pin is None:
        return
    offers = catalogue.offers(model.id)
    pinned = [offer.provider.id for offer in offers if offer.provider.answers_to(pin)]
    if pinned and key.providers.isdisjoint(pinned):
        raise ProviderNotAllowed(key.prefix, key.providers, model.id, pin)


def permitted(key: Key, plan: Plan) -> Plan:
    """Return the plan without providers that the key may not use; raises `ProviderNotAllowed` when none is left."""
    if key.providers is None:
        return plan
    mine = tuple(pair for pair in plan.offers if pair[0].provider.id in key.providers)
    if not mine:
        raise ProviderNotAllowed(key.prefix, key.providers, plan.model.id, None)
    return plan if len(mine) == len(plan.offers) else Plan(plan.model, mine)
