"""Payments from beginning to end, as Stripe tells of them: each once, and only what its order says."""

import asyncio
import logging
import time

import pytest

from tests.api.site import bearer
from tests.checkout.shop import ACCOUNT, URLS, USD, Shop, of_type
from tests.fake.stripe import Event, Fault, signature

CREATE_SESSION = "POST /v1/checkout/sessions"


async def test_a_paid_checkout_is_credited_once_under_its_payment(shop: Shop) -> None:
    order_id, session_id = await shop.checkout(12.34)
    assert shop.order(order_id)["status"] == "open"
    payment = shop.fake.books.pay(session_id)
    assert shop.balance == 0
    await shop.deliver()
    await shop.deliver()
    assert shop.balance == 1234 * USD // 100
    assert shop.entries("PAYMENT") == [(shop.balance, payment["id"])]
    order = shop.order(order_id)
    assert (order["status"], order["payment_id"], order["account_id"]) == ("paid", payment["id"], ACCOUNT)
    assert shop.books == []


async def test_a_page_asks_for_exactly_the_order_and_names_it(shop: Shop) -> None:
    order_id, _ = await shop.checkout(12.34)
    (asked,) = shop.fake.requests(CREATE_SESSION)
    assert asked["client_reference_id"] == asked["metadata"]["modelport_order"] == order_id
    assert asked["payment_intent_data"]["metadata"] == asked["metadata"]
    (line,) = asked["line_items"]
    assert (line["price_data"]["unit_amount"], line["price_data"]["currency"], line["quantity"]) == ("1234", "usd", "1")
    assert "customer" not in asked


async def sent(shop: Shop, body: bytes, header: str | bytes | None) -> tuple[int, str]:
    headers = {} if header is None else {"stripe-signature": header}
    answer = await shop.client.post("/webhooks/stripe", content=body, headers=headers)
    return answer.status_code, answer.json()["error"]["code"]


async def test_an_event_that_stripe_did_not_sign_just_now_does_nothing(shop: Shop) -> None:
    _, session_id = await shop.checkout()
    shop.fake.books.pay(session_id)
    event = of_type(shop.fake.books.events, "checkout.session.completed")
    body, secret, now = event.body, shop.fake.webhook_secret, int(time.time())
    good = signature(body, secret)
    for forged in (
        None,
        "",
        "t=1",
        "v1=",
        f"t={now},v1=",
        f"t={now},v0={good.partition('v1=')[2]}",
        signature(body, "whsec_other"),
        signature(body, ""),
        signature(body, secret, now - 301),
        good.replace("t=", "t=1"),
        good[:-1],
        f"t={now},v1=é".encode(),
    ):
        assert await sent(shop, body, forged) == (400, "invalid_signature"), forged
    assert await sent(shop, body.replace(b"1000", b"9000"), good) == (400, "invalid_signature")
    for nonsense in (b"", b"{}", b"[]", b"null", b"\xff", b'{"id": 1}', b'{"object":"v2.core.event"}'):
        assert await sent(shop, nonsense, signature(nonsense, secret)) == (400, "invalid_signature"), nonsense
    assert (shop.balance, shop.outcome(event)) == (0, None)
    await shop.deliver(event)
    assert shop.balance == 10 * USD


def swapped(event: Event, order_id: str) -> Event:
    """Another order in the place of the one that an event is about."""
    return event.changed(client_reference_id=order_id, metadata={"modelport_order": order_id})


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda event, other: event.changed(client_reference_id=other), id="the reference alone"),
        pytest.param(swapped, id="all of its names"),
        pytest.param(lambda event, other: swapped(event, other).changed(id="cs_unknown"), id="and its session"),
    ],
)
async def test_one_order_is_not_paid_by_the_callback_of_another(forge, shop: Shop) -> None:
    _, cheap = await shop.checkout(10)
    dear_id, _ = await shop.checkout(10)
    shop.fake.books.pay(cheap)
    event = forge(of_type(shop.fake.books.events, "checkout.session.completed"), dear_id)
    answer = await shop.send(event)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "payment_mismatch")
    assert shop.balance == 0
    assert {order["status"] for order in shop.orders("checkout")} == {"open"}


async def test_a_checkout_is_not_paid_by_the_charge_of_a_card(shop: Shop) -> None:
    order_id, session_id = await shop.checkout(10)
    shop.fake.books.pay(session_id)
    event = of_type(shop.fake.books.events, "payment_intent.succeeded")
    answer = await shop.send(event.changed(metadata={"modelport_order": order_id, "modelport_kind": "auto"}))
    assert answer.status_code == 400
    assert "its way of paying is auto, that of the order" in answer.json()["message"]
    assert (await shop.send(event.renamed("evt_2").changed(metadata={"modelport_order": order_id}))).status_code == 400
    assert shop.balance == 0


