"""What a rate limit tells whom it refuses."""

from modelport.core.errors import Problem
from modelport.limits.store import Refusal

_REFUSED = "Too Many Requests: the limit of"


class RateLimited(Problem):
    """A limit of the key or its account is used up for now (429)."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LimiterUnreachable(RateLimited):
    """The store that replicas share their limits through cannot be asked, and this limit is not to go on without it."""


def refused(refusal: Refusal, *, is_part: bool) -> RateLimited:
    """Say which limit is used up, whose it is, and when to come back; `is_part` is this process's part of it."""
    pace, seconds = refusal.take.pace, refusal.retry_after_s
    limit = {
        "requests": f"{pace.requests_per_minute} requests per minute",
        "tokens": f"{pace.tokens_per_minute} tokens per minute, and this call may use {refusal.take.tokens}",
        "concurrent": f"{pace.concurrent_calls} concurrent calls",
    }[refusal.measure]
    when = "when one of them has ended" if refusal.measure == "concurrent" else f"in {seconds} s"
    part = " (this process's part of it)" if is_part else ""
    return RateLimited(f"{_REFUSED} {refusal.take.whose} is {limit}{part}. Try again {when}", seconds)


def unreachable(whose: str) -> LimiterUnreachable:
    """Say that a limit cannot be looked up, and that nothing goes on without it."""
    return LimiterUnreachable(
        f"{_REFUSED} {whose} cannot be checked: the limiter that servers share is unreachable. Try again in a moment",
        1,
    )
