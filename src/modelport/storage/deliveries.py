"""Deliveries of jobs' webhooks in the database."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from modelport.jobs.deliveries import Claimed, Delivery, DeliveryUnknown, NotEnded, Outcome, Told
from modelport.storage.database import Database
from modelport.storage.tables import accounts, deliveries, delivery_outcomes, jobs

DELIVERED = deliveries.c[
    "url", "status", "attempts", "failures", "last_status", "last_error", "last_at_ms", "next_at_ms"
]
"""The columns of a delivery."""


class StoredDeliveries:
    """The `DeliveryStore` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, now_ms: int, until_ms: int, limit: int, per_host: int, besides: Collection[str]
    ) -> Sequence[Claimed]:
        """Take attempts that are due, oldest first, at most so many of a host and none of some."""
        place = func.row_number().over(partition_by=deliveries.c.host, order_by=deliveries.c.next_at_ms)
        due = select(deliveries.c.job_id, deliveries.c.next_at_ms, place.label("place")).where(
            _is_due(now_ms), deliveries.c.host.not_in(besides)
        )
        first = due.subquery()
        chosen = select(first.c.job_id).where(first.c.place <= per_host).order_by(first.c.next_at_ms).limit(limit)
        with self._database.read() as connection:  # most looks find nothing, and need not write
            found = list(connection.scalars(chosen))
        if not found:
            return ()
        taken = (
            update(deliveries)
            .where(deliveries.c.job_id.in_(found), _is_due(now_ms))
            .values(claimed_until_ms=until_ms)
            .returning(deliveries.c.job_id, deliveries.c.host, deliveries.c.attempts)
        )
        with self._database.write() as connection:
            return [Claimed(row.job_id, row.host, row.attempts) for row in connection.execute(taken)]

    def record(self, job_id: str, number: int, outcome: Outcome, delivery: Delivery) -> bool:
        """Write down an attempt and how far the delivery is after it; False where that attempt was recorded before."""
        with self._database.write() as connection:
            changed = connection.execute(
                update(deliveries)
                .where(deliveries.c.job_id == job_id, deliveries.c.attempts == number)
                .values(**values_of(delivery), claimed_until_ms=0)
            )
            if not changed.rowcount:
                return False
            connection.execute(
                insert(delivery_outcomes).values(
                    job_id=job_id,
                    at_ms=outcome.at_ms,
                    duration_ms=outcome.duration_ms,
                    status=outcome.status,
                    error=outcome.error,
                )
            )
            return True

    def resend(self, job_id: str, now_ms: int) -> Delivery:
        """Have the event of an ended job sent now, whatever became of it; raises `DeliveryUnknown`, `NotEnded`."""
        with self._database.write() as connection:
            ended = select(jobs.c.ended_at_ms).join_from(jobs, deliveries).where(jobs.c.id == job_id)
            row = connection.execute(ended).first()
            if row is None:
                raise DeliveryUnknown(job_id)
            if row.ended_at_ms is None:
                raise NotEnded(job_id)
            anew = update(deliveries).where(deliveries.c.job_id == job_id).returning(*DELIVERED)
            return delivery_of(connection.execute(anew.values(status="pending", failures=0, next_at_ms=now_ms)).one())

    def page(self, limit: int, *, failed: bool) -> Sequence[Told]:
        """List deliveries of ended jobs, newest job first; those that were given up alone where that is asked."""
        query = (
            select(jobs.c.id, jobs.c.model, jobs.c.ended_at_ms, accounts.c.name, *DELIVERED)
            .join_from(deliveries, jobs)
            .join(accounts, accounts.c.id == jobs.c.account_id)
            .where(jobs.c.ended_at_ms.is_not(None))
        )
        if failed:
            query = query.where(deliveries.c.status == "failed")
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(jobs.c.id.desc()).limit(limit)).all()
        return [Told(row.id, row.name, row.model, row.ended_at_ms, delivery_of(row)) for row in rows]

    def outcomes(self, job_id: str) -> Sequence[Outcome]:
        """List the attempts that were made, oldest first; raises `DeliveryUnknown`."""
        columns = delivery_outcomes.c["at_ms", "duration_ms", "status", "error"]
        made = select(*columns).where(delivery_outcomes.c.job_id == job_id).order_by(delivery_outcomes.c.id)
        with self._database.read() as connection:
            if connection.scalar(select(deliveries.c.job_id).where(deliveries.c.job_id == job_id)) is None:
                raise DeliveryUnknown(job_id)
            return [Outcome(*row) for row in connection.execute(made)]


def _is_due(now_ms: int) -> ColumnElement[bool]:
    return (deliveries.c.next_at_ms <= now_ms) & (deliveries.c.claimed_until_ms <= now_ms)


def delivery_of(row: Row[Any]) -> Delivery:
    """Read the columns of a delivery."""
    return Delivery(**{column.name: getattr(row, column.name) for column in DELIVERED})


def values_of(delivery: Delivery) -> dict[str, object]:
    """Write the columns of a delivery."""
    return {column.name: getattr(delivery, column.name) for column in DELIVERED}
