"""Carries out what a payment provider told of an order, in the caller's transaction and under the order's lock.

What counts is the state of the order: a paid one is never paid again and never becomes unpaid, refunds only grow, each
dispute takes once and gives back once, and the card that was saved last stays. So events may come twice and in any
order.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, text, update

from modelport.core.credits import Credits
from modelport.ledger.payments import (
    CREDITS_PER_CENT,
    CardSaved,
    Disputed,
    Fact,
    NotPaid,
    Order,
    Paid,
    Recorded,
    Refunded,
)
from modelport.storage.moves import take_back, top_up
from modelport.storage.tables import auto_top_ups, orders, payment_customers, payment_events

PAUSE_MS = 86_400_000
"""How long automatic top-ups rest after a card was declined."""
ORDER_COLUMNS = orders.c[
    "id",
    "account_id",
    "kind",
    "status",
    "credits",
    "amount_minor",
    "currency",
    "session_id",
    "payment_id",
    "refunded_minor",
    "error",
    "created_at_ms",
    "updated_at_ms",
]
_NOTE_ONCE = text(
    "INSERT INTO payment_events (id, kind, received_at_ms, outcome) VALUES (:id, :kind, :at, :outcome) "
    "ON CONFLICT (id) DO NOTHING"
)
_ERROR_MAX = 500


def order_of(row: Row[Any]) -> Order:
    """Make an order of its row."""
    return Order(*row)


def note_once(connection: Connection, event_id: str, kind: str, outcome: str, now_ms: int) -> bool:
    """Write an event down; False when it is there already."""
    values = {"id": event_id, "kind": kind, "at": now_ms, "outcome": outcome}
    return connection.execute(_NOTE_ONCE, values).rowcount == 1


def carry_out(connection: Connection, fact: Fact, now_ms: int) -> Recorded:
    """Do what follows from a fact, if it agrees with its order."""
    if isinstance(fact, Refunded | Disputed):
        order = _order(connection, orders.c.payment_id == fact.payment_id)
        if order is None:
            return Recorded("ignored", f"no order of ours was paid by {fact.payment_id}")
        return (
            _refund(connection, order, fact, now_ms)
            if isinstance(fact, Refunded)
            else _dispute(connection, order, fact, now_ms)
        )
    order = _order(connection, orders.c.id == fact.order_id)
    if order is None:
        return Recorded("ignored", f"there is no order {fact.order_id}")
    if isinstance(fact, CardSaved):
        return _save_card(connection, order, fact)
    return _pay(connection, order, fact, now_ms) if isinstance(fact, Paid) else _fail(connection, order, fact, now_ms)


def _order(connection: Connection, which: ColumnElement[bool]) -> Order | None:
    row = connection.execute(select(*ORDER_COLUMNS).where(which).with_for_update()).first()
    return None if row is None else order_of(row)


def _strange(order: Order, fact: Paid | NotPaid) -> str | None:
    """Say in what a fact contradicts its order."""
    for name, ours, theirs in (
        ("way of paying", order.kind, fact.kind),
        ("session", order.session_id or fact.session_id, fact.session_id),
        ("payment", order.payment_id or fact.payment_id, fact.payment_id or order.payment_id),
    ):
        if ours != theirs:
            return f"its {name} is {theirs}, that of the order {order.id} is {ours}"
    return None


def _pay(connection: Connection, order: Order, fact: Paid, now_ms: int) -> Recorded:
    fault = _strange(order, fact)
    if (fact.amount_minor, fact.currency) != (order.amount_minor, order.currency):
        fault = (
            f"it pays {fact.amount_minor} {fact.currency}, the order {order.id} asks for "
            f"{order.amount_minor} {order.currency}"
        )
    other = select(orders.c.id).where(orders.c.payment_id == fact.payment_id, orders.c.id != order.id)
    if (taken := connection.scalar(other)) is not None:
        fault = f"the payment {fact.payment_id} is that of the order {taken}"
    if fault is not None:
        return Recorded("mismatch", fault)
    if order.status == "paid":
        return Recorded("done", f"the order {order.id} is paid already", is_new=False)
    top_up(connection, order.account_id, order.credits, "PAYMENT", fact.payment_id, now_ms)
    _change(
        connection, order, now_ms, status="paid", payment_id=fact.payment_id, session_id=fact.session_id, error=None
    )
    if order.kind == "auto":
        _change_auto(connection, order, now_ms, paused_until_ms=0, last_error=None)
    return Recorded("done", f"paid the order {order.id}")


def _fail(connection: Connection, order: Order, fact: NotPaid, now_ms: int) -> Recorded:
    if (fault := _strange(order, fact)) is not None:
        return Recorded("mismatch", fault)
    if order.status != "open":
        return Recorded("done", f"the order {order.id} is {order.status} already", is_new=False)
    reason = fact.reason[:_ERROR_MAX]
    session_id = order.session_id or fact.session_id
    payment_id = order.payment_id or fact.payment_id
    _change(connection, order, now_ms, status=fact.status, error=reason, payment_id=payment_id, session_id=session_id)
    if order.kind == "auto":
        _change_auto(connection, order, now_ms, paused_until_ms=now_ms + PAUSE_MS, last_error=reason)
    return Recorded("done", f"the order {order.id} {fact.status}: {reason}")


def _save_card(connection: Connection, order: Order, fact: CardSaved) -> Recorded:
    mine = payment_customers.c.account_id == order.account_id
    columns = payment_customers.c["customer_id", "payment_method_id", "updated_at_ms"]
    known = connection.execute(select(*columns).where(mine).with_for_update()).first()
    if known is None or known.customer_id != fact.customer_id:
        return Recorded("mismatch", f"{fact.customer_id} is not the customer of the order {order.id}")
    if known.payment_method_id is not None and _age(known) > (fact.saved_at_ms, fact.method_id):
        return Recorded("done", f"a card that was saved after that of the order {order.id} is known already")
    saved = {"payment_method_id": fact.method_id, "updated_at_ms": fact.saved_at_ms}
    connection.execute(update(payment_customers).where(mine).values(**saved))
    return Recorded("done", f"saved the card of the order {order.id}")


def _age(saved: Row[Any]) -> tuple[int, str]:
    """When a card was saved; of two in the same second the names decide, so that it is always the same one."""
    return saved.updated_at_ms, saved.payment_method_id


def _refund(connection: Connection, order: Order, fact: Refunded, now_ms: int) -> Recorded:
    if (fault := _cannot_go_back(order, fact.refunded_minor, fact.currency)) is not None:
        return Recorded("mismatch", fault)
    more = fact.refunded_minor - order.refunded_minor
    if more <= 0:
        return Recorded("done", f"{order.refunded_minor} of the order {order.id} had gone back already", is_new=False)
    _change(connection, order, now_ms, refunded_minor=fact.refunded_minor)
    _take(connection, order, more, fact.reference_id, now_ms)
    return Recorded("done", f"refunded {more} of the order {order.id}")


def _dispute(connection: Connection, order: Order, fact: Disputed, now_ms: int) -> Recorded:
    """Take once; give back once, and only what was taken: the two cancel each other, whichever comes first.

    Banks may dispute a little more than was paid, since rates of exchange move; what was credited is the most.
    """
    amount = min(fact.amount_minor, order.amount_minor)
    if (fault := _cannot_go_back(order, amount, fact.currency)) is not None:
        return Recorded("mismatch", fault)
    mark, opposite = f"{fact.dispute_id}:withdrawn", f"{fact.dispute_id}:reinstated"
    if fact.is_reinstated:
        mark, opposite = opposite, mark
    if not note_once(connection, mark, "dispute", f"done: {amount} of the order {order.id}", now_ms):
        return Recorded("done", f"{mark} was known already", is_new=False)
    has_opposite = connection.scalar(select(payment_events.c.id).where(payment_events.c.id == opposite)) is not None
    if not fact.is_reinstated:
        _take(connection, order, 0 if has_opposite else amount, fact.dispute_id, now_ms)
    if fact.is_reinstated and has_opposite:
        given = Credits(amount * CREDITS_PER_CENT)
        top_up(connection, order.account_id, given, "ADJUSTMENT", fact.dispute_id, now_ms)
    return Recorded("done", f"{mark} of the order {order.id}")


def _cannot_go_back(order: Order, amount_minor: int, currency: str) -> str | None:
    if order.status != "paid":
        return f"the order {order.id} is not paid"
    if currency != order.currency or not 0 <= amount_minor <= order.amount_minor:
        return (
            f"{amount_minor} {currency} cannot go back from the order {order.id} of "
            f"{order.amount_minor} {order.currency}"
        )
    return None


def _take(connection: Connection, order: Order, amount_minor: int, reference_id: str, now_ms: int) -> None:
    """Take money back, and charge no card by itself from now on: that would only bring it in again."""
    if amount_minor:
        amount = Credits(amount_minor * CREDITS_PER_CENT)
        take_back(connection, now_ms, order.account_id, amount, reference_id, now_ms)
    reason = f"a payment went back ({reference_id}): turn automatic top-ups on again if they are still wanted"
    mine = update(auto_top_ups).where(auto_top_ups.c.account_id == order.account_id, auto_top_ups.c.is_enabled)
    connection.execute(mine.values(is_enabled=False, last_error=reason, updated_at_ms=now_ms))


def _change(connection: Connection, order: Order, now_ms: int, **values: object) -> None:
    connection.execute(update(orders).where(orders.c.id == order.id).values(updated_at_ms=now_ms, **values))


def _change_auto(connection: Connection, order: Order, now_ms: int, **values: object) -> None:
    mine = auto_top_ups.c.account_id == order.account_id
    connection.execute(update(auto_top_ups).where(mine).values(updated_at_ms=now_ms, **values))
