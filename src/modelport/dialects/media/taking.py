"""Takes the fields of a call for pictures into a provider's own words; what nobody took is told as dropped."""

from collections.abc import Mapping, Sequence
from typing import cast

from modelport.catalogue.parameters import decoded
from modelport.dialects.media.sizes import frame_of
from modelport.dialects.media.wire import Order, Ticket
from modelport.dialects.wire import NotExpressible
from modelport.operations.media import Upload
from modelport.operations.units import COUNTS, count_of

OURS = frozenset({"response_format", "convert_base64_to_url", "sync_mode"})
"""Fields that say how the gateway gives a picture: of its provider it is asked as suits the format."""
PICTURES = ("image", "image_url", "image_urls")
SIZES = ("image_size", "size")

Picture = str | Upload


class Taking:
    """The fields of a call, each of which is taken once; those that are left are dropped."""

    __slots__ = ("_left", "_order", "_untrue")

    def __init__(self, order: Order) -> None:
        fields = order.call.fields
        self._order = order
        self._untrue: set[str] = set()
        self._left = {name: value for name, value in fields.items() if value is not None and name not in OURS}

    def take(self, name: str) -> object:
        """Take a field; None where it was not sent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str:
        """Take a text; empty where it was not sent."""
        found = self.take(name)
        return "" if found is None else str(found)

    def number(self, name: str) -> float | None:
        """Take a number."""
        found = self.take(name)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    def move(self, into: dict[str, object], names: Mapping[str, str]) -> None:
        """Take fields as they are, each under its provider's name."""
        for name, own in names.items():
            if name in self._left:
                into[own] = self.take(name)

    def within(self, name: str, least: float, most: float) -> float | None:
        """Take a number as near as the provider can; what had to be moved counts as dropped, too."""
        found = self.number(name)
        if found is None or least <= found <= most:
            return found
        self._left[name] = found
        return least if found < least else most

    def means(self, name: str, value: object) -> None:
        """Take a field where it says what the provider does anyway; elsewhere it is dropped, be it the default."""
        if self._left.get(name) == value:
            self.take(name)
        elif name in self._left:
            self._untrue.add(name)

    def pictures(self) -> list[Picture]:
        """Take the pictures that come with the call."""
        found: list[Picture] = []
        for name in PICTURES:
            given = self.take(name)
            several = cast("list[object]", given) if isinstance(given, list) else [given]
            found += [one for one in several if isinstance(one, str | Upload)]
        return found

    def count(self) -> int:
        """Take how many pictures are wanted."""
        wanted = count_of(self._order.call)
        for name in COUNTS:
            self.take(name)
        return wanted

    def one(self) -> None:
        """Take the count where it is one; raises `NotExpressible` for more."""
        name = next((name for name in COUNTS if name in self._left), COUNTS[0])
        if self.count() > 1:
            raise self.refusal(name, "makes one picture in a request")

    def asked_size(self) -> object:
        """Take the size as it was asked for: a preset, sides, or a word of the model; None where none was."""
        found = [size for name in SIZES if (size := self.take(name)) is not None]
        return found[0] if found else None

    def size_refusal(self, what: str) -> NotExpressible:
        """Say that a size that was taken cannot be made."""
        name = next((name for name in SIZES if name in self._order.call.fields), SIZES[0])
        return self.refusal(name, what)

    def refusal(self, name: str, what: str) -> NotExpressible:
        """Say what the provider cannot do."""
        return NotExpressible(name, self._order.target.offer.provider.name, what)

    @property
    def dropped(self) -> tuple[str, ...]:
        """What is left, but for what says no more than the model's default does."""
        if not self._left:
            return ()
        known = decoded(self._order.target.model.parameters)
        usual = {name: parameter.default for name, parameter in known.items()}
        return tuple(name for name, value in self._left.items() if name in self._untrue or value != usual.get(name))


def pixels_of(size: object) -> tuple[int, int] | None:
    """Return the sides of a size; None for a word that is none."""
    frame = frame_of(size)
    return None if frame is None else frame.pixels


def doubled(sides: tuple[int, int], least: int) -> tuple[int, int]:
    """Double both sides until there are enough pixels: presets are shapes, and some models make no small pictures."""
    width, height = sides
    while width * height < least:
        width, height = 2 * width, 2 * height
    return width, height


def varied(seed: float | None, number: int) -> int | None:
    """Return the seed of the picture with this number, from 0, where each is asked for alone."""
    return None if seed is None else int(seed) + number


def heard(ticket: Ticket, name: str) -> list[str]:
    """Return what earlier answers gave, one after another."""
    return ticket.facts.get(name, "").split()


def told(**several: Sequence[str]) -> Mapping[str, str]:
    """Write what answers gave, for the next request; nothing of it has a space in it."""
    return {name: " ".join(ones) for name, ones in several.items() if ones}
