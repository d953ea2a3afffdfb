"""The desk of payments over a real database and the fake of Stripe, served by the real server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select, text

from modelport.checkout.desk import PaymentDesk
from modelport.checkout.stripe import StripeProvider
from modelport.core.credits import Credits
from modelport.core.errors import Secret
from modelport.core.ids import IdSource
from modelport.ledger.payments import Bounds, Customer
from modelport.ledger.store import LedgerStore
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.ledger import Ledger
from modelport.storage.moves import balance_of, owed_by
from modelport.storage.payments import StoredPayments
from modelport.storage.tables import orders, payment_events
from modelport.storage.writer import Writer
from tests.api.site import ACCOUNT, Site, bearer
from tests.fake.stripe import Event, FakeStripe
from tests.twins.clock import StoppedClock
from tests.twins.spending import spend
from tests.twins.worlds import opened

USD = 2_000_000
BOUNDS = Bounds(Credits(5 * USD), Credits(2000 * USD))
URLS = {"success_url": "https://app.example.com/paid", "cancel_url": "https://app.example.com/no"}
NAMES = ("one", "two", "three", "four", "dev")
"""The last of them is number seven, whose keys the site has."""


@dataclass
class Shop:
    """A gateway that takes payments, and who pays."""

    fake: FakeStripe
    database: Database
    clock: StoppedClock
    desk: PaymentDesk
    site: Site
    ledger: LedgerStore
    stack: AsyncExitStack
    client: httpx.AsyncClient = field(init=False)
    calls: int = 0

    @property
    def store(self) -> StoredPayments:
        return StoredPayments(self.database)

    async def checkout(self, usd: float = 10, *, is_saving: bool = False) -> tuple[str, str]:
        """Begin a payment over the API; returns our order and Stripe's page."""
        body = {"amount_usd": usd, "save_card": is_saving, **URLS}
        answer = await self.client.post("/v1/billing/checkout", json=body, headers=bearer(self.site.regular))
        assert answer.status_code == 200, answer.text
        order_id = answer.json()["id"]
        return order_id, self.order(order_id)["session_id"]

    async def send(self, event: Event, at_s: int | None = None) -> httpx.Response:
        """Deliver one event as Stripe does."""
        return await self.client.post("/webhooks/stripe", content=event.body, headers=self.fake.signed(event, at_s))

    async def deliver(self, *events: Event) -> None:
        """Deliver events that are taken in; without any, all there are and in their order."""
        for event in events or tuple(self.fake.books.events):
            answer = await self.send(event)
            assert answer.status_code == 200, (event.type, answer.text)

    async def pay(self, usd: float = 10) -> tuple[str, str]:
        """Pay from beginning to end; returns our order and Stripe's payment."""
        order_id, session_id = await self.checkout(usd)
        known = len(self.fake.books.events)
        payment = self.fake.books.pay(session_id)
        await self.deliver(*self.fake.books.events[known:])
        return order_id, payment["id"]

    async def save_card(self) -> str:
        """Pay and have the card saved; returns the card."""
        _, session_id = await self.checkout(10, is_saving=True)
        self.fake.books.pay(session_id)
        await self.deliver()
        return self.card

    @property
    def card(self) -> str:
        customer = self.store.customer(ACCOUNT)
        assert customer is not None
        assert customer.method_id is not None
        return customer.method_id

    async def enable(self, threshold: float = 5, amount: float = 20) -> dict[str, Any]:
        """Have a saved card pay when the balance is low."""
        body = {"is_enabled": True, "threshold": threshold, "amount": amount}
        headers = bearer(self.site.management)
        answer = await self.client.put("/v1/billing/auto-top-up", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def auto_top_up(self) -> dict[str, Any]:
        answer = await self.client.get("/v1/billing/auto-top-up", headers=bearer(self.site.management))
        return answer.json()

    async def use(self, amount: int) -> None:
        """Have a call that costs so many credits."""
        self.calls += 1
        await spend(self.ledger, ACCOUNT, amount, self.calls)

    def another_desk(self, **changed: Any) -> PaymentDesk:
        """Open the desk of another process, or of the next start."""
        return self._desk_over(self.store, changed)

    def another_process(self) -> PaymentDesk:
        """Open a desk that shares nothing with the first one but the database."""
        database = Database(self.database.url, clock=self.clock)
        self.stack.callback(database.close)
        return self._desk_over(StoredPayments(database), {})

    def _desk_over(self, store: StoredPayments, changed: dict[str, Any]) -> PaymentDesk:
        chosen: dict[str, Any] = {"secret_key": Secret(self.fake.secret_key), "retries": 0, "read_s": 1.0, **changed}
        provider = StripeProvider(webhook_secret=Secret(self.fake.webhook_secret), base_url=self.fake.url, **chosen)
        self.stack.callback(provider.close)
        return PaymentDesk(provider, store, BOUNDS, self.clock, IdSource())

    def order(self, order_id: str) -> dict[str, Any]:
        with self.database.read() as connection:
            row = connection.execute(select(orders).where(orders.c.id == order_id)).one()
        return dict(row._mapping)

    def orders(self, kind: str = "auto") -> list[dict[str, Any]]:
        with self.database.read() as connection:
            rows = connection.execute(select(orders).where(orders.c.kind == kind).order_by(orders.c.id)).all()
        return [dict(row._mapping) for row in rows]

    def outcome(self, event: Event) -> str | None:
        with self.database.read() as connection:
            return connection.scalar(select(payment_events.c.outcome).where(payment_events.c.id == event.id))

    @property
    def balance(self) -> int:
        with self.database.read() as connection:
            return balance_of(connection, ACCOUNT)

    @property
    def owed(self) -> int:
        with self.database.read() as connection:
            return owed_by(connection, ACCOUNT)

    def entries(self, kind: str) -> list[tuple[int, str | None]]:
        """List what came to the account (or, below zero, went from it) under a kind, with its reference."""
        query = (
            "SELECT CASE WHEN to_account = :account THEN credits ELSE -credits END, reference_id FROM entries "
            "WHERE kind = :kind AND (to_account = :account OR from_account = :account) ORDER BY id"
        )
        with self.database.read() as connection:
            rows = connection.execute(text(query), {"account": ACCOUNT, "kind": kind}).all()
        return [(amount, reference) for amount, reference in rows]

    @property
    def books(self) -> list[str]:
        return check_books(self.database)


@asynccontextmanager
async def open_shop(kind: str, folder: Path, served: bool = True) -> AsyncIterator[Shop]:
    """Open everything; it is closed in the end."""
    async with AsyncExitStack() as stack:
        clock = StoppedClock()
        fake = stack.enter_context(FakeStripe())
        fake.books.now_s = lambda: clock.now_ms() // 1000
        database = stack.enter_context(opened(kind, folder, *NAMES, clock=clock))
        other = Database(database.url, clock=clock)
        stack.callback(other.close)
        ledger = Ledger(other, await stack.enter_async_context(Writer(other)), "process")
        shop = Shop(fake, database, clock, None, Site(), ledger, stack)  # type: ignore[arg-type]
        shop.desk = shop.another_desk()
        shop.site.payments = shop.desk
        if served:
            shop.client = await stack.enter_async_context(shop.site.running())
        yield shop


def of_type(events: Sequence[Event], kind: str) -> Event:
    """Return the newest event of a type."""
    return next(event for event in reversed(events) if event.type == kind)


__all__ = ["ACCOUNT", "USD", "Customer", "Shop", "of_type", "open_shop"]
