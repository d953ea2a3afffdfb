"""Periods begin at midnight UTC."""

from datetime import UTC, date, datetime

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
