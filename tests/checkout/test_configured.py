"""Payments as they are configured: both secrets or nothing, and duties that run beside a gateway."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modelport.bootstrap.payments import bounds_of, money_duties, payments
from modelport.checkout.objects import EVENT_TYPES
from modelport.core.credits import Credits, from_usd
from modelport.core.errors import Secret
from modelport.settings import Settings
from modelport.settings.sections import Stripe
from modelport.storage.database import Database
from modelport.storage.duties import take_duty
from modelport.storage.moves import balance_of
from modelport.storage.promos import grant_promo
from tests.fake.stripe import FakeStripe, Fault
from tests.twins.worlds import DATABASES, opened

DOCS = Path(__file__).parents[2] / "docs" / "payments.md"
KEY, HOOK = Secret("sk_test_1"), Secret("whsec_1")


@pytest.mark.parametrize(
    ("stripe", "is_open"),
    [
        (Stripe(), False),
        (Stripe(secret_key=KEY), False),
        (Stripe(webhook_secret=HOOK), False),
        (Stripe(secret_key=KEY, webhook_secret=Secret("")), False),
        (Stripe(secret_key=KEY, webhook_secret=Secret(" \n")), False),
        (Stripe(secret_key=Secret(" "), webhook_secret=HOOK), False),
        (Stripe(secret_key=KEY, webhook_secret=HOOK), True),
    ],
)
def test_only_with_both_secrets_one_can_pay(stripe: Stripe, is_open: bool, tmp_path: Path) -> None:
    with opened("sqlite", tmp_path) as database, payments(Settings(stripe=stripe), database) as desk:
        assert (desk is not None) == is_open


def test_a_secret_without_the_other_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), opened("sqlite", tmp_path) as database:
        with payments(Settings(stripe=Stripe(secret_key=KEY)), database):
            assert "nobody can pay: set 'stripe.webhook_secret' too" in caplog.text
        with payments(Settings(stripe=Stripe(webhook_secret=HOOK)), database):
            assert "nobody can pay: set 'stripe.secret_key' too" in caplog.text


def test_the_bounds_are_those_of_the_settings() -> None:
    bounds = bounds_of(Settings(stripe=Stripe(least_usd="2.50", most_usd="10")))
    assert (bounds.least, bounds.most) == (5_000_000, 20_000_000)


def test_the_page_names_every_event_that_stripe_has_to_send() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert [name for name in EVENT_TYPES if f"`{name}`" not in page] == []


async def test_customers_who_wait_for_stripe_keep_nobody_else_waiting(tmp_path: Path) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    with FakeStripe() as fake, opened("sqlite", tmp_path, "dev") as database:
        key, hook = Secret(fake.secret_key), Secret(fake.webhook_secret)
        stripe = Stripe(secret_key=key, webhook_secret=hook, base_url=fake.url)
        with payments(Settings(stripe=stripe), database) as desk:
            assert desk is not None
            fake.faults.extend([Fault("POST /v1/checkout/sessions", "hang before")] * 4)
            url = "https://a.example"
            begun = [asyncio.create_task(desk.begin(3, from_usd(Decimal(20)), url, url, False)) for _ in range(4)]
            assert await asyncio.to_thread(fake.hanging.wait, 30)
            await asyncio.to_thread(database.now_ms)  # what everybody else does
            assert not any(task.done() for task in begun)
            fake.released.set()
            assert len({page.order_id for page in await asyncio.gather(*begun)}) == 4


class Sweeper:
    """A desk that only counts."""

    def __init__(self) -> None:
        self.swept = asyncio.Event()
        self.sweeps = 0

    async def sweep(self) -> None:
        self.sweeps += 1
        self.swept.set()
        if self.sweeps == 1:
            raise RuntimeError("a mistake of ours")


@pytest.mark.parametrize("kind", DATABASES)
async def test_one_process_sweeps_and_goes_on_after_a_failure_and_another_follows_it(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first: Any = Sweeper()
    second: Any = Sweeper()
    with opened(kind, tmp_path) as database:
        async with asyncio.timeout(20), money_duties(database, "first", first):
            await first.swept.wait()
            async with money_duties(database, "second", second):
                first.swept.clear()
                await first.swept.wait()
            assert (second.sweeps, first.sweeps) == (0, 2)
        async with asyncio.timeout(20), money_duties(database, "second", second):
            await second.swept.wait()
    assert "the duty 'top-ups' failed unexpectedly" in caplog.text


@pytest.mark.parametrize("kind", DATABASES)
async def test_promotions_expire_beside_a_gateway_that_takes_no_payments(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path, "dev") as database:
        now = database.now_ms()
        with database.write() as connection:
            grant_promo(connection, 3, Credits(5), now - 2, now - 1, None)
        async with asyncio.timeout(20), money_duties(database, "first", None):
            while await asyncio.to_thread(balance, database):  # noqa: ASYNC110 - only the database tells
                await asyncio.sleep(0.01)


async def test_a_duty_that_is_being_taken_when_the_gateway_stops_is_free_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_taking, go_on, has_taken = threading.Event(), threading.Event(), threading.Event()

    def slow(database: Database, name: str, owner: str, lease_s: float) -> bool:
        is_taking.set()
        go_on.wait(20)
        took = take_duty(database, name, owner, lease_s)
        has_taken.set()
        return took

    monkeypatch.setattr("modelport.bootstrap.background.take_duty", slow)
    with opened("sqlite", tmp_path) as database:
        async with money_duties(database, "first", None):
            assert await asyncio.to_thread(is_taking.wait, 20)
            asyncio.get_running_loop().call_later(0.1, go_on.set)
        go_on.set()
        assert await asyncio.to_thread(has_taken.wait, 20)
        assert take_duty(database, "promos", "second", 30)


def balance(database: Any) -> int:
    with database.read() as connection:
        return balance_of(connection, 3)
