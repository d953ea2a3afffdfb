"""Top-ups that customers pay for: orders, what a payment provider tells of them, and what may be wrong with either."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from modelport.core.credits import CREDITS_PER_USD, Credits, usd_text
from modelport.core.errors import Problem

OrderKind = Literal["checkout", "auto"]
"""How an order is paid: on the provider's page, or by a saved card without the customer."""
OrderStatus = Literal["open", "paid", "failed", "expired"]
Outcome = Literal["done", "ignored", "mismatch"]

CURRENCY = "usd"
CREDITS_PER_CENT = CREDITS_PER_USD // 100


@dataclass(frozen=True, slots=True)
class Order:
    """A payment that a customer was asked for, written down before the provider hears of it."""

    id: str
    account_id: int
    kind: OrderKind
    status: OrderStatus
    credits: Credits
    amount_minor: int
    currency: str
    session_id: str | None
    payment_id: str | None
    refunded_minor: int
    error: str | None
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class Paid:
    """Money came for an order."""

    order_id: str
    kind: OrderKind
    amount_minor: int
    currency: str
    payment_id: str
    session_id: str | None


@dataclass(frozen=True, slots=True)
class NotPaid:
    """An order was declined, or nobody paid in time."""

    order_id: str
    kind: OrderKind
    status: Literal["failed", "expired"]
    reason: str
    payment_id: str | None
    session_id: str | None


@dataclass(frozen=True, slots=True)
class CardSaved:
    """A customer allowed a card to be charged without him from now on."""

    order_id: str
    customer_id: str
    method_id: str
    saved_at_ms: int
    """By the provider's clock: of several the last one counts, whichever we hear of first."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """So much of a payment has gone back in all."""

    payment_id: str
    reference_id: str
    refunded_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Disputed:
    """A customer's bank took a payment back, or gave it again when the dispute was won."""

    payment_id: str
    dispute_id: str
    amount_minor: int
    currency: str
    is_reinstated: bool


Fact = Paid | NotPaid | CardSaved | Refunded | Disputed


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """What a payment provider told, once verified; `fact` is None when it is nothing to us."""

    id: str
    kind: str
    fact: Fact | None
    fault: str | None = None
    """Why it cannot be read, although it is of a kind that must be."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an event or a fact."""

    outcome: Outcome
    detail: str
    is_new: bool = True
    """Whether it was not there before."""


@dataclass(frozen=True, slots=True)
class AutoTopUp:
    """When a saved card is charged by itself, and with how much."""

    is_enabled: bool
    threshold: Credits
    amount: Credits
    has_card: bool
    paused_until_ms: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """An account as the payment provider knows it."""

    customer_id: str
    method_id: str | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the largest top-up, in whole cents."""

    least: Credits
    most: Credits

    def fault(self, amount: int) -> str | None:
        """Say what an amount should have been; None when it is fine."""
        if amount % CREDITS_PER_CENT:
            return "Expected whole cents"
        if not self.least <= amount <= self.most:
            return f"Expected from {_short(self.least)} to {_short(self.most)} USD"
        return None


def auto_top_up_fault(threshold: int, amount: int, bounds: Bounds) -> tuple[str, str] | None:
    """Name the setting of an automatic top-up that cannot be, and what it should have been."""
    if threshold <= 0:
        return "threshold", "Expected a balance above 0"
    if (fault := bounds.fault(amount)) is not None:
        return "amount", fault
    if amount < threshold:
        return "amount", f"Expected at least the threshold, {_short(threshold)} USD"
    return None


def _short(amount: int) -> str:
    return usd_text(amount).rstrip("0").rstrip(".")


class InvalidSignature(Problem):
    """A webhook does not prove that the payment provider sent it (400)."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the webhook's signature is not valid ({reason}): the provider's signing secret must be the one in "
            "'stripe.webhook_secret', and the body must arrive as it was sent"
        )


class PaymentMismatch(Problem):
    """An event contradicts the order that it names; no money moved (400)."""

    def __init__(self, event_id: str, detail: str) -> None:
        super().__init__(f"the event {event_id} was not carried out: {detail}")
        self.event_id = event_id


class NoSavedCard(Problem):
    """Automatic top-ups were asked for without a card that they could charge (400)."""

    def __init__(self) -> None:
        super().__init__(
            'no card is saved for this account: pay once with POST /v1/billing/checkout and "save_card": true, '
            "then turn automatic top-ups on"
        )


class TooManyCheckouts(Problem):
    """An account began more payments than anybody pays (429)."""

    retry_after_s = 120

    def __init__(self) -> None:
        super().__init__("too many payments were begun in the last hour and not paid: pay one of them, or try later")


class PaymentRefused(Problem):
    """The payment provider did not take a request of ours (502)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the payment provider refused this: {reason}")


class PaymentsUnavailable(Problem):
    """The payment provider could not be reached, or failed; whether it did anything is not known (503)."""

    retry_after_s = 5

    def __init__(self, reason: str) -> None:
        super().__init__(f"the payment provider cannot be used now ({reason}): try again")


class PaymentStore(Protocol):
    """Keeps orders and what was told of them. Each call is one transaction; all may block."""

    def begin(self, order_id: str, account_id: int, amount: Credits) -> Order:
        """Write an open checkout down; raises `TooManyCheckouts`."""
        ...

    def attach(self, order_id: str, session_id: str) -> None:
        """Note the provider's session of a checkout."""
        ...

    def touch(self, order_id: str) -> None:
        """Note that the provider is being asked about an order now."""
        ...

    def knows_paid(self, payment_id: str) -> bool:
        """Whether a payment belongs to an order that counts as paid."""
        ...

    def record(self, event: PaymentEvent) -> Recorded:
        """Carry an event out, once, and keep what became of it."""
        ...

    def settle(self, fact: Fact) -> Recorded:
        """Carry out what we learnt by asking."""
        ...

    def customer(self, account_id: int) -> Customer | None: ...

    def keep_customer(self, account_id: int, customer_id: str) -> Customer:
        """Remember whom the provider knows an account as; whoever was first stays."""
        ...

    def due(self) -> Sequence[int]:
        """List accounts below the threshold of their automatic top-up, without one under way."""
        ...

    def begin_auto(self, order_id: str, account_id: int) -> Order | None:
        """Write an automatic top-up down; None when it is no longer due."""
        ...

    def unanswered(self) -> Sequence[Order]:
        """List automatic top-ups of which we do not know for a minute what became of them."""
        ...

    def overdue(self) -> Sequence[Order]:
        """List checkouts that must have ended long ago and of which nobody told us."""
        ...

    def auto_top_up(self, account_id: int) -> AutoTopUp: ...

    def set_auto_top_up(self, account_id: int, is_enabled: bool, threshold: Credits, amount: Credits) -> AutoTopUp:
        """Change the settings of an automatic top-up and forget what had stopped it; raises `NoSavedCard`."""
        ...
