"""What accounts need from storage."""

from typing import Protocol

from modelport.accounts.account import Account
from modelport.core.credits import Credits
from modelport.core.pace import Pace


class AccountStore(Protocol):
    """Keeps accounts. Calls block; the serving process makes them in a thread."""

    def create(self, name: str, email: str, credit: Credits, at_ms: int) -> Account:
        """Add an account, with an `INIT` entry if it starts with credit; raises `AccountExists`."""
        ...

    def by_name(self, name: str) -> Account:
        """Return the account of that name; raises `UnknownAccount`."""
        ...

    def by_id(self, account_id: int) -> Account:
        """Return the account of that id; raises `UnknownAccount`."""
        ...

    def limit(self, account_id: int, bounds: Pace, at_ms: int) -> Account:
        """Set what bounds the calls of the account's keys together; raises `UnknownAccount`."""
        ...

    def all(self) -> list[Account]:
        """Return all accounts, oldest first."""
        ...
