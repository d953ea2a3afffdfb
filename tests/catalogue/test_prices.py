"""Written prices become whole rates, exactly or not at all."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.catalogue.facts import RATE_UNITS
from modelport.catalogue.prices import all_meters, parse_decimal, price_of, rate_of
from modelport.core.credits import CREDITS_PER_USD
from modelport.operations.usage import TEXT_METERS
from modelport.pricing.charge import UnpricedUsage, charge

PRICES = st.decimals(min_value=0, max_value=100_000, places=9).map(lambda price: f"{price:f}")
MARKUPS = st.decimals(min_value="0.01", max_value=10, places=3).map(lambda markup: f"{markup:f}")


def exact(price: str, markup: str = "1") -> Fraction:
    """Credits per `RATE_UNITS`, by the definition."""
    return Fraction(price) * Fraction(markup) / 1_000_000 * CREDITS_PER_USD * RATE_UNITS


@given(PRICES, MARKUPS)
def test_a_rate_is_exactly_its_price_times_its_markup(price: str, markup: str) -> None:
    rate = rate_of(Decimal(price), Decimal(markup))
    assert rate == exact(price, markup)


@given(PRICES)
def test_a_rate_tells_its_price_again(price: str) -> None:
    rate = rate_of(Decimal(price), Decimal(1))
    assert rate is not None
    assert price_of(rate) == Decimal(price)


@given(PRICES, PRICES, st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_charge_at_compiled_rates_is_the_exact_sum_rounded_up(
    price_in: str, price_out: str, tokens_in: int, tokens_out: int
) -> None:
    rates = {"input": rate_of(Decimal(price_in), Decimal(1)), "output": rate_of(Decimal(price_out), Decimal(1))}
    known = {meter: rate for meter, rate in rates.items() if rate is not None}
    exact_usd = Fraction(price_in) * tokens_in / 1_000_000 + Fraction(price_out) * tokens_out / 1_000_000
    assert charge({"input": tokens_in, "output": tokens_out}, known) == -(-exact_usd * CREDITS_PER_USD // 1)


def test_a_price_finer_than_money_has_no_rate() -> None:
    assert rate_of(Decimal("0.0000000000005"), Decimal(1)) == 1
    assert rate_of(Decimal("0.0000000000001"), Decimal(1)) is None
    assert rate_of(Decimal("0.0000000000005"), Decimal("1.5")) is None


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e3", "1,5", ".5", "5.", "NaN", "inf", " 1", "1" * 10, "0." + "1" * 19]
)
def test_only_plain_decimal_numbers_are_prices(text: str) -> None:
    assert parse_decimal(text) is None


def test_a_token_meter_without_a_rate_costs_what_its_base_costs() -> None:
    assert all_meters({"input": 1, "output": 2, "cached_read": 3}) == {
        "input": 1,
        "cached_read": 3,
        "cached_write": 1,
        "cached_write_1h": 1,
        "audio_input": 1,
        "image_input": 1,
        "output": 2,
        "reasoning": 2,
        "audio_output": 2,
    }
    assert set(all_meters({"input": 1, "output": 2})) == set(TEXT_METERS)


def test_a_cache_kept_longer_costs_what_a_cache_costs_unless_it_says_otherwise() -> None:
    assert all_meters({"input": 1, "output": 2, "cached_write": 5})["cached_write_1h"] == 5


def test_a_search_has_no_price_but_its_own() -> None:
    rates = all_meters({"input": 1, "output": 2})
    assert "search" not in rates
    with pytest.raises(UnpricedUsage):
        charge({"input": 1, "search": 1}, rates)
