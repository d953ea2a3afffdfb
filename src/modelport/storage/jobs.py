"""Jobs in the database."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    cast,
    delete,
    extract,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from modelport.core.credits import Credits
from modelport.jobs.job import Asked, Failure, Job, Mark, Progress
from modelport.jobs.problems import SubmissionUnknown
from modelport.jobs.store import Ending
from modelport.jobs.transitions import STATE_OF, before, living
from modelport.ledger.hold import Entrusted
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.store import Fund, Settlement, Slice
from modelport.storage.database import Database, InTheWay, Lost, Session
from modelport.storage.deliveries import DELIVERED, delivery_of, values_of
from modelport.storage.tables import allotments, balances, deliveries, jobs, key_allotments, keys
from modelport.storage.teller import FOR_JOBS_MS, Teller, owner_of

T = TypeVar("T")

_TIMES = 5
_RETRY_S = 10.0
_TOLD_MS = 30 * 86_400_000
"""How long the operator is told of jobs of which nobody knows what became."""
SINCE = "0007"
"""The first revision whose jobs this reads."""
FAILED_KEPT_MS = 3 * 86_400_000
"""How long after its last attempt an event that was given up can be sent again, whenever its job expired."""
UNKNOWN = SubmissionUnknown.__name__
_JOBS = select(jobs, *DELIVERED).outerjoin_from(jobs, deliveries)
_encode = msgspec.msgpack.Encoder().encode
_asked = msgspec.msgpack.Decoder(Asked)
_progress = msgspec.msgpack.Decoder(Progress)


class StoredJobs:
    """The `JobStore` on a database, over one connection of its own."""

    def __init__(self, database: Database, retry_s: float = _RETRY_S) -> None:
        self._database = database
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._session: Session | None = None

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._session is not None:
                self._session.close()

    def _write(self, work: Callable[[Connection, Teller], T]) -> T:
        """Do work that may be done again: all or nothing, once more where others had precedence or the server went."""
        until_s, tried = time.monotonic() + self._retry_s, 0
        with self._lock:
            while True:
                if self._session is None:
                    self._session = self._database.session()
                try:
                    with self._session.write() as connection:
                        return work(connection, self._session.teller)
                except InTheWay as problem:
                    tried += 1
                    if tried == _TIMES:
                        raise StoreUnavailable(str(problem)) from problem
                except Lost:
                    if not self._session.reopen(until_s):
                        raise

    def add(self, job: Job, lot: Entrusted) -> None:
        """Keep a new job, and move what is held for it into slices of its own."""

        def work(connection: Connection, teller: Teller) -> None:
            if connection.scalar(select(jobs.c.id).where(jobs.c.id == job.id)) is not None:
                return
            if lot.amount:
                self._set_aside(connection, teller, job, lot)
            connection.execute(insert(jobs).values(_values(job)))
            if job.delivery is not None:
                row = {**values_of(job.delivery), "job_id": job.id, "host": job.delivery.host, "claimed_until_ms": 0}
                connection.execute(insert(deliveries).values(row))

        self._write(work)

    def _set_aside(self, connection: Connection, teller: Teller, job: Job, lot: Entrusted) -> None:
        _lock(connection, job.account_id, lot.limit)
        if lot.limit is not None and lot.limit_slice is not None:
            place = {"key_id": lot.limit.key_id, "since_day": lot.limit.since_day}
            self._move(connection, teller, job.id, lot.limit, lot.limit_slice, lot.amount, place)
        if lot.slice is not None:
            own = Fund(job.account_id)
            self._move(connection, teller, job.id, own, lot.slice, lot.amount, {"account_id": job.account_id})

    def _move(
        self,
        connection: Connection,
        teller: Teller,
        job_id: str,
        fund: Fund,
        lent: Slice,
        amount: int,
        place: Mapping[str, object],
    ) -> None:
        """Move from a process's slice into the job's, or from what is free in the fund where that has lapsed."""
        table, owner = _table(fund), owner_of(job_id)
        now = self._lease_now()
        taken = connection.execute(
            update(table)
            .where(table.c.id == lent.id, table.c.epoch == lent.epoch, table.c.expires_at_ms > now)
            .where(table.c.credits >= amount)
            .values(credits=table.c.credits - amount)
        )
        if taken.rowcount:
            values = {**place, "owner": owner, "epoch": 1, "credits": amount}
            connection.execute(insert(table).values(**values, expires_at_ms=now + FOR_JOBS_MS))
        elif not teller.borrow(owner, fund, amount, amount, FOR_JOBS_MS).granted:
            raise StoreUnavailable("what was held for the job lapsed before the job was kept")

    def _lease_now(self) -> ColumnElement[int]:
        """Tell the time by which slices lapse, in SQL."""
        if self._database.clock is not None or not self._database.is_shared:
            return literal(self._database.lease_now_ms(), BigInteger)
        return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

    def find(self, job_id: str) -> Job | None:
        """Return a job."""
        with self._database.read() as connection:
            return _found(connection, job_id)

    def page(self, account_id: int, now_ms: int, before: str | None, limit: int) -> Sequence[Job]:
        """Return jobs of an account that have not expired, newest first, those made before a job."""
        query = _JOBS.where(jobs.c.account_id == account_id, jobs.c.expires_at_ms > now_ms)
        if before is not None:
            query = query.where(jobs.c.id < before)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query.order_by(jobs.c.id.desc()).limit(limit))]

    def claim(self, runner: str, limit: int) -> Sequence[str]:
        """Take jobs that nobody drives, oldest first."""
        idle = select(jobs.c.id).where(_lives(), jobs.c.runner.is_(None)).order_by(jobs.c.created_at_ms, jobs.c.id)
        with self._database.read() as connection:  # most looks find nothing, and need not write
            if connection.scalar(idle.limit(1)) is None:
                return ()

        def work(connection: Connection, _: Teller) -> Sequence[str]:
            chosen = list(connection.scalars(idle.limit(limit).with_for_update(skip_locked=True)))
            connection.execute(update(jobs).where(jobs.c.id.in_(chosen)).values(runner=runner))
            return chosen

        return self._write(work)

    def let_go(self, runner: str) -> int:
        """Have the living jobs of a runner that has died claimed by others; return how many."""

        def work(connection: Connection, _: Teller) -> int:
            return connection.execute(
                update(jobs).where(_lives(), jobs.c.runner == runner).values(runner=None)
            ).rowcount

        return self._write(work)

    def advance(self, job_id: str, mark: Mark, progress: Progress, made: bytes | None = None) -> bool:
        """Note how far a living job is; False where that cannot follow on what it is."""

        def work(connection: Connection, _: Teller) -> bool:
            changed = connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, _lives(), jobs.c.mark.in_(before(mark)))
                .values(mark=mark, state=STATE_OF[mark], progress=_encode(progress), made=made)
            )
            return changed.rowcount == 1

        return self._write(work)

    def cancel(self, job_id: str, ending: Ending) -> Job | None:
        """End a job that was not sent yet; have it known of one that was that it is not wanted any more."""

        def work(connection: Connection, teller: Teller) -> Job | None:
            job = _found(connection, job_id, lock=True)
            if job is None or job.is_final:
                return job
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(is_cancelled=True))
            if job.mark == "new":
                self._end(connection, teller, job, ending)
            return _found(connection, job_id)

        return self._write(work)

    def end(self, job_id: str, ending: Ending) -> Job | None:
        """End a job: its state, its request row, the entries and its slices, in one transaction."""

        def work(connection: Connection, teller: Teller) -> Job | None:
            job = _found(connection, job_id, lock=True)
            if job is None or job.is_final:
                return job
            self._end(connection, teller, job, ending)
            return _found(connection, job_id)

        return self._write(work)

    def _end(self, connection: Connection, teller: Teller, job: Job, ending: Ending) -> None:
        charged = self._settle(connection, teller, job, ending)
        failure, row = ending.failure, ending.record
        ended_at_ms = row.created_at_ms + row.duration_ms
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id)
            .values(
                state="completed" if failure is None else "error",
                error_name=None if failure is None else failure.name,
                error_message=None if failure is None else failure.message,
                result=ending.result,
                made=None,
                charged_credits=charged,
                ended_at_ms=ended_at_ms,
            )
        )
        if job.delivery is not None:  # due with the end itself: nothing can come between
            connection.execute(update(deliveries).where(deliveries.c.job_id == job.id).values(next_at_ms=ended_at_ms))

    def _settle(self, connection: Connection, teller: Teller, job: Job, ending: Ending) -> int:
        record = ending.record
        cost = 0 if record.is_on_house else record.cost_credits
        _lock(connection, job.account_id, job.limit)
        own, of_key = _slices_of(connection, job)
        charged = min(cost, job.held)
        if cost > job.held:
            charged = _borrow_more(teller, job, cost)
        settlement = Settlement(
            record, own, Credits(charged), Credits(record.cost_credits - charged), job.limit, of_key
        )
        [receipt] = teller.settle([settlement])
        for table in (allotments, key_allotments):
            connection.execute(delete(table).where(table.c.owner == owner_of(job.id)))
        return receipt.charged

    def late(self, now_ms: int, limit: int) -> Sequence[str]:
        """List living jobs whose deadline has passed."""
        query = select(jobs.c.id).where(_lives(), jobs.c.deadline_ms <= now_ms).order_by(jobs.c.created_at_ms)
        with self._database.read() as connection:
            return list(connection.scalars(query.limit(limit)))

    def sweep(self, now_ms: int, limit: int) -> int:
        """Forget ended jobs that have expired, but for those of which the operator is told; return how many.

        One whose webhook is still to be called stays, and for a while one whose webhook could not be.
        """
        told = and_(jobs.c.error_name == UNKNOWN, jobs.c.expires_at_ms > now_ms - _TOLD_MS)
        failed = and_(deliveries.c.status == "failed", deliveries.c.last_at_ms > now_ms - FAILED_KEPT_MS)
        needed = select(deliveries.c.job_id).where(or_(deliveries.c.status == "pending", failed))
        over = (
            select(jobs.c.id)
            .where(jobs.c.expires_at_ms <= now_ms, ~_lives(), func.coalesce(~told, True), jobs.c.id.not_in(needed))
            .order_by(jobs.c.expires_at_ms)
            .limit(limit)
        )
        with self._database.read() as connection:
            gone = list(connection.scalars(over))
        if not gone:
            return 0
        return self._write(lambda connection, _: connection.execute(delete(jobs).where(jobs.c.id.in_(gone))).rowcount)

    def unknown(self, limit: int) -> Sequence[Job]:
        """List jobs that ended as `SubmissionUnknown`, newest first."""
        query = _JOBS.where(jobs.c.state == "error", jobs.c.error_name == UNKNOWN)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query.order_by(jobs.c.id.desc()).limit(limit))]

    def has_work(self, now_ms: int) -> bool:
        """Whether there is a job that has not ended, or one whose webhook is to be called."""
        due = select(deliveries.c.job_id).where(deliveries.c.next_at_ms <= now_ms)
        with self._database.read() as connection:
            found = (connection.scalar(query.limit(1)) for query in (select(jobs.c.id).where(_lives()), due))
            return any(one is not None for one in found)


def _lives() -> ColumnElement[bool]:
    return jobs.c.state.in_(living())


def _table(fund: Fund) -> Table:
    return allotments if fund.key_id is None else key_allotments


def _lock(connection: Connection, account_id: int, limit: Fund | None) -> None:
    """Lock what the money is in, in the order in which everybody does."""
    connection.execute(select(balances.c.account_id).where(balances.c.account_id == account_id).with_for_update())
    if limit is not None:
        connection.execute(select(keys.c.id).where(keys.c.id == limit.key_id).with_for_update())


def _slices_of(connection: Connection, job: Job) -> tuple[Slice | None, Slice | None]:
    """Find what a job has of its account's money and of its key's limit."""
    found: list[Slice | None] = []
    for table in (allotments, key_allotments):
        row = connection.execute(select(table.c.id, table.c.epoch).where(table.c.owner == owner_of(job.id))).first()
        found.append(None if row is None else Slice(row[0], row[1], is_of_key=table is key_allotments))
    return found[0], found[1]


def _borrow_more(teller: Teller, job: Job, cost: int) -> int:
    """Add to what is held what it lacks, as far as it is free; return how much is there then."""
    extra = cost - job.held
    if job.limit is not None:
        extra = _borrowed(teller, job, job.limit, extra)
    return job.held + _borrowed(teller, job, Fund(job.account_id), extra)


def _borrowed(teller: Teller, job: Job, fund: Fund, amount: int) -> int:
    if amount <= 0:
        return 0
    owner = owner_of(job.id)
    loan = teller.borrow(owner, fund, amount, amount, FOR_JOBS_MS)
    if not loan.granted and loan.unlent:
        loan = teller.borrow(owner, fund, loan.unlent, loan.unlent, FOR_JOBS_MS)
    return loan.granted


def _found(connection: Connection, job_id: str, *, lock: bool = False) -> Job | None:
    query = _JOBS.where(jobs.c.id == job_id)
    row = connection.execute(query.with_for_update(of=jobs) if lock else query).first()
    return None if row is None else _job(row)


def _values(job: Job) -> dict[str, object]:
    failure, limit = job.failure, job.limit
    return {
        "id": job.id,
        "account_id": job.account_id,
        "key_id": job.key_id,
        "model": job.model,
        "operation": job.operation,
        "state": job.state,
        "mark": job.mark,
        "asked": _encode(job.asked),
        "progress": _encode(job.progress),
        "made": job.made,
        "result": job.result,
        "error_name": None if failure is None else failure.name,
        "error_message": None if failure is None else failure.message,
        "held_credits": job.held,
        "limit_since_day": None if limit is None else limit.since_day,
        "limit_until_day": None if limit is None else limit.until_day,
        "charged_credits": job.charged,
        "is_cancelled": job.is_cancelled,
        "created_at_ms": job.created_at_ms,
        "deadline_ms": job.deadline_ms,
        "expires_at_ms": job.expires_at_ms,
        "ended_at_ms": job.ended_at_ms,
    }


def _job(row: Row[Any]) -> Job:
    limit = None
    if row.limit_since_day is not None:
        limit = Fund(row.account_id, row.key_id, row.limit_since_day, row.limit_until_day)
    failure = None if row.error_name is None else Failure(row.error_name, row.error_message)
    return Job(
        id=row.id,
        account_id=row.account_id,
        key_id=row.key_id,
        model=row.model,
        operation=row.operation,
        state=row.state,
        mark=row.mark,
        asked=_asked.decode(row.asked),
        progress=_progress.decode(row.progress),
        made=row.made,
        result=row.result,
        failure=failure,
        held=row.held_credits,
        limit=limit,
        charged=row.charged_credits,
        is_cancelled=row.is_cancelled,
        created_at_ms=row.created_at_ms,
        deadline_ms=row.deadline_ms,
        expires_at_ms=row.expires_at_ms,
        ended_at_ms=row.ended_at_ms,
        delivery=None if row.url is None else delivery_of(row),
    )
