"""A process that spends as fast as it can and prints the id of each call that is settled; killed by its test."""

import asyncio
import os
import sys
from pathlib import Path

from modelport.core.credits import Credits
from modelport.core.ids import IdSource
from modelport.ledger.book import Book
from modelport.storage.database import Database
from modelport.storage.folder import locked_folder
from modelport.storage.ledger import Ledger, reclaim_all
from modelport.storage.writer import Writer
from tests.twins.worlds import call

CALLERS = 50
ASK = Credits(1000)


async def spend(database: Database, accounts: list[int]) -> None:
    """Make calls forever: most cost what they hold or less, some more, some are on the house."""
    draw = IdSource()
    async with Writer(database) as writer, Book(Ledger(database, writer, draw())) as book:

        async def caller(number: int) -> None:
            account_id = accounts[number % len(accounts)]
            while True:
                hold = await book.hold(account_id, None, ASK, Credits(1))
                inference_id = draw()
                cost = 1 + hash(inference_id) % 1200
                record = call(account_id, cost, inference_id=inference_id, is_on_house=number == 0, key_id=number)
                receipt = await hold.settle(record)
                os.write(1, f"{inference_id} {receipt.charged}\n".encode())

        await asyncio.gather(*(caller(number) for number in range(CALLERS)))


def main() -> None:
    """Spend what is in the database named by the second argument, alone with the folder named by the first."""
    with locked_folder(Path(sys.argv[1])):
        database = Database(sys.argv[2])
        reclaim_all(database)
        asyncio.run(spend(database, [int(account_id) for account_id in sys.argv[3:]]))


main()
