"""Owners of slices: processes that hold money which they borrowed."""

from sqlalchemy import delete

from modelport.storage.database import Database
from modelport.storage.tables import allotments, key_allotments


def end_slices_of(database: Database, owner: str) -> int:
    """Free what a process had borrowed that has ended, before its lease runs out; return how many slices it had."""
    with database.write() as connection:
        ended = connection.execute(delete(allotments).where(allotments.c.owner == owner)).rowcount
        return ended + connection.execute(delete(key_allotments).where(key_allotments.c.owner == owner)).rowcount
