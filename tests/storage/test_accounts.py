"""The port of accounts, on the twin and on the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelport.accounts.account import Account, AccountExists, UnknownAccount
from modelport.accounts.store import AccountStore
from modelport.core.credits import Credits
from modelport.core.pace import FREE_PACE, Pace
from modelport.storage.accounts import Accounts
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.moves import balance_of, entries_of, take_back
from tests.twins.accounts import TwinAccounts
from tests.twins.worlds import DATABASES, KINDS, opened


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request.param, tmp_path) as found:
        yield found


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountStore]:
    if request.param == "twin":
        yield TwinAccounts()
        return
    with opened(request.param, tmp_path) as found:
        yield Accounts(found)


def test_customers_are_numbered_from_three(store: AccountStore) -> None:
    first = store.create("ann", "ann@example.org", Credits(0), 1000)
    second = store.create("bob", "", Credits(5), 2000)
    assert first == Account(3, "ann", "ann@example.org", 1000)
    assert store.all() == [first, second]
    assert store.by_name("bob") == store.by_id(4) == second


def test_a_name_is_given_once(store: AccountStore) -> None:
    store.create("ann", "", Credits(0), 0)
    for name in ("ann", "world", "house"):
        with pytest.raises(AccountExists, match=name):
            store.create(name, "", Credits(5), 0)
    assert len(store.all()) == 1


def test_an_account_that_is_not_there_or_not_a_customer_is_unknown(store: AccountStore) -> None:
    with pytest.raises(UnknownAccount, match="'carl'"):
        store.by_name("carl")
    for account_id in (1, 2, 3):
        with pytest.raises(UnknownAccount):
            store.by_id(account_id)


def test_the_limits_of_an_account_are_set_and_taken_away(store: AccountStore) -> None:
    account = store.create("ann", "", Credits(0), 0)
    assert account.pace is FREE_PACE
    limited = store.limit(account.id, Pace(60, None, 4), 1000)
    assert limited == store.by_name("ann") == store.all()[0]
    assert limited.pace == Pace(60, None, 4)
    assert store.limit(account.id, FREE_PACE, 2000).pace.is_free
    for account_id in (1, 2, 99):
        with pytest.raises(UnknownAccount):
            store.limit(account_id, Pace(1), 3000)


def test_the_first_credit_is_an_entry_from_the_world(database: Database) -> None:
    account = Accounts(database).create("ann", "", Credits(500), 1000)
    (entry,) = entries_of(database, account.id, 10)
    assert (entry.kind, entry.from_account, entry.to_account, entry.credits) == ("INIT", 1, account.id, 500)
    with database.read() as connection:
        assert [balance_of(connection, one) for one in (1, 2, account.id)] == [-500, 0, 500]
    assert check_books(database) == []


def test_entries_are_listed_newest_first(database: Database) -> None:
    for number in range(3):
        Accounts(database).create(f"account {number}", "", Credits(10 + number), number)
    assert [entry.credits for entry in entries_of(database, 1, 2)] == [12, 11]
    assert [entry.credits for entry in entries_of(database, 4, 2)] == [11]


def test_books_that_do_not_balance_are_told_apart(database: Database) -> None:
    account = Accounts(database).create("ann", "", Credits(500), 1000)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE balances SET credits = credits + 1 WHERE account_id = 3")
        connection.exec_driver_sql(
            "INSERT INTO entries (created_at_ms, kind, from_account, to_account, credits, reference_id) "
            "VALUES (0, 'MODEL_USAGE', 3, 1, 7, 'no-such-call')"
        )
    found = check_books(database)
    assert f"account {account.id} shows 501 credits, its entries sum to 493" in found
    assert "entry 2 is for the call no-such-call, which has no row" in found


def test_no_change_of_an_account_writes_an_old_balance_back(database: Database) -> None:
    accounts = Accounts(database)
    account = accounts.create("ann", "", Credits(500), 1000)
    with database.write() as connection:
        take_back(connection, 2000, account.id, Credits(200), "refund", 2000)
    accounts.limit(account.id, Pace(60, None, 4), 3000)  # by someone who looked at it before
    with database.read() as connection:
        assert balance_of(connection, account.id) == 300
    assert len(entries_of(database, account.id, 10)) == 2
    assert check_books(database) == []
