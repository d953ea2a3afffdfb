"""Our prices beside the providers' own words."""

from decimal import Decimal

from modelport.pricing.drift import Drift, ToldCosts, drifts, nano_text


def markup(model: str, provider: str, upstream: str) -> Decimal:
    return {"a": Decimal("1.5"), "b": Decimal(3)}.get(model, Decimal(1))


def test_costs_are_summed_by_day_and_provider_before_markup() -> None:
    told = [
        ToldCosts(7, "acme", "a", "x", 2, 300, 90_000),
        ToldCosts(7, "acme", "c", "x", 1, 100, 60_000),
        ToldCosts(8, "acme", "c", "x", 1, 10, 5_000),
        ToldCosts(8, "zeta", "c", "x", 1, 0, 0),
    ]
    by_day, in_all = drifts(told, markup)
    assert by_day == [
        Drift(8, "acme", 1, 5_000, 5_000, 10),
        Drift(8, "zeta", 1, 0, 0, 0),
        Drift(7, "acme", 3, 150_000, 150_000, 400),
    ]
    assert in_all == [Drift(None, "acme", 4, 155_000, 155_000, 410), Drift(None, "zeta", 1, 0, 0, 0)]


def test_a_markup_that_does_not_divide_is_rounded_once_at_the_end() -> None:
    told = [ToldCosts(7, "acme", "b", f"x{number}", 1, 1, 0) for number in range(3)]
    [one], _ = drifts(told, markup)
    assert one.ours_nano == 500, "three thirds of a credit are one"


def test_a_difference_is_told_in_money_and_in_percent() -> None:
    dearer, cheaper = Drift(1, "p", 1, 1_100, 1_000, 0), Drift(1, "p", 1, 2, 3, 0)
    assert (dearer.difference_nano, dearer.percent) == (100, Decimal("10.00"))
    assert (cheaper.difference_nano, cheaper.percent) == (-1, Decimal("-33.33"))
    assert Drift(1, "p", 1, 5, 0, 0).percent is None


def test_money_is_printed_to_the_billionth() -> None:
    assert nano_text(1_234_000_000_005) == "1,234.000000005"
    assert nano_text(-5) == "-0.000000005"
    assert nano_text(5, is_signed=True) == "+0.000000005"
