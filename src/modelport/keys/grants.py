"""A key never grants what its maker lacks."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import Literal, get_args

from modelport.catalogue.facts import is_family
from modelport.core.clock import iso_ms
from modelport.core.credits import usd_json
from modelport.core.errors import Problem
from modelport.core.networks import Network
from modelport.core.pace import Pace
from modelport.keys.key import DRAIN_AND_BILL, Key, Limit, Retention
from modelport.keys.store import KeyTerms, terms_of

Member = Literal[
    "scopes",
    "models",
    "providers",
    "ip_ranges",
    "expires_at",
    "limit",
    "rate_limits.requests_per_minute",
    "rate_limits.tokens_per_minute",
    "rate_limits.concurrent_calls",
]
"""What a maker can lack, by its name in the API."""
MEMBERS: frozenset[str] = frozenset(get_args(Member))

Families = Callable[[str], Collection[str]]
"""Says under which `maker/*` the model of an id falls."""


class GrantsTooMuch(Problem):
    """A management key was to make a key that may do more than itself; `param` is the member that is too wide."""

    def __init__(self, prefix: str, param: Member, has: str) -> None:
        super().__init__(f"'{param}': the key {prefix} cannot grant more than it has, which is {has}")
        self.param = param


def inherited(maker: KeyTerms) -> KeyTerms:
    """Return the terms of a key of which nothing is said: as wide as its maker's."""
    return replace(maker, name=None, is_disabled=False, on_disconnect=DRAIN_AND_BILL)


def check_grant(maker: Key, terms: KeyTerms, members: Collection[str], families: Families) -> None:
    """Raise `GrantsTooMuch` when one of `members` of the terms is wider than its maker's."""
    for member, has in excesses(terms_of(maker), terms, families):
        if member in members:
            raise GrantsTooMuch(maker.prefix, member, has)


def excesses(maker: KeyTerms, terms: KeyTerms, families: Families) -> Iterator[tuple[Member, str]]:
    """Name the members that are wider than the maker's, and what the maker has."""
    if not _is_part(terms.scopes, maker.scopes):
        yield "scopes", _listed(maker.scopes)
    if not _are_among(terms.models, maker.models, families):
        yield "models", _listed(maker.models)
    if not _is_part(terms.providers, maker.providers):
        yield "providers", _listed(maker.providers)
    if not _are_inside(terms.ip_ranges, maker.ip_ranges):
        yield "ip_ranges", _listed(map(str, maker.ip_ranges or ()))
    if not _is_at_most(terms.expires_at_ms, maker.expires_at_ms):
        yield "expires_at", iso_ms(maker.expires_at_ms or 0)
    if maker.limit is not None and not _is_as_strict(terms.limit, maker.limit):
        yield "limit", limit_in_words(maker.limit)
    for member, bound in _PACES.items():
        if not _is_at_most(bound(terms.pace), bound(maker.pace)):
            yield member, str(bound(maker.pace))


_PACES: Mapping[Member, Callable[[Pace], int | None]] = {
    "rate_limits.requests_per_minute": lambda pace: pace.requests_per_minute,
    "rate_limits.tokens_per_minute": lambda pace: pace.tokens_per_minute,
    "rate_limits.concurrent_calls": lambda pace: pace.concurrent_calls,
}
_STRICTNESS: Mapping[Retention, int] = {"day": 0, "week": 1, "month": 2, "no_reset": 3}
"""The longer a threshold has to last, the stricter it is."""
_IN_WORDS: Mapping[Retention, str] = {"day": "a day", "week": "a week", "month": "a month", "no_reset": "in all"}


def _is_part(wanted: frozenset[str] | None, mine: frozenset[str] | None) -> bool:
    return mine is None or (wanted is not None and wanted <= mine)


def _are_among(wanted: frozenset[str] | None, mine: frozenset[str] | None, families: Families) -> bool:
    """Whether all models are the maker's, by name or as part of a family; a family is so only by name."""
    if mine is None or wanted is None:
        return mine is None
    return all(name in mine or (not is_family(name) and not mine.isdisjoint(families(name))) for name in wanted)


def _are_inside(wanted: tuple[Network, ...] | None, mine: tuple[Network, ...] | None) -> bool:
    if mine is None or wanted is None:
        return mine is None
    fours = list(collapse_addresses(one for one in mine if isinstance(one, IPv4Network)))
    sixes = list(collapse_addresses(one for one in mine if isinstance(one, IPv6Network)))
    return all(
        any(map(one.subnet_of, fours)) if isinstance(one, IPv4Network) else any(map(one.subnet_of, sixes))
        for one in wanted
    )


def _is_at_most(wanted: int | None, mine: int | None) -> bool:
    return mine is None or (wanted is not None and wanted <= mine)


def _is_as_strict(wanted: Limit | None, mine: Limit) -> bool:
    if wanted is None or wanted.threshold > mine.threshold:
        return False
    return _STRICTNESS[wanted.retention] >= _STRICTNESS[mine.retention]


def _listed(names: Iterable[str] | None) -> str:
    return ", ".join(sorted(names or ())) or "none"


def limit_in_words(limit: Limit) -> str:
    """Say what a limit allows, such as `5 USD a day`."""
    return f"{usd_json(limit.threshold).decode()} USD {_IN_WORDS[limit.retention]}"
