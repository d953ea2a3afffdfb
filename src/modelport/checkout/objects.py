"""Stripe's objects, as far as they matter here, and what they tell of our orders.

Only members that every version of Stripe's API has are read: a webhook speaks the version that its account is set to.
https://docs.stripe.com/api/checkout/sessions/object, /api/payment_intents/object, /api/charges/object and
/api/disputes/object; read on 2026-11-29, as the types of stripe 16.1 for Python print them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from modelport.ledger.payments import (
    CardSaved,
    Disputed,
    Fact,
    NotPaid,
    OrderKind,
    Paid,
    PaymentEvent,
    Refunded,
)

ORDER_KEY = "modelport_order"
KIND_KEY = "modelport_kind"
"""Metadata by which we know our own: a Stripe account may be used for other things as well."""


class Contradictory(ValueError):
    """An object names two orders, or none although it must."""


class Session(Struct):
    """A page on which somebody pays."""

    id: str
    client_reference_id: str | None = None
    metadata: Mapping[str, str] | None = None
    mode: str | None = None
    status: str | None = None
    payment_status: str | None = None
    amount_total: int | None = None
    currency: str | None = None
    payment_intent: str | None = None


class Failure(Struct):
    """Why a card was not charged."""

    message: str | None = None
    code: str | None = None
    decline_code: str | None = None
    payment_intent: "Intent | None" = None


class Intent(Struct):
    """A payment, from its first try to its success."""

    id: str
    status: str
    amount_received: int
    currency: str
    metadata: Mapping[str, str] | None = None
    customer: str | None = None
    payment_method: str | None = None
    setup_future_usage: str | None = None
    last_payment_error: Failure | None = None


class _Refund(Struct):
    id: str


class _Refunds(Struct):
    data: list[_Refund]


class Charge(Struct):
    """Money that was taken from a card."""

    id: str
    amount_refunded: int
    currency: str
    payment_intent: str | None = None
    refunds: _Refunds | None = None


class Dispute(Struct):
    """A customer's bank asking for money back."""

    id: str
    amount: int
    currency: str
    payment_intent: str | None = None


class _Data(Struct):
    object: Raw


class _Event(Struct):
    id: str
    type: str
    created: int
    data: _Data


_EVENT = msgspec.json.Decoder(_Event)


def paid_by_session(session: Session) -> Paid | None:
    """Return the payment of a session; None when it is not ours or nothing was paid. Raises `Contradictory`."""
    order_id = _order_of_session(session)
    if order_id is None or session.payment_status != "paid":
        return None
    if session.mode != "payment" or session.amount_total is None or not session.currency or not session.payment_intent:
        raise Contradictory(f"the session {session.id} is paid without an amount or a payment")
    return Paid(
        order_id, "checkout", session.amount_total, session.currency, session.payment_intent, session_id=session.id
    )


def unpaid_session(session: Session, status: Literal["failed", "expired"], reason: str) -> NotPaid | None:
    """Return that a session ended without money; None when it is not ours. Raises `Contradictory`."""
    order_id = _order_of_session(session)
    if order_id is None:
        return None
    return NotPaid(order_id, "checkout", status, reason, payment_id=None, session_id=session.id)


def _order_of_session(session: Session) -> str | None:
    order_id = (session.metadata or {}).get(ORDER_KEY)
    if order_id is not None and session.client_reference_id != order_id:
        raise Contradictory(
            f"the session {session.id} names the order {order_id} and, as its reference, {session.client_reference_id}"
        )
    return order_id


def order_of_intent(intent: Intent) -> tuple[str, OrderKind] | None:
    """Return which of our orders a payment is for; None when it is not ours. Raises `Contradictory`."""
    metadata = intent.metadata or {}
    order_id, kind = metadata.get(ORDER_KEY), metadata.get(KIND_KEY)
    if order_id is None:
        return None
    if kind == "auto":
        return order_id, "auto"
    if kind == "checkout":
        return order_id, "checkout"
    raise Contradictory(f"the payment {intent.id} names the order {order_id} and no way of paying")


