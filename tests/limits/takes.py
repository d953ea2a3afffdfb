"""What calls take, for tests."""

from modelport.core.pace import Pace
from modelport.limits.store import Grant, LimitStore, Refusal, Take


def take(
    requests: int | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    *,
    asks: int = 0,
    subject: str = "key:1",
) -> Take:
    """A take of one subject with these limits, for a call that may use so many tokens."""
    return Take(subject, f"the {subject}", Pace(requests, tokens, calls), asks)


async def granted(store: LimitStore, *takes: Take, permit: str = "one") -> Grant:
    """Take, and fail if that is refused."""
    outcome = await store.take(takes, permit)
    assert isinstance(outcome, Grant), outcome
    return outcome


async def refusal(store: LimitStore, *takes: Take) -> Refusal:
    """Take, and fail if that is not refused."""
    outcome = await store.take(takes, "refused")
    assert isinstance(outcome, Refusal), outcome
    return outcome
