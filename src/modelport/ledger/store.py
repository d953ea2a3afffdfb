"""What the ledger needs from storage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from msgspec import Struct

from modelport.core.credits import NO_CREDITS, Credits
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.records import CallRecord, EntryKind, Receipt

NEVER = 1 << 30
"""A day, as those since 1970 are counted, that does not come."""


class Fund(Struct, frozen=True):
    """What slices are cut from: an account's free money, or what a limited key may still spend in a period."""

    account_id: int
    key_id: int | None = None
    """The limited key; None for the account's own money."""
    since_day: int = 0
    """The UTC day (since 1970) on which the key's period began."""
    until_day: int = NEVER
    """The UTC day on which the key's next period begins."""


class Slice(Struct, frozen=True):
    """A part of a fund that one process may spend; a row with an owner, an epoch and an expiry."""

    id: int
    epoch: int
    is_of_key: bool = False


@dataclass(frozen=True, slots=True)
class Loan:
    """What came of asking for money."""

    slice: Slice | None
    """This process's slice of the fund; None while it has none."""
    granted: Credits
    """What this call added to the slice; 0 when too little was free."""
    unlent: Credits
    """What stays free in the fund, lent to nobody."""
    lent_elsewhere: Credits
    """What other processes hold of the fund: a reason to wait when nothing was granted."""
    owed: Credits = NO_CREDITS
    """What the account has to pay before anything is lent."""


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
    limit: Fund | None = None
    """What of a limited key the charge counts against, if the key is limited."""
    limit_slice: Slice | None = None


FreeHour = Literal["granted", "used_up", "none"]
"""What came of asking for the free allowance of this hour; `none` is for accounts that have none."""


Ended = Callable[[Receipt | Exception], None]


class LedgerStore(Protocol):
    """Keeps money. Awaitables resolve when committed; what is asked is done in the order in which it was asked."""

    @property
    def trouble(self) -> StoreUnavailable | None:
        """Why nothing can be written now; None when it can."""
        ...

    async def borrow(self, fund: Fund, least: Credits, want: Credits) -> Loan:
        """Add between `least` and `want` of what is free in the fund to this process's slice, or nothing.

        What an account owes is paid first, from what is free; while it owes anything, nothing is lent.
        """
        ...

    async def renew(self, renewals: Sequence[Renewal], returned: Sequence[Slice] = ()) -> Sequence[Slice]:
        """Extend the expiry of slices and return whole others to their accounts; say which had lapsed."""
        ...

    def settle(self, settlement: Settlement, ended: Ended) -> None:
        """Commit a call's row and entries, then call `ended` once on the event loop, with who paid or what failed.

        On a lapsed slice the charge is taken from what is free in its fund, what that lacks from the house. A second
        settlement of one inference id fails with `AlreadySettled`. Raises `StoreUnavailable` when too much waits.
        """
        ...

    async def free_hour(self, account_id: int) -> FreeHour:
        """Give an account that never paid what it may use this hour for nothing, once."""
        ...

    async def balance(self, account_id: int) -> Credits:
        """Return the sum of the account's entries, whatever is lent or held."""
        ...

    async def move(
        self, source: int, target: int, amount: Credits, kind: EntryKind, reference_id: str | None, at_ms: int
    ) -> None:
        """Enter one balanced pair; raises `InsufficientFunds` when `source` may not go that low."""
        ...
