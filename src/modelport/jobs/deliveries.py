"""How the end of a job is told to its webhook: one event, sent until its receiver has taken it. Pure."""

from collections.abc import Collection, Sequence
from typing import Literal, Protocol
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from modelport.core.errors import Problem

DeliveryStatus = Literal["pending", "delivered", "failed"]

PAUSES_S = (5, 30, 120, 600, 3_600, 18_000)
"""How long is waited after each failed attempt; after one more the event is given up."""
JITTER = 0.1
"""Pauses are up to so much longer, so that what failed together does not come again together."""
GONE = 410
"""Says that the receiver wants no more of it."""


class Delivery(Struct, frozen=True, kw_only=True):
    """How far the event of one job is on its way."""

    url: str
    status: DeliveryStatus = "pending"
    attempts: int = 0
    failures: int = 0
    """In a row, since it was begun or begun anew."""
    last_status: int | None = None
    last_error: str | None = None
    last_at_ms: int | None = None
    next_at_ms: int | None = None
    """None while its job has not ended, and when it is not sent again."""

    @property
    def host(self) -> str:
        """Whose receiver it is."""
        return urlsplit(self.url).hostname or ""


class Outcome(Struct, frozen=True):
    """What came of one attempt: a status, or what went wrong."""

    at_ms: int
    duration_ms: int
    status: int | None = None
    error: str | None = None
    after_s: int = 0
    """How long the receiver wants to be left alone."""

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300


class Claimed(Struct, frozen=True):
    """An attempt that whoever claimed it makes."""

    job_id: str
    host: str
    number: int
    """How many were made before it."""


class Told(Struct, frozen=True):
    """A delivery as the operator is told of it."""

    job_id: str
    account: str
    model: str
    ended_at_ms: int | None
    delivery: Delivery


class DeliveryUnknown(Problem):
    """There is no such job, or nobody wants to be told of its end."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job '{job_id[:64]}' has a webhook: it never was, or it was swept")


class NotEnded(Problem):
    """The job has not ended: there is nothing to tell yet."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the job '{job_id[:64]}' has not ended: its webhook is called by itself when it has")


def event_id(job_id: str) -> str:
    """Name the event of a job: the same at every attempt, so that its receiver can tell a repetition."""
    return f"evt_{job_id}"


def followed(delivery: Delivery, outcome: Outcome, chance: float) -> Delivery:
    """Return how far a delivery is after one more attempt; `chance` from 0 to 1 decides how much longer a pause is."""
    seen = replace(
        delivery,
        attempts=delivery.attempts + 1,
        last_status=outcome.status,
        last_error=outcome.error,
        last_at_ms=outcome.at_ms,
        next_at_ms=None,
    )
    if outcome.is_taken:
        return replace(seen, status="delivered", failures=0)
    failures = delivery.failures + 1
    if outcome.status == GONE or failures > len(PAUSES_S):
        return replace(seen, status="failed", failures=failures)
    pause_s = max(PAUSES_S[failures - 1], min(outcome.after_s, PAUSES_S[-1])) * (1 + JITTER * chance)
    return replace(seen, failures=failures, next_at_ms=outcome.at_ms + outcome.duration_ms + int(pause_s * 1000))


class DeliveryStore(Protocol):
    """Keeps deliveries beside their jobs. Calls block and can be made from any thread. Raises `StoreUnavailable`."""

    def claim(
        self, now_ms: int, until_ms: int, limit: int, per_host: int, besides: Collection[str]
    ) -> Sequence[Claimed]:
        """Take attempts that are due, oldest first, at most so many of a host and none of some.

        Nobody else gets them before `until_ms`; who died with them has them taken by others then.
        """
        ...

    def record(self, job_id: str, number: int, outcome: Outcome, delivery: Delivery) -> bool:
        """Write down an attempt and how far the delivery is after it; False where that attempt was recorded before."""
        ...

    def resend(self, job_id: str, now_ms: int) -> Delivery:
        """Have the event of an ended job sent now, whatever became of it; raises `DeliveryUnknown`, `NotEnded`."""
        ...

    def page(self, limit: int, *, failed: bool) -> Sequence[Told]:
        """List deliveries of ended jobs, newest job first; those that were given up alone where that is asked."""
        ...

    def outcomes(self, job_id: str) -> Sequence[Outcome]:
        """List the attempts that were made, oldest first; raises `DeliveryUnknown`."""
        ...
