"""Owners of slices: processes that hold money which they borrowed."""

from collections.abc import Sequence

from sqlalchemy import Column, Table, delete, select

from modelport.storage.database import Database
from modelport.storage.tables import allotments, balances, key_allotments, keys

_SILENT_MS = 60_000
"""A slice that lapsed so long ago is nobody's any more: an owner that lives has borrowed again."""
_AT_ONCE = 500


def end_slices_of(database: Database, owner: str) -> int:
    """Free what a process had borrowed that has ended, before its lease runs out; return how many slices it had."""
    with database.write() as connection:
        ended = connection.execute(delete(allotments).where(allotments.c.owner == owner)).rowcount
        return ended + connection.execute(delete(key_allotments).where(key_allotments.c.owner == owner)).rowcount


def end_lapsed(database: Database) -> int:
    """End slices that lapsed a while ago, of funds from which nobody borrows; return how many.

    Whoever borrows does so for the fund that he borrows from. Each fund is locked first, as there.
    """
    before = database.lease_now_ms() - _SILENT_MS
    return sum(
        _end_of(database, slices, fund, lock, one, before)
        for slices, fund, lock in (
            (allotments, allotments.c.account_id, balances.c.account_id),
            (key_allotments, key_allotments.c.key_id, keys.c.id),
        )
        for one in _with_lapsed(database, slices, fund, before)
    )


def _with_lapsed(database: Database, slices: Table, fund: Column[int], before: int) -> Sequence[int]:
    query = select(fund).where(slices.c.expires_at_ms <= before).distinct().limit(_AT_ONCE)
    with database.read() as connection:
        return connection.scalars(query).all()


def _end_of(database: Database, slices: Table, fund: Column[int], lock: Column[int], fund_id: int, before: int) -> int:
    with database.write() as connection:
        connection.execute(select(lock).where(lock == fund_id).with_for_update())
        lapsed = delete(slices).where(fund == fund_id, slices.c.expires_at_ms <= before)
        return connection.execute(lapsed).rowcount
