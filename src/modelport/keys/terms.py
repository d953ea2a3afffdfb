"""Reads the terms of a key from the words of whoever sets them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import is_family
from modelport.catalogue.nearest import Nearest
from modelport.catalogue.problems import RetiredModel, UnknownModel
from modelport.core.networks import Network, network_of

NAME_MAX = 256
RANGES_MAX = 100
PACE_MAX = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_EXCERPT = 80


class UnusableTerm(ValueError):
    """What was given cannot be a term of a key; `index` is its place where it is one of a list."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.index = index


def name_of(text: str) -> str:
    """Check a key's name. Raises `UnusableTerm`."""
    if len(text) > NAME_MAX:
        raise UnusableTerm(f"Expected string of at most {NAME_MAX} characters, received {len(text)} characters")
    if not text.isprintable():
        raise UnusableTerm("Expected printable characters, received control characters")
    return text


def moment_of(text: str, now_ms: int) -> int:
    """Read when a key expires: ISO-8601 with an offset or `Z`, in the future. Raises `UnusableTerm`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnusableTerm(
            f"Expected ISO-8601 with an offset or Z, such as 2030-12-31T00:00:00Z, received {_quoted(text)}"
        )
    at_ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not now_ms < at_ms < _LAST_MS:
        raise UnusableTerm(f"Expected a moment in the future and before the year 9999, received {_quoted(text)}")
    return at_ms


def pace_of(number: int) -> int:
    """Check one bound of a pace. Raises `UnusableTerm`."""
    if not 1 <= number <= PACE_MAX:
        raise UnusableTerm(f"Expected integer from 1 to {PACE_MAX}, or null for no bound, received {number}")
    return number


def models_of(names: Sequence[str], catalogue: Catalogue) -> frozenset[str]:
    """Resolve ids, aliases and `maker/*` to canonical ones. Raises `UnusableTerm` naming what was likely meant."""
    return frozenset(_each(names, lambda name: _model(name, catalogue)))


def _model(name: str, catalogue: Catalogue) -> str:
    if is_family(name):
        return _family(name, catalogue)
    try:
        return catalogue.find(name).id
    except UnknownModel as unknown:
        raise UnusableTerm(f"Unknown model, received {_quoted(name)}{_hint(unknown.nearest)}") from unknown
    except RetiredModel as retired:
        hint = (retired.replacement,) if retired.replacement else ()
        raise UnusableTerm(f"Retired model, received {_quoted(name)}{_hint(hint)}") from retired


def _family(name: str, catalogue: Catalogue) -> str:
    families = {family.casefold(): family for model in catalogue.models() for family in model.families}
    found = families.get(name.casefold())
    if found is None:
        nearest = Nearest((family.removesuffix("/*"), family) for family in families.values())
        raise UnusableTerm(
            f"Unknown maker, received {_quoted(name)}{_hint(nearest(name.removesuffix('/*')[:_EXCERPT]))}"
        )
    return found


def providers_of(names: Sequence[str], catalogue: Catalogue) -> frozenset[str]:
    """Resolve ids of providers, in any case. Raises `UnusableTerm` naming what was likely meant."""
    return frozenset(_each(names, lambda name: _provider(name, catalogue)))


def _provider(name: str, catalogue: Catalogue) -> str:
    found = catalogue.provider(name.lower())
    if found is None:
        known = [
            (other, provider.id) for provider in catalogue.providers() for other in (provider.id, *provider.aliases)
        ]
        raise UnusableTerm(f"Unknown provider, received {_quoted(name)}{_hint(Nearest(known)(name[:_EXCERPT]))}")
    return found.id


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and CIDR ranges, each once, in order. Raises `UnusableTerm`."""
    if len(texts) > RANGES_MAX:
        raise UnusableTerm(f"Expected at most {RANGES_MAX} ranges, received {len(texts)}")
    found = set(_each(texts, _network))
    return tuple(sorted(found, key=lambda one: (one.version, int(one.network_address), one.prefixlen)))


def _network(text: str) -> Network:
    try:
        return network_of(text.strip())
    except ValueError:
        raise UnusableTerm(
            f"Expected an address or a range such as 203.0.113.7, 10.0.0.0/8 or 2001:db8::/32, received {_quoted(text)}"
        ) from None


_Term = TypeVar("_Term")


def _each(texts: Sequence[str], read: Callable[[str], _Term]) -> list[_Term]:
    """Read every item; what is wrong with one is told with its place."""
    found: list[_Term] = []
    for index, text in enumerate(texts):
        try:
            found.append(read(text))
        except UnusableTerm as unusable:
            raise UnusableTerm(unusable.message, index) from unusable
    return found


def _hint(nearest: Sequence[str]) -> str:
    return f": did you mean {' or '.join(nearest)}?" if nearest else ""


def _quoted(text: str) -> str:
    return f"'{text[:_EXCERPT]}'"
