"""What the writer does on the driver itself, without SQLAlchemy, where microseconds count."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from modelport.core.credits import Credits
from modelport.ledger.records import Receipt
from modelport.ledger.store import Fund, Loan, Renewal, Settlement, Slice

SHARE = 4
"""A borrower gets at most this fraction of what is free, unless he needs more."""
JOB = "job:"
"""Begins the owner of a slice that a job has, which is no process: it never lapses, the job's end ends it."""
FOR_JOBS_MS = 1 << 52
"""How long such a slice is lent: longer than any clock runs."""


def owner_of(job_id: str) -> str:
    """Name the owner of what is held for a job."""
    return f"{JOB}{job_id}"


class Teller(Protocol):
    """Settles, lends and takes back, each in the transaction that is open."""

    def settle(self, settlements: Sequence[Settlement]) -> list[Receipt]:
        """Settle calls; raises `AlreadySettled` (and settles none) when the only one is a repetition."""
        ...

    def settled(self, inference_ids: Sequence[str]) -> Mapping[str, Receipt]:
        """Return what came of those calls that are settled already."""
        ...

    def borrow(self, owner: str, fund: Fund, least: int, want: int, lease_ms: int) -> Loan:
        """Add between `least` and `want` of what is free in the fund to the owner's slice, or nothing."""
        ...

    def renew(self, renewals: Sequence[Renewal], returned: Sequence[Slice], lease_ms: int) -> list[Slice]:
        """Extend the expiry of slices and return whole others to their funds; say which had lapsed."""
        ...


def granted_of(free: int, least: int, want: int) -> int:
    """Say how much of what is free is lent to who needs `least` and would like `want`; 0 when it is too little."""
    return 0 if free < least or free <= 0 else min(want, max(least, free // SHARE))


def refused(mine: Slice | None, free: int, elsewhere: int, owed: int = 0) -> Loan:
    """Lend nothing, and say how things are."""
    return Loan(mine, Credits(0), Credits(max(0, free)), Credits(elsewhere), Credits(owed))


def lent(mine: Slice, granted: int, free: int, elsewhere: int) -> Loan:
    """Say what was lent of what was free."""
    return Loan(mine, Credits(granted), Credits(free - granted), Credits(elsewhere))
