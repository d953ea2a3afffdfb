"""What a gateway does about files beside its calls."""

import asyncio
import logging

from modelport.assets.archive import Archive
from modelport.bootstrap.background import duty
from modelport.bootstrap.parts import proxies
from modelport.core.errors import Problem
from modelport.egress.guard import Guard, parse_ranges
from modelport.serving.inputs import InputLimits, Inputs, Reach
from modelport.settings import Settings, SettingsInvalid
from modelport.storage.database import Database
from modelport.upstream.guarded import GuardedFetch
from modelport.upstream.pool import Pool

_log = logging.getLogger(__name__)
_FIRST_S = 60.0
"""A start has other things to do."""
_SWEEP_S = 900.0


def guarded_of(settings: Settings, pool: Pool) -> GuardedFetch:
    """Call addresses that callers give, through the egress guard. Raises `SettingsInvalid`."""
    egress = settings.egress
    try:
        guard = Guard(parse_ranges(egress.allow), frozenset(egress.ports), egress.trust_proxy)
    except ValueError as error:
        raise SettingsInvalid(f"setting {error}; see docs/configuration.md") from error
    return GuardedFetch(pool, guard, proxies=proxies(settings))


def inputs_of(settings: Settings, archive: Archive, guarded: GuardedFetch) -> Inputs:
    """Read files that callers point at."""
    chosen = settings.assets
    public_url = None if settings.public_url is None else settings.public_url.rstrip("/")
    return Inputs(
        guarded,
        archive,
        InputLimits(chosen.max_input_bytes, chosen.input_timeout_s, chosen.input_redirects),
        Reach(public_url, chosen.reachable, passes_on=not settings.egress.allow),
    )


async def sweep_assets(
    archive: Archive, database: Database, owner: str, *, is_shared: bool, first_s: float = _FIRST_S
) -> None:
    """Delete files to which no link leads any more, for ever; in a store that is shared one process does it for all.

    A folder is swept by each process that uses it: those of other machines have folders of their own.
    """

    async def sweep() -> None:
        if swept := await archive.sweep():
            _log.info("%d old files were deleted", swept)

    await asyncio.sleep(first_s)
    if is_shared:
        await duty(database, "assets", owner, _SWEEP_S, sweep)
    while True:
        try:
            await sweep()
        except Problem as problem:
            _log.error("old files could not be deleted: %s", problem.message)
        await asyncio.sleep(_SWEEP_S)
