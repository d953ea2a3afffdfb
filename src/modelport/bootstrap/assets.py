"""What a gateway does about files beside its calls."""

import asyncio
import logging

from modelport.assets.archive import Archive
from modelport.bootstrap.background import duty
from modelport.core.errors import Problem
from modelport.storage.database import Database

_log = logging.getLogger(__name__)
_FIRST_S = 60.0
"""A start has other things to do."""
_SWEEP_S = 900.0


async def sweep_assets(archive: Archive, database: Database, owner: str, *, is_shared: bool) -> None:
    """Delete files to which no link leads any more, for ever; in a store that is shared one process does it for all.

    A folder is swept by each process that uses it: those of other machines have folders of their own.
    """

    async def sweep() -> None:
        if swept := await archive.sweep():
            _log.info("%d old files were deleted", swept)

    await asyncio.sleep(_FIRST_S)
    if is_shared:
        await duty(database, "assets", owner, _SWEEP_S, sweep)
    while True:
        try:
            await sweep()
        except Problem as problem:
            _log.error("old files could not be deleted: %s", problem.message)
        await asyncio.sleep(_SWEEP_S)
