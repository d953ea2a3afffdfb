"""What calls for media cost: which rate holds, and how much of its unit a call uses."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from modelport.catalogue.facts import Rates, Unit, Variant
from modelport.operations.made import Made, Pages, Pictures, Transcript
from modelport.operations.media import MediaCall, Upload
from modelport.operations.usage import Usage

FREE_UNIT: Unit = "request"
"""What is counted of that which costs nothing."""
METERS: Mapping[Unit, str] = {"minute": "second"}
"""Units that are metered in another."""
PIXELS = 1_000_000
"""In a megapixel; each picture has at least one."""
MINUTE_S = 60
"""Minutes are sold by the second."""
UNKNOWN_BYTES_PER_S = 2000
"""The thinnest sound that is reckoned with where only its size is known: 16 kbit/s."""
UNKNOWN_S = 600
"""How long a sound is taken to be of which nothing is known."""
UNKNOWN_PAGES = 10
UNKNOWN_INPUT, UNKNOWN_OUTPUT = 2000, 6500
"""Tokens around a text, and of a picture or a few minutes of sound, where media is paid by tokens."""
UNKNOWN_PICTURE = (1024, 1024)
PRESETS: Mapping[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
COUNTS = ("num_images", "n")
TEXTS = ("text", "script", "input", "prompt")


def rates_of(rates: Rates, call: MediaCall) -> Rates | None:
    """Return what holds for a call: of media one rate, of what it is metered in. None where no price fits it."""
    if rates.per is None:
        is_free = not any(rates.by_meter.values())
        return replace(rates, by_meter={FREE_UNIT: 0}, per=FREE_UNIT) if is_free else rates
    rate = next((variant.rate for variant in rates.variants if _fits(variant, call)), rates.by_meter.get(rates.per))
    if rate is None:
        return None
    if rates.per == "minute":
        rate = -(-rate // MINUTE_S)
    return replace(rates, by_meter={METERS.get(rates.per, rates.per): rate}, variants=())


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
    return {METERS.get(rates.per, rates.per): units}, is_exact


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
    return _seconds(call), False


def used(rates: Rates, call: MediaCall, made: Made | None) -> Usage:
    """Meter what was made; what its provider reports goes before what is counted here."""
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
    units, is_exact = expected(rates, call)
    return Usage(units, "counted" if is_exact else "estimated")


def _megapixels_of(facts: Mapping[str, object], call: MediaCall) -> int:
    width, height = facts.get("width"), facts.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return megapixels(width, height)
    return megapixels(*asked_size(call))


def megapixels(width: int, height: int) -> int:
    """Round a picture up to whole megapixels."""
    return max(1, -(-width * height // PIXELS))


def count_of(call: MediaCall) -> int:
    """Return how many pictures are asked for."""
    counts = [value for name in COUNTS if isinstance(value := call.fields.get(name), int | float)]
    return max(1, math.ceil(counts[0])) if counts else 1


def asked_size(call: MediaCall) -> tuple[int, int]:
    """Return the pixels that are asked for, as far as a call says."""
    asked = call.fields.get("image_size", call.fields.get("size"))
    if isinstance(asked, Mapping):
        sides = cast("Mapping[str, object]", asked)
        width, height = sides.get("width"), sides.get("height")
        if isinstance(width, int) and isinstance(height, int):
            return width, height
    if isinstance(asked, str):
        if asked in PRESETS:
            return PRESETS[asked]
        width, _, height = asked.lower().partition("x")
        if width.isdigit() and height.isdigit():
            return int(width), int(height)
    return UNKNOWN_PICTURE


def characters(call: MediaCall) -> int:
    """Count the characters of the text of a call; at least one."""
    texts = [value for name in TEXTS if isinstance(value := call.fields.get(name), str)]
    return max(1, len(texts[0])) if texts else 1


def _seconds(call: MediaCall) -> int:
    duration = call.fields.get("duration")
    if isinstance(duration, int | float) and duration > 0:
        return math.ceil(duration)
    sizes = [len(value.data) for value in call.fields.values() if isinstance(value, Upload)]
    return max(1, -(-max(sizes) // UNKNOWN_BYTES_PER_S)) if sizes else UNKNOWN_S
