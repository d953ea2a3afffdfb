"""The port of the ledger, on the twin and on the database."""

import asyncio

import pytest

from modelport.core.credits import Credits
from modelport.ledger.problems import AlreadySettled, InsufficientFunds
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT, Receipt
from modelport.ledger.store import Fund, LedgerStore, Loan, Renewal, Settlement, Slice
from tests.twins.worlds import World, call


async def settled(store: LedgerStore, *settlements: Settlement) -> list[Receipt | Exception]:
    """Settle in one go and wait for all."""
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in settlements]
    for settlement, future in zip(settlements, futures, strict=True):
        store.settle(settlement, future.set_result)
    return list(await asyncio.gather(*futures))


def loaned(loan: Loan) -> Slice:
    assert loan.slice is not None
    return loan.slice


async def test_a_loan_is_between_least_and_want_and_leaves_most_for_others(world: World) -> None:
    account_id = world.account(1000)
    store = await world.process("a")
    assert (await store.borrow(Fund(account_id), Credits(10), Credits(50))).granted == 50
    assert (await store.borrow(Fund(account_id), Credits(10), Credits(5000))).granted == 950 // 4
    loan = await store.borrow(Fund(account_id), Credits(700), Credits(5000))
    assert (loan.granted, loan.unlent) == (700, 13)
    assert (await store.borrow(Fund(account_id), Credits(14), Credits(14))).granted == 0
    assert world.balance(account_id) == 1000
    assert world.problems() == []


async def test_a_loan_says_what_others_hold(world: World) -> None:
    account_id = world.account(100)
    one, two = await world.process("a"), await world.process("b")
    await one.borrow(Fund(account_id), Credits(80), Credits(80))
    loan = await two.borrow(Fund(account_id), Credits(30), Credits(30))
    assert loan == Loan(None, Credits(0), Credits(20), Credits(80))


async def test_an_account_without_money_lends_none(world: World) -> None:
    store = await world.process("a")
    assert await store.borrow(Fund(world.account(0)), Credits(1), Credits(1)) == Loan(
        None, Credits(0), Credits(0), Credits(0)
    )


async def test_money_given_back_can_be_lent_again(world: World) -> None:
    account_id = world.account(100)
    one, two = await world.process("a"), await world.process("b")
    lent = loaned(await one.borrow(Fund(account_id), Credits(100), Credits(100)))
    assert await one.renew([Renewal(lent, Credits(40))]) == []
    assert (await two.borrow(Fund(account_id), Credits(1), Credits(100))).unlent == 30
    await one.renew([], [lent])
    assert (await two.borrow(Fund(account_id), Credits(90), Credits(90))).granted == 90


async def test_a_slice_lives_as_long_as_it_is_renewed(world: World) -> None:
    account_id = world.account(100)
    store = await world.process("a")
    lent = loaned(await store.borrow(Fund(account_id), Credits(100), Credits(100)))
    for _ in range(3):
        world.clock.pass_s(4)
        assert await store.renew([Renewal(lent, Credits(0))]) == []
    world.clock.pass_s(5)
    assert await store.renew([Renewal(lent, Credits(0))]) == [lent]
    again = loaned(await store.borrow(Fund(account_id), Credits(100), Credits(100)))
    assert again != lent


async def test_a_slice_of_the_dead_is_free_a_lease_after_the_clock_was_put_back(world: World) -> None:
    account_id = world.account(100)
    dead, alive = await world.process("dead"), await world.process("alive")
    await dead.borrow(Fund(account_id), Credits(100), Credits(100))
    world.clock.pass_s(-86_400)
    assert (await alive.borrow(Fund(account_id), Credits(1), Credits(1))).lent_elsewhere == 100
    world.clock.pass_s(5)
    assert (await alive.borrow(Fund(account_id), Credits(100), Credits(100))).granted == 100
    assert world.problems() == []


async def test_a_slice_of_the_living_outlasts_a_clock_that_is_put_back(world: World) -> None:
    account_id = world.account(100)
    one, other = await world.process("a"), await world.process("b")
    lent = loaned(await one.borrow(Fund(account_id), Credits(100), Credits(100)))
    world.clock.pass_s(-86_400)
    for _ in range(3):
        assert (await other.borrow(Fund(account_id), Credits(1), Credits(1))).granted == 0
        assert await one.renew([Renewal(lent, Credits(0))]) == []
        world.clock.pass_s(4)
    (outcome,) = await settled(one, Settlement(call(account_id, 90), lent, Credits(90), Credits(0)))
    assert outcome == Receipt(Credits(90), Credits(0), "charged")
    assert world.problems() == []


