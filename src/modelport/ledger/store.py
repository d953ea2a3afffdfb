"""What the ledger needs from storage."""

from dataclasses import dataclass
from typing import Protocol

from modelport.core.credits import Credits
from modelport.ledger.records import CallRecord, EntryKind


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of an account's free money that one process may spend; a row with an owner, an epoch and an expiry."""

    id: int
    epoch: int
    granted: Credits
    """What this call added; 0 when nothing could be had."""
    lent_elsewhere: Credits
    """What other owners hold of the account: a reason to wait when nothing was granted."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """A call that ended: its row, and the money that moves with it."""

    record: CallRecord
    slice_id: int | None
    epoch: int
    charged: Credits
    """From the account, out of the slice."""
    on_house: Credits
    """From the house: what the account could not pay, or all of a call that is free to the caller."""


class LedgerStore(Protocol):
    """Keeps money. Awaitables resolve when committed; one writer thread, group commit."""

    async def borrow(self, account_id: int, least: Credits, want: Credits) -> Slice:
        """Add between `least` and `want` of the account's free money to this process's slice, or nothing."""
        ...

    async def give_back(self, account_id: int, amount: Credits) -> None:
        """Return unspent money of this process's slice to the account."""
        ...

    async def settle(self, settlement: Settlement) -> None:
        """Commit a call's row and entries. On a lapsed slice the charge is taken from the free balance, else from the
        house (and the row is marked `short`)."""
        ...

    async def renew(self) -> None:
        """Extend the expiry of this process's slices."""
        ...

    async def balance(self, account_id: int) -> Credits:
        """Return the sum of the account's entries, whatever is lent or held."""
        ...

    async def move(
        self, source: int, target: int, amount: Credits, kind: EntryKind, reference_id: str | None, at_ms: int
    ) -> None:
        """Enter one balanced pair; raises `InsufficientFunds` when `source` may not go that low."""
        ...
