"""What Stripe tells may come twice, late and in any order: only what it tells decides how things end."""

import asyncio
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelport.core.credits import Credits
from tests.checkout.shop import ACCOUNT, USD, Shop, of_type, open_shop
from tests.fake.stripe import Event
from tests.twins.worlds import DATABASES

CENT = USD // 100
URL = "https://a.example"


@dataclass(frozen=True, slots=True)
class Visit:
    """One customer on Stripe's page, and what became of his money."""

    what: str
    dollars: int
    after: tuple[str, ...]
    is_ours: bool
    is_answered: bool
    """Whether we got to know of the page that was made for us."""


VISIT = st.builds(
    Visit,
    st.sampled_from(["pay", "pay later", "fail later", "lapse", "save"]),
    st.integers(5, 40),
    st.lists(
        st.sampled_from(["refund a part", "refund the rest", "dispute", "dispute lost", "dispute won"]), max_size=3
    ).map(tuple),
    st.sampled_from([True, True, True, False]),
    st.booleans(),
)


@dataclass(slots=True)
class End:
    """How things end, as Stripe's own books have it, whatever order its events come in."""

    left: int = 0
    """What was paid, less what was refunded and what disputes took, in cents."""
    orders: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    """The status of each order, and what of it was refunded."""
    payments: set[str] = field(default_factory=set[str])
    is_topped_up: bool = True
    """Whether automatic top-ups, which were on, still are."""
    card: str | None = None