async def test_one_payment_does_not_pay_two_orders(shop: Shop) -> None:
    _, payment_id = await shop.pay()
    order_id, session_id = await shop.checkout()
    shop.fake.books.pay(session_id)
    event = of_type(shop.fake.books.events, "checkout.session.completed").changed(payment_intent=payment_id)
    answer = await shop.send(event)
    assert answer.status_code == 400
    assert f"the payment {payment_id} is that of the order" in answer.json()["message"]
    assert (shop.balance, shop.order(order_id)["status"]) == (10 * USD, "open")


@pytest.mark.parametrize(
    "wrong", [{"amount_total": 999}, {"amount_total": 1001}, {"currency": "eur"}, {"currency": "USD"}]
)
async def test_a_wrong_amount_or_currency_moves_no_money_and_is_told_once(
    wrong: dict[str, object], shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    order_id, session_id = await shop.checkout(10)
    shop.fake.books.pay(session_id)
    true = of_type(shop.fake.books.events, "checkout.session.completed")
    false = true.changed(**wrong).renamed("evt_false")
    with caplog.at_level(logging.ERROR, "modelport.checkout"):
        for _ in range(2):
            answer = await shop.send(false)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "payment_mismatch")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"the order {order_id} asks for 1000 usd" in caplog.text
    assert (shop.outcome(false) or "").startswith("mismatch: it pays ")
    assert shop.balance == 0
    await shop.deliver(true)
    assert shop.balance == 10 * USD


async def test_a_paid_session_without_an_amount_or_with_nonsense_is_a_mismatch(shop: Shop) -> None:
    _, session_id = await shop.checkout(10)
    shop.fake.books.pay(session_id)
    true = of_type(shop.fake.books.events, "checkout.session.completed")
    for number, wrong in enumerate(({"amount_total": None}, {"payment_intent": None}, {"amount_total": "1000"})):
        assert (await shop.send(true.changed(**wrong).renamed(f"evt_{number}"))).status_code == 400
    assert shop.balance == 0


async def test_what_else_happens_in_the_stripe_account_is_taken_in_and_ignored(shop: Shop) -> None:
    order_id, session_id = await shop.checkout(10)
    intent = shop.fake.books.pay(session_id)
    shop.fake.books.refund(intent["id"], 300)
    shop.fake.books.dispute(intent["id"])
    foreign = {"metadata": {}, "client_reference_id": order_id, "payment_intent": "pi_foreign"}
    for event in tuple(shop.fake.books.events):
        members = {name: value for name, value in foreign.items() if name in event.object}
        event = event.changed(**members)
        await shop.deliver(event)
        assert (shop.outcome(event) or "").startswith("ignored: "), event.type
    unknown = of_type(shop.fake.books.events, "checkout.session.completed")
    unknown = swapped(unknown, "x" * 21).renamed("evt_unknown")
    await shop.deliver(unknown)
    assert shop.outcome(unknown) == f"ignored: there is no order {'x' * 21}"
    assert (shop.balance, shop.order(order_id)["status"]) == (0, "open")


async def test_a_hundred_deliveries_at_once_pay_once(shop: Shop) -> None:
    _, session_id = await shop.checkout(10)
    shop.fake.books.pay(session_id)
    event = of_type(shop.fake.books.events, "checkout.session.completed")
    same = [event] * 50 + [event.renamed(f"evt_again_{number}") for number in range(50)]
    answers = await asyncio.gather(*(shop.send(one) for one in same))
    assert {answer.status_code for answer in answers} == {200}
    assert len(shop.entries("PAYMENT")) == 1
    assert (shop.balance, shop.books) == (10 * USD, [])


async def test_a_hundred_deliveries_at_once_to_two_processes_pay_once_and_go_back_once(shop: Shop) -> None:
    _, session_id = await shop.checkout(10)
    payment = shop.fake.books.pay(session_id)
    shop.fake.books.refund(payment["id"], 300)
    shop.fake.books.dispute(payment["id"], 200)
    desks = [shop.desk, shop.another_process()]
    for kind in ("checkout.session.completed", "charge.refunded", "charge.dispute.funds_withdrawn"):
        event = of_type(shop.fake.books.events, kind)
        header = shop.fake.signed(event)["stripe-signature"].encode()
        await asyncio.gather(*(desks[number % 2].receive(event.body, header) for number in range(100)))
    assert shop.entries("PAYMENT") == [(10 * USD, payment["id"])]
    assert sorted(amount for amount, _ in shop.entries("ADJUSTMENT")) == [-3 * USD, -2 * USD]
    assert (shop.balance, shop.owed, shop.books) == (5 * USD, 0, [])


async def test_two_processes_that_hear_of_different_things_at_once_do_each_once(shop: Shop) -> None:
    """Refund and dispute come before their payment: both processes ask Stripe, and one of them credits it."""
    _, session_id = await shop.checkout(10)
    payment = shop.fake.books.pay(session_id)
    shop.fake.books.refund(payment["id"], 300)
    shop.fake.books.dispute(payment["id"], 200)
    desks, work = [shop.desk, shop.another_process()], []
    for number, event in enumerate(reversed(shop.fake.books.events * 4)):
        header = shop.fake.signed(event)["stripe-signature"].encode()
        work.append(desks[number % 2].receive(event.body, header))
    await asyncio.gather(*work)
    assert shop.entries("PAYMENT") == [(10 * USD, payment["id"])]
    assert (shop.balance, shop.owed, shop.books) == (5 * USD, 0, [])