async def test_no_clock_that_is_put_forward_makes_money(world: World) -> None:
    account_id = world.account(100)
    one, other = await world.process("a"), await world.process("b")
    lent = loaned(await one.borrow(Fund(account_id), Credits(100), Credits(100)))
    world.clock.pass_s(86_400)
    again = loaned(await other.borrow(Fund(account_id), Credits(60), Credits(60)))
    outcomes = await settled(
        one,
        Settlement(call(account_id, 90, 1), lent, Credits(90), Credits(0)),
        Settlement(call(account_id, 60, 2), again, Credits(60), Credits(0)),
    )
    assert outcomes == [Receipt(Credits(40), Credits(50), "short"), Receipt(Credits(60), Credits(0), "charged")]
    assert world.balance(account_id) == 0
    assert world.problems() == []


async def test_a_slice_ends_when_the_books_are_reclaimed(world: World) -> None:
    account_id = world.account(100)
    store = await world.process("a")
    lent = loaned(await store.borrow(Fund(account_id), Credits(100), Credits(100)))
    world.reclaim()
    other = await world.process("b")
    assert (await other.borrow(Fund(account_id), Credits(100), Credits(100))).granted == 100
    assert await store.renew([Renewal(lent, Credits(0))]) == [lent]


async def test_settlements_of_several_accounts_and_slices_add_up(world: World) -> None:
    accounts = [world.account(1000) for _ in range(3)]
    store = await world.process("a")
    slices = [loaned(await store.borrow(Fund(account_id), Credits(500), Credits(500))) for account_id in accounts]
    outcomes = await settled(
        store,
        *(Settlement(call(accounts[n % 3], 10 + n, n), slices[n % 3], Credits(10), Credits(n)) for n in range(30)),
    )
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    assert [world.balance(account_id) for account_id in accounts] == [900, 900, 900]
    assert world.balance(HOUSE_ACCOUNT) == -sum(range(30))
    assert world.problems() == []


async def test_a_repetition_fails_alone_and_moves_nothing(world: World) -> None:
    account_id = world.account(100)
    store = await world.process("a")
    lent = loaned(await store.borrow(Fund(account_id), Credits(100), Credits(100)))
    outcomes = await settled(
        store, *(Settlement(call(account_id, 10, n), lent, Credits(10), Credits(0)) for n in (1, 2, 1, 3))
    )
    assert [type(outcome) for outcome in outcomes] == [Receipt, Receipt, AlreadySettled, Receipt]
    (later,) = await settled(store, Settlement(call(account_id, 10, 2), lent, Credits(10), Credits(0)))
    assert isinstance(later, AlreadySettled)
    assert world.balance(account_id) == 70
    assert world.problems() == []


async def test_a_charge_without_a_living_slice_is_taken_from_what_is_free(world: World) -> None:
    account_id = world.account(100)
    store = await world.process("a")
    other = await world.process("b")
    await other.borrow(Fund(account_id), Credits(60), Credits(60))
    outcomes = await settled(
        store,
        Settlement(call(account_id, 30, 1), Slice(99, 1), Credits(30), Credits(0)),
        Settlement(call(account_id, 30, 2), None, Credits(30), Credits(0)),
    )
    assert outcomes == [
        Receipt(Credits(30), Credits(0), "charged"),
        Receipt(Credits(10), Credits(20), "short"),
    ]
    assert world.problems() == []


async def test_a_slice_is_never_overspent(world: World) -> None:
    account_id = world.account(100)
    store = await world.process("a")
    lent = loaned(await store.borrow(Fund(account_id), Credits(20), Credits(20)))
    (outcome,) = await settled(store, Settlement(call(account_id, 90), lent, Credits(90), Credits(0)))
    assert outcome == Receipt(Credits(80), Credits(10), "short")
    assert world.problems() == []


async def test_money_moves_only_where_it_is_free(world: World) -> None:
    account_id = world.account(100)
    store = await world.process("a")
    await store.borrow(Fund(account_id), Credits(60), Credits(60))
    with pytest.raises(InsufficientFunds) as refusal:
        await store.move(account_id, WORLD_ACCOUNT, Credits(41), "ADJUSTMENT", None, 0)
    assert refusal.value.left == 40
    await store.move(account_id, WORLD_ACCOUNT, Credits(40), "ADJUSTMENT", None, 0)
    await store.move(WORLD_ACCOUNT, account_id, Credits(7), "PAYMENT", "p-1", 0)
    assert await store.balance(account_id) == 67
    assert world.problems() == []


async def test_what_a_key_spent_is_summed_by_day(world: World) -> None:
    account_id = world.account(100)
    key = world.key(account_id, 100)
    store = await world.process("a")
    lent = loaned(await store.borrow(Fund(account_id), Credits(100), Credits(100)))
    await settled(
        store,
        *(
            Settlement(
                call(account_id, 10, n, created_at_ms=n * 86_400_000, key_id=key.key_id), lent, Credits(10), Credits(0)
            )
            for n in range(4)
        ),
    )
    funds = [Fund(account_id, key.key_id, day) for day in (0, 1, 3, 4)]
    left = [(await store.borrow(fund, Credits(1000), Credits(1000))).unlent for fund in funds]
    assert left == [60, 70, 90, 100]
