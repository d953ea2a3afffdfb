"""What one subject used in the last minute."""

from collections import deque

from modelport.limits.store import SECOND_US, SPAN_US


class Window:
    """Use in buckets of a second. A bucket counts until a minute after the last use in it.

    So no span of a minute ever has more than a limit allows, no more than 61 buckets are kept, and what is refused
    for want of room is let in a minute after the use that was in its way, or less than a second later.
    """

    __slots__ = ("_buckets", "_total")

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque()
        self._total = 0

    def wait_us(self, now_us: int, most: int, amount: int) -> int:
        """Return how long until `amount` more fits: 0 when it does now."""
        self._forget(now_us)
        over = self._total + amount - most
        if over <= 0:
            return 0
        for last_us, used in self._buckets:
            over -= used
            if over <= 0:
                return last_us + SPAN_US - now_us
        return SPAN_US

    def add(self, now_us: int, amount: int) -> int:
        """Count a use; return the second in which it is counted."""
        self._total += amount
        newest = self._buckets[-1] if self._buckets else None
        if newest is None or now_us // SECOND_US > newest[0] // SECOND_US:
            self._buckets.append([now_us, amount])
            return now_us // SECOND_US
        newest[0] = max(newest[0], now_us)
        newest[1] += amount
        return newest[0] // SECOND_US

    def give_back(self, second: int, amount: int) -> None:
        """Take back use that was counted in a second, if that still counts."""
        for bucket in reversed(self._buckets):
            if bucket[0] // SECOND_US == second:
                given = min(bucket[1], amount)
                bucket[1] -= given
                self._total -= given
                return

    def is_empty(self, now_us: int) -> bool:
        """Whether nothing counts any more."""
        self._forget(now_us)
        return not self._buckets

    def _forget(self, now_us: int) -> None:
        buckets = self._buckets
        while buckets and buckets[0][0] <= now_us - SPAN_US:
            self._total -= buckets.popleft()[1]
