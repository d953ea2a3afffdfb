"""Balances of the caller's account."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from modelport.accounts.store import AccountStore
from modelport.api.request import Answer, Request, json_answer
from modelport.core.clock import Clock, iso_ms
from modelport.core.credits import Credits, usd_json
from modelport.ledger.payments import AutoTopUp

LOW_BALANCE = Credits(10_000)
_NO_TOP_UP = AutoTopUp(False, Credits(0), Credits(0), False, 0, None)
_EXPLANATIONS = {
    "current": "Balance is current and up to date",
    "low": "Balance is low: add credit",
    "exhausted": "Balance is used up: add credit to go on",
}


class Balances(Protocol):
    """Tells what an account has."""

    async def balance(self, account_id: int) -> Credits: ...


async def no_top_up(account_id: int) -> AutoTopUp:
    """Say that an account is not topped up by itself, where nobody can pay."""
    return _NO_TOP_UP


@dataclass(frozen=True, slots=True)
class BillingRoutes:
    """`/v1/billing/balance`, `/v2/billing` and `/v2/billing/detail`."""

    balances: Balances
    accounts: AccountStore
    clock: Clock
    run: Callable[..., Awaitable[Any]]
    auto_top_up: Callable[[int], Awaitable[AutoTopUp]] = no_top_up

    async def credits(self, request: Request) -> Answer:
        """Answer the balance in credits."""
        balance = await self.balances.balance(request.caller.account_id)
        top_up = await self.auto_top_up(request.caller.account_id)
        status = _status(balance)
        return json_answer(
            {
                "balance": balance,
                "lowBalance": balance < LOW_BALANCE,
                "lowBalanceThreshold": LOW_BALANCE,
                "lastUpdated": iso_ms(self.clock.now_ms()),
                "autoDebitStatus": "enabled" if top_up.is_enabled else "disabled",
                "status": status,
                "statusExplanation": _EXPLANATIONS[status],
            }
        )

    async def usd(self, request: Request) -> Answer:
        """Answer the balance in dollars."""
        balance = await self.balances.balance(request.caller.account_id)
        return json_answer({"current_balance": msgspec.Raw(usd_json(balance)), "currency": "USD"})

    async def detail(self, request: Request) -> Answer:
        """Answer whose balance it is as well."""
        account_id = request.caller.account_id
        account = await self.run(self.accounts.by_id, account_id)
        balance = await self.balances.balance(account_id)
        top_up = await self.auto_top_up(account_id)
        return json_answer(
            {
                "user_id": account.id,
                "email": account.email,
                "current_balance": msgspec.Raw(usd_json(balance)),
                "currency": "USD",
                "autotopup_settings": {
                    "is_enabled": top_up.is_enabled,
                    "threshold": msgspec.Raw(usd_json(top_up.threshold)),
                    "amount": msgspec.Raw(usd_json(top_up.amount)),
                    "currency": "USD",
                },
            }
        )


def _status(balance: Credits) -> str:
    if balance <= 0:
        return "exhausted"
    return "low" if balance < LOW_BALANCE else "current"
