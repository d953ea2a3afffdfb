"""Where orders are begun, paid and taken back: between our books and the provider of payments.

An order is written down before the provider hears of it, and what the provider tells, by webhook or by answer, goes one
way into the books. So nothing is lost or done twice, wherever a process dies.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from modelport.core.clock import Clock
from modelport.core.credits import Credits
from modelport.core.errors import InvalidBody, Problem
from modelport.ledger.payments import (
    AutoTopUp,
    Bounds,
    Customer,
    Disputed,
    NotPaid,
    Order,
    Paid,
    PaymentEvent,
    PaymentMismatch,
    PaymentRefused,
    PaymentStore,
    Recorded,
    Refunded,
)

_log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 8
"""Orders that the provider is asked about at the same time."""
KEY_MS = 23 * 3_600_000
"""How long asking again is safe: providers remember what was asked for a day."""


@dataclass(frozen=True, slots=True)
class Page:
    """Where a customer pays."""

    session_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A checkout that waits for its customer."""

    order_id: str
    url: str
    amount: Credits


class Provider(Protocol):
    """Takes payments. All calls block; they raise `PaymentRefused` or `PaymentsUnavailable`."""

    def read(self, body: bytes, signature: bytes | None) -> PaymentEvent: ...

    def new_customer(self, account_id: int, order_id: str) -> str: ...

    def begin(
        self, order: Order, customer_id: str | None, success_url: str, cancel_url: str, is_saving: bool
    ) -> Page: ...

    def charge(self, order: Order, customer: Customer) -> Paid | NotPaid | None: ...

    def find_charge(self, order: Order, customer: Customer) -> tuple[bool, Paid | NotPaid | None]: ...

    def payment(self, payment_id: str) -> Paid | None: ...

    def outcome(self, order: Order) -> Paid | NotPaid | None: ...


class Run(Protocol):
    """Runs what may wait for the provider, where a slow one keeps nobody else waiting."""

    def __call__(self, work: Callable[..., T], /, *arguments: object) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class PaymentDesk:
    """Begins checkouts, takes webhooks, and keeps balances above their thresholds."""

    provider: Provider
    store: PaymentStore
    bounds: Bounds
    clock: Clock
    new_id: Callable[[], str]
    run: Run = asyncio.to_thread

    async def begin(
        self, account_id: int, amount: Credits, success_url: str, cancel_url: str, is_saving: bool
    ) -> Begun:
        """Begin a checkout; raises `TooManyCheckouts`, `PaymentRefused`, `PaymentsUnavailable`, `InvalidBody`."""
        return await self.run(self._begin, account_id, amount, success_url, cancel_url, is_saving)

    def _begin(self, account_id: int, amount: Credits, success_url: str, cancel_url: str, is_saving: bool) -> Begun:
        order = self.store.begin(self.new_id(), account_id, amount)
        try:
            customer = self.store.customer(account_id)
            if customer is None and is_saving:
                customer_id = self.provider.new_customer(account_id, order.id)
                customer = self.store.keep_customer(account_id, customer_id)
            known_as = None if customer is None else customer.customer_id
            page = self.provider.begin(order, known_as, success_url, cancel_url, is_saving)
        except (PaymentRefused, InvalidBody) as problem:
            refused = NotPaid(order.id, "checkout", "failed", problem.message, payment_id=None, session_id=None)
            self.store.settle(refused)
            raise
        self.store.attach(order.id, page.session_id)
        return Begun(order.id, page.url, order.credits)

    async def receive(self, body: bytes, signature: bytes | None) -> None:
        """Carry a webhook out; raises `InvalidSignature`, `PaymentMismatch`, `PaymentsUnavailable`."""
        await self.run(self._receive, body, signature)

    def _receive(self, body: bytes, signature: bytes | None) -> None:
        event = self.provider.read(body, signature)
        recorded = self.store.record(self._reconciled(event))
        if recorded.outcome == "mismatch":
            if recorded.is_new:
                _log.error("payment event %s (%s) was not carried out: %s", event.id, event.kind, recorded.detail)
            raise PaymentMismatch(event.id, recorded.detail)
        if recorded.is_new:
            _log.info("payment event %s (%s): %s", event.id, event.kind, recorded.detail)

    def _reconciled(self, event: PaymentEvent) -> PaymentEvent:
        """Before money goes back, ask about a payment whose event has not come yet, and take that in first."""
        fact = event.fact
        if not isinstance(fact, Refunded | Disputed) or self.store.knows_paid(fact.payment_id):
            return event
        paid = self.provider.payment(fact.payment_id)
        if paid is None:
            return event
        recorded = self.store.settle(paid)
        return replace(event, fact=None, fault=recorded.detail) if recorded.outcome == "mismatch" else event

    async def sweep(self) -> None:
        """Top up what fell below its threshold, and ask about orders that have been without an answer too long."""
        begun = await asyncio.to_thread(self._begin_due)
        again = await asyncio.to_thread(self.store.unanswered)
        overdue = await asyncio.to_thread(self.store.overdue)
        limit = asyncio.Semaphore(AT_ONCE)

        async def run(work: Callable[[Order], None], order: Order) -> None:
            async with limit:
                await self.run(self._guarded, work, order)

        works = ((self._charge, begun), (self._ask_again, again), (self._close, overdue))
        await asyncio.gather(*(run(work, order) for work, orders in works for order in orders))

    def _begin_due(self) -> Sequence[Order]:
        begun = (self.store.begin_auto(self.new_id(), account_id) for account_id in self.store.due())
        return [order for order in begun if order is not None]

    def _guarded(self, work: Callable[[Order], None], order: Order) -> None:
        """Leave an order as it is when it cannot be worked on; it is looked at again after a while."""
        try:
            self.store.touch(order.id)
            work(order)
        except Problem as problem:
            _log.warning("the order %s stays open: %s", order.id, problem.message)

    def _charge(self, order: Order) -> None:
        customer = self.store.customer(order.account_id)
        if customer is None:
            self._settle(_failed(order, "no card is saved"))
            return
        self._settle(self.provider.charge(order, customer))

    def _ask_again(self, order: Order) -> None:
        """Find out about a charge whose answer was lost; ask for it again, with the same key, if it never arrived."""
        customer = self.store.customer(order.account_id)
        exists, outcome = (False, None) if customer is None else self.provider.find_charge(order, customer)
        if exists:
            self._settle(outcome)
        elif self.clock.now_ms() - order.created_at_ms < KEY_MS:
            self._charge(order)
        else:
            self._settle(_failed(order, "the payment provider never answered"))

    def _close(self, order: Order) -> None:
        self._settle(self.provider.outcome(order))

    def _settle(self, fact: Paid | NotPaid | None) -> Recorded | None:
        if fact is None:
            return None
        recorded = self.store.settle(fact)
        level = logging.ERROR if recorded.outcome == "mismatch" else logging.INFO
        _log.log(level, "order %s: %s", fact.order_id, recorded.detail)
        return recorded

    async def auto_top_up(self, account_id: int) -> AutoTopUp:
        """Return when and with how much an account is topped up by itself."""
        return await asyncio.to_thread(self.store.auto_top_up, account_id)

    async def set_auto_top_up(
        self, account_id: int, is_enabled: bool, threshold: Credits, amount: Credits
    ) -> AutoTopUp:
        """Change that; raises `NoSavedCard`."""
        return await asyncio.to_thread(self.store.set_auto_top_up, account_id, is_enabled, threshold, amount)


def _failed(order: Order, reason: str) -> NotPaid:
    return NotPaid(order.id, order.kind, "failed", reason, payment_id=None, session_id=None)
