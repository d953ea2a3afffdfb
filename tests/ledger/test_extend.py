"""Holds that grow while their call runs: with what is free now, before all who wait, and never by waiting."""

import asyncio

import pytest

from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget
from modelport.ledger.hold import Hold
from modelport.ledger.problems import HoldEnded, InsufficientFunds
from modelport.ledger.records import Receipt
from tests.twins.worlds import World, call


async def held(book: Book, account_id: int, amount: int, key: KeyBudget | None = None) -> Hold:
    return await book.hold(account_id, key, Credits(amount), Credits(amount))


async def test_a_hold_grows_and_pays_for_all_that_it_holds(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a")) as book:
        hold = await held(book, account_id, 10)
        assert await hold.extend(Credits(500)) == 500
        assert await hold.extend(Credits(490)) == 490
        assert hold.amount == 1000
        assert await hold.settle(call(account_id, 700)) == Receipt(Credits(700), Credits(0), "charged")
        assert (await held(book, account_id, 300)).amount == 300
    assert world.problems() == []


async def test_a_hold_takes_what_is_left_but_not_less_than_it_can_use(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        async with await held(book, account_id, 40) as hold:
            assert await hold.extend(Credits(500), Credits(61)) == 0
            assert await hold.extend(Credits(500), Credits(60)) == 60
            assert await hold.extend(Credits(1)) == 0
        assert (await held(book, account_id, 100)).amount == 100


async def test_a_hold_may_leave_a_share_of_what_is_free_to_others(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book, await held(book, account_id, 40) as hold:
        assert await hold.extend(Credits(500), share=2) == 30
        assert (await held(book, account_id, 30)).amount == 30


async def test_a_hold_never_waits_for_others_to_end(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a"), hold_wait_s=60) as book:
        holds = [await held(book, account_id, 20) for _ in range(5)]
        async with asyncio.timeout(2):
            assert await asyncio.gather(*(hold.extend(Credits(10)) for hold in holds)) == [0] * 5
        holds[0].release()
        assert await holds[1].extend(Credits(15)) == 15


async def test_a_call_that_has_begun_comes_before_those_that_wait(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        first = await held(book, account_id, 60)
        waiting = asyncio.create_task(held(book, account_id, 80))
        await asyncio.sleep(0.01)
        assert await first.extend(Credits(40)) == 40
        await first.settle(call(account_id, 20))
        assert (await waiting).amount == 80


async def test_holds_that_grow_at_once_share_out_exactly_what_there_is(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a")) as book:
        holds = [await held(book, account_id, 10) for _ in range(20)]
        for _ in range(10):
            await asyncio.gather(*(hold.extend(Credits(20)) for hold in holds))
        assert sum(hold.amount for hold in holds) == 1000
        settled = [hold.settle(call(account_id, hold.amount, number)) for number, hold in enumerate(holds)]
        assert {paid.billing_status for paid in await asyncio.gather(*settled)} == {"charged"}
    assert world.balance(account_id) == 0
    assert world.problems() == []


async def test_a_key_grows_up_to_its_limit_and_what_it_could_not_use_stays_its_own(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 100)
    async with Book(await world.process("a")) as book:
        hold = await held(book, account_id, 40, key)
        assert await hold.extend(Credits(500)) == 60
        assert await hold.extend(Credits(1)) == 0
        await hold.settle(call(account_id, 70, key_id=key.key_id))
        async with await held(book, account_id, 30, key) as rest:
            assert rest.amount == 30


async def test_what_the_account_lacks_is_not_held_against_the_key(world: World) -> None:
    account_id = world.account(100)
    key = world.key(account_id, 1000)
    async with Book(await world.process("a")) as book, await held(book, account_id, 40, key) as hold:
        assert await hold.extend(Credits(900)) == 60
        assert hold.amount == 100
        world.top_up(account_id, 900)
        book.account_changed(account_id)
        assert (await held(book, account_id, 900, key)).amount == 900


async def test_a_hold_whose_slice_lapsed_is_held_anew(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), renew_s=3600) as book:
        hold = await held(book, account_id, 400)
        world.clock.pass_s(6)
        await book.renew()
        assert await hold.extend(Credits(500)) == 500
        async with Book(await world.process("b"), hold_wait_s=0) as other:
            with pytest.raises(InsufficientFunds):
                await held(other, account_id, 200)
        assert await hold.settle(call(account_id, 900)) == Receipt(Credits(900), Credits(0), "charged")
    assert world.problems() == []


async def test_a_hold_whose_money_went_to_others_with_its_slice_does_not_grow(world: World) -> None:
    account_id = world.account(1000)
    async with Book(await world.process("a"), renew_s=3600) as book:
        hold = await held(book, account_id, 400)
        world.clock.pass_s(6)
        async with Book(await world.process("b")) as other, await held(other, account_id, 800):
            assert await hold.extend(Credits(10)) == 0
    assert world.problems() == []


async def test_a_hold_that_ends_while_money_is_borrowed_leaves_it_free(world: World) -> None:
    account_id = world.account(1000)
    key = world.key(account_id, 1000)
    async with Book(await world.process("a")) as book:
        hold = await held(book, account_id, 10, key)
        extending = asyncio.create_task(hold.extend(Credits(900)))
        await asyncio.sleep(0)
        extending.cancel()
        hold.release()
        with pytest.raises(asyncio.CancelledError):
            await extending
        assert (await held(book, account_id, 1000, key)).amount == 1000
    assert world.problems() == []


async def test_a_hold_that_has_ended_cannot_grow(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a")) as book:
        hold = await held(book, account_id, 10)
        hold.release()
        with pytest.raises(HoldEnded):
            await hold.extend(Credits(1))


async def test_a_free_call_grows_without_money(world: World) -> None:
    async with Book(await world.process("a")) as book:
        hold = await book.hold(world.account(0), None, Credits(0), Credits(0))
        assert await hold.extend(Credits(5)) == 5


async def test_what_a_hold_that_could_not_grow_learnt_refuses_nobody_later(world: World) -> None:
    account_id = world.account(100)
    async with Book(await world.process("a"), hold_wait_s=0.0) as book:
        async with Book(await world.process("b")) as other:
            await held(other, account_id, 60)
            async with await held(book, account_id, 40) as hold:
                assert await hold.extend(Credits(10)) == 0
        assert (await held(book, account_id, 90)).amount == 90
