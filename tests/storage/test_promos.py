"""Credit that expires."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelport.core.credits import Credits
from modelport.ledger.records import WORLD_ACCOUNT
from modelport.ledger.store import Fund, LedgerStore
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.moves import move, owed_by, repay, take_back, top_up
from modelport.storage.promos import expire_all, expire_promos, grant_promo, promised, was_paid_for
from tests.twins.spending import spend
from tests.twins.worlds import KINDS, World, open_world

T = TypeVar("T")
DATABASES = [kind for kind in KINDS if kind != "twin"]
DAY_S = 86_400


@dataclass
class Bank:
    """An account on a database, with short words for what happens to it."""

    world: World
    store: LedgerStore
    account: int
    calls: int = 0

    @property
    def database(self) -> Database:
        return self.world.database  # type: ignore[attr-defined, no-any-return]

    @property
    def now(self) -> int:
        return self.world.clock.now_ms()

    def promo(self, amount: int, seconds: int) -> int:
        with self.database.write() as connection:
            expires = self.now + seconds * 1000
            return grant_promo(connection, self.account, Credits(amount), self.now, expires, None)

    def pay(self, amount: int) -> None:
        with self.database.write() as connection:
            top_up(connection, self.account, Credits(amount), "PAYMENT", "pi", self.now)

    def refund(self, amount: int) -> int:
        with self.database.write() as connection:
            return take_back(connection, self.now, self.account, Credits(amount), "re", self.now)

    def adjust_down(self, amount: int) -> None:
        with self.database.write() as connection:
            move(connection, self.now, self.account, WORLD_ACCOUNT, Credits(amount), "ADJUSTMENT", "why", self.now)

    def repay(self) -> int:
        with self.database.write() as connection:
            return repay(connection, self.now, self.account, self.now)

    async def use(self, amount: int) -> int:
        self.calls += 1
        return (await spend(self.store, self.account, amount, self.calls)).charged

    def expire(self) -> int:
        with self.database.write() as connection:
            return expire_promos(connection, self.account, self.now)

    @property
    def left(self) -> list[int]:
        with self.database.write() as connection:
            return [promo.remaining for promo in promised(connection, self.account, self.now)]

    @property
    def balance(self) -> int:
        return self.world.balance(self.account)

    @property
    def owed(self) -> int:
        with self.database.read() as connection:
            return owed_by(connection, self.account)


async def open_bank(kind: str, folder: Path, stack: AsyncExitStack, credit: int = 0) -> Bank:
    world = await stack.enter_async_context(open_world(kind, folder))
    return Bank(world, await world.process("process"), world.account(credit))


@pytest.fixture(params=DATABASES)
async def bank(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bank]:
    async with AsyncExitStack() as stack:
        yield await open_bank(request.param, tmp_path, stack)


async def test_what_is_left_of_a_promotion_goes_when_its_time_is_over(bank: Bank) -> None:
    bank.pay(100)
    bank.promo(50, DAY_S)
    await bank.use(20)
    assert bank.expire() == 0
    bank.world.clock.pass_s(DAY_S)
    assert bank.expire() == 30
    assert (bank.balance, bank.left) == (100, [])
    assert bank.expire() == 0
    assert check_books(bank.database) == []


async def test_what_expires_first_is_used_first_whichever_was_given_first(bank: Bank) -> None:
    bank.promo(50, 3 * DAY_S)
    bank.promo(50, DAY_S)
    bank.promo(50, 2 * DAY_S)
    await bank.use(70)
    assert bank.left == [30, 50]
    bank.world.clock.pass_s(2 * DAY_S)
    assert bank.expire() == 30


async def test_usage_before_a_promotion_is_not_taken_from_it(bank: Bank) -> None:
    bank.pay(100)
    await bank.use(80)
    bank.promo(50, DAY_S)
    bank.world.clock.pass_s(DAY_S)
    assert bank.expire() == 50
    assert bank.balance == 20


async def test_a_promotion_that_is_used_up_takes_nothing_of_other_money(bank: Bank) -> None:
    bank.promo(50, DAY_S)
    await bank.use(50)
    bank.pay(100)
    bank.world.clock.pass_s(DAY_S)
    assert bank.expire() == 0
    assert bank.balance == 100


@pytest.mark.parametrize("way", ["refund", "adjust"])
async def test_money_that_is_taken_back_is_paid_money_first_and_then_the_promotion_for_good(
    way: str, bank: Bank
) -> None:
    take = {"refund": bank.refund, "adjust": bank.adjust_down}[way]
    bank.pay(100)
    bank.promo(50, DAY_S)
    take(100)
    assert (bank.balance, bank.left) == (50, [50])
    take(30)
    assert (bank.balance, bank.left) == (20, [20])
    bank.pay(100)
    bank.world.clock.pass_s(DAY_S)
    assert bank.expire() == 20
    assert bank.balance == 100


async def test_a_promotion_pays_first_what_is_owed_and_only_the_rest_of_it_expires(bank: Bank) -> None:
    bank.pay(40)
    await bank.use(40)
    assert bank.refund(40) == 40
    assert bank.promo(100, DAY_S) == 60
    assert (bank.balance, bank.owed, bank.left) == (60, 0, [60])
    bank.world.clock.pass_s(DAY_S)
    assert bank.expire() == 60
    assert check_books(bank.database) == []


async def test_money_that_calls_hold_expires_once_they_have_ended(bank: Bank) -> None:
    bank.promo(50, 1)
    loan = await bank.store.borrow(Fund(bank.account), Credits(30), Credits(30))
    assert loan.slice is not None
    bank.world.clock.pass_s(1)
    assert bank.expire() == 20
    await bank.store.renew((), (loan.slice,))
    assert bank.expire() == 30
    assert bank.balance == 0


async def test_what_is_owed_is_paid_from_money_that_comes_back_promotions_last(bank: Bank) -> None:
    bank.pay(40)
    bank.promo(60, DAY_S)
    loan = await bank.store.borrow(Fund(bank.account), Credits(100), Credits(100))
    assert loan.slice is not None
    assert (bank.refund(40), bank.repay()) == (40, 0)
    await bank.store.renew((), (loan.slice,))
    assert bank.repay() == 40
    assert (bank.balance, bank.owed, bank.left) == (60, 0, [60])
    assert check_books(bank.database) == []


async def test_expiry_of_all_goes_through_the_accounts(bank: Bank) -> None:
    other = Bank(bank.world, bank.store, bank.world.account(7))
    for one in (bank, other):
        one.promo(10, 60)
        one.promo(10, 120)
    bank.world.clock.pass_s(60)
    assert expire_all(bank.database) == 20
    assert expire_all(bank.database) == 0
    assert (bank.balance, other.balance) == (10, 17)


async def test_only_payments_count_as_paid(bank: Bank) -> None:
    bank.promo(10, 60)
    with bank.database.read() as connection:
        assert not was_paid_for(connection, bank.account)
    bank.pay(1)
    with bank.database.read() as connection:
        assert was_paid_for(connection, bank.account)


@dataclass
class Book:
    """The same account as a person would keep it."""

    plain: int = 0
    promos: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])  # expiry, number, left
    owed: int = 0
    number: int = 0

    @property
    def balance(self) -> int:
        return self.plain + sum(left for *_, left in self.promos)

    def give(self, amount: int) -> int:
        paid = min(self.owed, amount)
        self.owed -= paid
        return amount - paid

    def promise(self, amount: int, expiry: int) -> None:
        self.number += 1
        if left := self.give(amount):
            self.promos = sorted([*self.promos, (expiry, self.number, left)])

    def take_promos(self, amount: int) -> int:
        kept: list[tuple[int, int, int]] = []
        for expiry, number, left in self.promos:
            taken = min(left, amount)
            amount -= taken
            if left > taken:
                kept.append((expiry, number, left - taken))
        self.promos = kept
        return amount

    def use(self, amount: int) -> None:
        self.plain -= self.take_promos(min(amount, self.balance))

    def take_back(self, amount: int) -> None:
        taken = min(amount, self.balance)
        self.owed += amount - taken
        of_plain = min(taken, self.plain)
        self.plain -= of_plain
        self.take_promos(taken - of_plain)

    def expire(self, now: int) -> int:
        due = sum(left for expiry, _, left in self.promos if expiry <= now)
        self.promos = [promo for promo in self.promos if promo[0] > now]
        return due


AMOUNT = st.integers(1, 100)
STEP = st.one_of(
    st.tuples(st.sampled_from(["pay", "use", "refund"]), AMOUNT, st.just(0)),
    st.tuples(st.just("promo"), AMOUNT, st.integers(1, 20)),
    st.tuples(st.just("wait"), st.integers(1, 10), st.just(0)),
    st.just(("expire", 0, 0)),
)


async def play(kind: str, folder: Path, steps: list[tuple[str, int, int]]) -> None:
    async with AsyncExitStack() as stack:
        bank, book = await open_bank(kind, folder, stack), Book()
        for what, amount, seconds in [*steps, ("wait", 30, 0), ("expire", 0, 0)]:
            if what == "pay":
                bank.pay(amount)
                book.plain += book.give(amount)
            elif what == "promo":
                bank.promo(amount, seconds)
                book.promise(amount, bank.now + seconds * 1000)
            elif what == "use":
                await bank.use(amount)
                book.use(amount)
            elif what == "refund":
                bank.refund(amount)
                book.take_back(amount)
            elif what == "wait":
                bank.world.clock.pass_s(amount)
            else:
                assert bank.expire() == book.expire(bank.now)
            assert (bank.balance, bank.owed) == (book.balance, book.owed)
        assert bank.left == [left for *_, left in book.promos] == []
        assert check_books(bank.database) == []


def finish(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner() as runner:
        return runner.run(work)


@pytest.mark.parametrize("kind", DATABASES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25))
def test_no_series_of_grants_uses_refunds_and_expiries_takes_back_more_than_was_left(
    kind: str, steps: list[tuple[str, int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        finish(play(kind, Path(folder), steps))
