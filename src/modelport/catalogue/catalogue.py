"""The catalogue in memory: every model, provider and offer, found by name."""

from collections.abc import Iterable
from functools import cached_property
from typing import TypeVar

from modelport.catalogue.compile import Facts
from modelport.catalogue.facts import Model, Offer, Provider, Retired, family_of
from modelport.catalogue.nearest import Nearest
from modelport.catalogue.problems import RetiredModel, UnknownModel

_LONGEST_NAME = 200

_Named = TypeVar("_Named")


class Catalogue:
    """What can be asked for and who sells it; never changes, a new one replaces it."""

    def __init__(self, facts: Facts, digest: str) -> None:
        self.hash = digest
        """Changes with every change of a file that the catalogue is made of."""
        self._models = facts.models
        self._providers = facts.providers
        self._by_name = {model.id: model for model in facts.models}
        for model in facts.models:
            for alias in model.aliases:
                self._by_name.setdefault(alias, model)
        self._by_folded = _folded(self._by_name.items())
        self._retired = {retired.id: retired for retired in facts.retired}
        self._retired_by_folded = _folded(self._retired.items())
        self._by_provider = {provider.id: provider for provider in facts.providers}
        self._offers: dict[str, tuple[Offer, ...]] = {}
        for offer in facts.offers:
            self._offers[offer.model_id] = (*self._offers.get(offer.model_id, ()), offer)

    def find(self, name: str) -> Model:
        """Return the model with this id or alias: exactly so, else in any case.

        Raises `RetiredModel` or `UnknownModel`.
        """
        model = self._by_name.get(name)
        if model is not None:
            return model
        folded = name[:_LONGEST_NAME].casefold()
        model = self._by_folded.get(folded)
        if model is not None and len(name) <= _LONGEST_NAME:
            return model
        retired = self._retired.get(name) or self._retired_by_folded.get(folded)
        if retired is not None:
            raise RetiredModel(retired.id, retired.replacement)
        raise UnknownModel(name[:_LONGEST_NAME], self._nearest(folded))

    def offers(self, model_id: str) -> tuple[Offer, ...]:
        """Return who sells a model, by provider id; empty when nobody does."""
        return self._offers.get(model_id, ())

    def families(self, model_id: str) -> frozenset[str]:
        """Return the `maker/*` that a model falls under, also one that is no longer there."""
        model = self._by_name.get(model_id)
        if model is not None:
            return model.families
        return frozenset(family for family in (family_of(model_id),) if family)

    def models(self) -> tuple[Model, ...]:
        """Return every model, sorted by id."""
        return self._models

    def retired(self) -> tuple[Retired, ...]:
        """Return every id that is no longer served, sorted."""
        return tuple(self._retired[name] for name in sorted(self._retired, key=str.casefold))

    def providers(self) -> tuple[Provider, ...]:
        """Return every provider, sorted by id."""
        return self._providers

    def provider(self, provider_id: str) -> Provider | None:
        """Return the provider with this id, if there is one."""
        return self._by_provider.get(provider_id)

    @cached_property
    def _nearest(self) -> Nearest:
        return Nearest((name, model.id) for name, model in self._by_name.items())


def _folded(named: Iterable[tuple[str, _Named]]) -> dict[str, _Named]:
    folded: dict[str, _Named] = {}
    for name, thing in named:
        folded.setdefault(name.casefold(), thing)
    return folded
