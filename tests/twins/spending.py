"""Calls that cost something, without the rest of a call."""

import asyncio

from modelport.core.credits import Credits
from modelport.ledger.records import Receipt
from modelport.ledger.store import LedgerStore, Settlement
from tests.twins.worlds import call


async def spend(store: LedgerStore, account_id: int, cost: int, number: int | str) -> Receipt:
    """Settle a call that held nothing: what the account lacks is on the house."""
    ended: asyncio.Future[Receipt | Exception] = asyncio.get_running_loop().create_future()
    record = call(account_id, cost, number)
    store.settle(Settlement(record, None, Credits(cost), Credits(0)), ended.set_result)
    outcome = await ended
    assert isinstance(outcome, Receipt), outcome
    return outcome
