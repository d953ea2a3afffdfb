"""The server dies while a customer pays: after its restart there is exactly the credit that Stripe says was paid."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import text

from modelport.storage.books import check_books
from modelport.storage.database import Database, sqlite_url
from tests.acceptance.gateway import Gateway
from tests.api.site import bearer
from tests.checkout.shop import URLS, USD
from tests.fake.stripe import Event, FakeStripe, Fault
from tests.fake.stripe.server import FaultKind

WITHIN_S = 60.0
CHARGE = "POST /v1/payment_intents"
CREATE_SESSION = "POST /v1/checkout/sessions"


def settings_of(stripe: FakeStripe) -> dict[str, str]:
    """The variables with which a gateway takes payments."""
    return {
        "MODELPORT_STRIPE_SECRET_KEY": stripe.secret_key,
        "MODELPORT_STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "MODELPORT_STRIPE_BASE_URL": stripe.url,
    }


class Till:
    """A gateway that takes payments, its only customer, and Stripe, which lives on when the gateway dies."""

    def __init__(self, folder: Path, stripe: FakeStripe, url: str | None = None) -> None:
        self.stripe = stripe
        self.url = url or sqlite_url(folder)
        settings = settings_of(stripe)
        if url is not None:
            settings |= {"MODELPORT_DATABASE_URL": url, "MODELPORT_SECRET": f"1:{'s' * 32}"}
        self.gateway = Gateway(folder, settings=settings)
        self.headers: dict[str, str] = {}

    def open(self) -> None:
        self.gateway.start()
        self.gateway.create_account("dev", "0")
        self.headers = bearer(self.gateway.create_key("dev"))

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        with httpx.Client(base_url=self.gateway.base_url, timeout=WITHIN_S, trust_env=False) as client:
            return client.request(method, path, **{"headers": self.headers, **more})  # type: ignore[arg-type]

    def checkout(self) -> str:
        """Begin a payment whose card is to be saved; returns Stripe's page."""
        body = {"amount_usd": 10, "save_card": True, **URLS}
        return self.ask("POST", "/v1/billing/checkout", json=body).json()["url"].rpartition("/")[2]

    def tell(self, event: Event) -> None:
        answer = self.ask("POST", "/webhooks/stripe", content=event.body, headers=self.stripe.signed(event))
        assert answer.status_code == 200, answer.text

    def tell_all(self) -> None:
        for event in tuple(self.stripe.books.events):
            self.tell(event)

    @property
    def balance(self) -> int:
        return self.ask("GET", "/v1/billing/balance").json()["balance"]

    def until_balance(self, credit: int) -> None:
        until = time.monotonic() + WITHIN_S
        while (now := self.balance) != credit:
            assert time.monotonic() < until, (now, self.gateway.stderr)
            time.sleep(0.05)

    def charged(self) -> list[int]:
        return [charge["amount"] for charge in self.stripe.books.charges]

    def let_a_minute_pass(self) -> None:
        """Make what the dead server wrote a minute older."""
        with closing(Database(self.url)) as database, database.write() as connection:
            connection.execute(text("UPDATE orders SET updated_at_ms = updated_at_ms - 60000"))
            connection.execute(text("UPDATE duties SET until_ms = until_ms - 60000"))

    def problems(self) -> list[str]:
        with closing(Database(self.url)) as database:
            return check_books(database)


@contextmanager
def open_till(folder: Path, url: str | None = None) -> Iterator[Till]:
    with FakeStripe() as stripe:
        till = Till(folder, stripe, url)
        till.open()
        try:
            yield till
        finally:
            till.gateway.stop()


@pytest.mark.parametrize("moment", ["hang before", "hang after"])
def test_a_server_that_dies_while_a_card_is_charged_leaves_one_charge_and_its_credit(
    moment: FaultKind, tmp_path: Path
) -> None:
    """Before, Stripe has the request and has done nothing yet; after, it has the money and nobody heard."""
    with open_till(tmp_path) as till:
        till.stripe.books.pay(till.checkout())
        till.tell_all()
        till.stripe.faults.append(Fault(CHARGE, moment))
        till.gateway.run("credits", "auto-top-up", "dev", "--threshold", "5", "--amount", "20")
        till.gateway.run("credits", "adjust", "dev", "-6", "--reason", "a call")
        assert till.stripe.hanging.wait(WITHIN_S)
        till.gateway.kill9()
        assert till.charged() == ([1000] if moment == "hang before" else [1000, 2000])
        till.let_a_minute_pass()
        till.gateway.start()
        till.until_balance(24 * USD)
        till.stripe.released.set()
        if moment == "hang before":
            assert till.stripe.acted.wait(WITHIN_S)
        till.tell_all()
        assert (till.balance, till.charged(), till.problems()) == (24 * USD, [1000, 2000], [])


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_server_that_dies_before_it_hears_of_a_page_credits_what_is_paid_there(is_paid: bool, tmp_path: Path) -> None:
    with open_till(tmp_path) as till, ThreadPoolExecutor(1) as pool:
        till.stripe.faults.append(Fault(CREATE_SESSION, "hang after"))
        begun = pool.submit(till.checkout)
        assert till.stripe.hanging.wait(WITHIN_S)
        till.gateway.kill9()
        assert isinstance(begun.exception(WITHIN_S), httpx.TransportError)
        till.gateway.start()
        (session_id,) = [one for one in till.stripe.books.objects if one.startswith("cs_")]
        if is_paid:
            till.stripe.books.pay(session_id)
        else:
            till.stripe.books.lapse(session_id)
        till.tell_all()
        till.tell_all()
        assert (till.balance, till.problems()) == (10 * USD if is_paid else 0, [])


@contextmanager
def fresh_url() -> Iterator[str]:
    from tests.twins.postgres import fresh_postgres, give_back

    url = fresh_postgres()
    try:
        yield url
    finally:
        give_back(url)


@pytest.mark.debian("postgresql")
def test_a_server_that_dies_between_an_event_and_its_commit_credits_it_when_it_comes_again(tmp_path: Path) -> None:
    with (
        fresh_url() as url,
        open_till(tmp_path, url) as till,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(url) as other,
    ):
        till.stripe.books.pay(till.checkout())
        (event,) = [one for one in till.stripe.books.events if one.type == "checkout.session.completed"]
        other.execute("SELECT 1 FROM orders FOR UPDATE")  # the server gets as far as to this row
        told = pool.submit(till.tell, event)
        until_somebody_waits(url)
        till.gateway.kill9()
        assert isinstance(told.exception(WITHIN_S), httpx.TransportError)
        other.rollback()
        till.gateway.start()
        assert till.balance == 0
        till.tell(event)
        till.tell(event)
        assert (till.balance, till.problems()) == (10 * USD, [])


def until_somebody_waits(url: str) -> None:
    """Wait until a transaction waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as connection:
        until = time.monotonic() + WITHIN_S
        while connection.execute(waiting).fetchone() == (0,):
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.01)
