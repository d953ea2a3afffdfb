"""Callers who go on calling while something that the gateway needs is away, and what has to be true of them after."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.acceptance.traffic import TOKEN_CREDITS, Reply, Town, exchange, request

MAX_TOKENS = 7
PRICE = MAX_TOKENS * TOKEN_CREDITS
CREDIT = 1_000_000 * PRICE
WITHIN_S = 30.0
"""How long a test waits for what has to come, on a machine that does much else."""


@dataclass(slots=True)
class Load:
    """Callers who call again and again, with and without streaming, until they are told to stop."""

    place: Town
    account: int
    key: str
    replies: list[Reply] = field(default_factory=list[Reply])
    is_over: bool = False

    async def caller(self, number: int) -> None:
        while not self.is_over:
            reply = await self.place.call(self.key, max_tokens=MAX_TOKENS, stream=bool(number % 2))
            self.replies.append(reply)
            if not reply.is_complete:
                await asyncio.sleep(0.05)  # as one who was told to come back later

    def count(self, wanted: Callable[[Reply], bool]) -> int:
        return sum(map(wanted, self.replies))

    async def until(self, wanted: Callable[[Reply], bool], more: int) -> None:
        """Wait for so many more answers of a kind."""
        goal = self.count(wanted) + more
        async with asyncio.timeout(WITHIN_S):
            while self.count(wanted) < goal:  # noqa: ASYNC110 - what other tasks add up
                await asyncio.sleep(0.01)

    async def until_answered(self, more: int) -> None:
        """Wait for so many more whole answers."""
        await self.until(lambda reply: reply.is_complete, more)

    @property
    def refused(self) -> list[Reply]:
        return [reply for reply in self.replies if not reply.is_complete]


@asynccontextmanager
async def load(place: Town, account: int, key: str, callers: int = 20) -> AsyncGenerator[Load]:
    """Keep calls under way during the body; all have ended after it."""
    under = Load(place, account, key)
    tasks = [asyncio.create_task(under.caller(number)) for number in range(callers)]
    try:
        yield under
    finally:
        under.is_over = True
        await asyncio.gather(*tasks)


def check(under: Load) -> None:
    """See that exactly the answers that ended were charged, each once, and that the books add up."""
    place = under.place
    assert place.problems() == []
    charged = {row["inference_id"]: row["charged_credits"] for row in place.requests(under.account)}
    complete = [reply.inference_id for reply in under.replies if reply.is_complete]
    assert Counter(complete) == {name: 1 for name, amount in charged.items() if amount}
    assert set(charged.values()) <= {0, PRICE}
    entries = place.gateway.rows("SELECT reference_id FROM entries WHERE from_account = ?", under.account)
    assert Counter(entry["reference_id"] for entry in entries) == dict.fromkeys(complete, 1)
    assert place.balance(under.account) == CREDIT - PRICE * len(complete)


def check_refusals(refused: list[Reply], *said: str) -> None:
    """See that whoever was refused was told so, why, and when to come back."""
    for reply in refused:
        error = reply.error
        assert (error["status"], error["code"], error["origin"]) == (503, "store_unavailable", "gateway"), error
        assert any(words in error["message"] for words in said), error
        if reply.status == 503:
            assert reply.headers["retry-after"] == "1"


async def readiness(place: Town) -> tuple[int, str]:
    """Ask whether calls can be served; the reason when not. It is alive all the time."""
    reply = await exchange(place.gateway.base_url, request("", b"", path="/readyz", method="GET"))
    alive = await exchange(place.gateway.base_url, request("", b"", path="/healthz", method="GET"))
    assert alive.status == 200
    return reply.status, json.loads(reply.body).get("message", "")


async def until_ready(place: Town) -> None:
    """Wait until it says that it can serve."""
    async with asyncio.timeout(WITHIN_S):
        while (await readiness(place))[0] != 200:  # noqa: ASYNC110 - another process says it
            await asyncio.sleep(0.05)
