"""Turns written prices into exact integer rates."""

import re
from collections.abc import Mapping
from decimal import Context, Decimal

from modelport.catalogue.facts import RATE_UNITS
from modelport.core.credits import CREDITS_PER_USD

PRICE_UNITS = 1_000_000
"""Prices in files are dollars for this many units."""

INPUT_FALLBACK = ("cached_read", "cached_write", "audio_input")
OUTPUT_FALLBACK = ("reasoning", "audio_output")
METERS = ("input", *INPUT_FALLBACK, "output", *OUTPUT_FALLBACK)

_SCALE = CREDITS_PER_USD * RATE_UNITS // PRICE_UNITS
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")
_EXACT = Context(prec=100)


def parse_decimal(text: str) -> Decimal | None:
    """Read a plain decimal number of at most nine digits and eighteen places; None when it is anything else."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def rate_of(price_usd: Decimal, markup: Decimal) -> int | None:
    """Convert dollars per million units, times `markup`, to credits per `RATE_UNITS`; None when that is not whole."""
    rate = _EXACT.multiply(_EXACT.multiply(price_usd, markup), Decimal(_SCALE))
    return int(rate) if rate == rate.to_integral_value() else None


def price_of(rate: int) -> Decimal:
    """Convert a rate back to dollars per million units, exactly."""
    return _EXACT.divide(Decimal(rate), Decimal(_SCALE))


def all_meters(by_meter: Mapping[str, int]) -> dict[str, int]:
    """Complete the rates of `input` and `output`: a meter without a rate of its own costs what its base costs."""
    complete = dict(by_meter)
    for meter in INPUT_FALLBACK:
        complete.setdefault(meter, by_meter["input"])
    for meter in OUTPUT_FALLBACK:
        complete.setdefault(meter, by_meter["output"])
    return complete
