"""What the machine of money does beyond that where money is in a database: payments, promotions, erasing, bills."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from modelport.core.credits import Credits
from modelport.core.moments import Period
from modelport.jobs.job import Job
from modelport.jobs.store import Ending
from modelport.ledger.hold import Entrusted
from modelport.ledger.payments import CREDITS_PER_CENT, CURRENCY, Disputed, Fact, Paid, PaymentEvent, Refunded
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.replay import replay
from modelport.pricing.drift import drifts
from modelport.storage.bills import opened_books, told_costs
from modelport.storage.by_hand import CannotTake, adjust, expire, grant
from modelport.storage.database import Database
from modelport.storage.erasing import CallsUnderWay, Erasable, erase
from modelport.storage.jobs import StoredJobs
from modelport.storage.ledger import reclaim_all
from modelport.storage.payments import StoredPayments
from tests.jobs.made import job_of
from tests.ledger.machine import ACCOUNT, ACCOUNTS, AMOUNT, COST, PROCESSES, WHICH, Money, act
from tests.ledger.notes import Open
from tests.ledger.processes import die
from tests.twins.worlds import StoredWorld

ERASED = ACCOUNTS[-1]
CENTS = st.integers(1, 3)


@dataclass(slots=True)
class PaidOrder:
    """An order that was paid, and what of it went back."""

    account_id: int
    payment_id: str
    cents: int
    refunded: int = 0
    dispute: str | None = None
    """The one that is open."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Credit that expires."""

    account_id: int
    amount: int
    expires_at_ms: int


