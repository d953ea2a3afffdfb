"""Time as the rest of the code sees it: passed in, aware, UTC."""

import time
from datetime import UTC, datetime
from typing import Protocol

DAY_MS = 86_400_000
QUARTER_MS = 900_000
"""A quarter hour: time zones begin their days at each of them."""


class Clock(Protocol):
    """Tells the wall time and a monotonic time."""

    def now_ms(self) -> int: ...

    def monotonic_s(self) -> float: ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds on a clock that never steps."""
        return time.monotonic()


def iso_ms(at_ms: int) -> str:
    """Print a moment the way service endpoints do: `2026-02-18T06:59:10.031Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def utc_day(at_ms: int) -> int:
    """Count whole UTC days since 1970."""
    return at_ms // DAY_MS
