"""No series of holds, settlements, lapses and crashes makes, loses or hides money."""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget
from modelport.ledger.hold import Hold
from modelport.ledger.problems import InsufficientFunds, KeyLimitReached
from tests.twins.ledger import Vault, VaultLedger
from tests.twins.worlds import call, open_world

T = TypeVar("T")

AMOUNTS = st.integers(1, 300)
PROCESSES = st.sampled_from([0, 1])
ACCOUNTS = st.sampled_from([3, 4])
LIMIT = Credits(2000)
LIMITED = 4
"""The account whose key has a limit."""


class MoneyInMemory(RuleBasedStateMachine):
    """Two processes, two accounts, one of whose keys has a limit."""

    kind = "twin"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.world = self.run(self.stack.enter_async_context(open_world(self.kind, Path(folder))))
        self.keys: dict[int, KeyBudget] = {}
        self.books: list[Book] = []
        self.open: list[tuple[Book, Hold, int]] = []
        self.given = {self.world.account(0): 0, self.world.account(0): 0}
        self.keys = {LIMITED: self.world.key(LIMITED, LIMIT)}
        self.starts = 0
        self.calls = 0

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(first=AMOUNTS, second=AMOUNTS)
    def start(self, first: int, second: int) -> None:
        self.books = [self.new_book(), self.new_book()]
        self.top_up(3, first)
        self.top_up(4, second)

    def new_book(self) -> Book:
        self.starts += 1
        store = self.run(self.world.process(f"process {self.starts}"))
        book = Book(store, self.world.clock, hold_wait_s=0.0, renew_s=3600.0)
        self.run(book.__aenter__())
        return book

    @rule(account_id=ACCOUNTS, amount=AMOUNTS)
    def top_up(self, account_id: int, amount: int) -> None:
        self.world.top_up(account_id, amount)
        self.given[account_id] += amount

    def key_of(self, account_id: int) -> int:
        key = self.keys.get(account_id)
        return 99 if key is None else key.key_id

    @rule(account_id=ACCOUNTS, amount=AMOUNTS)
    def refund_or_dispute(self, account_id: int, amount: int) -> None:
        self.world.take_back(account_id, amount)
        self.given[account_id] -= amount

    @rule(process=PROCESSES, account_id=ACCOUNTS, ask=AMOUNTS, least=AMOUNTS)
    def hold(self, process: int, account_id: int, ask: int, least: int) -> None:
        book = self.books[process]
        key = self.keys.get(account_id)
        least = min(ask, least)
        free = self.world.free(account_id)
        nothing_open = free == self.world.balance(account_id) and not self.open and not self.world.owed(account_id)
        try:
            hold = self.run(book.hold(account_id, key, Credits(ask), Credits(least)))
        except KeyLimitReached:
            assert key is not None
        except InsufficientFunds:
            assert not (nothing_open and free >= least), "refused although it could pay"
        else:
            assert least <= hold.amount <= ask
            self.open.append((book, hold, account_id))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), extra=AMOUNTS, least=AMOUNTS, share=st.sampled_from([1, 2]))
    def extend(self, data: st.DataObject, extra: int, least: int, share: int) -> None:
        _, hold, account_id = data.draw(st.sampled_from(self.open))
        before, least = hold.amount, min(extra, least)
        free = self.world.free(account_id)
        added = self.run(hold.extend(Credits(extra), Credits(least), share))
        assert added == 0 or least <= added <= extra
        assert hold.amount == before + added
        if added == 0 and share == 1 and account_id != LIMITED:
            assert free < before + least, "not extended although there was money"

    @precondition(lambda self: self.open)
    @rule(data=st.data(), cost=st.integers(0, 400), is_on_house=st.booleans())
    def settle(self, data: st.DataObject, cost: int, is_on_house: bool) -> None:
        _, hold, account_id = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.calls += 1
        record = call(account_id, cost, self.calls, key_id=self.key_of(account_id), is_on_house=is_on_house)
        paid = self.run(hold.settle(record))
        assert paid.charged + paid.on_house == cost
        assert not (is_on_house and paid.charged)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))[1].release()

    @rule(process=PROCESSES)
    def renew(self, process: int) -> None:
        self.run(self.books[process].renew())

    @rule(seconds=st.sampled_from([1, 3, 6]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.pass_s(seconds)

    @rule(process=PROCESSES, is_clean=st.booleans())
    def restart(self, process: int, is_clean: bool) -> None:
        book = self.books[process]
        self.open = [held for held in self.open if held[0] is not book]
        self.run(book.__aexit__(None, None, None) if is_clean else abandon(book))
        self.books[process] = self.new_book()

    @invariant()
    def the_books_balance(self) -> None:
        assert self.world.problems() == []
        for account_id, given in self.given.items():
            owed = self.world.owed(account_id)
            assert self.world.balance(account_id) == given + owed - self.world.charged(account_id)
            assert owed >= 0
            assert self.world.free(account_id) >= 0
        assert self.world.rows() == self.calls

    def teardown(self) -> None:
        """Find that nothing is stuck: once slices have lapsed an account can spend all that it has."""
        for book in self.books:
            self.run(book.__aexit__(None, None, None))
        self.world.clock.pass_s(6)
        last = self.new_book()
        for account_id in self.given:
            self.top_up(account_id, self.world.owed(account_id) + 1)  # pays what is owed, and lets the account spend
            if left := self.world.balance(account_id):
                hold = self.run(last.hold(account_id, None, Credits(left), Credits(left)))
                self.calls += 1
                self.run(hold.settle(call(account_id, left, self.calls, key_id=self.key_of(account_id))))
            assert self.world.balance(account_id) == 0
        self.the_books_balance()
        self.run(last.__aexit__(None, None, None))
        self.run(self.stack.aclose())
        self.loop.close()


class MoneyInSqlite(MoneyInMemory):
    """The same on a database file."""

    kind = "sqlite"


class MoneyInPostgres(MoneyInMemory):
    """The same on a server."""

    kind = "postgres"


async def abandon(book: Book) -> None:
    """End a process without letting it put anything right."""
    book.store = VaultLedger(Vault(), "nobody")
    await book.__aexit__(None, None, None)


def often(examples: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=slow)


TestMoneyInMemory = MoneyInMemory.TestCase
TestMoneyInMemory.settings = often(60)
TestMoneyInSqlite = MoneyInSqlite.TestCase
TestMoneyInSqlite.settings = often(5)
TestMoneyInPostgres = pytest.mark.debian("postgresql")(MoneyInPostgres.TestCase)
TestMoneyInPostgres.settings = often(5)
