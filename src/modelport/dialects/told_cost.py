"""What a provider says that a call costs: the members of its usage that do, in billionths of a dollar.

- OpenRouter's `cost` counts in its credits, each a dollar, and comes with every answer without being asked for; with a
  key of one's own at the maker it is the fee alone, what the maker takes stands beside it:
  https://openrouter.ai/docs/use-cases/usage-accounting (read 2026-11-29).
- xAI's `cost_in_usd_ticks` has 10,000,000,000 to the dollar: https://docs.x.ai/developers/cost-tracking (read
  2026-11-29).
- Perplexity's `cost` is an object: https://docs.perplexity.ai/api-reference/sonar-post, seen there in September 2026 by
  https://github.com/promptfoo/promptfoo/pull/10809 (read 2026-11-29).
- DeepInfra's `estimated_cost` is in dollars; its documentation does not tell of it.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
from msgspec import Raw, Struct

_ABSENT = Raw(b"null")
_NUMBER = re.compile(rb"[0-9]{1,20}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_NANO, _TICKS_PLACES, _MOST_PLACES = 9, 10, 9
"""Places of a billionth and of a tick; no call costs more than 10**9 dollars."""


class CostTold(Struct, kw_only=True):
    """The members of a usage in which providers tell the cost."""

    cost: Raw = _ABSENT
    cost_in_usd_ticks: Raw = _ABSENT
    estimated_cost: Raw = _ABSENT
    cost_details: Raw = _ABSENT
    is_byok: Raw = _ABSENT


class _Cost(Struct):
    total_cost: Raw = _ABSENT
    currency: str = "USD"


class _Details(Struct):
    upstream_inference_cost: Raw = _ABSENT


_COST = msgspec.json.Decoder(_Cost)
_DETAILS = msgspec.json.Decoder(_Details)


def nano_usd(told: CostTold) -> int | None:
    """Return what a call costs, to the nearest billionth of a dollar; None where nothing (sensible) is told."""
    if told.cost_in_usd_ticks is not _ABSENT:
        return _scaled(_decimal(told.cost_in_usd_ticks), _NANO - _TICKS_PLACES)
    if told.cost is not _ABSENT:
        return _scaled(_cost(told), _NANO)
    if told.estimated_cost is not _ABSENT:
        return _scaled(_decimal(told.estimated_cost), _NANO)
    return None


def _cost(told: CostTold) -> Decimal | None:
    if bytes(told.cost).startswith(b"{"):
        return _total(told.cost)
    cost = _decimal(told.cost)
    if cost is None or bytes(told.is_byok) != b"true":
        return cost
    try:
        upstream = _decimal(_DETAILS.decode(told.cost_details).upstream_inference_cost)
    except msgspec.DecodeError:
        return None
    return None if upstream is None else cost + upstream


def _total(cost: Raw) -> Decimal | None:
    try:
        found = _COST.decode(cost)
    except msgspec.DecodeError:
        return None
    return _decimal(found.total_cost) if found.currency == "USD" else None


def _decimal(raw: Raw) -> Decimal | None:
    """Read a JSON number that is not negative."""
    text = bytes(raw)
    return Decimal(text.decode("ascii")) if _NUMBER.fullmatch(text) else None


def _scaled(amount: Decimal | None, places: int) -> int | None:
    if amount is None or amount.adjusted() + places >= _NANO + _MOST_PLACES:
        return None
    return int(amount.scaleb(places).to_integral_value(ROUND_HALF_EVEN))
