"""What of a call goes to its provider, and how it is laid out in an address."""

from collections.abc import Iterator, Mapping
from typing import cast
from urllib.parse import quote, urlencode

from modelport.dialects.media.wire import Order

_OURS = frozenset({"stream"})
"""Fields that say how the gateway is to answer."""


def asked(order: Order) -> tuple[dict[str, object], list[str]]:
    """Return what a call sends on, under the offer's names, and what the offer leaves out; nulls are not sent."""
    quirks = order.target.offer.quirks
    given = {name: value for name, value in order.call.fields.items() if value is not None and name not in _OURS}
    sent = {quirks.rename.get(name, name): value for name, value in given.items() if name not in quirks.drop}
    return sent, [name for name in given if name in quirks.drop]


def addressed(path: str, fields: Mapping[str, object]) -> str:
    """Write fields behind a path; a list is its name, several times."""
    pairs = [(name, written(one)) for name, value in fields.items() for one in _each(value)]
    return f"{path}?{urlencode(pairs, quote_via=quote)}" if pairs else path


def _each(value: object) -> Iterator[object]:
    if isinstance(value, list):
        yield from cast("list[object]", value)
    else:
        yield value


def written(value: object) -> str:
    """Write a value of a call as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
