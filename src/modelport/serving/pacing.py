"""Rate limits of calls: of the key, of its account, and of its reports."""

from collections.abc import Callable

from modelport.core.errors import Problem
from modelport.core.pace import Pace
from modelport.keys.key import Key
from modelport.limits.limiter import Limiter, Permit
from modelport.limits.store import Take
from modelport.serving.ports import Client
from modelport.serving.written import Notes

DEGRADED = (b"x-modelport-rate-limit", b"degraded")
"""The header of an answer to a limited call while the limits that processes share cannot be shared."""
REPORTS_PACE = Pace(requests_per_minute=200)
"""What logs and usage may be asked for together, by one key."""


class Pacing:
    """Lets calls in as the limits of their keys allow."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def admit(self, key: Key, tokens: int, client: Client | None = None) -> Permit:
        """Take a call's part of its key's and its account's limits, all or nothing; raises `RateLimited`."""
        try:
            return await self._limiter.admit(takes_of(key, tokens))
        finally:
            if client is not None and self._limiter.is_degraded:
                client.mark(*DEGRADED)

    async def admit_report(self, key: Key) -> None:
        """Count a request for logs or usage; raises `RateLimited` beyond 200 in a minute for one key."""
        await self._limiter.admit((Take(f"reports:{key.id}", f"reports with the key {key.prefix}", REPORTS_PACE, 0),))


def takes_of(key: Key, tokens: int) -> list[Take]:
    """List what a call takes: of its key, and of what all keys of the account have together."""
    takes: list[Take] = []
    if not key.pace.is_free:
        takes.append(Take(f"key:{key.id}", f"the key {key.prefix}", key.pace, tokens))
    if not key.account_pace.is_free:
        takes.append(Take(f"account:{key.account_id}", f"the account of key {key.prefix}", key.account_pace, tokens))
    return takes


class PacedClient:
    """The caller of a limited call: its place is free again before it learns that its call has ended.

    So one that waits for each answer can make the next call at once, through whichever process.
    """

    __slots__ = ("_client", "_notes", "_permit", "mark", "on_leave", "send", "start")

    def __init__(self, client: Client, permit: Permit, notes: Notes) -> None:
        self._client = client
        self._permit = permit
        self._notes = notes
        self.on_leave, self.mark, self.start, self.send = client.on_leave, client.mark, client.start, client.send

    @property
    def has_left(self) -> bool:
        """Whether the connection is gone."""
        return self._client.has_left

    async def finish(self, data: bytes = b"") -> None:
        """End the call's time under its limits, then the answer."""
        await self._permit.end(self._notes.tokens)
        await self._client.finish(data)

    async def fail(self, problem: Problem, framed: Callable[[bytes], bytes]) -> None:
        """End the call's time under its limits, then the stream."""
        await self._permit.end(self._notes.tokens)
        await self._client.fail(problem, framed)
