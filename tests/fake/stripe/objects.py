"""What Stripe keeps: customers, pages, payments, charges and disputes, and what happens to them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import stripe

from tests.fake.stripe.events import Event, make_event
from tests.fake.stripe.typed import check_object

CURRENCIES = {"usd", "eur", "gbp", "jpy"}
LEAST_MINOR = 50
Object = dict[str, Any]
_KINDS = {
    "customer": stripe.Customer,
    "checkout.session": stripe.checkout.Session,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "dispute": stripe.Dispute,
}


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"error": {"type": kind, "message": message, **more}}


def invalid(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Refused:
    """An `invalid_request_error`."""
    more = {name: value for name, value in (("param", param), ("code", code)) if value is not None}
    return Refused(status, "invalid_request_error", message, **more)


def checked(content: Object) -> Object:
    """Return an object that the official client's types agree with."""
    check_object(_KINDS[content["object"]], content)
    return content


@dataclass(slots=True)
class Books:
    """Everything there is, by id, and the events of it in the order in which it happened."""

    objects: dict[str, Object] = field(default_factory=dict[str, Object])
    events: list[Event] = field(default_factory=list[Event])
    declining: set[str] = field(default_factory=set[str])
    """Cards that are declined."""
    wanting: set[str] = field(default_factory=set[str])
    """Cards that want their owner."""
    slow: set[str] = field(default_factory=set[str])
    """Cards of which it takes a while to know."""
    numbers: int = 0
    now_s: Callable[[], int] = lambda: int(time.time())

    def new(self, prefix: str) -> str:
        self.numbers += 1
        return f"{prefix}_test_{self.numbers:08d}"

    def tell(self, kind: str, about: Object) -> Event:
        """Note an event with the object as it is now."""
        version = stripe.api_version or "2026-10-28.endive"
        event = make_event(self.new("evt"), kind, dict(checked(about)), version, self.now_s())
        self.events.append(event)
        return event

    def get(self, object_id: str, kind: str, param: str | None = None) -> Object:
        found = self.objects.get(object_id)
        if found is None or found["object"] != kind:
            name = {"payment_intent": "payment_intent", "checkout.session": "checkout.session"}.get(kind, kind)
            status = 404 if param is None else 400
            raise invalid(f"No such {name}: '{object_id}'", param or "intent", "resource_missing", status)
        return found

    def customer(self, metadata: dict[str, str]) -> Object:
        made = {"id": self.new("cus"), "object": "customer", "created": self.now_s(), "metadata": metadata, "cards": []}
        self.objects[made["id"]] = made
        return shown(made)

    def session(self, params: Object) -> Object:
        total = sum(int(one["quantity"]) * int(one["price_data"]["unit_amount"]) for one in params["line_items"])
        session_id = self.new("cs")
        made = {
            "id": session_id,
            "object": "checkout.session",
            "amount_subtotal": total,
            "amount_total": total,
            "cancel_url": params.get("cancel_url"),
            "client_reference_id": params.get("client_reference_id"),
            "created": self.now_s(),
            "currency": params["line_items"][0]["price_data"]["currency"],
            "customer": params.get("customer"),
            "expires_at": self.now_s() + 86_400,
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "mode": params["mode"],
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": params["success_url"],
            "url": f"https://checkout.stripe.example/c/pay/{session_id}",
            "intent_data": params.get("payment_intent_data", {}),
        }
        self.objects[session_id] = made
        return shown(made)

    def intent(self, params: Object) -> Object:
        made = {
            "id": self.new("pi"),
            "object": "payment_intent",
            "amount": int(params["amount"]),
            "amount_received": 0,
            "created": self.now_s(),
            "currency": params["currency"],
            "customer": params.get("customer"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "payment_method": params.get("payment_method"),
            "setup_future_usage": params.get("setup_future_usage"),
            "status": "requires_confirmation",
        }
        self.objects[made["id"]] = made
        return made

    def succeed(self, intent: Object) -> Object:
        """Take the money of a payment."""
        charge = {
            "id": self.new("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_refunded": 0,
            "captured": True,
            "created": self.now_s(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "disputed": False,
            "metadata": dict(intent["metadata"]),
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": False,
            "status": "succeeded",
        }
        self.objects[charge["id"]] = charge
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
        self.tell("charge.succeeded", charge)
        return charge

    def confirm(self, intent: Object) -> None:
        """Charge a saved card; raises `Refused` (402) when it is declined or wants its owner."""
        card = intent["payment_method"]
        if card in self.slow:
            intent["status"] = "processing"
            return
        if card in self.declining or card in self.wanting:
            code = "card_declined" if card in self.declining else "authentication_required"
            message = "Your card was declined." if card in self.declining else "The card needs its owner."
            error = {"type": "card_error", "code": code, "message": message}
            if card in self.declining:
                error["decline_code"] = "insufficient_funds"
            intent |= {"status": "requires_payment_method", "last_payment_error": error}
            self.tell("payment_intent.payment_failed", intent)
            more = {name: value for name, value in error.items() if name not in ("type", "message")}
            raise Refused(402, "card_error", message, **more, payment_intent=dict(intent))
        self.succeed(intent)
        self.tell("payment_intent.succeeded", intent)

    def finish(self, payment_id: str) -> None:
        """Let a payment that took a while succeed."""
        intent = self.objects[payment_id]
        self.succeed(intent)
        self.tell("payment_intent.succeeded", intent)

    def pay(self, session_id: str, *, is_later: bool = False) -> Object:
        """Pay on a page as a customer does; `is_later` when the money takes a while. Returns the payment."""
        session = self.objects[session_id]
        assert session["status"] == "open", session["status"]
        data = session["intent_data"]
        card = self.new("pm")
        usage = data.get("setup_future_usage")
        if usage and session["customer"] is None:
            session["customer"] = self.customer({})["id"]
        terms = {"amount": session["amount_total"], "currency": session["currency"], "customer": session["customer"]}
        intent = self.intent(
            {**terms, "metadata": data.get("metadata", {}), "payment_method": card, "setup_future_usage": usage}
        )
        session |= {"status": "complete", "payment_intent": intent["id"], "url": None}
        if usage:
            self.objects[session["customer"]]["cards"].append(card)
        if is_later:
            intent["status"] = "processing"
        else:
            self.succeed(intent)
            self.tell("payment_intent.succeeded", intent)
            session["payment_status"] = "paid"
        self.tell("checkout.session.completed", shown(session))
        return intent

    def arrive(self, session_id: str, *, is_paid: bool) -> None:
        """Let money that took a while come, or not."""
        session = self.objects[session_id]
        intent = self.objects[session["payment_intent"]]
        if is_paid:
            self.succeed(intent)
            self.tell("payment_intent.succeeded", intent)
            session["payment_status"] = "paid"
        word = "succeeded" if is_paid else "failed"
        self.tell(f"checkout.session.async_payment_{word}", shown(session))

    def lapse(self, session_id: str) -> None:
        """Let a page's day end."""
        session = self.objects[session_id]
        session |= {"status": "expired", "url": None}
        self.tell("checkout.session.expired", shown(session))

    def refund(self, payment_id: str, amount: int) -> None:
        """Give a part of a payment back."""
        charge = self.charge_of(payment_id)
        charge["amount_refunded"] += amount
        assert charge["amount_refunded"] <= charge["amount"]
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.tell("charge.refunded", charge)

    def dispute(self, payment_id: str, amount: int | None = None) -> str:
        """Take a payment back for a customer's bank; returns the dispute's id."""
        charge = self.charge_of(payment_id)
        charge["disputed"] = True
        made = {
            "id": self.new("du"),
            "object": "dispute",
            "amount": charge["amount"] if amount is None else amount,
            "charge": charge["id"],
            "created": self.now_s(),
            "currency": charge["currency"],
            "livemode": False,
            "metadata": {},
            "payment_intent": payment_id,
            "reason": "fraudulent",
            "status": "needs_response",
        }
        self.objects[made["id"]] = made
        self.tell("charge.dispute.created", made)
        self.tell("charge.dispute.funds_withdrawn", made)
        return made["id"]

    def close(self, dispute_id: str, *, is_won: bool) -> None:
        """End a dispute."""
        dispute = self.objects[dispute_id]
        dispute["status"] = "won" if is_won else "lost"
        self.tell("charge.dispute.closed", dispute)
        if is_won:
            self.tell("charge.dispute.funds_reinstated", dispute)

    def charge_of(self, payment_id: str) -> Object:
        return self.objects[self.objects[payment_id]["latest_charge"]]

    @property
    def charges(self) -> list[Object]:
        """All money that was taken."""
        return [one for one in self.objects.values() if one["object"] == "charge"]


def shown(content: Object) -> Object:
    """An object without what is only ours."""
    return checked({name: value for name, value in content.items() if name not in ("cards", "intent_data")})
