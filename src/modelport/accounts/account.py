"""Accounts: who owns keys and money."""

from dataclasses import dataclass

from modelport.core.errors import Problem
from modelport.core.pace import FREE_PACE, Pace


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who pays; the balance is kept by the ledger under the same id."""

    id: int
    name: str
    email: str
    created_at_ms: int
    pace: Pace = FREE_PACE
    """What bounds the calls of all its keys together."""


class UnknownAccount(Problem):
    """No account of that name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no account named '{name}': see `modelport accounts list`")
        self.name = name


class AccountExists(Problem):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an account named '{name}' exists already: choose another name")
        self.name = name
