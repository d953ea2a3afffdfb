"""Saved cards that pay when the balance is low: exactly once, whatever fails on the way."""

import asyncio
from typing import Any

import pytest

from modelport.core.errors import Secret
from tests.api.site import bearer
from tests.checkout.shop import ACCOUNT, USD, Shop, of_type
from tests.fake.stripe import Fault

CHARGE = "POST /v1/payment_intents"
DAY_S = 86_400


async def ready(shop: Shop, threshold: float = 5, amount: float = 20) -> None:
    """An account with a saved card that has just fallen below its threshold."""
    await shop.save_card()
    await shop.enable(threshold, amount)
    await shop.use(shop.balance - int(threshold * USD) + 1)


def charged(shop: Shop) -> list[int]:
    """What the card was charged, without the payment that saved it."""
    return [charge["amount"] for charge in shop.fake.books.charges[1:]]


def payments(shop: Shop) -> int:
    return len(shop.entries("PAYMENT")) - 1


async def test_automatic_top_ups_need_a_saved_card(shop: Shop) -> None:
    body = {"is_enabled": True, "threshold": 5, "amount": 20}
    await shop.pay(10)
    headers = bearer(shop.site.management)
    answer = await shop.client.put("/v1/billing/auto-top-up", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_saved_card")
    assert '"save_card": true' in answer.json()["message"]
    await shop.save_card()
    assert (await shop.enable())["has_card"] is True


async def test_the_card_of_another_customer_is_not_saved(shop: Shop) -> None:
    _, session_id = await shop.checkout(10, is_saving=True)
    shop.fake.books.pay(session_id)
    event = of_type(shop.fake.books.events, "payment_intent.succeeded").changed(customer="cus_other")
    assert (await shop.send(event)).status_code == 400
    customer = shop.store.customer(ACCOUNT)
    assert customer is not None
    assert customer.method_id is None


async def test_one_customer_is_made_for_each_account_and_a_new_card_replaces_the_old(shop: Shop) -> None:
    old = await shop.save_card()
    new = await shop.save_card()
    assert old != new
    assert len(shop.fake.requests("POST /v1/customers")) == 1


async def test_a_balance_below_its_threshold_is_topped_up_once(shop: Shop) -> None:
    await shop.save_card()
    await shop.enable(threshold=5, amount=20)
    await shop.desk.sweep()
    assert charged(shop) == []
    await shop.use(5 * USD)
    await shop.desk.sweep()
    assert charged(shop) == []
    await shop.use(1)
    await shop.desk.sweep()
    await shop.desk.sweep()
    assert charged(shop) == [2000]
    (order,) = shop.orders()
    assert order["status"] == "paid"
    assert shop.entries("PAYMENT")[-1] == (20 * USD, order["payment_id"])
    await shop.deliver()
    assert (payments(shop), shop.balance, shop.books) == (1, 25 * USD - 1, [])


async def test_the_charge_says_whose_it_is_and_that_nobody_is_there(shop: Shop) -> None:
    await ready(shop)
    await shop.desk.sweep()
    (asked,) = shop.fake.requests(CHARGE)
    (order,) = shop.orders()
    assert (asked["amount"], asked["currency"], asked["off_session"], asked["confirm"]) == (
        "2000",
        "usd",
        "true",
        "true",
    )
    assert asked["metadata"] == {"modelport_order": order["id"], "modelport_kind": "auto"}
    assert asked["payment_method"] == shop.card


async def test_the_webhook_may_come_before_the_answer(shop: Shop) -> None:
    await ready(shop)
    shop.fake.faults.append(Fault(CHARGE, "hang after"))
    shop.desk = shop.another_desk(read_s=10.0)
    sweeping = asyncio.create_task(shop.desk.sweep())
    assert await asyncio.to_thread(shop.fake.hanging.wait, 5)
    await shop.deliver()
    assert payments(shop) == 1
    shop.fake.released.set()
    await sweeping
    await shop.deliver()
    assert (payments(shop), charged(shop), shop.orders()[0]["status"]) == (1, [2000], "paid")


@pytest.mark.parametrize("fault", ["cut before", "cut after", "error before", "error after", "hang after", "limit"])
async def test_whatever_is_lost_on_the_way_the_card_is_charged_once(fault: Any, shop: Shop) -> None:
    await ready(shop)
    shop.fake.faults.append(Fault(CHARGE, fault))
    shop.desk = shop.another_desk(read_s=0.2)
    await shop.desk.sweep()
    (order,) = shop.orders()
    assert (order["status"], payments(shop)) == ("open", 0)
    await shop.desk.sweep()
    assert len(shop.orders()) == 1
    shop.clock.pass_s(60)
    await shop.another_desk().sweep()
    await shop.deliver()
    assert (charged(shop), payments(shop), len(shop.orders())) == ([2000], 1, 1)
    assert (shop.orders()[0]["status"], shop.books) == ("paid", [])


async def test_a_request_that_arrives_after_it_was_repeated_charges_nothing_more(shop: Shop) -> None:
    await ready(shop)
    shop.fake.faults.append(Fault(CHARGE, "hang before"))
    await shop.another_desk(read_s=0.2).sweep()
    assert (shop.fake.hanging.is_set(), charged(shop)) == (True, [])
    shop.clock.pass_s(60)
    await shop.desk.sweep()
    assert charged(shop) == [2000]
    shop.fake.released.set()
    assert await asyncio.to_thread(shop.fake.acted.wait, 20)
    await shop.deliver()
    assert (charged(shop), payments(shop), len(shop.fake.requests(CHARGE))) == ([2000], 1, 1)
    assert ([order["status"] for order in shop.orders()], shop.books) == (["paid"], [])


@pytest.mark.parametrize("fault", ["cut after", "error before"])
async def test_the_client_itself_tries_again_with_the_same_key(fault: Any, shop: Shop) -> None:
    await ready(shop)
    shop.fake.faults.append(Fault(CHARGE, fault))
    await shop.another_desk(retries=2).sweep()
    assert (charged(shop), payments(shop)) == ([2000], 1)


async def test_a_process_that_dies_before_it_asks_leaves_an_order_that_the_next_one_carries_out(shop: Shop) -> None:
    await ready(shop)
    assert shop.store.begin_auto("o" * 21, ACCOUNT) is not None
    await shop.desk.sweep()
    assert charged(shop) == []
    shop.clock.pass_s(60)
    await shop.another_desk().sweep()
    assert (charged(shop), payments(shop), shop.orders()[0]["id"]) == ([2000], 1, "o" * 21)


@pytest.mark.parametrize(("fault", "outcome"), [("cut after", "paid"), ("cut before", "failed")])
async def test_after_stripe_has_forgotten_the_key_nothing_is_asked_for_again(
    fault: Any, outcome: str, shop: Shop
) -> None:
    await ready(shop)
    shop.fake.faults.append(Fault(CHARGE, fault))
    await shop.desk.sweep()
    shop.fake.forget_keys()
    shop.clock.pass_s(DAY_S + 3600)
    await shop.desk.sweep()
    assert shop.orders()[0]["status"] == outcome
    assert charged(shop) == ([2000] if outcome == "paid" else [])
    assert payments(shop) == len(charged(shop))


async def test_a_card_that_was_exchanged_meanwhile_does_not_charge_a_second_time(shop: Shop) -> None:
    await ready(shop)
    shop.fake.faults.append(Fault(CHARGE, "cut after"))
    await shop.desk.sweep()
    await shop.save_card()
    shop.clock.pass_s(60)
    await shop.desk.sweep()
    auto = [charge for charge in shop.fake.books.charges if charge["metadata"]["modelport_kind"] == "auto"]
    assert [charge["amount"] for charge in auto] == [2000]
    assert [order["status"] for order in shop.orders()] == ["paid"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("declining", "Your card was declined. (insufficient_funds)"),
        ("wanting", "The card needs its owner. (authentication_required)"),
    ],
)
async def test_a_card_that_does_not_pay_is_left_alone_for_a_day(kind: str, reason: str, shop: Shop) -> None:
    await ready(shop)
    cards = getattr(shop.fake.books, kind)
    cards.add(shop.card)
    await shop.desk.sweep()
    await shop.deliver()
    settings = await shop.auto_top_up()
    assert (settings["is_enabled"], settings["last_error"]) == (True, reason)
    assert settings["paused_until"] is not None
    (order,) = shop.orders()
    assert (order["status"], order["error"]) == ("failed", reason)
    shop.clock.pass_s(DAY_S - 1)
    await shop.desk.sweep()
    assert len(shop.fake.requests(CHARGE)) == 1
    cards.clear()
    shop.clock.pass_s(1)
    await shop.desk.sweep()
    settings = await shop.auto_top_up()
    assert (charged(shop), settings["last_error"], settings["paused_until"]) == ([2000], None, None)


