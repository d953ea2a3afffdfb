"""One request of a job to its provider, in that provider's lane."""

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelport.dialects.media.table import media_dialect
from modelport.dialects.media.wire import MediaDialect, Order, Ticket
from modelport.dialects.wire import MalformedReply
from modelport.operations.made import Made
from modelport.serving.making import asked, check_answered, read
from modelport.serving.ports import MalformedAnswer, Upstream

REQUESTS_PER_PROVIDER = 32
"""How many requests of jobs are under way at one provider at the same time; others wait for their turn."""


@dataclass(slots=True)
class Lanes:
    """Keeps the requests to each provider to so many at a time."""

    width: int = REQUESTS_PER_PROVIDER
    _lanes: dict[str, asyncio.Semaphore] = field(init=False)

    def __post_init__(self) -> None:
        self._lanes = defaultdict(lambda: asyncio.Semaphore(self.width))

    def of(self, provider: str) -> asyncio.Semaphore:
        """Return the lane of a provider."""
        return self._lanes[provider]


class Submissions:
    """Submissions that are on their way: a process that stops begins no more, and waits for them."""

    def __init__(self) -> None:
        self._under_way = 0
        self._is_closed = False
        self._are_over = asyncio.Event()
        self._are_over.set()

    @contextmanager
    def one(self) -> Generator[None]:
        """Count one, from before it is marked until what became of it is written down."""
        self._under_way += 1
        self._are_over.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._are_over.set()

    async def check_open(self) -> None:
        """Go on while more may begin; else never, since the process is about to be gone."""
        if self._is_closed:
            await asyncio.Event().wait()

    async def close(self) -> None:
        """Begin no more; return when those under way are over."""
        self._is_closed = True
        await self._are_over.wait()


def dialect_of(order: Order) -> MediaDialect:
    """Return the wire format that an order is sent in."""
    return media_dialect(order.target.offer.dialect_for(order.operation, ""))


async def exchange(upstream: Upstream, order: Order, ticket: Ticket) -> Made | Ticket:
    """Make the request of a step; raises `UpstreamFault` for a refusal, `UpstreamProblem` for what is no answer."""
    dialect, offer = dialect_of(order), order.target.offer
    request = asked(dialect, order, ticket)
    try:
        async with upstream.send(offer, request) as answer:
            await check_answered(dialect, answer)
            return await read(dialect, order, ticket, answer)
    except MalformedReply as problem:
        raise MalformedAnswer(f"{offer.provider.name}: {problem.message}") from None
