"""What the ledger needs from storage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from modelport.core.credits import Credits
from modelport.ledger.records import CallRecord, EntryKind, Receipt


class Slice(Struct, frozen=True):
    """A part of an account's free money that one process may spend; a row with an owner, an epoch and an expiry."""

    id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Loan:
    """What came of asking for money."""

    slice: Slice | None
    """This process's slice of the account; None while it has none."""
    granted: Credits
    """What this call added to the slice; 0 when too little was free."""
    unlent: Credits
    """What stays free on the account, lent to nobody."""
    lent_elsewhere: Credits
    """What other processes hold of the account: a reason to wait when nothing was granted."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A slice to be kept for another while, less what its process does not need."""

    slice: Slice
    give_back: Credits


class Settlement(Struct, frozen=True):
    """A call that ended: its row, and the money that moves with it."""

    record: CallRecord
    slice: Slice | None
    charged: Credits
    """From the account, out of the slice."""
    on_house: Credits
    """From the house: what the account could not pay, or all of a call that is free to the caller."""


Ended = Callable[[Receipt | Exception], None]


class LedgerStore(Protocol):
    """Keeps money. Awaitables resolve when committed; what is asked is done in the order in which it was asked."""

    async def borrow(self, account_id: int, least: Credits, want: Credits) -> Loan:
        """Add between `least` and `want` of the account's free money to this process's slice, or nothing."""
        ...

    async def renew(self, renewals: Sequence[Renewal], returned: Sequence[Slice] = ()) -> Sequence[Slice]:
        """Extend the expiry of slices and return whole others to their accounts; say which had lapsed."""
        ...

    def settle(self, settlement: Settlement, ended: Ended) -> None:
        """Commit a call's row and entries, then call `ended` once on the event loop, with who paid or what failed.

        On a lapsed slice the charge is taken from the free balance, what that lacks from the house. A second
        settlement of one inference id fails with `AlreadySettled`. Raises `StoreUnavailable` when too much waits.
        """
        ...

    async def spent(self, key_id: int, since_day: int) -> Credits:
        """Return what a key was charged from a UTC day on, everything settled before this call included."""
        ...

    async def balance(self, account_id: int) -> Credits:
        """Return the sum of the account's entries, whatever is lent or held."""
        ...

    async def move(
        self, source: int, target: int, amount: Credits, kind: EntryKind, reference_id: str | None, at_ms: int
    ) -> None:
        """Enter one balanced pair; raises `InsufficientFunds` when `source` may not go that low."""
        ...
