"""How far terms of keys reach, by trying out what they allow; the rules of `keys.grants` are held against it."""

from collections.abc import Mapping

from modelport.core.networks import Address, is_within, network_of
from modelport.core.pace import Pace
from modelport.keys.key import Limit
from modelport.keys.store import KeyTerms

NETWORKS = [
    network_of(text)
    for text in (
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.0/9",
        "10.128.0.0/9",
        "10.128.0.7",
        "192.0.2.0/24",
        "::/0",
        "2001:db8::/32",
        "2001:db8::1",
    )
]
PROBES = [None, *(end for one in NETWORKS for end in (one.network_address, one.broadcast_address))]
"""The ends of every network; None is an address that cannot be known."""
EVER = 1 << 62
PERIODS = ("day", "week", "month", "no_reset")
"""From the laxest to the strictest."""


def can_call(terms: KeyTerms, known: Mapping[str, set[str]]) -> set[str]:
    """The models that a key with these terms gets through to; `new` stands for one that a maker will bring out."""
    everything = {**known, **{f"{family}new": {family} for family in ("acme/*", "openai/*", "other/*")}}
    return {
        name
        for name, of in everything.items()
        if terms.models is None or name in terms.models or not terms.models.isdisjoint(of)
    }


def widened(terms: KeyTerms, maker: KeyTerms, known: Mapping[str, set[str]]) -> set[str]:
    """Say on which axes terms allow what those of the maker forbid; `known` are models with their `maker/*`."""
    found: set[str] = set()
    if terms.models is None is not maker.models or not can_call(terms, known) <= can_call(maker, known):
        found.add("models")
    for member in ("scopes", "providers"):
        mine, wanted = getattr(maker, member), getattr(terms, member)
        if mine is not None and (wanted is None or wanted - mine):
            found.add(member)
    if any(is_allowed_from(terms, probe) and not is_allowed_from(maker, probe) for probe in PROBES):
        found.add("ip_ranges")
    pairs = {"expires_at": (terms.expires_at_ms, maker.expires_at_ms)}
    for member in Pace.__dataclass_fields__:
        pairs[f"rate_limits.{member}"] = (getattr(terms.pace, member), getattr(maker.pace, member))
    found |= {name for name, (wanted, mine) in pairs.items() if (wanted or EVER) > (mine or EVER)}
    if maker.limit is not None and (terms.limit is None or not is_as_strict(terms.limit, maker.limit)):
        found.add("limit")
    return found


def is_allowed_from(terms: KeyTerms, probe: Address | None) -> bool:
    return terms.ip_ranges is None or (probe is not None and is_within(probe, terms.ip_ranges))


def is_as_strict(one: Limit, other: Limit) -> bool:
    return one.threshold <= other.threshold and PERIODS.index(one.retention) >= PERIODS.index(other.retention)
