"""Computing bills again from what is stored."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelport.core.moments import EVER, Period
from modelport.ledger.replay import SHOWN, Replayed, replay
from modelport.pricing.drift import ToldCosts
from modelport.storage.bills import opened_books, told_costs
from tests.twins.booked import RATE, STORES, Booked, open_booked

DAY_S = 86_400


@pytest.fixture(params=STORES)
async def booked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Booked]:
    async with open_booked(request.param, tmp_path) as opened:
        yield opened


def replayed(booked: Booked, period: Period = EVER, account_id: int | None = None) -> Replayed:
    with opened_books(booked.database, period, account_id) as opened:
        return replay(opened.books, opened.period, account_id)


async def some_calls(booked: Booked, count: int = 6) -> None:
    """Two accounts, three keys, calls over some hours: paid, on the house, short, free and failed ones."""
    ann, bob = booked.account("ann"), booked.account("bob", 100)
    keys = [booked.key(ann), booked.key(ann), booked.key(bob)]
    for number in range(count):
        key = keys[number % 3]
        usage = {"input": 11 + number, "cached_read": 4, "output": 5}
        rates = {"input": RATE // 3, "cached_read": 1, "output": 2 * RATE}
        cost = -(-(sum(units * rates[meter] for meter, units in usage.items())) // RATE)
        await booked.calls(
            booked.record(key, cost, usage=usage, rates=rates),
            booked.record(key, 9, is_on_house=True, status="failed", error="cut"),
            booked.record(key, 0, status="failed", error="refused", provider=None),
        )
        booked.clock.pass_s(1700)


async def test_every_credit_of_calls_that_were_settled_is_reproduced(booked: Booked) -> None:
    await some_calls(booked)
    found = replayed(booked)
    assert found.shown == []
    assert (found.differences, found.calls, len(found.accounts)) == (0, 18, 2)
    assert found.cost == found.stored == found.entered == found.charged + found.on_house > 0
    assert found.on_house >= 6 * 9
    assert found.rollups == 12
    assert found.entries == booked.scalar("SELECT COUNT(*) FROM entries WHERE kind = 'MODEL_USAGE'")


async def test_a_call_that_its_account_could_not_pay_whole_is_reproduced(booked: Booked) -> None:
    key = booked.key(booked.account("poor", 5))
    await booked.calls(booked.record(key, 12))
    found = replayed(booked)
    assert (found.shown, found.charged, found.on_house, found.entries) == ([], 5, 7, 2)


async def test_calls_of_an_empty_database_are_reproduced(booked: Booked) -> None:
    assert replayed(booked) == Replayed()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE requests SET cost_credits = cost_credits + 1 WHERE charged_credits > 0", "its usage at its rates"),
        ("UPDATE requests SET usage = '{\"output\":8}' WHERE charged_credits > 0", "its usage at its rates costs 8"),
        ("UPDATE requests SET rates = '{}' WHERE charged_credits > 0", "no rate is stored for output, which it used"),
        ("UPDATE requests SET usage = 'x' WHERE charged_credits > 0", "its usage or its rates cannot be read"),
        ("UPDATE requests SET house_credits = 1 WHERE charged_credits > 0", "are not its cost of 7"),
        ("UPDATE requests SET model = 'acme/small' WHERE charged_credits > 0", "its row asks for"),
        ("UPDATE entries SET credits = 6 WHERE kind = 'MODEL_USAGE'", "its row asks for 7 credits from account 3"),
        ("UPDATE entries SET from_account = 2 WHERE kind = 'MODEL_USAGE'", "there is 7 credits from account 2"),
        ("DELETE FROM entries WHERE kind = 'MODEL_USAGE'", "its rows say 7 credits were charged, its entries say 0"),
        ("UPDATE entries SET reference_id = NULL WHERE kind = 'MODEL_USAGE'", "left account 3 for no call"),
        ("DELETE FROM requests", "7 credits left account 3 for the call"),
        ("UPDATE usage_rollups SET credits = credits + 1", "the rows sum to 1 calls of account 3, 1 of them charged"),
        ("UPDATE usage_rollups SET input_tokens = 5", "the stored sums are 1 calls"),
        ("UPDATE usage_rollups SET account_id = 9", "the stored sums are 1 calls of account 9"),
        ("DELETE FROM usage_rollups", "the stored sums are nothing"),
        ("DELETE FROM requests", "the rows sum to nothing, the stored sums are 1 calls"),
    ],
)
async def test_what_was_changed_behind_the_back_of_the_books_is_told(booked: Booked, change: str, told: str) -> None:
    await booked.calls(booked.record(booked.key(booked.account("ann")), 7))
    assert replayed(booked).differences == 0
    booked.execute(change)
    found = replayed(booked)
    assert found.differences > 0
    assert any(told in line for line in found.shown), found.shown


async def test_an_entry_too_many_for_a_call_is_told(booked: Booked) -> None:
    await booked.calls(booked.record(booked.key(booked.account("ann")), 7))
    booked.execute(
        "INSERT INTO entries (created_at_ms, kind, from_account, to_account, credits, reference_id, model) "
        "SELECT created_at_ms, kind, from_account, to_account, credits, reference_id, model FROM entries "
        "WHERE kind = 'MODEL_USAGE'"
    )
    found = replayed(booked)
    assert found.shown == [
        f"call {booked.scalar('SELECT inference_id FROM requests')}: its row asks for 7 credits from account 3 to "
        "1, there is 7 credits from account 3 to 1 and 7 credits from account 3 to 1",
        "account 3: its rows say 7 credits were charged, its entries say 14",
    ]


async def test_what_failed_and_could_not_be_priced_is_no_difference(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    usage, rates = {"output": 3, "search": 1}, {"output": RATE}
    await booked.calls(booked.record(key, 3, usage=usage, rates=rates, status="failed", is_on_house=True))
    assert replayed(booked).shown == []


async def test_all_differences_are_counted_and_some_are_shown(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    await booked.calls(*(booked.record(key, 7) for _ in range(SHOWN + 50)))
    booked.execute("UPDATE requests SET cost_credits = 8, charged_credits = 8")
    found = replayed(booked)
    assert len(found.shown) == SHOWN
    assert found.differences == 2 * (SHOWN + 50) + 2


async def test_a_period_takes_calls_by_the_moment_they_began_at_and_whole_quarter_hours(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    begun = booked.clock.now_ms() // 900_000 * 900_000
    booked.clock.at_ms = begun
    for _ in range(8):
        await booked.calls(booked.record(key, 7))
        booked.clock.pass_s(600)
    found = replayed(booked, Period(begun + 600_000, begun + 3_000_000))
    assert (found.calls, found.charged, found.shown) == (4, 28, [])
    assert found.rollups == 2, "of 10:00 to 50:00, the quarters from 15 and from 30 are whole"
    booked.execute("DELETE FROM entries WHERE kind = 'MODEL_USAGE'")
    assert replayed(booked, Period(None, begun)).differences == 0
    assert replayed(booked, Period(begun + 600_000, begun + 3_000_000)).differences == 4 + 1


async def test_entries_of_calls_outside_of_the_period_are_not_missed(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    begun = booked.clock.now_ms()
    for _ in range(3):
        await booked.calls(booked.record(key, 7))
        booked.clock.pass_s(30)
    booked.execute(f"DELETE FROM requests WHERE created_at_ms <> {begun + 30_000}")
    found = replayed(booked, Period(begun + 10_000, begun + 50_000))
    assert (found.calls, found.shown) == (1, [])


async def test_an_account_is_replayed_alone(booked: Booked) -> None:
    await some_calls(booked)
    ann = replayed(booked, account_id=3)
    bob = replayed(booked, account_id=4)
    whole = replayed(booked)
    assert ann.shown == bob.shown == []
    assert (ann.calls + bob.calls, ann.cost + bob.cost) == (whole.calls, whole.cost)
    assert (ann.entries + bob.entries, ann.rollups + bob.rollups) == (whole.entries, whole.rollups)
    assert ann.accounts.keys() == {3}


async def test_sums_of_a_quarter_hour_without_calls_are_told(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    for _ in range(3):
        await booked.calls(booked.record(key, 7))
        booked.clock.pass_s(900 * 5)
    booked.execute(
        "INSERT INTO usage_rollups (key_id, quarter, model, status, account_id, requests, charged, credits, "
        "input_tokens, output_tokens) SELECT key_id, quarter + 2, model, status, account_id, requests, charged, "
        "credits, input_tokens, output_tokens FROM usage_rollups"
    )
    found = replayed(booked)
    assert found.differences == 3
    assert all("the rows sum to nothing" in line for line in found.shown)


async def test_what_providers_told_is_summed_by_day_provider_and_model(booked: Booked) -> None:
    key = booked.key(booked.account("ann"))
    booked.clock.at_ms = booked.clock.now_ms() // 86_400_000 * 86_400_000
    day = booked.clock.now_ms() // 86_400_000
    for _ in range(3):
        await booked.calls(
            booked.record(key, 4, provider_nano_usd=1_900),
            booked.record(key, 6, provider_nano_usd=3_100),
            booked.record(key, 6, provider_nano_usd=7, model="acme/small"),
            booked.record(key, 100),
        )
        booked.clock.pass_s(DAY_S)
    found = sorted(told_costs(booked.database, (day + 1) * 86_400_000), key=repr)
    assert found == [
        ToldCosts(of, "acme", *rest)
        for of in (day + 1, day + 2)
        for rest in (("acme/large", "large", 2, 10, 5_000), ("acme/small", "large", 1, 6, 7))
    ]
