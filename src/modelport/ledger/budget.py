"""What a key may spend in a period."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from modelport.core.clock import utc_day

Period = Literal["no_reset", "day", "week", "month"]

_MONDAY = 4
"""The first Monday, in days since 1970."""


@dataclass(frozen=True, slots=True)
class KeyBudget:
    """Names a key that is limited, and its period (UTC); how much it may spend in that, the store knows."""

    key_id: int
    period: Period


def period_days(period: Period, at_ms: int) -> tuple[int, int | None]:
    """Return the first day of the period that `at_ms` is in, and the first day of the next (days since 1970, UTC)."""
    today = utc_day(at_ms)
    if period == "day":
        return today, today + 1
    if period == "week":
        start = today - (today - _MONDAY) % 7
        return start, start + 7
    if period == "month":
        moment = datetime.fromtimestamp(at_ms // 1000, UTC)
        start = today - moment.day + 1
        years, month = divmod(moment.month, 12)
        following = datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
        return start, utc_day(int(following.timestamp()) * 1000)
    return 0, None
