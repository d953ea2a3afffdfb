"""Orders, the events of payment providers, and the settings of automatic top-ups."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, insert, select, text, update

from modelport.core.credits import Credits
from modelport.ledger.payments import (
    CREDITS_PER_CENT,
    CURRENCY,
    AutoTopUp,
    Customer,
    Fact,
    NoSavedCard,
    Order,
    OrderKind,
    PaymentEvent,
    Recorded,
    TooManyCheckouts,
)
from modelport.storage.database import Database
from modelport.storage.fulfilment import ORDER_COLUMNS, carry_out, note_once, order_of
from modelport.storage.moves import free_of
from modelport.storage.tables import auto_top_ups, balances, orders, payment_customers, payment_events

OPEN_PER_HOUR = 20
"""Checkouts that an account may begin in an hour without paying one."""
ASK_AGAIN_MS = 60_000
"""An automatic top-up that was asked for so long ago has no answer on its way any more."""
CHECKOUT_MS = 25 * 3_600_000
"""A session on the provider's page ends after a day."""
AT_ONCE = 50
_HOUR_MS = 3_600_000
_KEEP_CUSTOMER = text(
    "INSERT INTO payment_customers (account_id, customer_id, updated_at_ms) VALUES (:account, :customer, :at) "
    "ON CONFLICT (account_id) DO NOTHING"
)
_SET_AUTO = text(
    "INSERT INTO auto_top_ups (account_id, is_enabled, threshold_credits, amount_credits, paused_until_ms, last_error,"
    " updated_at_ms) VALUES (:account, :enabled, :threshold, :amount, 0, NULL, :at) ON CONFLICT (account_id) DO UPDATE "
    "SET is_enabled = excluded.is_enabled, threshold_credits = excluded.threshold_credits, "
    "amount_credits = excluded.amount_credits, paused_until_ms = 0, last_error = NULL, "
    "updated_at_ms = excluded.updated_at_ms"
)


class StoredPayments:
    """The `PaymentStore` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, order_id: str, account_id: int, amount: Credits) -> Order:
        """Write an open checkout down; raises `TooManyCheckouts`."""
        now = self._database.now_ms()
        recent = select(func.count()).where(
            orders.c.account_id == account_id,
            orders.c.created_at_ms > now - _HOUR_MS,
            orders.c.kind == "checkout",
            orders.c.status == "open",
        )
        with self._database.write() as connection:
            free_of(connection, account_id, now)  # for its lock: no two begin at once
            if (connection.scalar(recent) or 0) >= OPEN_PER_HOUR:
                raise TooManyCheckouts
            return _write_order(connection, order_id, account_id, "checkout", amount, now)

    def attach(self, order_id: str, session_id: str) -> None:
        """Note the provider's session of a checkout."""
        with self._database.write() as connection:
            connection.execute(update(orders).where(orders.c.id == order_id).values(session_id=session_id))

    def touch(self, order_id: str) -> None:
        """Note that the provider is being asked about an order now."""
        now = self._database.now_ms()
        with self._database.write() as connection:
            connection.execute(update(orders).where(orders.c.id == order_id).values(updated_at_ms=now))

    def knows_paid(self, payment_id: str) -> bool:
        """Whether a payment belongs to an order that counts as paid."""
        with self._database.read() as connection:
            status = connection.scalar(select(orders.c.status).where(orders.c.payment_id == payment_id))
        return status == "paid"

    def record(self, event: PaymentEvent) -> Recorded:
        """Carry an event out, once, and keep what became of it; both in one transaction."""
        now = self._database.now_ms()
        mine = payment_events.c.id == event.id
        with self._database.write() as connection:
            if not note_once(connection, event.id, event.kind, "", now):
                known = str(connection.scalar(select(payment_events.c.outcome).where(mine)))
                return _known(known)
            if event.fault is not None:
                recorded = Recorded("mismatch", event.fault)
            elif event.fact is None:
                recorded = Recorded("ignored", "nothing to do")
            else:
                recorded = carry_out(connection, event.fact, now)
            outcome = f"{recorded.outcome}: {recorded.detail}"
            connection.execute(update(payment_events).where(mine).values(outcome=outcome))
            return recorded

    def settle(self, fact: Fact) -> Recorded:
        """Carry out what we learnt by asking."""
        now = self._database.now_ms()
        with self._database.write() as connection:
            return carry_out(connection, fact, now)

    def customer(self, account_id: int) -> Customer | None:
        """Return whom the provider knows an account as."""
        with self._database.read() as connection:
            return _customer(connection, account_id)

    def keep_customer(self, account_id: int, customer_id: str) -> Customer:
        """Remember whom the provider knows an account as; whoever was first stays."""
        now = self._database.now_ms()
        with self._database.write() as connection:
            connection.execute(_KEEP_CUSTOMER, {"account": account_id, "customer": customer_id, "at": now})
            return _customer(connection, account_id) or Customer(customer_id, None)

    def due(self) -> Sequence[int]:
        """List accounts below the threshold of their automatic top-up, without one under way."""
        with self._database.read() as connection:
            return [row[0] for row in connection.execute(_due(self._database.now_ms()).limit(AT_ONCE))]

    def begin_auto(self, order_id: str, account_id: int) -> Order | None:
        """Write an automatic top-up down; None when it is no longer due."""
        now = self._database.now_ms()
        with self._database.write() as connection:
            free_of(connection, account_id, now)  # for its lock: no two begin at once
            if connection.scalar(_due(now).where(auto_top_ups.c.account_id == account_id)) is None:
                return None
            wanted = select(auto_top_ups.c.amount_credits).where(auto_top_ups.c.account_id == account_id)
            amount = Credits(connection.scalar(wanted) or 0)
            return _write_order(connection, order_id, account_id, "auto", amount, now)

    def unanswered(self) -> Sequence[Order]:
        """List automatic top-ups of which we do not know for a minute what became of them."""
        return self._open("auto", orders.c.updated_at_ms <= self._database.now_ms() - ASK_AGAIN_MS)

    def overdue(self) -> Sequence[Order]:
        """List checkouts that must have ended long ago and of which nobody told us."""
        now = self._database.now_ms()
        return self._open(
            "checkout", orders.c.created_at_ms <= now - CHECKOUT_MS, orders.c.updated_at_ms <= now - ASK_AGAIN_MS
        )

    def _open(self, kind: OrderKind, *which: ColumnElement[bool]) -> list[Order]:
        query = select(*ORDER_COLUMNS).where(orders.c.status == "open", orders.c.kind == kind, *which)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(orders.c.updated_at_ms).limit(AT_ONCE)).all()
        return [order_of(row) for row in rows]

    def auto_top_up(self, account_id: int) -> AutoTopUp:
        """Return the settings of an account's automatic top-up."""
        with self._database.read() as connection:
            return _auto_top_up(connection, account_id)

    def set_auto_top_up(self, account_id: int, is_enabled: bool, threshold: Credits, amount: Credits) -> AutoTopUp:
        """Change the settings of an automatic top-up and forget what had stopped it; raises `NoSavedCard`."""
        now = self._database.now_ms()
        values = {"account": account_id, "enabled": is_enabled, "threshold": threshold, "amount": amount, "at": now}
        with self._database.write() as connection:
            customer = _customer(connection, account_id)
            if is_enabled and (customer is None or customer.method_id is None):
                raise NoSavedCard
            connection.execute(_SET_AUTO, values)
            return _auto_top_up(connection, account_id)


