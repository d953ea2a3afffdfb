"""Statements reconcile, whatever window they are of."""

from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from modelport.storage.statements import lines, statement
from tests.storage.test_promos import DATABASES, open_bank


@pytest.mark.parametrize("kind", DATABASES)
async def test_windows_that_follow_each_other_close_and_open_with_the_same_and_lose_nothing(
    kind: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        bank = await open_bank(kind, tmp_path, stack, credit=1000)
        edges = [bank.now]
        for number in range(8):
            bank.world.clock.pass_s(10)
            edges.append(bank.now)
            bank.pay(100 + number)
            await bank.use(50)
            bank.promo(30, 5)
            bank.refund(10)
            bank.expire()
        edges.append(bank.now + 1)
        found = [statement(bank.database, bank.account, since, before) for since, before in pairwise(edges)]
        assert all(one.closing == next_one.opening for one, next_one in pairwise(found))
        assert (found[0].opening, found[-1].closing) == (0, bank.balance)
        whole = list(lines(bank.database, bank.account, edges[0], edges[-1]))
        parts = [line for one in found for line in lines(bank.database, bank.account, one.since_ms, one.before_ms)]
        assert whole == parts
        assert len(whole) == sum(total.entries for one in found for total in one.totals)


@pytest.mark.parametrize("kind", DATABASES)
async def test_a_long_list_is_read_in_pages_without_gap_or_repetition(kind: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        bank = await open_bank(kind, tmp_path, stack)
        for number in range(1, 2102):
            bank.pay(number)
            if number % 700 == 0:
                bank.world.clock.pass_s(1)
        listed = [line.credits for line in lines(bank.database, bank.account, 0, bank.now + 1)]
        assert listed == list(range(1, 2102))