class StoredMoney(Money):
    """Adds what only databases can do."""

    def __init__(self) -> None:
        super().__init__()
        assert isinstance(self.world, StoredWorld)
        self.database: Database = self.world.database
        self.payments = StoredPayments(self.database)
        self.orders: list[PaidOrder] = []
        self.promises: list[Promise] = []
        self.told = 0
        self.kept = StoredJobs(self.database)
        self.jobs: list[tuple[Open, Job]] = []
        """Those that live, and the calls that they were."""

    @act(4, which=WHICH)
    def become_job(self, which: int) -> None:
        """Make a job of a call: its money is no process's any more."""
        if (one := self.pick(which)) is None:
            return
        before, made = self.world.survey(), list[Job]()
        key_id = next(iter(self.budgets.values())).key_id if one.limit is None else one.key_id

        async def take(lot: Entrusted) -> None:
            made.append(job_of(one.account_id, one.inference_id, lot.amount, key_id=key_id, limit=lot.limit))
            self.kept.add(made[0], lot)

        self.ended(one)
        try:
            self.run(one.hold.entrust(take))
        except StoreUnavailable:
            assert not one.is_promised(before), "its money was there"
        else:
            self.jobs.append((one, made[0]))

    @act(4, which=WHICH, cost=COST, is_on_house=st.sampled_from([False, False, True]))
    def end_job(self, which: int, cost: int, is_on_house: bool) -> None:
        """End a job, which no process holds money for: what is held for it is there, whatever became of processes."""
        if not self.jobs:
            return
        one, job = self.jobs.pop(which % len(self.jobs))
        record = self.record(one, cost, is_on_house=is_on_house)
        for _ in range(2):
            ended = self.kept.end(job.id, Ending(record))
        assert ended is not None
        self.notes.upstream.serve(record)
        assert ended.charged == 0 if is_on_house else min(cost, job.held) <= ended.charged <= cost

    def held_for_jobs(self) -> int:
        """Sum up what is held for jobs."""
        return sum(job.held for _, job in self.jobs)

    def spend_all(self) -> None:
        while self.jobs:
            self.end_job(0, 0, False)
        super().spend_all()

    async def close(self) -> None:
        self.kept.close()
        await super().close()

    def hear(self, fact: Fact, *, is_new: bool = True) -> None:
        """Take an event of the payment provider in, which comes twice."""
        self.told += 1
        event = PaymentEvent(f"evt_{self.told}", type(fact).__name__, fact)
        first, second = self.payments.record(event), self.payments.record(event)
        assert (first.outcome, first.is_new, second.is_new) == ("done", is_new, False)

    @act(3, account_id=ACCOUNT, cents=CENTS)
    def pay(self, account_id: int, cents: int) -> None:
        number = len(self.orders)
        amount = cents * CREDITS_PER_CENT
        order = self.payments.begin(f"order_{number}", account_id, Credits(amount))
        paid = Paid(order.id, "checkout", cents, CURRENCY, f"pi_{number}", f"cs_{number}")
        self.brought(account_id, amount, lambda: self.hear(paid))
        self.hear(paid, is_new=False)
        self.orders.append(PaidOrder(account_id, f"pi_{number}", cents))

    def order(self, which: int) -> PaidOrder | None:
        return self.orders[which % len(self.orders)] if self.orders else None

    @act(2, which=WHICH, cents=CENTS)
    def refund(self, which: int, cents: int) -> None:
        """Give back a part of a payment; the provider tells how much that is in all."""
        order = self.order(which)
        if order is None or order.refunded == order.cents:
            return
        more = min(cents, order.cents - order.refunded)
        order.refunded += more
        fact = Refunded(order.payment_id, f"re_{order.payment_id}_{order.refunded}", order.refunded, CURRENCY)
        self.taken_back(order.account_id, more * CREDITS_PER_CENT, lambda: self.hear(fact))
        self.hear(fact, is_new=False)

    @act(4, which=WHICH)
    def dispute(self, which: int) -> None:
        if (order := self.order(which)) is None or order.dispute is not None:
            return
        order.dispute = f"dp_{self.told}"
        fact = Disputed(order.payment_id, order.dispute, order.cents, CURRENCY, is_reinstated=False)
        self.taken_back(order.account_id, order.cents * CREDITS_PER_CENT, lambda: self.hear(fact))
        self.hear(fact, is_new=False)

    @act(4, which=WHICH, is_won=st.booleans())
    def close_dispute(self, which: int, is_won: bool) -> None:
        """Win a dispute, which gives back what it took; one that is lost moves nothing more."""
        if (order := self.order(which)) is None or order.dispute is None:
            return
        fact = Disputed(order.payment_id, order.dispute, order.cents, CURRENCY, is_reinstated=True)
        order.dispute = None
        if is_won:
            self.brought(order.account_id, order.cents * CREDITS_PER_CENT, lambda: self.hear(fact))
            self.hear(fact, is_new=False)

    @act(which=WHICH)
    def win_before_it_is_lost(self, which: int) -> None:
        """Hear of the end of a dispute before its beginning: nothing moves."""
        if (order := self.order(which)) is None:
            return
        name, before = f"dp_{self.told}", self.world.balance(order.account_id)
        for is_reinstated in (True, False):
            self.hear(Disputed(order.payment_id, name, order.cents, CURRENCY, is_reinstated=is_reinstated))
        assert self.world.balance(order.account_id) == before

    @act(account_id=ACCOUNT, amount=AMOUNT, seconds=st.sampled_from([2, 3600, 86_400]))
    def promise(self, account_id: int, amount: int, seconds: int) -> None:
        expires_at_ms = self.world.clock.now_ms() + seconds * 1000
        self.brought(account_id, amount, lambda: grant(self.database, account_id, Credits(amount), expires_at_ms, None))
        self.promises.append(Promise(account_id, amount, expires_at_ms))

    @act()
    def expire(self) -> None:
        """Take back what is due of promises: no more than was promised, nothing that is held, nothing that is owed."""
        survey, now_ms = self.world.survey(), self.world.clock.now_ms()
        for account_id, went in expire(self.database, None).items():
            due = [one for one in self.promises if one.account_id == account_id and one.expires_at_ms <= now_ms]
            assert 0 < went <= min(sum(one.amount for one in due), survey.free(account_id))
            self.notes.given[account_id] -= went
        self.promises = [one for one in self.promises if one.expires_at_ms > now_ms or survey.lent[one.account_id]]

    @act(account_id=ACCOUNT, change=st.integers(-30_000, 30_000).filter(bool))
    def adjust(self, account_id: int, change: int) -> None:
        free = self.world.free(account_id)
        if change > 0:
            self.brought(account_id, change, lambda: adjust(self.database, account_id, change, "by hand"))
            return
        try:
            adjust(self.database, account_id, change, "by hand")
        except CannotTake:
            assert free < -change
        else:
            self.notes.given[account_id] += change

    @act()
    def erase(self) -> None:
        """Erase the last account, giving up what is free; what its calls hold is left to them."""
        before = self.world.survey()
        had = before.balances[ERASED] - before.owed[ERASED]
        try:
            erase(self.database, Erasable(ERASED, "erased", is_erased=False), forfeit=True, pause=lambda: None)
        except CallsUnderWay:
            assert ERASED in before.lent, "refused although no slice lives"
        else:
            assert not self.world.balance(ERASED)
        self.notes.given[ERASED] -= had - self.world.balance(ERASED) + self.world.owed(ERASED)
        self.promises = [one for one in self.promises if one.account_id != ERASED or self.world.balance(ERASED)]

    @act()
    def audit_bills(self) -> None:
        self.audit()

    def audit(self) -> None:
        """Compute every bill again, compare the sums of reports, and what the provider says that it took."""
        super().audit()
        upstream = self.notes.upstream
        with opened_books(self.database, Period(None, None)) as opened:
            replayed = replay(opened.books, opened.period)
        assert replayed.shown == []
        cost = sum(one.cost_credits for one in upstream.ended.values())
        assert (replayed.calls, replayed.cost, replayed.entered) == (len(upstream.ended), cost, cost)
        _, providers = drifts(told_costs(self.database, 0), lambda *_: Decimal(1))
        assert [(one.calls, one.billed_credits, one.difference_nano) for one in providers] == (
            [(len(upstream.ended), cost, 0)] if upstream.ended else []
        )


class MoneyInFile(StoredMoney):
    """Adds a start that holds the data folder alone."""

    kind = "sqlite"

    @act()
    def start_alone(self) -> None:
        """Kill all processes at once; the next start ends their slices: all money but that of jobs is free at once."""
        for book in self.books:
            self.run(die(book))
        reclaim_all(self.database)
        assert sum(self.world.survey().lent.values()) == self.held_for_jobs()
        for process in range(PROCESSES):
            self.replace(process)
