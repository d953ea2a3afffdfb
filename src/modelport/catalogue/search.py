"""Finds the models that can do something, the cheapest first."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model, Offer, Operation, Rates, Unit
from modelport.catalogue.listing import capabilities
from modelport.core.errors import Problem


class UnknownWord(Problem):
    """What is searched for is no word of the catalogue."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model must be and do."""

    words: tuple[str, ...] = ()
    """Each stands somewhere in its names, maker or description."""
    operation: Operation | None = None
    capabilities: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset()
    maker: str = ""
    least_context: int = 0
    most_price: int | None = None
    """Of input and output together, or of the dearest unit of media, as a rate."""
    is_open: bool = False
    """Whether its weights must be published."""
    is_configured: bool = False
    """Whether somebody who is configured must sell it; only their prices count then."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model, and the cheapest of those who sell it."""

    model: Model
    offer: Offer | None
    rates: Rates | None
    is_configured: bool


def search(catalogue: Catalogue, wanted: Wanted, configured: Callable[[str], bool], now_ms: int) -> list[Found]:
    """Return the models that are wanted, the cheapest first; those that nobody sells at a known price come last.

    Prices of different units are not compared: models that are paid by the same one stand together.
    """
    found = [
        _cheapest(catalogue, model, wanted, configured, now_ms)
        for model in catalogue.models()
        if not model.maintenance and _fits(model, wanted)
    ]
    kept = (
        one
        for one in found
        if (one.is_configured or not wanted.is_configured)
        and (wanted.most_price is None or _is_within(one.rates, wanted.most_price))
    )
    return sorted(kept, key=_rank)


def capability_named(word: str, known: Collection[str]) -> str:
    """Read a capability as the files or the lists call it; raises `UnknownWord`."""
    plain = word.strip().casefold().replace("-", "_")
    named = _ALSO.get(plain, plain)
    if named not in known:
        raise UnknownWord(f"'{word[:60]}' is no capability: use one of {', '.join(sorted(known))}")
    return named


_ALSO = {"file_input": "file", "structured_output": "json_schema", "parallel_tool_calls": "parallel_tools"}


def known_capabilities(catalogue: Catalogue) -> frozenset[str]:
    """Return every capability that a model has."""
    return frozenset(one for model in catalogue.models() for one in model.capabilities)


def _fits(model: Model, wanted: Wanted) -> bool:
    return (
        (wanted.operation is None or model.operation == wanted.operation)
        and wanted.capabilities <= model.capabilities
        and wanted.inputs <= frozenset(model.inputs)
        and (not wanted.maker or wanted.maker.casefold() in _maker_names(model))
        and (model.context_tokens or 0) >= wanted.least_context
        and (not wanted.is_open or bool(model.weights))
        and all(word.casefold() in _text(model) for word in wanted.words)
    )


def _maker_names(model: Model) -> Iterator[str]:
    yield model.maker.casefold()
    yield from (family.removesuffix("/*").casefold() for family in model.families)


def _text(model: Model) -> str:
    about = (model.id, *model.aliases, model.name, model.maker, model.description, *capabilities(model))
    return "\n".join(about).casefold()


def _cheapest(
    catalogue: Catalogue, model: Model, wanted: Wanted, configured: Callable[[str], bool], now_ms: int
) -> Found:
    usable = [one for one in catalogue.offers(model.id) if not one.provider.maintenance]
    if wanted.is_configured:
        usable = [one for one in usable if configured(one.provider.id)]
    priced = [(rates.usual, one.provider.id, one, rates) for one in usable if (rates := one.rates_at(now_ms))]
    is_configured = any(configured(one.provider.id) for one in usable)
    if not priced:
        return Found(model, usable[0] if usable else None, None, is_configured)
    _, _, offer, rates = min(priced, key=lambda one: one[:2])
    return Found(model, offer, rates, is_configured)


def _is_within(rates: Rates | None, most: int) -> bool:
    return rates is not None and rates.usual <= most


def _rank(found: Found) -> tuple[bool, Unit | str, int, str]:
    rates = found.rates
    return rates is None, (rates.per if rates and rates.per else ""), rates.usual if rates else 0, found.model.id
