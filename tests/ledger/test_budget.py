"""Periods begin at midnight UTC."""

import calendar
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.ledger.budget import Period, period_days

EPOCH = date(1970, 1, 1)
FIRST = datetime(1970, 1, 5, tzinfo=UTC).replace(tzinfo=None)
LAST = datetime(2200, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@given(
    st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    st.sampled_from(["no_reset", "day", "week", "month"]),
)
def test_a_moment_lies_in_its_period(moment: datetime, period: Period) -> None:
    start, following = period_days(period, int(moment.timestamp()) * 1000)
    today = (moment.date() - EPOCH).days
    assert start <= today
    if following is None:
        assert (period, start) == ("no_reset", 0)
        return
    assert today < following
    first, after = (date.fromordinal(EPOCH.toordinal() + day) for day in (start, following))
    if period == "day":
        assert following == start + 1
    elif period == "week":
        assert first.weekday() == after.weekday() == 0
        assert following == start + 7
    else:
        assert first.day == after.day == 1
        assert (after.year * 12 + after.month) - (first.year * 12 + first.month) == 1


def first_of_period(period: Period, day: date) -> date:
    """Walk back, day by day, to where the period of a day began."""
    while (period == "week" and day.weekday() != calendar.MONDAY) or (period == "month" and day.day != 1):
        day -= timedelta(days=1)
    return day


def first_of_next(period: Period, day: date) -> date:
    """Walk on, day by day, to where the next period begins."""
    day += timedelta(days=1)
    while first_of_period(period, day) != day:
        day += timedelta(days=1)
    return day


PERIODS = st.sampled_from(["day", "week", "month"])
EDGES = [date(year, month, day) for year in (1972, 2000, 2024, 2100) for month, day in ((2, 28), (3, 1), (12, 31))]
DAYS = st.dates(date(1970, 1, 5), date(2200, 1, 1)) | st.sampled_from(EDGES)


@given(DAYS, st.integers(0, 86_399_999), PERIODS)
def test_a_period_begins_and_ends_where_the_calendar_says(day: date, ms: int, period: Period) -> None:
    start, following = period_days(period, (day - EPOCH).days * 86_400_000 + ms)
    assert following is not None
    assert EPOCH + timedelta(days=start) == first_of_period(period, day)
    assert EPOCH + timedelta(days=following) == first_of_next(period, day)


@given(DAYS, PERIODS)
def test_periods_follow_each_other_without_a_gap_and_change_at_midnight(day: date, period: Period) -> None:
    _, following = period_days(period, (day - EPOCH).days * 86_400_000)
    assert following is not None
    midnight = following * 86_400_000
    assert period_days(period, midnight - 1)[1] == following
    assert period_days(period, midnight)[0] == following


@pytest.mark.parametrize(
    ("moment", "period", "first", "following"),
    [
        ("2024-02-29T23:59:59.999+00:00", "day", "2024-02-29", "2024-03-01"),
        ("2024-02-29T12:00:00+00:00", "month", "2024-02-01", "2024-03-01"),
        ("2023-02-28T23:59:59+00:00", "month", "2023-02-01", "2023-03-01"),
        ("2100-02-28T00:00:00+00:00", "month", "2100-02-01", "2100-03-01"),
        ("2026-12-31T23:59:59+00:00", "month", "2026-12-01", "2027-01-01"),
        ("2026-12-31T23:59:59+00:00", "week", "2026-12-28", "2027-01-04"),
        ("2027-01-01T00:00:00+00:00", "week", "2026-12-28", "2027-01-04"),
        ("2026-11-30T00:00:00+00:00", "week", "2026-11-30", "2026-12-07"),
        ("2026-11-29T23:59:59+00:00", "week", "2026-11-23", "2026-11-30"),
        ("2026-12-31T23:30:00-01:00", "day", "2027-01-01", "2027-01-02"),
    ],
)
def test_leap_years_year_ends_and_mondays(moment: str, period: Period, first: str, following: str) -> None:
    days = period_days(period, int(datetime.fromisoformat(moment).timestamp() * 1000))
    assert [str(EPOCH + timedelta(days=day or 0)) for day in days] == [first, following]
