"""The account store in memory."""

from dataclasses import dataclass, field, replace

from modelport.accounts.account import Account, AccountExists, UnknownAccount
from modelport.core.credits import Credits
from modelport.core.pace import Pace


@dataclass
class TwinAccounts:
    """Keeps accounts in a dictionary, and the credit they began with."""

    by_number: dict[int, Account] = field(default_factory=dict)
    credit: dict[int, Credits] = field(default_factory=dict)

    def create(self, name: str, email: str, credit: Credits, at_ms: int) -> Account:
        if any(account.name == name for account in self.by_number.values()) or name in {"world", "house"}:
            raise AccountExists(name)
        account = Account(len(self.by_number) + 3, name, email, at_ms)
        self.by_number[account.id] = account
        self.credit[account.id] = credit
        return account

    def by_name(self, name: str) -> Account:
        for account in self.by_number.values():
            if account.name == name:
                return account
        raise UnknownAccount(name)

    def by_id(self, account_id: int) -> Account:
        if account_id not in self.by_number:
            raise UnknownAccount(str(account_id))
        return self.by_number[account_id]

    def limit(self, account_id: int, bounds: Pace, at_ms: int) -> Account:
        limited = self.by_number[account_id] = replace(self.by_id(account_id), pace=bounds)
        return limited

    def all(self) -> list[Account]:
        return list(self.by_number.values())