def auto_outcome(intent: Intent, order_id: str) -> Paid | NotPaid | None:
    """Return how the charge of a saved card ended; None while it has not."""
    if intent.status == "succeeded":
        return Paid(order_id, "auto", intent.amount_received, intent.currency, intent.id, session_id=None)
    if intent.status in ("processing", "requires_capture"):
        return None
    reason = reason_of(intent.last_payment_error, f"the payment is {intent.status}")
    return NotPaid(order_id, "auto", "failed", reason, payment_id=intent.id, session_id=None)


def reason_of(failure: Failure | None, otherwise: str) -> str:
    """Say in Stripe's words why a card was not charged."""
    if failure is None:
        return otherwise
    code = failure.decline_code or failure.code
    return f"{failure.message or otherwise}{f' ({code})' if code else ''}"


def _completed(body: bytes) -> Fact | None:
    return paid_by_session(msgspec.json.decode(body, type=Session))


def _async_failed(body: bytes) -> Fact | None:
    return unpaid_session(msgspec.json.decode(body, type=Session), "failed", "the payment failed")


def _expired(body: bytes) -> Fact | None:
    return unpaid_session(msgspec.json.decode(body, type=Session), "expired", "nobody paid in time")


def _intent(body: bytes) -> Fact | None:
    """Tell of a saved card's charge, or that a card was saved: that a checkout is paid its session tells."""
    intent = msgspec.json.decode(body, type=Intent)
    ours = order_of_intent(intent)
    if ours is None:
        return None
    order_id, kind = ours
    if kind == "auto":
        return auto_outcome(intent, order_id)
    is_saved = intent.status == "succeeded" and intent.setup_future_usage == "off_session"
    if is_saved and intent.customer and intent.payment_method:
        return CardSaved(order_id, intent.customer, intent.payment_method, saved_at_ms=0)
    return None


def _refunded(body: bytes) -> Fact | None:
    charge = msgspec.json.decode(body, type=Charge)
    if charge.payment_intent is None:
        return None
    # Newer versions of the API leave the refunds out; the newest comes first where they are there.
    reference = charge.refunds.data[0].id if charge.refunds and charge.refunds.data else charge.id
    return Refunded(charge.payment_intent, reference, charge.amount_refunded, charge.currency)


def _dispute(body: bytes, is_reinstated: bool) -> Fact | None:
    dispute = msgspec.json.decode(body, type=Dispute)
    if dispute.payment_intent is None:
        return None
    return Disputed(dispute.payment_intent, dispute.id, dispute.amount, dispute.currency, is_reinstated)


_FACTS: Mapping[str, Callable[[bytes], Fact | None]] = {
    "checkout.session.completed": _completed,
    "checkout.session.async_payment_succeeded": _completed,
    "checkout.session.async_payment_failed": _async_failed,
    "checkout.session.expired": _expired,
    "payment_intent.succeeded": _intent,
    "payment_intent.payment_failed": _intent,
    "charge.refunded": _refunded,
    "charge.dispute.funds_withdrawn": lambda body: _dispute(body, False),
    "charge.dispute.funds_reinstated": lambda body: _dispute(body, True),
}
"""https://docs.stripe.com/api/events/types and https://docs.stripe.com/checkout/fulfillment, read on 2026-11-29."""
EVENT_TYPES = tuple(_FACTS)
"""What the webhook must be subscribed to."""


def read_event(body: bytes) -> PaymentEvent:
    """Read a verified event; raises `msgspec.DecodeError` when it is none."""
    event = _EVENT.decode(body)
    read = _FACTS.get(event.type)
    if read is None:
        return PaymentEvent(event.id, event.type, None)
    try:
        fact = read(bytes(event.data.object))
        if isinstance(fact, CardSaved):
            fact = replace(fact, saved_at_ms=event.created * 1000)
        return PaymentEvent(event.id, event.type, fact)
    except msgspec.DecodeError as error:
        return PaymentEvent(event.id, event.type, None, f"it cannot be read: {error}")
    except Contradictory as error:
        return PaymentEvent(event.id, event.type, None, str(error))