def _write_order(
    connection: Connection, order_id: str, account_id: int, kind: OrderKind, amount: Credits, now_ms: int
) -> Order:
    cents = amount // CREDITS_PER_CENT
    order = Order(order_id, account_id, kind, "open", amount, cents, CURRENCY, None, None, 0, None, now_ms, now_ms)
    connection.execute(
        insert(orders).values(
            id=order_id,
            account_id=account_id,
            kind=kind,
            status="open",
            credits=amount,
            amount_minor=cents,
            currency=CURRENCY,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
    )
    return order


def _known(outcome: str) -> Recorded:
    word, _, detail = outcome.partition(": ")
    return Recorded("mismatch" if word == "mismatch" else "done", detail, is_new=False)


def _customer(connection: Connection, account_id: int) -> Customer | None:
    columns = payment_customers.c["customer_id", "payment_method_id"]
    row = connection.execute(select(*columns).where(payment_customers.c.account_id == account_id)).first()
    return None if row is None else Customer(*row)


def _due(now_ms: int) -> Select[Any]:
    is_open = exists().where(
        orders.c.account_id == auto_top_ups.c.account_id, orders.c.kind == "auto", orders.c.status == "open"
    )
    return (
        select(auto_top_ups.c.account_id)
        .join(balances, balances.c.account_id == auto_top_ups.c.account_id)
        .join(payment_customers, payment_customers.c.account_id == auto_top_ups.c.account_id)
        .where(
            auto_top_ups.c.is_enabled,
            auto_top_ups.c.paused_until_ms <= now_ms,
            balances.c.credits < auto_top_ups.c.threshold_credits,
            payment_customers.c.payment_method_id.is_not(None),
            ~is_open,
        )
        .order_by(auto_top_ups.c.updated_at_ms)
    )


def _auto_top_up(connection: Connection, account_id: int) -> AutoTopUp:
    columns = auto_top_ups.c["is_enabled", "threshold_credits", "amount_credits", "paused_until_ms", "last_error"]
    row = connection.execute(select(*columns).where(auto_top_ups.c.account_id == account_id)).first()
    customer = _customer(connection, account_id)
    has_card = customer is not None and customer.method_id is not None
    if row is None:
        return AutoTopUp(False, Credits(0), Credits(0), has_card, 0, None)
    enabled, threshold, amount, paused, error = tuple(row)
    return AutoTopUp(enabled, Credits(threshold), Credits(amount), has_card, paused, error)
