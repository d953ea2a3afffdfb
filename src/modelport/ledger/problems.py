"""What can be wrong with money."""

from modelport.core.credits import NO_CREDITS, Credits, usd_text
from modelport.core.errors import Problem


class InsufficientFunds(Problem):
    """The account cannot pay for this (403)."""

    def __init__(self, account_id: int, needed: Credits, left: Credits, owed: Credits = NO_CREDITS) -> None:
        if owed:
            reason = (
                f"the account owes {usd_text(owed)} USD for a payment that was refunded or disputed after it was "
                "spent; the next top-up pays that first"
            )
        else:
            reason = (
                f"the balance does not cover this: it needs {usd_text(needed)} USD and {usd_text(left)} USD is left; "
                "add credit or ask for less"
            )
        super().__init__(reason)
        self.account_id = account_id
        self.needed = needed
        self.left = left
        self.owed = owed


class FreeAllowanceUsedUp(Problem):
    """The account never paid, and has used what is free this hour (429)."""

    def __init__(self, account_id: int, retry_after_s: int) -> None:
        super().__init__(
            f"the free allowance of this hour is used up: wait {-(-retry_after_s // 60)} minutes, or add credit"
        )
        self.account_id = account_id
        self.retry_after_s = retry_after_s


class KeyLimitReached(Problem):
    """The key's spending limit does not allow this (403)."""

    def __init__(self, key_id: int, needed: Credits, left: Credits) -> None:
        super().__init__(
            f"the key's spending limit does not cover this call: it needs {usd_text(needed)} USD and {usd_text(left)} "
            "USD is left in this period; raise the limit, wait for the next period or use another key"
        )
        self.key_id = key_id
        self.needed = needed
        self.left = left


class AlreadySettled(Problem):
    """A call was to be settled a second time; nothing was charged again."""

    def __init__(self, inference_id: str) -> None:
        super().__init__(f"the call '{inference_id}' is settled already: each inference id is charged once")
        self.inference_id = inference_id


class StoreUnavailable(Problem):
    """The database could not be written or read; nothing of what was asked happened (503)."""

    retry_after_s = 1
    said = (
        "the ledger could not be written ({reason}): check that the data folder's disk has room and that no other "
        "program holds the database, then try again"
    )

    def __init__(self, reason: str) -> None:
        super().__init__(self.said.format(reason=reason))
        self.reason = reason

    def again(self) -> "StoreUnavailable":
        """Say the same to one more."""
        return type(self)(self.reason)


class StoreAway(StoreUnavailable):
    """The server of the database cannot be reached."""

    said = "the database cannot be reached ({reason}): check that MODELPORT_DATABASE_URL is right and its server runs"


class StoreFull(StoreUnavailable):
    """The disk of the database has no room."""

    said = (
        "the disk of the data folder, or of the database that MODELPORT_DATABASE_URL names, is full ({reason}): no "
        "call can be charged, and so none is served, until there is room on it"
    )


class HoldEnded(RuntimeError):
    """A hold was used after it had been settled or released: a mistake in the caller."""
