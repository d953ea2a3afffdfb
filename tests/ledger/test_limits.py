"""A key never spends more than its limit in a period, on one process or many."""

import asyncio
from collections.abc import Sequence

import pytest

from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget, Period
from modelport.ledger.problems import KeyLimitReached
from modelport.ledger.records import Receipt
from modelport.ledger.store import Fund
from tests.twins.clock import DAY_MS
from tests.twins.worlds import World, call

TEN = Credits(10)


async def one_call(book: Book, account_id: int, key: KeyBudget, number: int) -> Receipt:
    async with await book.hold(account_id, key, TEN, TEN) as hold:
        await asyncio.sleep(0)
        return await hold.settle(call(account_id, 10, number, key_id=key.key_id))


def refused(outcomes: Sequence[Receipt | BaseException]) -> int:
    assert all(isinstance(outcome, Receipt | KeyLimitReached) for outcome in outcomes), outcomes
    return sum(isinstance(outcome, KeyLimitReached) for outcome in outcomes)


async def test_a_thousand_calls_of_a_key_with_a_limit_for_forty_settle_exactly_forty(world: World) -> None:
    account_id = world.account(1_000_000)
    key = world.key(account_id, 400)
    async with Book(await world.process("a"), world.clock) as book:
        calls = (one_call(book, account_id, key, number) for number in range(1000))
        assert refused(await asyncio.gather(*calls, return_exceptions=True)) == 960
    assert world.balance(account_id) == 999_600
    assert world.problems() == []


async def test_two_processes_spend_a_limit_exactly_without_refusing_who_can_pay(world: World) -> None:
    account_id = world.account(1_000_000)
    key = world.key(account_id, 1000)
    stores = [await world.process(name) for name in ("a", "b")]
    async with Book(stores[0], world.clock, renew_s=0.02) as one, Book(stores[1], world.clock, renew_s=0.02) as two:
        calls = (one_call((one, two)[number % 2], account_id, key, number) for number in range(120))
        assert refused(await asyncio.gather(*calls, return_exceptions=True)) == 20
    assert world.balance(account_id) == 999_000
    assert world.problems() == []


async def test_a_call_waits_while_other_holds_of_its_key_are_open_and_keys_do_not_wait_for_each_other(
    world: World,
) -> None:
    account_id = world.account(1000)
    key, other = world.key(account_id, 10), world.key(account_id, 10, "day")
    async with Book(await world.process("a"), world.clock) as book:
        first = await book.hold(account_id, key, TEN, TEN)
        second = asyncio.create_task(book.hold(account_id, key, TEN, TEN))
        await asyncio.sleep(0.01)
        assert not second.done()
        (await book.hold(account_id, other, TEN, TEN)).release()
        first.release()
        (await second).release()


async def test_what_was_spent_before_the_start_counts(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 35)
    async with Book(await world.process("a"), world.clock) as book:
        hold = await book.hold(account_id, None, Credits(30), Credits(30))
        await hold.settle(call(account_id, 30, 1, key_id=key.key_id))
    async with Book(await world.process("b"), world.clock) as book:
        with pytest.raises(KeyLimitReached) as refusal:
            await book.hold(account_id, key, TEN, TEN)
        assert (refusal.value.needed, refusal.value.left) == (10, 5)
        (await book.hold(account_id, key, TEN, Credits(5))).release()


@pytest.mark.parametrize(("period", "days"), [("day", 1), ("week", 7), ("month", 31)])
async def test_a_period_begins_afresh_at_midnight_utc(world: World, period: Period, days: int) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 10, period)
    async with Book(await world.process("a"), world.clock, renew_s=3600) as book:
        hold = await book.hold(account_id, key, TEN, TEN)
        record = call(account_id, 10, 1, created_at_ms=world.clock.now_ms(), key_id=key.key_id)
        await hold.settle(record)
        with pytest.raises(KeyLimitReached):
            await book.hold(account_id, key, TEN, TEN)
        world.clock.at_ms += days * DAY_MS
        await book.renew()
        (await book.hold(account_id, key, TEN, TEN)).release()


