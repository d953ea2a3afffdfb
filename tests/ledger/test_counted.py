"""What is counted of the calls that a ledger has committed."""

import pytest

from modelport.core.counters import Counters
from modelport.core.credits import Credits
from modelport.ledger.book import Book
from modelport.ledger.counted import CountedLedger
from modelport.ledger.problems import AlreadySettled
from modelport.ledger.records import CallRecord
from tests.twins.worlds import World, call


async def test_calls_are_counted_by_status_and_by_who_paid(world: World) -> None:
    counters = Counters()
    account_id = world.account(1000)
    async with Book(CountedLedger(await world.process("a"), counters)) as book:
        for number, (cost, changed) in enumerate(
            (
                (100, {}),
                (100, {"is_on_house": True, "status": "failed"}),
                (5000, {}),
                (0, {"http_status": 429, "status": "failed"}),
                (0, {"http_status": 503, "status": "failed"}),
            )
        ):
            async with await book.hold(account_id, None, Credits(min(cost, 100)), Credits(1)) as hold:
                await hold.settle(call(account_id, cost, number, **changed))
        with pytest.raises(AlreadySettled):
            await book.record(call(account_id, 0, 0))
    text = counters.text("1")
    assert 'modelport_calls_total{process="1",status="2xx"} 3\n' in text
    assert 'modelport_calls_total{process="1",status="4xx"} 1\n' in text
    assert 'modelport_calls_total{process="1",status="5xx"} 1\n' in text
    assert 'modelport_settlements_short_total{process="1"} 1\n' in text
    assert 'modelport_settlements_on_house_total{process="1"} 1\n' in text
    assert world.problems() == []


async def test_rows_are_shown_once_they_are_committed_and_only_then(world: World) -> None:
    seen: list[CallRecord] = []
    account_id = world.account(1000)
    async with Book(CountedLedger(await world.process("a"), Counters(), seen.append)) as book:
        await book.record(call(account_id, 0, 0))
        with pytest.raises(AlreadySettled):
            await book.record(call(account_id, 0, 0))
    assert seen == [call(account_id, 0, 0)]
