"""Refunds and disputes: what is left is taken, the rest is owed."""

import pytest

from modelport.ledger.payments import PaymentMismatch
from tests.checkout.shop import USD, Shop, of_type
from tests.fake.stripe import Event, Fault

CENT = USD // 100


async def test_a_refund_takes_what_is_left_and_the_next_payment_pays_the_rest_first(shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    await shop.use(7 * USD)
    shop.fake.books.refund(payment_id, 1000)
    await shop.deliver()
    assert (shop.balance, shop.owed) == (0, 7 * USD)
    await shop.pay(5)
    assert (shop.balance, shop.owed) == (0, 2 * USD)
    await shop.pay(5)
    assert (shop.balance, shop.owed) == (3 * USD, 0)
    assert shop.books == []


async def test_refunds_in_parts_are_taken_once_each_whatever_comes_first(shop: Shop) -> None:
    order_id, payment_id = await shop.pay(10)
    for amount in (200, 300, 500):
        shop.fake.books.refund(payment_id, amount)
    first, second, third = shop.fake.books.events[-3:]
    await shop.deliver(second)
    assert (shop.balance, shop.order(order_id)["refunded_minor"]) == (5 * USD, 500)
    await shop.deliver(first, second, third, second)
    assert (shop.balance, shop.order(order_id)["refunded_minor"]) == (0, 1000)
    assert [amount for amount, _ in shop.entries("ADJUSTMENT")] == [-500 * CENT, -500 * CENT]
    charge_id = shop.fake.books.charge_of(payment_id)["id"]
    assert {reference for _, reference in shop.entries("ADJUSTMENT")} == {charge_id}


async def test_a_refund_is_named_where_stripe_names_it(shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    shop.fake.books.refund(payment_id, 200)
    event = shop.fake.books.events[-1].changed(refunds={"object": "list", "data": [{"id": "re_1", "object": "refund"}]})
    await shop.deliver(event)
    assert shop.entries("ADJUSTMENT") == [(-200 * CENT, "re_1")]


@pytest.mark.parametrize("wrong", [{"amount_refunded": 1001}, {"amount_refunded": -1}, {"currency": "eur"}])
async def test_a_refund_that_cannot_be_moves_nothing(wrong: dict[str, object], shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    shop.fake.books.refund(payment_id, 200)
    answer = await shop.send(shop.fake.books.events[-1].changed(**wrong))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "payment_mismatch")
    assert shop.balance == 10 * USD


async def test_a_refund_that_comes_before_its_payment_loses_nothing(shop: Shop) -> None:
    order_id, session_id = await shop.checkout(10)
    payment = shop.fake.books.pay(session_id)
    shop.fake.books.refund(payment["id"], 400)
    refund = of_type(shop.fake.books.events, "charge.refunded")
    shop.fake.faults.append(Fault(f"GET /v1/payment_intents/{payment['id']}", "cut before"))
    answer = await shop.send(refund)
    assert (answer.status_code, shop.outcome(refund)) == (503, None)
    await shop.deliver(refund)
    assert shop.order(order_id)["status"] == "paid"
    await shop.deliver()
    assert (shop.balance, shop.owed) == (6 * USD, 0)
    assert shop.entries("PAYMENT") == [(10 * USD, payment["id"])]
    assert shop.books == []


async def test_a_refund_of_a_payment_that_contradicts_its_order_moves_nothing(shop: Shop) -> None:
    _, session_id = await shop.checkout(10)
    payment = shop.fake.books.pay(session_id)
    shop.fake.books.refund(payment["id"], 400)
    shop.fake.books.objects[session_id]["amount_total"] = 900
    answer = await shop.send(of_type(shop.fake.books.events, "charge.refunded"))
    assert answer.status_code == 400
    assert "it pays 900 usd" in answer.json()["message"]
    assert (shop.balance, shop.owed) == (0, 0)


async def test_a_lost_dispute_takes_the_payment_back_for_good(shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    await shop.use(4 * USD)
    dispute_id = shop.fake.books.dispute(payment_id)
    shop.fake.books.close(dispute_id, is_won=False)
    await shop.deliver()
    await shop.deliver()
    assert (shop.balance, shop.owed) == (0, 4 * USD)
    assert shop.entries("ADJUSTMENT") == [(4 * USD, dispute_id), (-10 * USD, dispute_id)]
    assert shop.books == []


async def test_a_won_dispute_gives_back_what_it_took_and_pays_the_debt(shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    await shop.use(4 * USD)
    dispute_id = shop.fake.books.dispute(payment_id)
    await shop.deliver()
    assert (shop.balance, shop.owed) == (0, 4 * USD)
    shop.fake.books.close(dispute_id, is_won=True)
    won = of_type(shop.fake.books.events, "charge.dispute.funds_reinstated")
    await shop.deliver(won, won, won.renamed("evt_again"))
    assert (shop.balance, shop.owed) == (6 * USD, 0)
    assert shop.books == []


async def test_a_dispute_that_is_won_before_we_hear_that_it_was_lost_neither_gives_nor_takes(shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    dispute_id = shop.fake.books.dispute(payment_id)
    shop.fake.books.close(dispute_id, is_won=True)
    lost = of_type(shop.fake.books.events, "charge.dispute.funds_withdrawn")
    won = of_type(shop.fake.books.events, "charge.dispute.funds_reinstated")
    await shop.deliver(won)
    assert shop.balance == 10 * USD
    await shop.deliver(lost, won)
    assert (shop.balance, shop.owed, shop.entries("ADJUSTMENT")) == (10 * USD, 0, [])


async def test_two_disputes_of_one_payment_are_two(shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    shop.fake.books.dispute(payment_id, 300)
    shop.fake.books.dispute(payment_id, 200)
    await shop.deliver()
    assert shop.balance == 5 * USD


async def test_a_dispute_over_more_than_was_paid_takes_what_was_paid(shop: Shop) -> None:
    _, payment_id = await shop.pay(10)
    shop.fake.books.dispute(payment_id, 1020)
    await shop.deliver()
    assert (shop.balance, shop.owed) == (0, 0)


@pytest.mark.parametrize("way", ["refund", "dispute"])
async def test_money_that_goes_back_is_not_charged_again_by_itself(way: str, shop: Shop) -> None:
    await shop.save_card()
    await shop.enable(threshold=5, amount=20)
    payment_id = shop.orders("checkout")[0]["payment_id"]
    if way == "refund":
        shop.fake.books.refund(payment_id, 1000)
    else:
        shop.fake.books.dispute(payment_id)
    await shop.deliver()
    await shop.desk.sweep()
    settings = await shop.auto_top_up()
    assert (settings["is_enabled"], shop.balance, shop.orders("auto")) == (False, 0, [])
    assert "turn automatic top-ups on again" in settings["last_error"]
    again = await shop.enable(threshold=5, amount=20)
    assert (again["is_enabled"], again["last_error"]) == (True, None)


async def take_in(shop: Shop, events: list[Event]) -> None:
    for event in events:
        header = shop.fake.signed(event)["stripe-signature"].encode()
        await shop.desk.receive(event.body, header)


async def test_a_mismatch_is_an_exception_of_its_own_for_the_desk(shop: Shop) -> None:
    _, session_id = await shop.checkout()
    shop.fake.books.pay(session_id)
    event = of_type(shop.fake.books.events, "checkout.session.completed").changed(amount_total=1)
    with pytest.raises(PaymentMismatch):
        await take_in(shop, [event])
