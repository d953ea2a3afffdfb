"""What calls for media cost: which rate holds, and how much of its unit a call uses."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from msgspec.structs import replace as msgspec_replace

from modelport.catalogue.facts import DRAFT_METER, Rates, Unit, Variant
from modelport.operations.made import Made, Pages, Pictures, Transcript
from modelport.operations.media import MediaCall
from modelport.operations.units import asked_size, characters, count_of, megapixels, seconds
from modelport.operations.usage import Usage

FREE_UNIT: Unit = "request"
"""What is counted of that which costs nothing."""
METERS: Mapping[Unit, str] = {"minute": "second"}
"""Units that are metered in another."""
MINUTE_S = 60
"""Minutes are sold by the second."""
UNKNOWN_PAGES = 10
UNKNOWN_INPUT, UNKNOWN_OUTPUT = 2000, 6500
"""Tokens around a text, and of a picture or a few minutes of sound, where media is paid by tokens."""


def rates_of(rates: Rates, call: MediaCall) -> Rates | None:
    """Return what holds for a call: of media one rate, of what it is metered in, and that of unfinished pictures.

    None where no price fits it.
    """
    if rates.per is None:
        is_free = not any(rates.by_meter.values())
        return replace(rates, by_meter={FREE_UNIT: 0}, per=FREE_UNIT) if is_free else rates
    rate = next((variant.rate for variant in rates.variants if _fits(variant, call)), rates.by_meter.get(rates.per))
    if rate is None:
        return None
    if rates.per == "minute":
        rate = -(-rate // MINUTE_S)
    by_meter = {METERS.get(rates.per, rates.per): rate}
    if rates.drafts is not None:
        by_meter[DRAFT_METER] = rates.drafts
    return replace(rates, by_meter=by_meter, variants=())


def _fits(variant: Variant, call: MediaCall) -> bool:
    return all(_written(call.fields.get(name)) == value for name, value in variant.when.items())


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def expected(rates: Rates, call: MediaCall) -> tuple[Mapping[str, int], bool]:
    """Return what a call uses at most at such rates, and whether that is exact."""
    if rates.per is None:
        return {"input": UNKNOWN_INPUT + characters(call), "output": UNKNOWN_OUTPUT * count_of(call)}, False
    units, is_exact = _bound(rates.per, call)
    by_meter = {METERS.get(rates.per, rates.per): units}
    if drafts := within(call, rates).drafts:
        by_meter[DRAFT_METER] = drafts
    return by_meter, is_exact


def within(call: MediaCall, rates: Rates) -> MediaCall:
    """Leave out of a call the unfinished pictures that an offer has no price for, or that come of several at once."""
    if not call.drafts or (DRAFT_METER in rates.by_meter and count_of(call) == 1):
        return call
    return msgspec_replace(call, drafts=0, dropped=(*call.dropped, "partial_images"))


def with_drafts(usage: Usage, drafts: int) -> Usage:
    """Add the unfinished pictures that came to what was used."""
    if not drafts:
        return usage
    source = "counted" if usage.source == "none" else usage.source
    return msgspec_replace(usage, by_meter={**usage.by_meter, DRAFT_METER: drafts}, source=source)


def _bound(unit: Unit, call: MediaCall) -> tuple[int, bool]:
    if unit in ("request", "song"):
        return 1, True
    if unit == "image":
        return count_of(call), True
    if unit == "megapixel":
        return count_of(call) * megapixels(*asked_size(call)), False
    if unit == "character":
        return characters(call), True
    if unit == "page":
        pages = call.fields.get("pages")
        return (max(1, len(cast("list[object]", pages))), True) if isinstance(pages, list) else (UNKNOWN_PAGES, False)
    return seconds(call), False


def used(rates: Rates, call: MediaCall, made: Made | None) -> Usage:
    """Meter what was made; what its provider reports goes before what is counted here, and that before a guess."""
    if (found := told(rates, call, made)) is not None:
        return found
    units, is_exact = expected(rates, msgspec_replace(call, drafts=0))
    return Usage(units, "counted" if is_exact else "estimated")


def told(rates: Rates, call: MediaCall, made: Made | None) -> Usage | None:
    """Meter what was made as far as it says itself; the bytes of the call's own files are not looked at."""
    unit = rates.per
    if made is not None and made.usage is not None and made.usage.by_meter.keys() <= rates.by_meter.keys():
        return made.usage
    if isinstance(made, Pictures) and unit == "image":
        return Usage({unit: len(made.files)}, "counted")
    if isinstance(made, Pictures) and unit == "megapixel":
        return Usage({unit: sum(_megapixels_of(file.facts, call) for file in made.files)}, "counted")
    if isinstance(made, Transcript) and unit in ("minute", "second") and made.duration_s is not None:
        return Usage({"second": max(1, math.ceil(made.duration_s))}, "provider")
    if isinstance(made, Pages) and unit == "page":
        return Usage({unit: max(1, len(made.pages))}, "counted")
    return None


def _megapixels_of(facts: Mapping[str, object], call: MediaCall) -> int:
    width, height = facts.get("width"), facts.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return megapixels(width, height)
    return megapixels(*asked_size(call))
