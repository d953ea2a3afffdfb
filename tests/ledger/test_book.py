"""Holding and settling: exact, fair, and refused only where nothing helps."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.ledger.problems import AlreadySettled, HoldEnded, InsufficientFunds
from modelport.ledger.records import HOUSE_ACCOUNT, Receipt
from modelport.ledger.store import Fund
from tests.twins.worlds import World, call

PRICE = Credits(100)


async def serve_calls(
    book: Book, account_id: int, count: int, ask: int, cost: int
) -> Sequence[Receipt | BaseException]:
    """Make so many calls at once, each of which takes a few turns of the loop."""

    async def one(number: int) -> Receipt:
        async with await book.hold(account_id, None, Credits(ask), Credits(ask)) as hold:
            for _ in range(number % 5):
                await asyncio.sleep(0)
            return await hold.settle(call(account_id, cost, number))

    return await asyncio.gather(*(one(number) for number in range(count)), return_exceptions=True)


def refused(outcomes: Sequence[Receipt | BaseException]) -> int:
    assert all(isinstance(outcome, Receipt | InsufficientFunds) for outcome in outcomes), outcomes
    return sum(isinstance(outcome, InsufficientFunds) for outcome in outcomes)


async def test_a_call_is_charged_its_cost_and_the_rest_of_its_hold_is_free_again(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a")) as book:
        hold = await book.hold(account_id, None, Credits(1000), Credits(1000))
        assert hold.amount == 1000
        assert await hold.settle(call(account_id, 300, 1)) == Receipt(Credits(300), Credits(0), "charged")
        async with await book.hold(account_id, None, Credits(700), Credits(700)) as rest:
            assert rest.amount == 700
    assert world.balance(account_id) == 700
    assert world.problems() == []


async def test_a_thousand_calls_on_money_for_four_hundred_settle_exactly_four_hundred(world: World) -> None:
    account_id = world.account(400 * PRICE)
    async with Book(await world.process("a")) as book:
        outcomes = await serve_calls(book, account_id, 1000, PRICE, PRICE)
        assert refused(outcomes) == 600
    assert world.balance(account_id) == 0
    assert world.rows() == 400
    assert world.problems() == []


async def test_calls_that_cost_half_of_what_they_hold_use_the_balance_up(world: World) -> None:
    account_id = world.account(400 * PRICE + 70)
    async with Book(await world.process("a")) as book:
        outcomes = await serve_calls(book, account_id, 1000, PRICE, PRICE // 2)
        # each call needs its whole hold to begin, so what is left is less than one hold
        assert world.balance(account_id) < PRICE
        assert refused(outcomes) == 1000 - world.rows()
    assert world.problems() == []


async def test_nobody_is_refused_while_a_hold_is_open(world: World) -> None:
    account_id = world.account(PRICE)
    async with Book(await world.process("a")) as book:
        first = await book.hold(account_id, None, PRICE, PRICE)
        second = asyncio.create_task(book.hold(account_id, None, PRICE, PRICE))
        for _ in range(20):
            await asyncio.sleep(0.002)
        assert not second.done()
        first.release()
        (await second).release()


async def test_whoever_waits_is_served_first_come_first_served(world: World) -> None:
    account_id = world.account(300)
    served: list[int] = []
    async with Book(await world.process("a")) as book:
        first = await book.hold(account_id, None, Credits(300), Credits(300))

        async def wait(number: int, ask: int) -> None:
            async with await book.hold(account_id, None, Credits(ask), Credits(ask)):
                served.append(number)

        waiters = [asyncio.create_task(wait(number, ask)) for number, ask in enumerate((300, 1, 200, 5))]
        await asyncio.sleep(0.01)
        first.release()
        await asyncio.gather(*waiters)
    assert served == [0, 1, 2, 3]


async def test_a_call_that_waits_too_long_is_told_what_is_missing(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a"), hold_wait_s=0.05) as book:
        async with await book.hold(account_id, None, Credits(70), Credits(70)):
            with pytest.raises(InsufficientFunds) as refusal:
                await book.hold(account_id, None, Credits(50), Credits(40))
        assert (refusal.value.needed, refusal.value.left) == (40, 30)


async def test_the_last_call_is_lowered_to_what_is_left(world: World) -> None:
    account_id = world.account(130)
    async with Book(await world.process("a")) as book:
        hold = await book.hold(account_id, None, Credits(1000), Credits(130))
        assert hold.amount == 130
        hold.release()
        with pytest.raises(InsufficientFunds):
            await book.hold(account_id, None, Credits(1000), Credits(131))


async def test_a_call_that_could_be_lowered_waits_while_others_are_open(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        first = await book.hold(account_id, None, Credits(60), Credits(60))
        second = asyncio.create_task(book.hold(account_id, None, Credits(100), Credits(10)))
        await asyncio.sleep(0.01)
        assert not second.done()
        await first.settle(call(account_id, 25))
        assert (await second).amount == 75
        (await second).release()


async def test_a_free_call_needs_no_money(world: World) -> None:
    account_id = world.account(0)
    async with Book(await world.process("a")) as book:
        hold = await book.hold(account_id, None, Credits(0), Credits(0))
        settled = await hold.settle(call(account_id, 0, usage={"output": 7}))
        assert settled == Receipt(Credits(0), Credits(0), "free")


async def test_cost_above_the_hold_is_taken_from_what_is_free(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a")) as book:
        hold = await book.hold(account_id, None, Credits(10), Credits(10))
        assert await hold.settle(call(account_id, 990)) == Receipt(Credits(990), Credits(0), "charged")
    assert world.balance(account_id) == 10
    assert world.problems() == []


async def test_cost_above_all_that_is_free_is_short_and_the_house_pays_the_rest(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        other = await book.hold(account_id, None, Credits(30), Credits(30))
        hold = await book.hold(account_id, None, Credits(10), Credits(10))
        assert await hold.settle(call(account_id, 200)) == Receipt(Credits(70), Credits(130), "short")
        other.release()
    assert world.balance(account_id) == 30
    assert world.balance(HOUSE_ACCOUNT) == -130
    assert world.problems() == []


async def test_what_the_house_bears_costs_the_account_nothing(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        hold = await book.hold(account_id, None, Credits(100), Credits(100))
        settled = await hold.settle(call(account_id, 60, is_on_house=True))
        assert settled == Receipt(Credits(0), Credits(60), "house")
    assert (world.balance(account_id), world.balance(HOUSE_ACCOUNT)) == (100, -60)


async def test_a_failed_call_is_recorded_without_a_hold(world: World) -> None:
    account_id = world.account(0)
    async with Book(await world.process("a")) as book:
        failed = call(account_id, 0, usage={}, usage_source="none", status="failed", http_status=502)
        assert await book.record(failed) == Receipt(Credits(0), Credits(0), "none")
        with pytest.raises(ValueError, match="settle it through a hold"):
            await book.record(call(account_id, 5, 2))
    assert world.rows() == 1


async def test_one_inference_id_is_charged_once(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a")) as book:
        holds = [await book.hold(account_id, None, Credits(100), Credits(100)) for _ in range(3)]
        outcomes = await asyncio.gather(
            *(hold.settle(call(account_id, 100, number)) for hold, number in zip(holds, (7, 7, 8), strict=True)),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [Receipt, AlreadySettled, Receipt]
        async with await book.hold(account_id, None, Credits(800), Credits(800)) as rest:
            assert rest.amount == 800
    assert world.balance(account_id) == 800
    assert world.problems() == []


async def test_a_hold_ends_once(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        hold = await book.hold(account_id, None, Credits(100), Credits(100))
        hold.release()
        hold.release()
        with pytest.raises(HoldEnded):
            await hold.settle(call(account_id, 10))
        async with await book.hold(account_id, None, Credits(100), Credits(100)) as again:
            await again.settle(call(account_id, 40))
        with pytest.raises(InsufficientFunds):
            await book.hold(account_id, None, Credits(61), Credits(61))
    assert world.balance(account_id) == 60


async def test_a_settlement_goes_on_when_nobody_waits_for_it_any_more(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        for cost in (10, 60):  # within the hold, and above it
            hold = await book.hold(account_id, None, Credits(20), Credits(20))
            settling = asyncio.create_task(hold.settle(call(account_id, cost, cost)))
            await asyncio.sleep(0)
            settling.cancel()
            with suppress(asyncio.CancelledError):
                await settling
    assert world.balance(account_id) == 30
    assert world.problems() == []


async def test_a_call_cancelled_while_it_waits_or_as_it_is_served_keeps_no_money(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        first = await book.hold(account_id, None, Credits(100), Credits(100))
        waiting = [asyncio.create_task(book.hold(account_id, None, Credits(100), Credits(100))) for _ in range(3)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()  # while first in line
        await asyncio.sleep(0)
        first.release()  # serves the next
        waiting[1].cancel()  # served, not yet resumed
        (await waiting[2]).release()
        for cancelled in waiting[:2]:
            with pytest.raises(asyncio.CancelledError):
                await cancelled
        async with await book.hold(account_id, None, Credits(100), Credits(100)) as hold:
            assert hold.amount == 100


async def test_two_processes_share_an_account_without_refusing_who_can_pay(world: World) -> None:
    account_id = world.account(100 * PRICE)
    stores = [await world.process(name) for name in ("a", "b")]
    async with Book(stores[0], renew_s=0.02) as one, Book(stores[1], renew_s=0.02) as two:

        async def spend(book: Book, number: int) -> Receipt:
            async with await book.hold(account_id, None, PRICE, PRICE) as hold:
                await asyncio.sleep(0)
                return await hold.settle(call(account_id, PRICE, number))

        spending = [spend((one, two)[number % 2], number) for number in range(120)]
        outcomes = await asyncio.gather(*spending, return_exceptions=True)
        assert refused(outcomes) == 20
    assert world.balance(account_id) == 0
    assert world.problems() == []


async def test_money_that_is_not_used_returns_to_the_account(world: World) -> None:
    account_id = world.account(1000)
    store = await world.process("a")
    other = await world.process("b")
    async with Book(store) as book:
        (await book.hold(account_id, None, Credits(10), Credits(10))).release()
        assert (await other.borrow(Fund(account_id), Credits(1000), Credits(1000))).granted == 0
        for _ in range(3):
            await book.renew()
        assert (await other.borrow(Fund(account_id), Credits(1000), Credits(1000))).granted == 1000


async def test_a_slice_that_lapsed_is_forgotten_and_its_calls_are_still_charged(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a")) as book:
        late = await book.hold(account_id, None, Credits(100), Credits(100))
        world.clock.pass_s(6)
        await book.renew()
        async with await book.hold(account_id, None, Credits(50), Credits(50)) as hold:
            assert await late.settle(call(account_id, 80, 1)) == Receipt(Credits(80), Credits(0), "charged")
            await hold.settle(call(account_id, 50, 2))
    assert world.balance(account_id) == 870
    assert world.problems() == []


async def test_a_lapsed_slice_whose_money_is_lent_again_is_made_up_by_the_house(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        late = await book.hold(account_id, None, Credits(100), Credits(100))
        world.clock.pass_s(6)
        other = await world.process("b")
        assert (await other.borrow(Fund(account_id), Credits(70), Credits(70))).granted == 70
        assert await late.settle(call(account_id, 80, 1)) == Receipt(Credits(30), Credits(50), "short")
    assert world.problems() == []


async def test_new_money_reaches_those_who_wait(world: World) -> None:
    account_id = world.account(100)
    store = await world.process("a")
    async with Book(store) as book:
        first = await book.hold(account_id, None, Credits(100), Credits(100))
        second = asyncio.create_task(book.hold(account_id, None, Credits(100), Credits(100)))
        await asyncio.sleep(0.01)
        await store.move(1, account_id, Credits(500), "PAYMENT", "payment", world.clock.now_ms())
        book.account_changed(account_id)
        (await second).release()
        first.release()
    assert world.balance(account_id) == 600