async def test_a_card_that_is_gone_is_told_and_the_pause_ends_with_new_settings(shop: Shop) -> None:
    await ready(shop)
    (customer,) = [one for one in shop.fake.books.objects.values() if one["object"] == "customer"]
    cards, customer["cards"] = customer["cards"], []
    await shop.desk.sweep()
    assert "No such PaymentMethod" in (await shop.auto_top_up())["last_error"]
    customer["cards"] = cards
    await shop.enable()
    await shop.desk.sweep()
    assert charged(shop) == [2000]


async def test_a_payment_that_takes_a_while_is_waited_for(shop: Shop) -> None:
    await ready(shop)
    shop.fake.books.slow.add(shop.card)
    await shop.desk.sweep()
    for _ in range(3):
        shop.clock.pass_s(60)
        await shop.desk.sweep()
    (order,) = shop.orders()
    assert (order["status"], len(shop.fake.requests(CHARGE))) == ("open", 1)
    (payment,) = [one for one in shop.fake.books.objects.values() if one["object"] == "payment_intent"][1:]
    shop.fake.books.finish(payment["id"])
    await shop.deliver()
    assert (charged(shop), payments(shop)) == ([2000], 1)


async def test_many_processes_that_sweep_at_once_charge_once(shop: Shop) -> None:
    await ready(shop)
    await asyncio.gather(*(shop.another_desk().sweep() for _ in range(6)))
    assert (charged(shop), payments(shop)) == ([2000], 1)


