"""Stripe, through its official client, which is loaded when it is used for the first time.

Requests carry the order's id as idempotency key: Stripe answers a repetition with what the first one got, for at least
a day (https://docs.stripe.com/api/idempotent_requests, read on 2026-11-29). All calls block.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import msgspec

from modelport.checkout.desk import Page
from modelport.checkout.objects import (
    KIND_KEY,
    ORDER_KEY,
    Contradictory,
    Failure,
    Intent,
    Session,
    auto_outcome,
    order_of_intent,
    paid_by_session,
    read_event,
    reason_of,
    unpaid_session,
)
from modelport.core.errors import InvalidBody, Secret
from modelport.ledger.payments import (
    Customer,
    InvalidSignature,
    NotPaid,
    Order,
    Paid,
    PaymentEvent,
    PaymentRefused,
    PaymentsUnavailable,
)

if TYPE_CHECKING:
    import stripe
    from stripe.params import PaymentIntentListParams
    from stripe.params.checkout import SessionCreateParams

T = TypeVar("T")

CONNECT_S = 5.0
READ_S = 15.0
RETRIES = 2
"""Of requests that failed on their way or at Stripe; with the time-outs less than a minute in all."""
_SLACK_S = 3600
_LISTED = 100
_OF_CALLERS = ("success_url", "cancel_url")


class _Told(msgspec.Struct):
    error: Failure | None = None


@dataclass(slots=True)
class StripeProvider:
    """The `Provider` of card payments at Stripe."""

    secret_key: Secret
    webhook_secret: Secret
    base_url: str
    retries: int = RETRIES
    read_s: float = READ_S
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _opened: stripe.StripeClient | None = field(default=None, init=False)
    _http: stripe.RequestsClient | None = field(default=None, init=False)

    def read(self, body: bytes, signature: bytes | None) -> PaymentEvent:
        """Verify and read a webhook; raises `InvalidSignature`.

        Signatures older than five minutes are refused: https://docs.stripe.com/webhooks, read on 2026-11-29.
        """
        from stripe import SignatureVerificationError, Webhook

        secret = self.webhook_secret.reveal()
        try:
            header = (signature or b"").decode("ascii")
            Webhook.construct_event(body, header, secret)
            return read_event(body)
        except SignatureVerificationError as error:
            raise InvalidSignature((error.user_message or "it does not match").partition("(")[0].strip()) from None
        except UnicodeDecodeError:
            raise InvalidSignature("header or body is not text") from None
        except (ValueError, AttributeError, TypeError) as error:
            # It is Stripe's, but no event: the client takes what it has verified for a JSON object.
            raise InvalidSignature(f"the body is no event: {type(error).__name__}") from error

    def new_customer(self, account_id: int, order_id: str) -> str:
        """Make the account known to Stripe, so that a card can be kept for it."""
        with _told():
            made = self._client().v1.customers.create(
                {"metadata": {"modelport_account": str(account_id)}},
                {"idempotency_key": f"customer-{order_id}"},
            )
            return made.id

    def begin(self, order: Order, customer_id: str | None, success_url: str, cancel_url: str, is_saving: bool) -> Page:
        """Open a page on which an order is paid: https://docs.stripe.com/api/checkout/sessions/create, 2026-11-29."""
        params = _session_params(order, success_url, cancel_url)
        if customer_id is not None:
            params["customer"] = customer_id
        if is_saving:
            params["payment_intent_data"] = {"metadata": _metadata(order), "setup_future_usage": "off_session"}
        with _told():
            session = self._client().v1.checkout.sessions.create(params, {"idempotency_key": order.id})
            if session.url is None:
                raise PaymentRefused("it made no page to pay on")
            return Page(session.id, session.url)

    def charge(self, order: Order, customer: Customer) -> Paid | NotPaid | None:
        """Charge the saved card, at most once however often this is asked; None while it is not decided.

        https://docs.stripe.com/payments/save-and-reuse and https://docs.stripe.com/api/payment_intents/create, read on
        2026-11-29: `off_session` and `confirm`; a card that is declined, or wants its owner, is told as 402.
        """
        from stripe import CardError

        if customer.method_id is None:
            return _declined(order, "no card is saved any more", None)
        try:
            with _told():
                made = self._client().v1.payment_intents.create(
                    {
                        "amount": order.amount_minor,
                        "currency": order.currency,
                        "customer": customer.customer_id,
                        "payment_method": customer.method_id,
                        "allowed_payment_method_types": ["card"],
                        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                        "off_session": True,
                        "confirm": True,
                        "description": "Credit",
                        "metadata": _metadata(order),
                    },
                    {"idempotency_key": order.id},
                )
        except CardError as error:
            failure = msgspec.convert(error.json_body, _Told).error
            intent = failure.payment_intent if failure is not None else None
            reason = reason_of(failure, "the card was declined")
            return _declined(order, reason, intent.id if intent is not None else None)
        except (PaymentRefused, InvalidBody) as problem:
            return _declined(order, problem.message, None)
        return auto_outcome(_as(Intent, made.to_dict()), order.id)

    def find_charge(self, order: Order, customer: Customer) -> tuple[bool, Paid | NotPaid | None]:
        """Say whether the order's charge exists at Stripe, and how it ended."""
        since = order.created_at_ms // 1000 - _SLACK_S
        params: PaymentIntentListParams = {
            "customer": customer.customer_id,
            "created": {"gte": since},
            "limit": _LISTED,
        }
        with _told():
            found = self._client().v1.payment_intents.list(params)
            intents = [_as(Intent, one.to_dict()) for one in found.data]
        for intent in intents:
            if (intent.metadata or {}).get(ORDER_KEY) == order.id:
                return True, auto_outcome(intent, order.id)
        return False, None

    def payment(self, payment_id: str) -> Paid | None:
        """Return what a payment paid for; None when it is not ours or did not succeed."""
        from stripe import InvalidRequestError

        try:
            with _told():
                intent = _as(Intent, self._client().v1.payment_intents.retrieve(payment_id).to_dict())
        except PaymentRefused as refused:
            if isinstance(refused.__cause__, InvalidRequestError) and refused.__cause__.code == "resource_missing":
                return None
            raise
        try:
            ours = order_of_intent(intent)
            if ours is None:
                return None
            if ours[1] == "auto":
                outcome = auto_outcome(intent, ours[0])
                return outcome if isinstance(outcome, Paid) else None
            return self._paid_on_page(payment_id)
        except Contradictory:
            return None

    def _paid_on_page(self, payment_id: str) -> Paid | None:
        with _told():
            found = self._client().v1.checkout.sessions.list({"payment_intent": payment_id, "limit": 1})
            sessions = [_as(Session, one.to_dict()) for one in found.data]
        return paid_by_session(sessions[0]) if sessions else None

    def outcome(self, order: Order) -> Paid | NotPaid | None:
        """Return how a page ended; None while somebody may still pay on it."""
        if order.session_id is None:
            return NotPaid(order.id, "checkout", "expired", "it was never shown", payment_id=None, session_id=None)
        with _told():
            session = _as(Session, self._client().v1.checkout.sessions.retrieve(order.session_id).to_dict())
        try:
            if session.status == "expired":
                return unpaid_session(session, "expired", "nobody paid in time")
            return paid_by_session(session)
        except Contradictory as error:
            raise PaymentRefused(str(error)) from error

    def close(self) -> None:
        """Close connections to Stripe."""
        if self._http is not None:
            self._http.close()

    def _client(self) -> stripe.StripeClient:
        with self._lock:
            if self._opened is None:
                self._http, self._opened = self._open()
            return self._opened

    def _open(self) -> tuple[stripe.RequestsClient, stripe.StripeClient]:
        import requests
        import stripe

        # One session for all threads: what the client keeps for each of them nobody could close.
        http = stripe.RequestsClient(timeout=(CONNECT_S, self.read_s), session=requests.Session())
        client = stripe.StripeClient(
            self.secret_key.reveal(),
            base_addresses={"api": self.base_url.rstrip("/")},
            max_network_retries=self.retries,
            http_client=http,
        )
        return http, client