async def test_money_that_takes_a_while_is_credited_when_it_is_there(shop: Shop) -> None:
    first_id, first = await shop.checkout(10)
    second_id, second = await shop.checkout(20)
    books = shop.fake.books
    for session_id in (first, second):
        books.pay(session_id, is_later=True)
    await shop.deliver()
    assert shop.balance == 0
    books.arrive(first, is_paid=True)
    books.arrive(second, is_paid=False)
    await shop.deliver()
    assert shop.balance == 10 * USD
    assert (shop.order(first_id)["status"], shop.order(second_id)["status"]) == ("paid", "failed")


@pytest.mark.parametrize("is_paid_first", [True, False])
async def test_an_end_without_money_never_undoes_or_prevents_a_payment(is_paid_first: bool, shop: Shop) -> None:
    order_id, session_id = await shop.checkout(10)
    shop.fake.books.pay(session_id)
    paid = of_type(shop.fake.books.events, "checkout.session.completed")
    shop.fake.books.lapse(session_id)
    expired = of_type(shop.fake.books.events, "checkout.session.expired")
    await shop.deliver(*((paid, expired) if is_paid_first else (expired, paid)))
    assert (shop.balance, shop.order(order_id)["status"]) == (10 * USD, "paid")


async def test_a_page_that_nobody_paid_on_expires(shop: Shop) -> None:
    order_id, session_id = await shop.checkout(10)
    shop.fake.books.lapse(session_id)
    await shop.deliver()
    assert shop.order(order_id)["status"] == "expired"
    assert shop.balance == 0


async def test_stripes_refusals_and_failures_are_told_and_leave_the_order_unpaid(shop: Shop) -> None:
    body = {"amount_usd": 10, **URLS}

    async def begin(changed: dict[str, object]) -> tuple[int, str, str]:
        headers = bearer(shop.site.regular)
        answer = await shop.client.post("/v1/billing/checkout", json=body | changed, headers=headers)
        return answer.status_code, answer.json()["error"]["code"], answer.json()["message"]

    shop.fake.faults.append(Fault(CREATE_SESSION, "error before"))
    assert (await begin({}))[:2] == (503, "payments_unavailable")
    shop.fake.faults.append(Fault(CREATE_SESSION, "cut after"))
    assert (await begin({}))[:2] == (503, "payments_unavailable")
    shop.fake.faults.append(Fault(CREATE_SESSION, "limit"))
    assert (await begin({}))[:2] == (503, "payments_unavailable")
    shop.fake.secret_key = "sk_test_other"
    status, code, message = await begin({})
    assert (status, code) == (503, "payments_unavailable")
    assert "'stripe.secret_key'" in message
    assert "sk_test" not in message
    assert {order["status"] for order in shop.orders("checkout")} == {"open"}
    assert shop.balance == 0


async def test_a_page_that_was_made_although_its_answer_was_lost_can_still_be_paid(shop: Shop) -> None:
    shop.fake.faults.append(Fault(CREATE_SESSION, "cut after"))
    headers = bearer(shop.site.regular)
    answer = await shop.client.post("/v1/billing/checkout", json={"amount_usd": 10, **URLS}, headers=headers)
    assert answer.status_code == 503
    (order,) = shop.orders("checkout")
    assert order["session_id"] is None
    (session_id,) = [one for one in shop.fake.books.objects if one.startswith("cs_")]
    shop.fake.books.pay(session_id)
    await shop.deliver()
    assert (shop.balance, shop.order(order["id"])["session_id"]) == (10 * USD, session_id)


async def test_more_checkouts_than_anybody_pays_are_refused_for_a_while(shop: Shop) -> None:
    for _ in range(20):
        await shop.checkout(10)
    headers = bearer(shop.site.regular)
    answer = await shop.client.post("/v1/billing/checkout", json={"amount_usd": 10, **URLS}, headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "120")
    assert len(shop.fake.requests(CREATE_SESSION)) == 20
    shop.clock.pass_s(3600)
    await shop.checkout(10)


async def test_a_checkout_of_which_nobody_told_us_is_asked_about_after_its_day(shop: Shop) -> None:
    paid_id, paid = await shop.checkout(10)
    lapsed_id, lapsed = await shop.checkout(20)
    shop.fake.books.pay(paid)
    shop.fake.books.lapse(lapsed)
    shop.clock.pass_s(24 * 3600)
    await shop.desk.sweep()
    assert shop.balance == 0
    shop.clock.pass_s(3600)
    await shop.desk.sweep()
    assert (shop.order(paid_id)["status"], shop.order(lapsed_id)["status"]) == ("paid", "expired")
    await shop.deliver()
    assert (shop.balance, shop.books) == (10 * USD, [])