async def test_a_wrong_key_of_ours_leaves_the_order_open_and_pauses_nobody(shop: Shop) -> None:
    await ready(shop)
    await shop.another_desk(secret_key=Secret("sk_test_wrong")).sweep()
    settings = await shop.auto_top_up()
    assert (shop.orders()[0]["status"], settings["last_error"], settings["paused_until"]) == ("open", None, None)
    shop.clock.pass_s(60)
    await shop.desk.sweep()
    assert charged(shop) == [2000]


async def test_automatic_top_ups_that_were_turned_off_charge_nothing(shop: Shop) -> None:
    await ready(shop)
    headers = bearer(shop.site.management)
    await shop.client.put("/v1/billing/auto-top-up", json={"is_enabled": False}, headers=headers)
    await shop.desk.sweep()
    assert charged(shop) == []


async def test_a_charge_that_contradicts_its_order_credits_nothing(shop: Shop) -> None:
    await ready(shop)
    shop.fake.faults.append(Fault(CHARGE, "cut after"))
    await shop.desk.sweep()
    event = of_type(shop.fake.books.events, "payment_intent.succeeded")
    for wrong in ({"amount_received": 1999}, {"currency": "eur"}):
        assert (await shop.send(event.changed(**wrong).renamed(f"evt_{next(iter(wrong))}"))).status_code == 400
    assert (payments(shop), shop.orders()[0]["status"]) == (0, "open")
    await shop.deliver(event)
    assert payments(shop) == 1
