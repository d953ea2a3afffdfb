"""A whole gateway with Stripe configured: a card is saved, the balance falls, and the card pays by itself."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from modelport.api.server import listening
from modelport.bootstrap.gateway import gateway
from modelport.bootstrap.office import office
from modelport.core.credits import Credits
from modelport.core.errors import Secret
from modelport.settings import Settings
from modelport.settings.sections import Stripe
from modelport.storage import by_hand
from tests.api.site import bearer
from tests.checkout.shop import URLS, USD
from tests.fake.stripe import FakeStripe


async def test_a_card_is_saved_and_pays_by_itself(tmp_path: Path) -> None:
    with FakeStripe() as fake:
        key, webhook = Secret(fake.secret_key), Secret(fake.webhook_secret)
        stripe = Stripe(secret_key=key, webhook_secret=webhook, base_url=fake.url)
        settings = Settings(data_dir=tmp_path, stripe=stripe)
        with office(settings) as desk:
            account = desk.accounts.create("dev", "", Credits(0), desk.now_ms())
            _, regular = desk.issuer.issue(account.id, desk.now_ms())
            _, management = desk.issuer.issue(account.id, desk.now_ms(), is_management=True)
        async with gateway(settings) as app, listening(app) as (host, port), client_of(host, port) as client:
            body = {"amount_usd": 10, "save_card": True, **URLS}
            begun = await client.post("/v1/billing/checkout", json=body, headers=bearer(regular.reveal()))
            fake.books.pay(begun.json()["url"].rpartition("/")[2])
            for event in tuple(fake.books.events):
                told = await client.post("/webhooks/stripe", content=event.body, headers=fake.signed(event))
                assert told.json() == {"received": True}
            wanted = {"is_enabled": True, "threshold": 5, "amount": 20}
            headers = bearer(management.reveal())
            assert (await client.put("/v1/billing/auto-top-up", json=wanted, headers=headers)).status_code == 200
            with office(settings) as desk:
                by_hand.adjust(desk.database, account.id, -6 * USD, "a call")
            async with asyncio.timeout(20):
                while (await balance(client, regular)) != 24 * USD:  # noqa: ASYNC110 - only the answer tells
                    await asyncio.sleep(0.05)
        assert [charge["amount"] for charge in fake.books.charges] == [1000, 2000]


async def balance(client: httpx.AsyncClient, key: Secret) -> int:
    answer = (await client.get("/v1/billing/balance", headers=bearer(key.reveal()))).json()
    assert answer["autoDebitStatus"] == "enabled"
    return answer["balance"]


def client_of(host: str, port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=10, trust_env=False)


async def test_without_stripe_the_gateway_has_no_such_routes(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with gateway(settings) as app, listening(app) as (host, port), client_of(host, port) as client:
        for path in ("/v1/billing/checkout", "/webhooks/stripe"):
            answer = await client.post(path, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_route")


@pytest.mark.parametrize("webhook", ["whsec_1", ""])
def test_a_gateway_that_takes_payments_does_not_load_stripe_before_it_is_used(webhook: str, tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from modelport.bootstrap.gateway import gateway
from modelport.core.errors import Secret
from modelport.settings import Settings
from modelport.settings.sections import Stripe
async def main():
    stripe = Stripe(secret_key=Secret("sk_1"), webhook_secret=Secret({webhook!r}))
    async with gateway(Settings(data_dir=Path({str(tmp_path)!r}), stripe=stripe)):
        await asyncio.sleep(1.5)
    print("stripe" in sys.modules)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
