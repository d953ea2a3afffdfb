"""Killed at any instant, the books balance and every answer that ended is charged once."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.storage.accounts import Accounts
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.folder import locked_folder
from modelport.storage.ledger import Ledger, reclaim_all
from modelport.storage.moves import balance_of
from modelport.storage.writer import Writer
from tests.twins.worlds import DATABASES, call, opened

GIVEN = Credits(100_000_000)


def spend_and_die(folder: Path, url: str, accounts: list[int], lines: int) -> dict[str, int]:
    """Start the spender, kill it after so many settled calls, and return what it said was charged."""
    command = [sys.executable, "-m", "tests.storage.spender", str(folder), url, *map(str, accounts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told.extend(process.stdout)
    whole = [line.split() for line in told if line.endswith("\n")]
    assert len(whole) >= lines
    return {inference_id: int(charged) for inference_id, charged in whole}


def check_after_death(database: Database, accounts: list[int], told: dict[str, int]) -> None:
    """Find every call that was told, once, and the books balanced."""
    reclaim_all(database)
    assert check_books(database) == []
    with database.read() as connection:
        rows = {
            row.inference_id: row.charged_credits
            for row in connection.exec_driver_sql("SELECT inference_id, charged_credits FROM requests")
        }
        left = sum(balance_of(connection, account_id) for account_id in accounts)
    assert {inference_id: rows.get(inference_id) for inference_id in told} == told
    assert left == len(accounts) * GIVEN - sum(rows.values())


async def spend_the_rest(database: Database, account_id: int) -> None:
    """Hold and pay all that an account has left."""
    with database.read() as connection:
        left = balance_of(connection, account_id)
    async with Writer(database) as writer, Book(Ledger(database, writer, "last")) as book:
        hold = await book.hold(account_id, None, left, left)
        await hold.settle(call(account_id, left, f"rest-{account_id}", key_id=99))
    with database.read() as connection:
        assert balance_of(connection, account_id) == 0


async def kill(database: Database, folder: Path, times: int) -> None:
    accounts = [Accounts(database).create(name, "", GIVEN, 0).id for name in ("ann", "bob", "cem")]
    told: dict[str, int] = {}
    for _ in range(times):
        told |= spend_and_die(folder, database.url, accounts, random.randint(1, 1500))
        with locked_folder(folder):
            check_after_death(database, accounts, told)
    for account_id in accounts:
        await spend_the_rest(database, account_id)
    assert check_books(database) == []


@pytest.mark.parametrize("kind", DATABASES)
async def test_a_killed_process_leaves_balanced_books_and_no_stuck_money(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as database:
        await kill(database, tmp_path, 2)


@pytest.mark.long
@pytest.mark.parametrize("kind", DATABASES)
async def test_twenty_kills_leave_balanced_books_and_no_stuck_money(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as database:
        await kill(database, tmp_path, 20)
