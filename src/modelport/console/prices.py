"""Prices as the pages tell them: one short line for lists, tables for a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from modelport.catalogue.facts import Model, Operation, Rates, Unit
from modelport.catalogue.prices import FALLBACK, UNIT_PRICES, price_of
from modelport.core.credits import CREDITS_PER_USD
from modelport.operations.usage import OUTPUT_METERS, SEARCH_METER

_METERS: Mapping[str, str] = {
    "input": "Input",
    "cached_read": "Input from the cache",
    "cached_write": "Writing to the cache",
    "cached_write_1h": "Writing to the cache for an hour",
    "audio_input": "Audio input",
    "image_input": "Image input",
    "output": "Output",
    "reasoning": "Thinking",
    "audio_output": "Audio output",
    SEARCH_METER: "Web searches",
}
_PER: Mapping[Unit, str] = {
    "image": "image",
    "megapixel": "megapixel",
    "second": "second",
    "minute": "minute",
    "character": "1M characters",
    "page": "page",
    "song": "song",
    "request": "request",
}
_SEARCHES = 1000


@dataclass(frozen=True, slots=True)
class Price:
    """One line of a price list."""

    what: str
    usd: str
    per: str


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices that hold for calls of some kind."""

    title: str
    prices: tuple[Price, ...]


def usd(amount: Decimal) -> str:
    """Print dollars: exactly, with two places at least where it is a cent or more."""
    text = f"{amount.normalize():f}"
    whole, _, places = text.partition(".")
    return f"${whole}.{places.ljust(2, '0')}" if places else f"${whole}.00"


def short_price(rates: Rates | None, operation: Operation) -> str:
    """Tell a price in a few words; empty when none is known."""
    if rates is None:
        return ""
    if rates.per is not None:
        costs = rates.every
        start = "from " if min(costs) != max(costs) else ""
        return f"{start}{usd(price_of(min(costs), UNIT_PRICES[rates.per]))} / {_PER[rates.per]}"
    if is_free(rates):
        return "free"
    into = usd(price_of(rates.by_meter["input"]))
    return f"{into} in" if operation == "embeddings" else f"{into} in · {usd(price_of(rates.by_meter['output']))} out"


def is_free(rates: Rates | None) -> bool:
    """Whether nothing is paid."""
    if rates is None:
        return False
    return not any(rates.every)


def blended(rates: Rates | None) -> Fraction | None:
    """Return dollars per million tokens, three of input to one of output; None where tokens are not what is paid."""
    if rates is None or rates.per is not None:
        return None
    mixed = 3 * rates.by_meter["input"] + rates.by_meter["output"]
    return Fraction(price_of(mixed)) / 4


def price_lists(rates: Rates | None, model: Model) -> tuple[PriceList, ...]:
    """Tell every price, those of calls with much input after the usual ones."""
    if rates is None:
        return ()
    if rates.per is not None:
        return (PriceList("", _media(rates, rates.per)),)
    lists = [PriceList("", _tokens(rates.by_meter, model.operation))]
    for tier in rates.tiers:
        title = f"More than {tier.above_tokens:,} tokens of input"
        lists.append(PriceList(title, _tokens(tier.by_meter, model.operation)))
    return tuple(lists)


def _tokens(by_meter: Mapping[str, int], operation: Operation) -> tuple[Price, ...]:
    found: list[Price] = []
    for meter, what in _METERS.items():
        rate, base = by_meter.get(meter), FALLBACK.get(meter)
        if rate is None or (base is not None and rate == by_meter[base]):
            continue
        if operation == "embeddings" and meter in OUTPUT_METERS:
            continue
        if meter == SEARCH_METER:
            found.append(Price(what, usd(price_of(rate, _SEARCHES)), f"{_SEARCHES:,} searches"))
        else:
            found.append(Price(what, usd(price_of(rate)), "1M tokens"))
    return tuple(found)


def _media(rates: Rates, per: Unit) -> tuple[Price, ...]:
    units = UNIT_PRICES[per]
    found = [Price(_told(variant.when), _cost(variant.rate, units), _PER[per]) for variant in rates.variants]
    what = "Otherwise" if found else "Any call"
    found += [Price(what, _cost(rate, units), _PER[per]) for rate in rates.by_meter.values()]
    if rates.drafts is not None:
        found.append(Price("Each unfinished picture", _cost(rates.drafts, 1), "image"))
    return tuple(found)


def _told(when: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in when.items())


def _cost(rate: int, units: int) -> str:
    return usd(price_of(rate, units))


def credits_of_a_dollar() -> str:
    """Print how many credits a dollar is."""
    return f"{CREDITS_PER_USD:,}"
