"""The limiter of a gateway, with Redis where that is set."""

import contextlib
import secrets
from collections.abc import AsyncGenerator

from modelport.core.clock import Clock
from modelport.core.counters import Counters
from modelport.limits.limiter import Limiter
from modelport.settings import Settings, SettingsInvalid


@contextlib.asynccontextmanager
async def limiter_of(settings: Settings, clock: Clock, counters: Counters) -> AsyncGenerator[Limiter]:
    """Open the limiter; a Redis that cannot be reached is told, and waited for while calls go on. Raises
    `SettingsInvalid`."""
    chosen = settings.limits
    async with contextlib.AsyncExitStack() as stack:
        name, shared = secrets.token_hex(8), None
        if settings.redis_url is not None:
            from modelport.storage.limits import RedisLimits

            try:
                shared = RedisLimits(settings.redis_url, name)
            except ValueError as error:
                raise SettingsInvalid(f"setting 'redis_url' (MODELPORT_REDIS_URL): {error}") from error
            stack.push_async_callback(shared.close)
        limiter = Limiter(
            clock,
            counters,
            shared=shared,
            on_failure={
                "requests": chosen.requests_on_failure,
                "tokens": chosen.tokens_on_failure,
                "concurrent": chosen.concurrent_on_failure,
            },
            processes=settings.server.workers,
            name=name,
        )
        yield await stack.enter_async_context(limiter)
