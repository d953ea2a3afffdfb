"""Writing down what became of jobs: what is known must not be lost while the database is away."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from modelport.jobs.store import Run
from modelport.ledger.problems import StoreUnavailable

T = TypeVar("T")

_log = logging.getLogger(__name__)
_PAUSE_S = 1.0


async def stored(run: Run, work: Callable[..., T], *arguments: object) -> T:
    """Have a store do something, trying again for as long as it cannot."""
    while True:
        try:
            return await run(work, *arguments)
        except StoreUnavailable as problem:
            _log.warning("a job waits for the database: %s", problem.message)
            await asyncio.sleep(_PAUSE_S)
