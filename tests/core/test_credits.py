"""Money is exact in both directions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.core.credits import CREDITS_PER_USD, from_usd, to_usd, usd_json, usd_text

AMOUNTS = st.integers(min_value=-(10**15), max_value=10**15)


@given(AMOUNTS)
def test_dollars_and_credits_convert_without_loss(amount: int) -> None:
    assert from_usd(to_usd(amount)) == amount


@given(AMOUNTS, st.integers(min_value=7, max_value=12))
def test_printed_dollars_are_exact_and_have_their_places(amount: int, places: int) -> None:
    text = usd_text(amount, places)
    assert Decimal(text) * CREDITS_PER_USD == amount
    assert len(text.partition(".")[2]) == places


@given(AMOUNTS)
def test_json_dollars_are_exact_and_short(amount: int) -> None:
    text = usd_json(amount).decode()
    assert Decimal(text) * CREDITS_PER_USD == amount
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


@pytest.mark.parametrize("amount", ["0.0000001", "NaN", "Infinity"])
def test_less_than_a_credit_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="not a whole number of credits"):
        from_usd(Decimal(amount))
