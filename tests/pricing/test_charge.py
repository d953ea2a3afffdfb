"""Costs are summed exactly and rounded up once."""

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.catalogue.facts import RATE_UNITS
from modelport.core.credits import CREDITS_PER_USD
from modelport.pricing.charge import UnpricedUsage, charge

METERS = st.sampled_from(["input", "cached_read", "output", "reasoning"])
USD_PER_MILLION = st.decimals(min_value=0, max_value=1000, places=6)


@given(st.dictionaries(METERS, st.tuples(st.integers(min_value=0, max_value=10**9), USD_PER_MILLION)))
def test_a_charge_is_the_exact_price_rounded_up_once(used: dict[str, tuple[int, Decimal]]) -> None:
    exact = sum((units * rate * CREDITS_PER_USD / 1_000_000 for units, rate in used.values()), Decimal(0))
    rates = {meter: int(rate * CREDITS_PER_USD * RATE_UNITS / 1_000_000) for meter, (_, rate) in used.items()}
    usage = {meter: units for meter, (units, _) in used.items()}
    assert charge(usage, rates) == int(exact.to_integral_value(rounding=ROUND_CEILING))


def test_charge_refuses_usage_it_has_no_rate_for() -> None:
    with pytest.raises(UnpricedUsage, match="no rate for reasoning"):
        charge({"input": 1, "reasoning": 5}, {"input": 1})


def test_any_priced_use_costs_at_least_one_credit() -> None:
    assert charge({"input": 1}, {"input": 1}) == 1
    assert charge({"input": 0}, {"input": 1}) == 0
