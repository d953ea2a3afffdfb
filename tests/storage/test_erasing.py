"""Erasing an account: nothing says any more who it was, and the books are as true as before."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from modelport.accounts.account import UnknownAccount
from modelport.core.credits import Credits
from modelport.core.moments import EVER
from modelport.ledger.replay import replay
from modelport.ledger.store import Fund
from modelport.serving.remembered import Remembered
from modelport.storage.accounts import Accounts
from modelport.storage.bills import opened_books
from modelport.storage.books import check_books
from modelport.storage.changes import open_changes
from modelport.storage.erasing import BalanceLeft, CallsUnderWay, Erased, erasable, erase
from modelport.storage.keys import Keys
from modelport.storage.moves import take_back, top_up
from modelport.storage.promos import expire_all, grant_promo
from modelport.storage.responses import StoredResponses
from modelport.storage.tables import accounts, auto_top_ups, keys, payment_customers, promos, requests, responses
from tests.twins.booked import STORES, Booked, open_booked


@pytest.fixture(params=STORES)
async def booked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Booked]:
    async with open_booked(request.param, tmp_path) as opened:
        yield opened


def erased(booked: Booked, name: str = "ann", *, forfeit: bool = True) -> Erased:
    account = erasable(booked.database, name)
    assert account is not None
    pauses: list[None] = []
    done = erase(booked.database, account, forfeit=forfeit, pause=lambda: pauses.append(None))
    assert pauses
    return done


async def lived(booked: Booked, calls: int = 250) -> int:
    """An account with all that an account may have, beside another one."""
    ann, bob = booked.account("ann"), booked.account("bob")
    one, two, other = booked.key(ann), booked.key(ann), booked.key(bob)
    now = booked.clock.now_ms()
    for key in (one, two, other):
        records = (booked.record(key, 3, client_request_id="mine") for _ in range(calls))
        await booked.calls(*records)
    Keys(booked.database).delete(ann, two.prefix, now)
    kept = StoredResponses(booked.database)
    for account in (ann, bob):
        for number in range(3):
            kept.save(Remembered(f"resp_{account}_{number}", account, now, now + 10_000, b"[]", b"[]", b"{}"))
    with booked.database.write() as connection:
        connection.execute(text("UPDATE keys SET name = 'the laptop of ' || account_id"))
        for account in (ann, bob):
            connection.execute(insert(payment_customers).values(account_id=account, customer_id="c", updated_at_ms=now))
            terms = {"is_enabled": True, "threshold_credits": 1, "amount_credits": 1, "updated_at_ms": now}
            connection.execute(insert(auto_top_ups).values(account_id=account, **terms))
    return ann


async def test_who_the_account_was_is_gone_and_what_it_spent_is_there(booked: Booked) -> None:
    ann = await lived(booked)
    spent = [booked.scalar(f"SELECT SUM({name}) FROM requests") for name in ("charged_credits", "cost_credits")]
    entries = booked.scalar("SELECT COUNT(*) FROM entries")
    done = erased(booked)
    assert done == Erased(f"erased-{ann}", 2, 3, 500, Credits(1_000_000 - 1500))
    with booked.database.read() as connection:
        row = connection.execute(select(accounts).where(accounts.c.id == ann)).one()
        assert (row.name, row.email, row.erased_at_ms) == (f"erased-{ann}", "", booked.clock.now_ms())
        for key in connection.execute(select(keys).where(keys.c.account_id == ann)):
            assert (key.name, key.is_deleted, key.is_disabled) == (None, True, True)
        for table in (responses, payment_customers, auto_top_ups):
            assert not connection.execute(select(table).where(table.c.account_id == ann)).all()
        ids = select(requests.c.request_id, requests.c.client_request_id).where(requests.c.account_id == ann).distinct()
        assert connection.execute(ids).all() == [("", None)]
    assert [booked.scalar(f"SELECT SUM({name}) FROM requests") for name in ("charged_credits", "cost_credits")] == spent
    assert booked.scalar("SELECT COUNT(*) FROM entries") == int(str(entries)) + 1
    assert booked.world.balance(ann) == 0
    assert check_books(booked.database) == []
    with opened_books(booked.database, EVER) as opened:
        assert replay(opened.books, opened.period).shown == []


async def test_what_belongs_to_others_is_untouched(booked: Booked) -> None:
    await lived(booked)
    erased(booked)
    bob = Accounts(booked.database).by_name("bob")
    assert bob.email == "bob@example.org"
    assert [key.name for key in Keys(booked.database).of_account(bob.id)] == [f"the laptop of {bob.id}"]
    with booked.database.read() as connection:
        for table, count in ((responses, 3), (payment_customers, 1), (auto_top_ups, 1)):
            assert len(connection.execute(select(table)).all()) == count
        named = connection.scalars(select(requests.c.client_request_id).where(requests.c.account_id == bob.id))
        assert set(named) == {"mine"}


async def test_a_secret_is_not_recognised_even_where_its_key_had_been_deleted(booked: Booked) -> None:
    ann = booked.account("ann", 0)
    key, secret = booked.issuer.issue(ann, booked.clock.now_ms())
    digest = booked.issuer.hasher.digest(secret.reveal().encode())
    Keys(booked.database).delete(ann, key.prefix, 0)
    erased(booked)
    with booked.database.read() as connection:
        assert connection.scalar(select(keys.c.digest).where(keys.c.id == key.id)) != digest
    assert Keys(booked.database).by_digest(digest) is None


async def test_every_process_is_told_of_each_key_and_of_the_account(booked: Booked) -> None:
    ann = await lived(booked, 1)
    changes = open_changes(booked.database)
    erased(booked)
    told = {(change.kind, change.subject) for change in changes.poll()}
    changes.close()
    assert told >= {("account", str(ann)), ("credits", str(ann)), ("key", "1"), ("key", "2")}


async def test_an_account_with_money_is_not_touched_unless_that_is_given_up(booked: Booked) -> None:
    await lived(booked, 1)
    with pytest.raises(BalanceLeft, match=r"still has 0\.4999970 USD: use it up first, or give it up with --forfeit"):
        erased(booked, forfeit=False)
    assert len(Keys(booked.database).of_account(3)) == 1
    erased(booked, forfeit=True)
    assert booked.scalar("SELECT kind FROM entries WHERE from_account = 3 AND reference_id = 'erased'") == "ADJUSTMENT"


async def test_an_account_without_money_needs_no_word_about_it(booked: Booked) -> None:
    booked.account("ann", 0)
    assert erased(booked, forfeit=False).name == "erased-3"


async def test_what_calls_hold_is_left_to_them_and_the_rest_waits_for_them(booked: Booked) -> None:
    ann = booked.account("ann")
    key = booked.key(ann)
    loan = await booked.store.borrow(Fund(ann), Credits(100), Credits(100))
    with pytest.raises(CallsUnderWay, match=r"still hold 0\.0000500 USD .* run it again"):
        erased(booked)
    assert Keys(booked.database).of_account(ann) == [], "its keys are gone all the same"
    assert Accounts(booked.database).by_name("ann").id == ann, "it is still called so, to be called again"
    assert loan.slice is not None
    await booked.calls(booked.record(key, 60, client_request_id="late"), lent=loan.slice)
    await booked.store.renew([], [loan.slice])
    done = erased(booked)
    assert (done.rows, done.forfeited) == (1, 40)
    assert check_books(booked.database) == []


async def test_a_lapsed_slice_holds_nothing_back(booked: Booked) -> None:
    ann = booked.account("ann")
    await booked.store.borrow(Fund(ann), Credits(100), Credits(100))
    booked.clock.pass_s(6)
    assert erased(booked).forfeited == 1_000_000


async def test_erasing_again_changes_nothing_but_finds_what_came_late(booked: Booked) -> None:
    await lived(booked, 1)
    key = Keys(booked.database).of_account(3)[0]
    name = erased(booked).name
    assert erasable(booked.database, "ann") is None
    assert replace(erased(booked, name), keys=0) == Erased(name)
    await booked.calls(booked.record(key, 0, client_request_id="late", status="failed"))
    assert erased(booked, name).rows == 1
    assert booked.scalar("SELECT COUNT(*) FROM accounts WHERE erased_at_ms IS NOT NULL") == 1


async def test_it_goes_on_where_it_was_interrupted(booked: Booked) -> None:
    await lived(booked, 150)
    account = erasable(booked.database, "ann")
    assert account is not None
    for pauses in range(12):
        left = iter(range(pauses))

        def pause(left: object = left) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise KeyboardInterrupt

        try:
            erase(booked.database, account, forfeit=True, pause=pause)
            break
        except KeyboardInterrupt:
            assert check_books(booked.database) == []
    else:
        pytest.fail("it never came to its end")
    assert erasable(booked.database, "erased-3") is not None
    assert booked.scalar("SELECT COUNT(*) FROM requests WHERE account_id = 3 AND request_id <> ''") == 0


async def test_an_erased_account_is_not_listed_and_its_name_is_free(booked: Booked) -> None:
    await lived(booked, 1)
    erased(booked)
    store = Accounts(booked.database)
    assert [account.name for account in store.all()] == ["bob"]
    for find, called in ((store.by_name, "erased-3"), (store.by_name, "ann"), (store.by_id, 3)):
        with pytest.raises(UnknownAccount):
            find(called)  # type: ignore[operator]
    assert store.create("ann", "", Credits(0), 0).id != 3


async def test_somebody_may_be_called_like_an_erased_account(booked: Booked) -> None:
    booked.account("ann", 0)
    booked.account("erased-3", 0)
    assert erased(booked).name.startswith("erased-3-")


async def test_debts_are_paid_before_anything_is_given_up_and_promotions_end(booked: Booked) -> None:
    ann = booked.account("ann", 100)
    now = booked.clock.now_ms()
    with booked.database.write() as connection:
        take_back(connection, now, ann, Credits(130), "dispute", now)
        top_up(connection, ann, Credits(10), "PAYMENT", None, now)
        grant_promo(connection, ann, Credits(100), now, now + 1000, "for ann, the winner")
    done = erased(booked)
    assert done.forfeited == 80
    with booked.database.read() as connection:
        assert connection.execute(select(promos.c.remaining, promos.c.note)).all() == [(0, None)]
    booked.clock.pass_s(5)
    assert expire_all(booked.database) == 0
    assert check_books(booked.database) == []


async def test_world_and_house_cannot_be_erased(booked: Booked) -> None:
    assert erasable(booked.database, "world") is erasable(booked.database, "house") is None


async def test_calls_of_others_are_settled_in_between(booked: Booked) -> None:
    await lived(booked, 150)
    other = booked.key(booked.account("carl"))
    account = erasable(booked.database, "ann")
    assert account is not None
    loop = asyncio.get_running_loop()
    settled: list[int] = []

    def pause() -> None:
        work = booked.calls(booked.record(other, 1))
        settled.append(len(asyncio.run_coroutine_threadsafe(work, loop).result(10)))

    await asyncio.to_thread(erase, booked.database, account, forfeit=True, pause=pause)
    assert len(settled) > 4
    assert check_books(booked.database) == []
