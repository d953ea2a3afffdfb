"""Limits that processes share, in Redis or Valkey."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from modelport.core.errors import Secret
from modelport.limits.store import MEASURES, Grant, LimitsUnavailable, Refusal, Take
from modelport.storage.limit_scripts import BEAT, END, TAKE

TIMEOUT_S = 0.25
"""The longest that a call waits for Redis."""
LEASE_S = 6.0
"""How long the open calls of a process count that says nothing any more."""
_CONNECTIONS = 32
_CALLS_AT_ONCE = 500
_PREFIX = "modelport:limits:"
_PROCESSES = f"{_PREFIX}processes"


class RedisLimits:
    """The `SharedLimits` on Redis: one round trip for each question, all on the server's clock."""

    def __init__(
        self,
        url: Secret,
        process: str,
        *,
        timeout_s: float = TIMEOUT_S,
        lease_s: float = LEASE_S,
        now_us: Callable[[], int] = lambda: -1,
    ) -> None:
        """Name this process; `now_us` takes the place of the server's clock when it is not negative."""
        self._process = process
        self._timeout_s = timeout_s
        self._lease_ms = round(lease_s * 1000)
        self._now_us = now_us
        pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
            url.reveal(),
            max_connections=_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._redis = Redis.from_pool(pool)
        self._take = self._redis.register_script(TAKE)
        self._end = self._redis.register_script(END)
        self._beat = self._redis.register_script(BEAT)

    async def take(self, takes: Sequence[Take], permit: str) -> Grant | Refusal:
        """Take all of it or nothing. `permit` names the call. Raises `LimitsUnavailable`."""
        arguments: list[str | int] = [self._now_us(), permit, self._lease_ms]
        for take in takes:
            pace = take.pace
            bounds = (pace.requests_per_minute, pace.tokens_per_minute, pace.concurrent_calls)
            arguments += (*(-1 if bound is None else bound for bound in bounds), take.reserved)
        answer = await self._ask(self._take, _keys(takes), arguments)
        if answer[0] == 1:
            return Grant(permit, tuple(takes), (answer[1],) * len(takes))
        _, subject, measure, wait_us = answer
        return Refusal(takes[subject - 1], MEASURES[measure - 1], wait_us)

    async def end(self, grant: Grant, tokens: int) -> None:
        """Free the call's places and count the tokens that it really used. Raises `LimitsUnavailable`."""
        arguments: list[str | int] = [self._now_us(), grant.permit, tokens]
        for take, second in zip(grant.takes, grant.seconds, strict=True):
            arguments += (-1 if take.pace.tokens_per_minute is None else take.reserved, second)
        await self._ask(self._end, _keys(grant.takes), arguments)

    async def beat(self, open_calls: Sequence[tuple[str, str]], *, is_back: bool) -> int:
        """Say that this process lives and has these calls open; return how many processes live."""
        processes = 1
        for start in range(0, max(1, len(open_calls)), _CALLS_AT_ONCE):
            calls = open_calls[start : start + _CALLS_AT_ONCE]
            keys = [_PROCESSES, *(_open(subject) for subject, _ in calls)]
            permits = [permit for _, permit in calls]
            arguments = [self._now_us(), self._lease_ms, self._process, int(is_back), *permits]
            processes, adds = await self._ask(self._beat, keys, arguments)
            is_back = bool(adds)
        return processes

    async def leave(self) -> None:
        """Say that this process ends. Raises `LimitsUnavailable`."""
        with _translated():
            async with asyncio.timeout(self._timeout_s):
                await self._redis.zrem(_PROCESSES, self._process)

    async def ping(self) -> None:
        """Have the server run a script that does nothing. Raises `LimitsUnavailable`."""
        with _translated():
            async with asyncio.timeout(self._timeout_s):
                await self._redis.register_script("return 1")(keys=(), args=())

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def _ask(self, script: Any, keys: Sequence[str], arguments: Sequence[str | int]) -> list[int]:
        with _translated():
            async with asyncio.timeout(self._timeout_s):
                return await script(keys=keys, args=arguments)


def _keys(takes: Sequence[Take]) -> list[str]:
    return [key for take in takes for key in (f"{_PREFIX}used:{take.subject}", _open(take.subject))]


def _open(subject: str) -> str:
    return f"{_PREFIX}open:{subject}"


@contextmanager
def _translated() -> Generator[None]:
    """Turn what the client says about a server that cannot be used into `LimitsUnavailable`."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise LimitsUnavailable(str(error) or type(error).__name__) from error
