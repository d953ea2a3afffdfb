"""Moments as people write them."""

import pytest

from modelport.core.moments import LAST_MS, Period, moment_ms


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01", 0),
        ("2026-11-01", 1_793_491_200_000),
        ("2026-11-01T00:00:00", 1_793_491_200_000),
        ("2026-11-01T00:00:00Z", 1_793_491_200_000),
        ("2026-11-01T02:00:00.005+02:00", 1_793_491_200_005),
        ("9999-12-31T23:59:59.999Z", LAST_MS),
        ("0001-01-01", 0),
    ],
)
def test_a_date_or_time_is_read_exactly(text: str, at_ms: int) -> None:
    assert moment_ms(text) == at_ms


@pytest.mark.parametrize(
    "text", ["", "now", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59-10:00", "1e3"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        moment_ms(text)


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    period = Period(10, 20)
    assert [period.holds(at) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert Period().holds(0)