async def test_a_clock_that_is_put_back_over_midnight_goes_back_to_the_day_before(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 10, "day")
    async with Book(await world.process("a"), world.clock) as book:
        await one_call(book, account_id, key, 1)
        world.clock.pass_s(DAY_MS // 1000)
        await one_call(book, account_id, key, 2)
        world.clock.pass_s(-DAY_MS // 1000)
        with pytest.raises(KeyLimitReached):
            await one_call(book, account_id, key, 3)
    assert world.problems() == []


async def test_a_call_that_began_before_midnight_counts_in_its_own_period(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 10, "day")
    async with Book(await world.process("a"), world.clock, renew_s=3600) as book:
        began = world.clock.now_ms()
        late = await book.hold(account_id, key, TEN, TEN)
        world.clock.at_ms += DAY_MS
        early = await book.hold(account_id, key, TEN, TEN)
        await late.settle(call(account_id, 10, 1, created_at_ms=began, key_id=key.key_id))
        await early.settle(call(account_id, 10, 2, created_at_ms=world.clock.now_ms(), key_id=key.key_id))
        with pytest.raises(KeyLimitReached):
            await book.hold(account_id, key, TEN, TEN)
    assert world.balance(account_id) == 980
    assert world.problems() == []


async def test_a_call_that_ends_after_midnight_is_bounded_by_its_own_period_whatever_the_next_one_spent(
    world: World,
) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 25, "day")
    async with Book(await world.process("a"), world.clock, renew_s=3600) as book:
        began = just_before_midnight(world)
        late = await book.hold(account_id, key, TEN, TEN)
        world.clock.pass_s(3)
        early = await book.hold(account_id, key, Credits(20), Credits(20))
        await early.settle(call(account_id, 20, 1, created_at_ms=world.clock.now_ms(), key_id=key.key_id))
        paid = await late.settle(call(account_id, 100, 2, created_at_ms=began, key_id=key.key_id))
        assert paid == Receipt(Credits(25), Credits(75), "short")
    assert world.problems() == []


async def test_a_limit_that_is_raised_after_midnight_binds_a_call_that_began_before_and_the_new_day_too(
    world: World,
) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 10, "day")
    async with Book(await world.process("a"), world.clock, renew_s=3600) as book:
        began = just_before_midnight(world)
        late = await book.hold(account_id, key, TEN, TEN)
        world.clock.pass_s(3)
        world.limit(key, 30)
        paid = await late.settle(call(account_id, 100, 1, created_at_ms=began, key_id=key.key_id))
        assert paid == Receipt(Credits(30), Credits(70), "short")
        (await book.hold(account_id, key, Credits(30), Credits(30))).release()
    assert world.problems() == []


def just_before_midnight(world: World) -> int:
    now_ms = world.clock.now_ms()
    world.clock.at_ms = now_ms - now_ms % DAY_MS + DAY_MS - 2000
    return world.clock.at_ms


async def test_a_raised_limit_serves_those_who_wait(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 10)
    async with Book(await world.process("a"), world.clock) as book:
        first = await book.hold(account_id, key, TEN, TEN)
        second = asyncio.create_task(book.hold(account_id, key, TEN, TEN))
        await asyncio.sleep(0.01)
        assert not second.done()
        world.limit(key, 30)
        book.key_changed(key.key_id)
        (await second).release()
        first.release()


async def test_a_lowered_limit_binds_what_no_call_holds_yet(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 1000)
    async with Book(await world.process("a"), world.clock, hold_wait_s=0.05) as book:
        held = await book.hold(account_id, key, TEN, TEN)
        world.limit(key, 15)
        book.key_changed(key.key_id)
        with pytest.raises(KeyLimitReached):
            await book.hold(account_id, key, TEN, TEN)
        await held.settle(call(account_id, 10, 1, key_id=key.key_id))
        (await book.hold(account_id, key, TEN, Credits(5))).release()
    assert world.problems() == []


async def test_cost_above_the_hold_does_not_pass_the_limit(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 25)
    async with Book(await world.process("a"), world.clock) as book:
        hold = await book.hold(account_id, key, TEN, TEN)
        paid = await hold.settle(call(account_id, 100, 1, key_id=key.key_id))
        assert paid == Receipt(Credits(25), Credits(75), "short")
    assert world.balance(account_id) == 975
    assert world.problems() == []


async def test_a_slice_of_a_limit_that_lapsed_charges_no_more_than_the_key_may_still_spend(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 100)
    async with Book(await world.process("a"), world.clock, renew_s=3600) as book:
        late = await book.hold(account_id, key, Credits(100), Credits(100))
        world.clock.pass_s(6)
        other = await world.process("b")
        assert (await other.borrow(Fund(account_id, key.key_id), Credits(70), Credits(70))).granted == 70
        paid = await late.settle(call(account_id, 80, 1, key_id=key.key_id))
        assert paid == Receipt(Credits(30), Credits(50), "short")
    assert world.balance(account_id) == 970
    assert world.problems() == []


async def test_a_call_refused_for_the_balance_leaves_the_limit_alone(world: World) -> None:
    account_id = world.account(5)
    key = world.key(account_id, 10)
    store = await world.process("a")
    async with Book(store, world.clock) as book:
        for _ in range(3):
            with pytest.raises(Exception, match="balance does not cover"):
                await book.hold(account_id, key, TEN, TEN)
        world.top_up(account_id, 10)
        (await book.hold(account_id, key, TEN, TEN)).release()


async def test_what_a_killed_process_had_of_a_limit_is_free_once_its_lease_is_over(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 100)
    dead, alive = await world.process("dead"), await world.process("alive")
    fund = Fund(account_id, key.key_id)
    assert (await dead.borrow(fund, Credits(100), Credits(100))).granted == 100
    async with Book(alive, world.clock, hold_wait_s=30) as book:
        waiting = asyncio.create_task(book.hold(account_id, key, TEN, TEN))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        world.clock.pass_s(6)
        (await waiting).release()
