"""Turns written prices into exact integer rates."""

import re
from collections.abc import Mapping
from decimal import Context, Decimal

from modelport.catalogue.facts import RATE_UNITS, Unit
from modelport.core.credits import CREDITS_PER_USD
from modelport.operations.usage import SEARCH_METER, TEXT_METERS

PRICE_UNITS = 1_000_000
"""Prices in files are dollars for this many units."""

FALLBACK = {
    "cached_read": "input",
    "cached_write": "input",
    "cached_write_1h": "cached_write",
    "audio_input": "input",
    "image_input": "input",
    "reasoning": "output",
    "audio_output": "output",
}
"""The meter whose rate holds for another that has none of its own; that one stands before it."""
METERS = (*TEXT_METERS, SEARCH_METER)
"""Every meter of text operations. `search` has no fallback: what a search costs is not what a token costs."""

UNIT_PRICES: Mapping[Unit, int] = {
    "image": 1,
    "megapixel": 1,
    "second": 1,
    "minute": 1,
    "character": PRICE_UNITS,
    "page": 1,
    "song": 1,
    "request": 1,
}
"""For how many units of media a written price is."""

_SCALE = CREDITS_PER_USD * RATE_UNITS // PRICE_UNITS
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")
_EXACT = Context(prec=100)


def parse_decimal(text: str) -> Decimal | None:
    """Read a plain decimal number of at most nine digits and eighteen places; None when it is anything else."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def rate_of(price_usd: Decimal, markup: Decimal, units: int = PRICE_UNITS) -> int | None:
    """Convert dollars per so many units, times `markup`, to credits per `RATE_UNITS`; None when that is not whole."""
    rate = _EXACT.multiply(_EXACT.multiply(price_usd, markup), Decimal(_SCALE * PRICE_UNITS // units))
    return int(rate) if rate == rate.to_integral_value() else None


def price_of(rate: int, units: int = PRICE_UNITS) -> Decimal:
    """Convert a rate back to dollars per so many units, exactly."""
    return _EXACT.divide(Decimal(rate), Decimal(_SCALE * PRICE_UNITS // units))


def all_meters(by_meter: Mapping[str, int]) -> dict[str, int]:
    """Complete the rates of `input` and `output`: a token meter without a rate of its own costs what its base costs."""
    complete = dict(by_meter)
    for meter, base in FALLBACK.items():
        complete.setdefault(meter, complete[base])
    return complete
