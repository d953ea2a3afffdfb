"""The spellings of size: `size`, `image_size`, presets, ratios. A caller may use any; the model gets its own."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from modelport.catalogue.parameters import Parameter
from modelport.catalogue.validation import Fault, shown
from modelport.catalogue.wording import words
from modelport.dialects.media.reading import Reading, texts_of
from modelport.operations.units import PRESETS

SPELLINGS = ("image_size", "size", "aspect_ratio", "ratio", "frame_size")
"""The names under which a size or a shape is sent, the most exact first."""
LEAST_SIDE = 64
"""Of `W:H`, two numbers of which one is below it are a ratio; others, and every `WxH`, are pixels."""
MOST_SIDE = 99_999
MAX_TEXT = 40
NEAR = 0.03
"""Ratios that differ by less are taken for the same: 1792x1024 is 16:9."""
_PAIR = re.compile(r"\s*([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*([xX×*:])\s*([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*")
_CLASS = re.compile(r"([0-9](?:\.5)?)[kK]")
_LINES = re.compile(r"([0-9]{3,4})[pP]")


@dataclass(frozen=True, slots=True)
class Frame:
    """What a caller asked for: pixels, or only a shape."""

    ratio: float
    pixels: tuple[int, int] | None = None

    def is_near(self, ratio: float) -> bool:
        """Whether a ratio is as good as this one."""
        return abs(math.log(self.ratio / ratio)) <= NEAR


def frame_of(value: object) -> Frame | None:
    """Read a size in any spelling; None for what is none, such as `2K`."""
    if isinstance(value, dict):
        members = cast("Mapping[str, object]", value)
        width, height = members.get("width"), members.get("height")
        if type(width) is int and type(height) is int and 0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE:
            return Frame(width / height, (width, height))
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return None
    if value in PRESETS:
        width, height = PRESETS[value]
        return Frame(width / height, (width, height))
    found = _PAIR.fullmatch(value)
    if found is None:
        return None
    wide, high = float(found[1]), float(found[3])
    if not wide or not high:
        return None
    is_small = found[2] == ":" and min(wide, high) < LEAST_SIDE
    is_pixels = not is_small and wide.is_integer() and high.is_integer()
    return Frame(wide / high, (int(wide), int(high)) if is_pixels else None)


def sized(reading: Reading) -> None:
    """Say the size in the model's own spelling; a size that it cannot make becomes a fault that names what it can."""
    own = [name for name in SPELLINGS if name in reading.parameters]
    sent = [name for name in SPELLINGS if reading.has(name)]
    if not own or not sent:
        return
    taken = [name for name in sent if name in own]
    name = (taken or sent)[0]
    if not (taken and reading.fits(name, reading.fields[name])):
        _translate(reading, name, own)
    for other in sent:
        if other not in own:
            reading.drop(other)


def _translate(reading: Reading, name: str, own: list[str]) -> None:
    value = reading.fields[name]
    frame = frame_of(value)
    for target in own:
        for candidate in _candidates(target, reading.parameters[target], value, frame):
            if reading.fits(target, candidate):
                reading.put(name, target, candidate)
                _resolve(reading, target, frame)
                return
    if name not in own:
        takes = " or ".join(f"{words(reading.parameters[target])} in '{target}'" for target in own)
        reading.faults.append(Fault(name, f"a size that the model makes: {takes}", shown(value)))
        del reading.fields[name]


def _candidates(target: str, parameter: Parameter, value: object, frame: Frame | None) -> Iterator[object]:
    """Say a size in the ways in which `target` may take it, the most exact first."""
    yield value
    if isinstance(value, str) and len(value) <= MAX_TEXT:
        yield from (word for word in texts_of(parameter) if word.casefold() == value.casefold())
    if frame is None:
        return
    if target in ("aspect_ratio", "ratio") or frame.pixels is None:
        yield from _alike(parameter, frame)
    else:
        width, height = frame.pixels
        yield {"width": width, "height": height}
        yield f"{width}x{height}"
        yield f"{width}:{height}"


def _alike(parameter: Parameter, frame: Frame) -> list[str]:
    """Return the words of a parameter that have the same shape: its default first, then the nearest and largest."""
    alike: list[tuple[bool, float, int, str]] = []
    for word in texts_of(parameter):
        other = frame_of(word)
        if other is not None and frame.is_near(other.ratio):
            area = 0 if other.pixels is None else other.pixels[0] * other.pixels[1]
            far = round(abs(math.log(frame.ratio / other.ratio)), 6)
            alike.append((word != parameter.default, far, -area, word))
    return [word for *_, word in sorted(alike)]


def _resolve(reading: Reading, target: str, frame: Frame | None) -> None:
    """Where only the shape was kept of pixels, choose the resolution that comes nearest, unless one was asked for."""
    if target not in ("aspect_ratio", "ratio") or frame is None or frame.pixels is None or reading.has("resolution"):
        return
    longer, shorter = max(frame.pixels), min(frame.pixels)
    far: list[tuple[float, str]] = []
    for word in texts_of(reading.parameters.get("resolution")):
        if (found := _CLASS.fullmatch(word)) is not None:
            far.append((abs(math.log(longer / (float(found[1]) * 1024))), word))
        elif (found := _LINES.fullmatch(word)) is not None and int(found[1]) == shorter:
            far.append((0.0, word))
    if far:
        reading.fields["resolution"] = min(far)[1]