@dataclass
class History:
    """What happened at Stripe, while we heard nothing of it."""

    shop: Shop
    end: End = field(default_factory=End)
    unanswered: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Orders whose page we do not know of yet."""

    def happen(self, visit: Visit) -> None:
        books, order_id = self.shop.fake.books, self.shop.desk.new_id()
        session_id = self._ours(visit, order_id) if visit.is_ours else self._foreign(visit, order_id)
        if visit.what == "lapse":
            books.lapse(session_id)
            self._ends(visit, order_id, "expired", 0)
            return
        payment = books.pay(session_id, is_later=visit.what.endswith("later"))
        if visit.what.endswith("later"):
            books.arrive(session_id, is_paid=visit.what == "pay later")
        if visit.what == "fail later":
            self._ends(visit, order_id, "failed", 0)
            return
        refunded, lost = self._go_back(payment["id"], visit.after)
        self._ends(visit, order_id, "paid", refunded)
        if visit.is_ours:
            self.end.payments.add(payment["id"])
            self.end.left += visit.dollars * 100 - refunded - lost
            self.end.is_topped_up &= not visit.after
            self.end.card = payment["payment_method"] if visit.what == "save" else self.end.card

    def _ours(self, visit: Visit, order_id: str) -> str:
        shop = self.shop
        order = shop.store.begin(order_id, ACCOUNT, Credits(visit.dollars * USD))
        customer = shop.store.customer(ACCOUNT)
        page = shop.desk.provider.begin(order, customer and customer.customer_id, URL, URL, visit.what == "save")
        if visit.is_answered:
            shop.store.attach(order_id, page.session_id)
        else:
            self.unanswered.append((order_id, page.session_id))
        return page.session_id

    def _foreign(self, visit: Visit, order_id: str) -> str:
        """Make a page of another gateway, or of an order of ours that was lost with the database."""
        metadata = {"modelport_order": order_id, "modelport_kind": "checkout"}
        price = {"currency": "usd", "unit_amount": str(visit.dollars * 100)}
        made = self.shop.fake.books.session(
            {
                "mode": "payment",
                "success_url": URL,
                "client_reference_id": order_id,
                "metadata": metadata,
                "payment_intent_data": {"metadata": metadata},
                "line_items": [{"quantity": "1", "price_data": price}],
            }
        )
        return made["id"]

    def _go_back(self, payment_id: str, after: tuple[str, ...]) -> tuple[int, int]:
        """Refund and dispute a payment; returns what went back in each way."""
        books, lost = self.shop.fake.books, 0
        for step in after:
            charge = books.charge_of(payment_id)
            rest = charge["amount"] - charge["amount_refunded"]
            if step.startswith("refund") and rest > 0:
                books.refund(payment_id, min(rest, 130) if step == "refund a part" else rest)
            elif step.startswith("dispute"):
                dispute_id = books.dispute(payment_id, 200)
                lost += 0 if step == "dispute won" else 200
                if step != "dispute":
                    books.close(dispute_id, is_won=step == "dispute won")
        return books.charge_of(payment_id)["amount_refunded"], lost

    def _ends(self, visit: Visit, order_id: str, status: str, refunded: int) -> None:
        if visit.is_ours:
            self.end.orders[order_id] = status, refunded


async def receive(shop: Shop, event: Event) -> None:
    await shop.desk.receive(event.body, shop.fake.signed(event)["stripe-signature"].encode())


async def prepared(shop: Shop) -> History:
    """An account with a saved card and automatic top-ups, and a payment that is spent."""
    order_id = shop.desk.new_id()
    shop.store.keep_customer(ACCOUNT, shop.desk.provider.new_customer(ACCOUNT, order_id))
    history = History(shop)
    history.happen(Visit("save", 5, (), is_ours=True, is_answered=True))
    for event in shop.fake.books.events:
        await receive(shop, event)
    shop.store.set_auto_top_up(ACCOUNT, True, Credits(5 * USD), Credits(20 * USD))
    return history


async def hear(shop: Shop, history: History, draw: random.Random, calls: list[int]) -> int:
    """Take everything in, in an order that is drawn, with calls in between; returns what the calls were charged."""
    events: list[Any] = list(shop.fake.books.events)
    told: list[Any] = [*events, *draw.choices(events, k=len(events)), *calls, *history.unanswered]
    draw.shuffle(told)
    charged = 0
    for number, one in enumerate(told):
        if isinstance(one, Event):
            await receive(shop, one.renamed(f"evt_again_{number}") if draw.random() < 0.2 else one)
        elif isinstance(one, int):
            before = shop.balance
            await shop.use(one * CENT)
            charged += before - shop.balance
        else:
            shop.store.attach(*one)
        assert min(shop.balance, shop.owed) == 0, "what is owed takes what there is, and no more"
    return charged


def found(shop: Shop, charged: int) -> End:
    """How things ended with us."""
    customer, orders = shop.store.customer(ACCOUNT), shop.orders("checkout")
    left, rest = divmod(shop.balance - shop.owed + charged, CENT)
    assert rest == 0
    paid = [reference for _, reference in shop.entries("PAYMENT")]
    assert len(paid) == len(set(paid)), "a payment is credited once"
    return End(
        left,
        {order["id"]: (order["status"], order["refunded_minor"]) for order in orders},
        {reference for reference in paid if reference is not None},
        shop.store.auto_top_up(ACCOUNT).is_enabled,
        customer.method_id if customer is not None else None,
    )


async def replay(kind: str, visits: list[Visit], seed: int, calls: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_shop(kind, Path(folder), served=False) as shop:
            history = await prepared(shop)
            for visit in visits:
                shop.clock.pass_s(1)
                history.happen(visit)
            charged = await hear(shop, history, random.Random(seed), calls)
            assert found(shop, charged) == history.end
            assert shop.books == []


@pytest.mark.parametrize("kind", DATABASES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    visits=st.lists(VISIT, min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    calls=st.lists(st.integers(1, 3000), max_size=3),
)
def test_how_things_end_depends_on_what_stripe_tells_and_not_on_when_or_how_often(
    kind: str, visits: list[Visit], seed: int, calls: list[int]
) -> None:
    with asyncio.Runner() as runner:
        runner.run(replay(kind, visits, seed, calls))


@pytest.mark.parametrize("is_last_first", [False, True])
async def test_the_card_that_was_saved_last_stays_whichever_we_hear_of_first(is_last_first: bool, shop: Shop) -> None:
    pages = [(await shop.checkout(10, is_saving=True))[1] for _ in range(2)]
    cards: list[str] = []
    for session_id in reversed(pages):
        shop.clock.pass_s(1)
        cards.append(shop.fake.books.pay(session_id)["payment_method"])
    events = list(shop.fake.books.events)
    await shop.deliver(*(reversed(events) if is_last_first else events))
    assert shop.card == cards[-1]


async def test_a_dispute_that_was_won_before_we_heard_of_it_ends_automatic_top_ups_all_the_same(shop: Shop) -> None:
    await shop.save_card()
    await shop.enable(threshold=5, amount=20)
    dispute_id = shop.fake.books.dispute(shop.orders("checkout")[0]["payment_id"])
    shop.fake.books.close(dispute_id, is_won=True)
    for kind in ("reinstated", "withdrawn"):
        await shop.deliver(of_type(shop.fake.books.events, f"charge.dispute.funds_{kind}"))
    assert (shop.store.auto_top_up(ACCOUNT).is_enabled, shop.balance) == (False, 10 * USD)
