"""Balances."""

import pytest

from modelport.core.credits import Credits
from tests.api.site import ACCOUNT, Balances, Site, bearer


@pytest.mark.parametrize("path", ["/v1/billing/balance", "/billing/balance"])
async def test_the_balance_in_credits(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(path, headers=bearer(site.regular))
    assert answer.json() == {
        "balance": 4_200_000,
        "lowBalance": False,
        "lowBalanceThreshold": 10_000,
        "lastUpdated": "2026-05-02T10:00:00.123Z",
        "autoDebitStatus": "disabled",
        "status": "current",
        "statusExplanation": "Balance is current and up to date",
    }


@pytest.mark.parametrize(
    ("balance", "is_low", "status"),
    [(10_000, False, "current"), (9_999, True, "low"), (1, True, "low"), (0, True, "exhausted")],
)
async def test_a_low_balance_is_called_so(balance: int, is_low: bool, status: str) -> None:
    site = Site(balances=Balances(Credits(balance)))
    async with site.running() as client:
        body = (await client.get("/v1/billing/balance", headers=bearer(site.regular))).json()
    assert (body["lowBalance"], body["status"]) == (is_low, status)


@pytest.mark.parametrize(
    ("balance", "text"), [(4_200_000, "2.1"), (1, "0.0000005"), (0, "0"), (10**15 + 1, "500000000.0000005")]
)
async def test_the_balance_in_dollars_is_exact(balance: int, text: str) -> None:
    site = Site(balances=Balances(Credits(balance)))
    async with site.running() as client:
        answer = await client.get("/v2/billing", headers=bearer(site.regular))
    assert answer.text == f'{{"current_balance":{text},"currency":"USD"}}'


async def test_the_detail_names_the_account() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get("/v2/billing/detail", headers=bearer(site.regular))
    assert answer.json() == {
        "user_id": ACCOUNT,
        "email": "dev@example.org",
        "current_balance": 2.1,
        "currency": "USD",
        "autotopup_settings": {"is_enabled": False, "threshold": 0, "amount": 0, "currency": "USD"},
    }
