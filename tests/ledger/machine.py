"""Processes, accounts and limited keys that do whatever they can do with money, in any order.

What is drawn never depends on what came of earlier steps, since threads of several processes decide that.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modelport.core.clock import DAY_MS
from modelport.core.credits import Credits
from modelport.core.ids import IdSource
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget, Period
from modelport.ledger.problems import AlreadySettled, HoldEnded, InsufficientFunds, KeyLimitReached
from modelport.ledger.records import CallRecord, Receipt
from tests.ledger.notes import Limit, Notes, Open
from tests.ledger.processes import Loss, Wire, die, die_settling, settle_again
from tests.twins.surveys import Survey
from tests.twins.worlds import call, open_world

T = TypeVar("T")
Act = Callable[[], object]
Done = TypeVar("Done", bound=Callable[..., None])

ACCOUNTS = (3, 4, 5)
KEYS: tuple[tuple[int, Period | None], ...] = (
    (3, None),
    (3, "no_reset"),
    (4, "day"),
    (4, "week"),
    (5, "month"),
    (5, None),
)
"""Accounts with keys and the periods of their limits; those without a limit are numbered from `UNLIMITED` on."""
UNLIMITED = 90
PROCESSES = 2
NANO_PER_CREDIT = 500

AMOUNT = st.integers(1, 30_000)
COST = st.one_of(st.integers(0, 30_000), st.just(0), AMOUNT)
THRESHOLD = st.integers(0, 90_000)
WHICH = st.integers(0, 9)
"""Points at one of however many there are."""
PROCESS = st.integers(0, PROCESSES - 1)
KEY = st.integers(0, len(KEYS) - 1)
ACCOUNT = st.sampled_from(ACCOUNTS)


OFTEN = 10


def act(weight: int = 1, **drawn: st.SearchStrategy[Any]) -> Callable[[Done], Done]:
    """Make a method something that the machine does, so many times as often as other things."""

    def note(method: Done) -> Done:
        method.weight, method.drawn = weight, st.fixed_dictionaries(drawn)  # type: ignore[attr-defined]
        return method

    return note


@cache
def acts_of(machine: type) -> list[str]:
    """List what a machine does, each as often as it weighs."""
    found = [(name, getattr(machine, name)) for name in sorted(dir(machine))]
    return [name for name, method in found for _ in range(getattr(method, "weight", 0))]


class Money(RuleBasedStateMachine):
    """What every store can do."""

    kind = "twin"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.world = self.run(self.stack.enter_async_context(open_world(self.kind, Path(folder))))
        self.new_id = IdSource(self.world.clock.now_ms)
        self.notes = Notes()
        self.books: list[Book] = []
        self.budgets: dict[int, KeyBudget] = {}
        self.starts = 0

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(money=st.tuples(AMOUNT, AMOUNT, AMOUNT), thresholds=st.tuples(*[THRESHOLD] * len(KEYS)))
    def start(self, money: tuple[int, ...], thresholds: tuple[int, ...]) -> None:
        for account_id, amount in zip(ACCOUNTS, money, strict=True):
            assert self.world.account(amount) == account_id
            self.notes.given[account_id] = amount
        for number, (account_id, period) in enumerate(KEYS):
            if period is not None:
                budget = self.world.key(account_id, thresholds[number], period)
                self.budgets[number] = budget
                self.notes.limits[budget.key_id] = Limit(budget, account_id, thresholds[number])
        self.books = [self.new_book() for _ in range(PROCESSES)]

    def new_book(self) -> Book:
        self.starts += 1

        async def open_book() -> Book:
            store = Wire(await self.world.process(f"process {self.starts}"))
            return await Book(store, self.world.clock, hold_wait_s=0.0, renew_s=3600.0).__aenter__()

        return self.run(open_book())

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """Do one thing; all can be done in each run, which rules of their own could not."""
        name = data.draw(st.sampled_from(acts_of(type(self))))
        method = getattr(self, name)
        method(**data.draw(method.drawn))

    # Money that comes and goes

    @act(account_id=ACCOUNT, amount=AMOUNT, is_told=st.booleans())
    def top_up(self, account_id: int, amount: int, is_told: bool) -> None:
        self.brought(account_id, amount, lambda: self.world.top_up(account_id, amount))
        if is_told:
            self.tell(account_id)

    @act(account_id=ACCOUNT, amount=AMOUNT, is_told=st.booleans())
    def take_back(self, account_id: int, amount: int, is_told: bool) -> None:
        self.taken_back(account_id, amount, lambda: self.world.take_back(account_id, amount))
        if is_told:
            self.tell(account_id)

    def brought(self, account_id: int, amount: int, bring: Act) -> None:
        """See that what is owed is paid first."""
        owed = self.world.owed(account_id)
        bring()
        self.notes.given[account_id] += amount
        assert self.world.owed(account_id) == max(0, owed - amount)

    def taken_back(self, account_id: int, amount: int, take: Act) -> None:
        """See that what is not free is owed."""
        owed, free = self.world.owed(account_id), self.world.free(account_id)
        take()
        self.notes.given[account_id] -= amount
        assert self.world.owed(account_id) == owed + max(0, amount - free)

    def tell(self, account_id: int) -> None:
        """Let the processes know that an account's money was changed by others."""

        async def tell() -> None:
            for book in self.books:
                book.account_changed(account_id)
            await self.all_done()

        self.run(tell())

    @act(number=KEY, threshold=THRESHOLD)
    def change_limit(self, number: int, threshold: int) -> None:
        budget = self.budgets.get(number)
        if budget is None:
            return
        self.world.limit(budget, threshold)
        self.notes.limits[budget.key_id].threshold = threshold

        async def tell() -> None:
            for book in self.books:
                book.key_changed(budget.key_id)
            await self.all_done()

        self.run(tell())
        for book in self.books:
            if (purse := book.limits.get(budget.key_id)) is not None:
                assert purse.free == 0 or purse.slice is None, "what no call holds of a limit was not given back"

    async def all_done(self) -> None:
        """Return when all that the processes began by themselves is done: stores keep the order."""
        await asyncio.sleep(0)
        for book in self.books:
            await book.store.renew([])

    # Calls

    @act(OFTEN, calls=st.lists(st.tuples(PROCESS, KEY, AMOUNT, AMOUNT), min_size=1, max_size=3))
    def begin(self, calls: list[tuple[int, int, int, int]]) -> None:
        for process, number, ask, least in calls:
            self.hold(process, number, ask, min(ask, least))

    def hold(self, process: int, number: int, ask: int, least: int) -> None:
        before, begins_ms = self.world.survey(), self.world.clock.now_ms()
        try:
            opened = self.run(self.opened(process, number, ask, least))
        except KeyLimitReached:
            assert self.is_spent(before, number, least), "refused although its limit allows it"
        except InsufficientFunds:
            assert self.is_poor(before, KEYS[number][0], least), "refused although its account can pay"
        else:
            assert least <= opened.hold.amount <= ask
            assert opened.began_ms == begins_ms
            self.notes.open.append(opened)

    async def opened(self, process: int, number: int, ask: int, least: int) -> Open:
        """Hold money for a call of a key."""
        book, account_id, budget = self.books[process], KEYS[number][0], self.budgets.get(number)
        hold = await book.hold(account_id, budget, Credits(ask), Credits(least))
        key_id, limit = UNLIMITED + number, None
        if budget is not None:
            key_id, limit = budget.key_id, book.limits[budget.key_id]
        began_ms, purse = self.world.clock.now_ms(), book.purses[account_id]
        return Open(book, hold, account_id, key_id, began_ms, purse, limit, self.new_id())

    def is_poor(self, before: Survey, account_id: int, least: int) -> bool:
        """Whether an account cannot pay now: too little is free, or some is held and waiting does not help."""
        is_held = bool(before.lent[account_id]) or any(one.account_id == account_id for one in self.notes.open)
        return is_held or before.owed[account_id] > 0 or before.free(account_id) < least

    def is_spent(self, before: Survey, number: int, least: int) -> bool:
        """Whether the limit of a key does not allow a call now."""
        limit = self.notes.limits[self.budgets[number].key_id]
        [days] = [days for days in limit.most if self.is_now(days)]
        used = before.used_of(limit.budget.key_id, *days)
        is_held = before.lent_of_keys[limit.budget.key_id, days[0]] or any(
            one.key_id == limit.budget.key_id for one in self.notes.open
        )
        return bool(is_held) or limit.threshold - used < least

    def is_now(self, days: tuple[int, int | None]) -> bool:
        day = self.world.clock.now_ms() // DAY_MS
        return days[0] <= day and (days[1] is None or day < days[1])

    def pick(self, which: int) -> Open | None:
        calls = self.notes.open
        return calls[which % len(calls)] if calls else None

    @act(which=WHICH, extra=AMOUNT, least=AMOUNT, share=st.sampled_from([1, 2]))
    def extend(self, which: int, extra: int, least: int, share: int) -> None:
        if (one := self.pick(which)) is None:
            return
        held, least = one.hold.amount, min(extra, least)
        before = self.world.survey()
        added = self.run(one.hold.extend(Credits(extra), Credits(least), share))
        assert added == 0 or least <= added <= extra
        assert one.hold.amount == held + added
        if not added and share == 1 and one.limit is None and not before.owed[one.account_id]:
            assert before.free(one.account_id) < held + least, "not extended although there was money"

    def record(self, one: Open, cost: int, *, is_on_house: bool = False) -> CallRecord:
        return call(
            one.account_id,
            cost,
            inference_id=one.inference_id,
            key_id=one.key_id,
            created_at_ms=one.began_ms,
            is_on_house=is_on_house,
            provider_nano_usd=cost * NANO_PER_CREDIT,
        )

    @act(OFTEN, which=WHICH, cost=COST, is_on_house=st.sampled_from([False, False, True]))
    def settle(self, which: int, cost: int, is_on_house: bool) -> None:
        """End an answer: whole, or cut by us or the provider, which the house bears."""
        if (one := self.pick(which)) is None:
            return
        before, record = self.world.survey(), self.record(one, cost, is_on_house=is_on_house)
        self.ended(one)
        paid = self.run(one.hold.settle(record))
        self.notes.upstream.serve(record)
        self.check_paid(one, record, paid, before)

    def check_paid(self, one: Open, record: CallRecord, paid: Receipt, before: Survey) -> None:
        """See that the account pays all that is held or free, and no more than the cost."""
        assert paid.charged + paid.on_house == record.cost_credits
        if record.is_on_house:
            assert paid.charged == 0
            return
        least = 0
        if one.is_promised(before):
            least = one.hold.amount
        elif one.limit is None:
            least = before.free(one.account_id) if record.cost_credits <= one.hold.amount else 0
        assert paid.charged >= min(least, record.cost_credits), "the house pays what the account could"

    @act(which=WHICH)
    def release(self, which: int) -> None:
        if (one := self.pick(which)) is not None:
            self.ended(one)
            one.hold.release()

    def ended(self, one: Open) -> None:
        self.notes.open.remove(one)
        self.notes.over.append(one)

    @act(which=WHICH)
    def end_again(self, which: int) -> None:
        """Use a hold that has ended."""
        if not (over := self.notes.over):
            return
        one = over[which % len(over)]
        one.hold.release()
        with pytest.raises(HoldEnded):
            self.run(one.hold.settle(self.record(one, 1)))
        with pytest.raises(HoldEnded):
            self.run(one.hold.extend(Credits(1)))

    @act(process=PROCESS, which=WHICH)
    def commit_again(self, process: int, which: int) -> None:
        """Commit an answer that is committed already."""
        if not (ended := list(self.notes.upstream.ended.values())):
            return
        outcome = self.run(settle_again(self.books[process].store, ended[which % len(ended)]))
        assert isinstance(outcome, AlreadySettled)

    @act(calls=st.lists(st.tuples(PROCESS, KEY, AMOUNT, COST), min_size=2, max_size=6))
    def at_once(self, calls: list[tuple[int, int, int, int]]) -> None:
        """Make whole calls at the same time, through all processes."""

        async def whole(process: int, number: int, ask: int, cost: int) -> None:
            try:
                one = await self.opened(process, number, ask, 1 + ask // 2)
            except (InsufficientFunds, KeyLimitReached):
                return
            record = self.record(one, cost)
            paid = await one.hold.settle(record)
            self.notes.upstream.serve(record)
            assert paid.charged >= min(one.hold.amount, cost)

        async def all_of_them() -> None:
            for book in self.books:
                await book.renew()  # what has lapsed by now promises nothing
            await asyncio.gather(*(whole(*one) for one in calls))
            await self.all_done()

        self.run(all_of_them())

    # Processes and time

    @act(process=PROCESS)
    def renew(self, process: int) -> None:
        self.run(self.books[process].renew())

    @act(2, seconds=st.sampled_from([1, 3, 6]))
    def seconds_pass(self, seconds: int) -> None:
        self.world.clock.pass_s(seconds)

    @act(days=st.sampled_from([1, 1, 7, 31]))
    def days_pass(self, days: int) -> None:
        self.world.clock.pass_s(days * DAY_MS // 1000)

    @act(process=PROCESS, is_clean=st.booleans())
    def restart(self, process: int, is_clean: bool) -> None:
        """Stop a process, or kill it, whatever holds are open."""
        book = self.books[process]
        self.run(book.__aexit__(None, None, None) if is_clean else die(book))
        self.replace(process)

    def replace(self, process: int) -> None:
        book = self.books[process]
        for calls in (self.notes.open, self.notes.over):
            calls[:] = [one for one in calls if one.book is not book]
        self.books[process] = self.new_book()

    @act(which=WHICH, cost=AMOUNT, loses=st.sampled_from(["question", "answer"]))
    def crash_settling(self, which: int, cost: int, loses: Loss) -> None:
        """Kill a process while a commit is on its way: before, or after the store has it."""
        if (one := self.pick(which)) is None:
            return
        record = self.record(one, min(cost, one.hold.amount))
        self.run(die_settling(one, record, loses))
        self.notes.upstream.serve(record, is_lost=loses == "question")
        self.replace(self.books.index(one.book))

    # What holds after each step

    @invariant()
    def the_books_balance(self) -> None:
        self.notes.note_limits(self.world.clock.now_ms())
        survey = self.world.survey()
        self.notes.check(survey)
        self.notes.check_purses(survey, self.books)

    def teardown(self) -> None:
        """Find that nothing is stuck, unless something was found before, and close all."""
        try:
            if sys.exc_info()[0] is None:
                self.spend_all()
                self.the_books_balance()
                self.audit()
        finally:
            self.run(self.close())
            self.loop.close()

    async def close(self) -> None:
        for book in self.books:
            await die(book)
        await self.stack.aclose()

    def spend_all(self) -> None:
        """See that once slices have lapsed an account can spend all that it has, and a key all that its limit says."""
        for process, book in enumerate(self.books):
            self.run(book.__aexit__(None, None, None))
            self.replace(process)
        self.world.clock.pass_s(6)
        self.the_books_balance()
        for number, budget in self.budgets.items():
            limit = self.notes.limits[budget.key_id]
            [days] = [days for days in limit.most if self.is_now(days)]
            left = limit.threshold - self.world.survey().used_of(budget.key_id, *days)
            if left > 0:
                self.brought_enough(limit.account_id, left)
                self.spend(number, left)
        for number in (number for number in range(len(KEYS)) if number not in self.budgets):
            account_id = KEYS[number][0]
            self.brought_enough(account_id, 1)
            self.spend(number, self.world.balance(account_id))
            assert self.world.balance(account_id) == 0

    def brought_enough(self, account_id: int, amount: int) -> None:
        self.top_up(account_id, self.world.owed(account_id) + amount, True)

    def spend(self, number: int, amount: int) -> None:
        self.hold(0, number, amount, amount)
        assert len(self.notes.open) == 1, "what is left cannot be spent"
        self.settle(0, amount, False)

    def audit(self) -> None:
        """Look closely, at the end."""
        assert self.world.problems() == []
