"""A key never spends more than its limit in a period."""

import asyncio

import pytest

from modelport.core.clock import utc_day
from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget
from modelport.ledger.problems import KeyLimitReached
from modelport.ledger.records import Receipt
from tests.twins.clock import DAY_MS
from tests.twins.worlds import World, call

TEN = Credits(10)


def budget(threshold: int, period: str = "no_reset") -> KeyBudget:
    return KeyBudget(1, period, Credits(threshold))  # type: ignore[arg-type]


async def test_a_thousand_calls_of_a_key_with_a_limit_for_forty_settle_exactly_forty(world: World) -> None:
    account_id = world.account(1_000_000)
    async with Book(await world.process("a"), world.clock) as book:

        async def one(number: int) -> Receipt:
            async with await book.hold(account_id, budget(400), TEN, TEN) as hold:
                await asyncio.sleep(0)
                return await hold.settle(call(account_id, 10, number))

        outcomes = await asyncio.gather(*(one(number) for number in range(1000)), return_exceptions=True)
    assert sum(isinstance(outcome, KeyLimitReached) for outcome in outcomes) == 960
    assert world.balance(account_id) == 999_600
    assert world.problems() == []


async def test_a_call_waits_while_other_holds_of_its_key_are_open_and_keys_do_not_wait_for_each_other(
    world: World,
) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), world.clock) as book:
        first = await book.hold(account_id, budget(10), TEN, TEN)
        second = asyncio.create_task(book.hold(account_id, budget(10), TEN, TEN))
        await asyncio.sleep(0.01)
        assert not second.done()
        (await book.hold(account_id, KeyBudget(2, "day", TEN), TEN, TEN)).release()
        first.release()
        (await second).release()


async def test_what_was_spent_before_the_start_counts(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), world.clock) as book:
        hold = await book.hold(account_id, None, Credits(30), Credits(30))
        await hold.settle(call(account_id, 30, 1))
    async with Book(await world.process("b"), world.clock) as book:
        with pytest.raises(KeyLimitReached) as refusal:
            await book.hold(account_id, budget(35), TEN, TEN)
        assert (refusal.value.needed, refusal.value.left) == (10, 5)
        (await book.hold(account_id, budget(35), TEN, Credits(5))).release()


async def test_calls_that_end_while_the_limit_is_being_learnt_are_counted_once(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), world.clock) as book:
        holds = [await book.hold(account_id, None, TEN, TEN) for _ in range(4)]
        before = asyncio.create_task(holds[0].settle(call(account_id, 10, 0)))
        await asyncio.sleep(0)
        limited = asyncio.create_task(book.hold(account_id, budget(45), TEN, TEN))
        await asyncio.gather(before, *(hold.settle(call(account_id, 10, i)) for i, hold in enumerate(holds[1:], 1)))
        with pytest.raises(KeyLimitReached) as refusal:
            await limited
        assert refusal.value.left == 5


@pytest.mark.parametrize(
    ("period", "days"),
    [("day", 1), ("week", 7), ("month", 31)],
)
async def test_a_period_begins_afresh_at_midnight_utc(world: World, period: str, days: int) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), world.clock) as book:
        hold = await book.hold(account_id, budget(10, period), TEN, TEN)
        await hold.settle(call(account_id, 10, 1, created_at_ms=world.clock.now_ms()))
        with pytest.raises(KeyLimitReached):
            await book.hold(account_id, budget(10, period), TEN, TEN)
        world.clock.at_ms += days * DAY_MS
        (await book.hold(account_id, budget(10, period), TEN, TEN)).release()


async def test_a_raised_limit_serves_those_who_wait(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), world.clock) as book:
        first = await book.hold(account_id, budget(10), TEN, TEN)
        second = asyncio.create_task(book.hold(account_id, budget(10), TEN, TEN))
        await asyncio.sleep(0.01)
        (await book.hold(account_id, budget(30), TEN, TEN)).release()
        (await second).release()
        first.release()


async def test_cost_above_the_hold_does_not_pass_the_limit(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), world.clock) as book:
        hold = await book.hold(account_id, budget(25), TEN, TEN)
        assert await hold.settle(call(account_id, 100, 1)) == Receipt(Credits(25), Credits(75), "short")
    assert world.balance(account_id) == 975
    assert world.problems() == []


async def test_a_call_refused_for_the_balance_leaves_the_limit_alone(world: World) -> None:
    account_id = world.account(5)
    store = await world.process("a")
    async with Book(store, world.clock) as book:
        for _ in range(3):
            with pytest.raises(Exception, match="balance does not cover"):
                await book.hold(account_id, budget(10), TEN, TEN)
        await store.move(1, account_id, TEN, "PAYMENT", None, world.clock.now_ms())
        (await book.hold(account_id, budget(10), TEN, TEN)).release()


async def test_one_process_spends_nothing_of_a_key_beyond_its_day(world: World) -> None:
    account_id = world.account(1000)
    store = await world.process("a")
    async with Book(store, world.clock) as book:
        for number in range(3):
            hold = await book.hold(account_id, budget(100, "day"), TEN, TEN)
            await hold.settle(call(account_id, 10, number, created_at_ms=world.clock.now_ms()))
        assert await store.spent(1, utc_day(world.clock.now_ms())) == 30