def _session_params(order: Order, success_url: str, cancel_url: str) -> SessionCreateParams:
    return {
        "mode": "payment",
        "client_reference_id": order.id,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "allowed_payment_method_types": ["card"],
        "adaptive_pricing": {"enabled": False},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency,
                    "unit_amount": order.amount_minor,
                    "product_data": {"name": "Credit"},
                },
            }
        ],
        "metadata": _metadata(order),
        "payment_intent_data": {"metadata": _metadata(order)},
    }


def _metadata(order: Order) -> dict[str, str]:
    return {ORDER_KEY: order.id, KIND_KEY: order.kind}


def _declined(order: Order, reason: str, payment_id: str | None) -> NotPaid:
    return NotPaid(order.id, "auto", "failed", reason, payment_id=payment_id, session_id=None)


def _as(kind: type[T], content: object) -> T:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise PaymentsUnavailable(f"its answer cannot be read: {error}") from error


@contextlib.contextmanager
def _told() -> Generator[None]:
    """Turn what the client raises into our problems; a declined card is left to whoever charges one."""
    import stripe

    try:
        yield
    except stripe.CardError:
        raise
    except stripe.IdempotencyError as error:
        raise PaymentsUnavailable("this was asked for before in other words") from error
    except stripe.InvalidRequestError as error:
        said = error.user_message or "it gave no reason"
        if error.param in _OF_CALLERS:
            raise InvalidBody((f"'{error.param}': {said}",), error.param) from error
        raise PaymentRefused(said) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise PaymentsUnavailable(
            "it refused this gateway's own key: its operator has to check 'stripe.secret_key'"
        ) from error
    except stripe.StripeError as error:
        raise PaymentsUnavailable(f"{type(error).__name__}, status {error.http_status or 'none'}") from error
