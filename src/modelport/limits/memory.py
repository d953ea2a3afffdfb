"""The limits of one process, in its memory."""

from collections.abc import Iterator, Sequence

from modelport.core.clock import Clock
from modelport.limits.store import MEASURES, SECOND_US, Grant, Refusal, Take
from modelport.limits.window import Window

_LOOKED_AT = 2
"""How many old subjects are looked at when a new one comes: more than one, so that idle ones get fewer."""


class _Used:
    """What one subject uses."""

    __slots__ = ("calls", "requests", "tokens")

    def __init__(self) -> None:
        self.calls = 0
        self.requests = Window()
        self.tokens = Window()

    def waits_us(self, now_us: int, take: Take) -> tuple[int, int, int]:
        """Return how long each limit is in the way of a call: 0 when it is not."""
        pace = take.pace
        requests, tokens, calls = pace.requests_per_minute, pace.tokens_per_minute, pace.concurrent_calls
        return (
            0 if requests is None else self.requests.wait_us(now_us, requests, 1),
            0 if tokens is None else self.tokens.wait_us(now_us, tokens, take.reserved),
            SECOND_US if calls is not None and self.calls >= calls else 0,
        )

    def is_idle(self, now_us: int) -> bool:
        """Whether nothing of it need be remembered."""
        return self.calls == 0 and self.requests.is_empty(now_us) and self.tokens.is_empty(now_us)


class MemoryLimits:
    """A `LimitStore` for one event loop; nothing in it waits. It forgets subjects that use nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: dict[str, _Used] = {}

    def __len__(self) -> int:
        """Count the subjects that are remembered."""
        return len(self._used)

    async def take(self, takes: Sequence[Take], permit: str) -> Grant | Refusal:
        """Take all of it or nothing."""
        now_us = self.now_us()
        worst: Refusal | None = None
        for take in takes:
            for measure, wait_us in zip(MEASURES, self._of(take.subject, now_us).waits_us(now_us, take), strict=True):
                if wait_us > (0 if worst is None else worst.wait_us):
                    worst = Refusal(take, measure, wait_us)
        return worst or self.count(takes, permit, now_us)

    def count(self, takes: Sequence[Take], permit: str, now_us: int) -> Grant:
        """Count a call that was let in elsewhere."""
        return Grant(permit, tuple(takes), tuple(self._count(take, now_us) for take in takes))

    def _count(self, take: Take, now_us: int) -> int:
        used, pace = self._of(take.subject, now_us), take.pace
        if pace.concurrent_calls is not None:
            used.calls += 1
        if pace.requests_per_minute is not None:
            used.requests.add(now_us, 1)
        return used.tokens.add(now_us, take.reserved) if take.reserved else now_us // SECOND_US

    async def end(self, grant: Grant, tokens: int) -> None:
        """Free the call's places and count the tokens that it really used: what is beyond those reserved counts now."""
        now_us = self.now_us()
        for take, second in zip(grant.takes, grant.seconds, strict=True):
            used = self._of(take.subject, now_us)
            if take.pace.concurrent_calls is not None:
                used.calls -= 1
            if take.pace.tokens_per_minute is not None:
                if tokens < take.reserved:
                    used.tokens.give_back(second, take.reserved - tokens)
                elif tokens > take.reserved:
                    used.tokens.add(now_us, tokens - take.reserved)

    def undo(self, grant: Grant) -> None:
        """Take everything back that was just taken, because the call was not let in after all."""
        for take, second in zip(grant.takes, grant.seconds, strict=True):
            used, pace = self._used[take.subject], take.pace
            if pace.concurrent_calls is not None:
                used.calls -= 1
            if pace.requests_per_minute is not None:
                used.requests.give_back(second, 1)
            if pace.tokens_per_minute is not None:
                used.tokens.give_back(second, take.reserved)

    def now_us(self) -> int:
        """Microseconds on a clock that never steps."""
        return round(self._clock.monotonic_s() * SECOND_US)

    def _of(self, subject: str, now_us: int) -> _Used:
        used = self._used.get(subject)
        if used is None:
            for old in self._oldest():
                seen = self._used.pop(old)
                if not seen.is_idle(now_us):
                    self._used[old] = seen
            used = self._used[subject] = _Used()
        return used

    def _oldest(self) -> list[str]:
        subjects: Iterator[str] = iter(self._used)
        return [subject for subject, _ in zip(subjects, range(_LOOKED_AT), strict=False)]
