"""How much a call for media asks for: pictures, pixels, characters, seconds."""

import math
from collections.abc import Mapping
from typing import cast

from modelport.operations.media import MediaCall, Upload

PIXELS = 1_000_000
"""In a megapixel; each picture has at least one."""
UNKNOWN_BYTES_PER_S = 2000
"""The thinnest sound that is reckoned with where only its size is known: 16 kbit/s."""
UNKNOWN_S = 600
"""How long a sound is taken to be of which nothing is known."""
UNKNOWN_PICTURE = (1024, 1024)
PRESETS: Mapping[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""The words of `image_size`, in pixels."""
COUNTS = ("num_images", "n")
"""The names of how many pictures are wanted; the first wins where both are sent."""
TEXTS = ("text", "script", "input", "prompt")


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


def seconds(call: MediaCall) -> int:
    """Return how long the sound of a call is at most, as far as its size tells."""
    duration = call.fields.get("duration")
    if isinstance(duration, int | float) and duration > 0:
        return math.ceil(duration)
    sizes = [len(value.data) for value in call.fields.values() if isinstance(value, Upload)]
    return max(1, -(-max(sizes) // UNKNOWN_BYTES_PER_S)) if sizes else UNKNOWN_S
