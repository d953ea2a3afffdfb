"""What callers would notice if one catalogue took the place of another."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model, Offer, Provider
from modelport.catalogue.listing import shown_price

_UNSAID = frozenset({"id", "former", "parameters", "notes"})
"""Fields that are told otherwise, or whose values are too long to be told."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would be new, gone, or otherwise."""

    kind: Literal["new", "gone", "changed"]
    subject: str
    """A model, or a provider as `provider NAME`."""
    told: str

    def __str__(self) -> str:
        mark = {"new": "+", "gone": "-", "changed": "~"}[self.kind]
        return f"{mark} {self.subject}" + (f": {self.told}" if self.told else "")


def differences(old: Catalogue, new: Catalogue, now_ms: int) -> list[Difference]:
    """List them: models by id, then providers by id."""
    before, after = ({model.id: model for model in one.models()} for one in (old, new))
    renamed = {model.former: model.id for model in after.values() if model.former in before}
    back = {model.former: model.id for model in before.values() if model.former in after}
    found: list[Difference] = []
    for model_id in sorted(before.keys() | after.keys()):
        if model_id not in after:
            to = renamed.get(model_id) or next((name for name, was in back.items() if was == model_id), None)
            if to is not None:
                found.append(Difference("changed", model_id, f"is called {to}"))
                found.extend(_of_model(old, new, before[model_id], after[to], now_ms))
            else:
                found.append(Difference("gone", model_id, ""))
        elif model_id in before:
            found.extend(_of_model(old, new, before[model_id], after[model_id], now_ms))
        elif model_id not in renamed.values() and model_id not in back:
            sellers = ", ".join(_sold(offer, now_ms) for offer in new.offers(model_id))
            found.append(Difference("new", model_id, sellers or "nobody sells it"))
    return [*found, *_of_providers(old, new)]


def _of_model(old: Catalogue, new: Catalogue, before: Model, after: Model, now_ms: int) -> Iterator[Difference]:
    for field in fields(Model):
        was, becomes = getattr(before, field.name), getattr(after, field.name)
        if was != becomes and (field.name != "aliases" or before.id == after.id):
            told = f"other {field.name}"
            if field.name not in _UNSAID:
                told = f"{field.name} {_shown(was)} becomes {_shown(becomes)}"
            if field.name not in ("id", "former", "own_parameters"):
                yield Difference("changed", after.id, told)
    sold, sells = (
        {offer.provider.id: _price(offer, now_ms) for offer in one.offers(model.id)}
        for one, model in ((old, before), (new, after))
    )
    for provider in sorted(sold.keys() | sells.keys()):
        if provider not in sells:
            yield Difference("changed", after.id, f"no longer from {provider}")
        elif provider not in sold:
            yield Difference("changed", after.id, f"also from {provider}, {sells[provider]}")
        elif sold[provider] != sells[provider]:
            yield Difference("changed", after.id, f"{provider}: {sold[provider]} becomes {sells[provider]}")


def _of_providers(old: Catalogue, new: Catalogue) -> Iterator[Difference]:
    before, after = ({one.id: one for one in catalogue.providers()} for catalogue in (old, new))
    for provider_id in sorted(before.keys() | after.keys()):
        subject = f"provider {provider_id}"
        if provider_id not in after:
            yield Difference("gone", subject, "")
        elif provider_id not in before:
            yield Difference("new", subject, after[provider_id].base_url)
        else:
            changed = [
                field.name
                for field in fields(Provider)
                if getattr(before[provider_id], field.name) != getattr(after[provider_id], field.name)
            ]
            if changed:
                yield Difference("changed", subject, f"other {', '.join(changed)}")


def _sold(offer: Offer, now_ms: int) -> str:
    return f"from {offer.provider.id}, {_price(offer, now_ms)}"


def _price(offer: Offer, now_ms: int) -> str:
    return "free" if offer.free else shown_price(offer.rates_at(now_ms))


def _shown(value: object) -> str:
    if isinstance(value, frozenset | tuple):
        words = sorted(map(str, value)) if isinstance(value, frozenset) else list(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return f"[{', '.join(words)}]"
    return "nothing" if value in (None, "") else f"'{value}'"
