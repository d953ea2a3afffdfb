"""Money as integer credits, 2,000,000 to the US dollar."""

from decimal import Decimal
from typing import NewType

Credits = NewType("Credits", int)

CREDITS_PER_USD = 2_000_000
NO_CREDITS = Credits(0)


def from_usd(amount_usd: Decimal) -> Credits:
    """Convert dollars to credits; raises `ValueError` when the amount is not a whole number of credits."""
    amount_credits = amount_usd * CREDITS_PER_USD
    if not amount_credits.is_finite() or amount_credits != amount_credits.to_integral_value():
        raise ValueError(f"{amount_usd} USD is not a whole number of credits: use a multiple of 0.0000005 USD")
    return Credits(int(amount_credits))


def to_usd(amount_credits: int) -> Decimal:
    """Convert credits to dollars, exactly: at most seven places."""
    return Decimal(amount_credits) / CREDITS_PER_USD


def usd_text(amount_credits: int, places: int = 7) -> str:
    """Print credits as dollars with a fixed number of places, at least seven, so that nothing is rounded away."""
    if amount_credits < 0:
        return "-" + usd_text(-amount_credits, places)
    whole, rest = divmod(amount_credits, CREDITS_PER_USD)
    return f"{whole}.{rest * 5:07d}".ljust(len(str(whole)) + 1 + places, "0")


def usd_json(amount_credits: int) -> bytes:
    """Print credits as the shortest exact JSON number of dollars: `0.00124`, `1.5`, `0`."""
    if amount_credits < 0:
        return b"-" + usd_json(-amount_credits)
    whole, rest = divmod(amount_credits, CREDITS_PER_USD)
    return (b"%d.%07d" % (whole, rest * 5)).rstrip(b"0").rstrip(b".")
