"""A place where calls wait for money, first come, first served."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

from modelport.core.credits import Credits
from modelport.core.errors import Problem
from modelport.ledger.store import Slice


@dataclass(slots=True)
class Asker:
    """A call that waits for `ask` credits and can do with `least`."""

    ask: Credits
    least: Credits
    grant: asyncio.Future[Credits]
    slice: Slice | None = None
    """Where the money came from, once granted."""
    is_late: bool = False
    """Whether it has waited long enough: it is served or refused at once, never left to wait."""


@dataclass(frozen=True, slots=True)
class Extension:
    """What an open call wants beyond its hold: between `least` and `most`, at most the `share`-th part of the room."""

    least: int
    most: int
    share: int

    def of(self, room: int) -> int:
        """Return how much of that room it gets; 0 when that would be less than `least`."""
        part = min(self.most, room // self.share)
        return part if part >= self.least else 0


class Gate(ABC):
    """Lets calls through as long as there is room; the others wait in line, for a while."""

    __slots__ = ("line",)

    def __init__(self) -> None:
        self.line: deque[Asker] = deque()

    @abstractmethod
    def serve(self) -> None:
        """Let through who can be, refuse who cannot be helped by waiting."""

    @property
    @abstractmethod
    def is_asking(self) -> bool:
        """Whether the store is being asked, so that an answer is near."""

    @abstractmethod
    def refusal(self, needed: Credits) -> Problem:
        """Say why a call is refused."""

    @abstractmethod
    def undo(self, asker: Asker) -> None:
        """Take back what was granted to a call that has gone."""

    async def wait(self, ask: Credits, least: Credits, until_s: float) -> Asker:
        """Stand in line until there is room or the loop's clock passes `until_s`; raises the gate's refusal."""
        loop = asyncio.get_running_loop()
        asker = Asker(ask, least, loop.create_future())
        self.line.append(asker)
        timer = loop.call_at(until_s, self._give_up, asker)
        try:
            self.serve()
            await asker.grant
        except asyncio.CancelledError:
            if asker.grant.cancelled():
                self.serve()
            elif asker.grant.exception() is None:
                self.undo(asker)
            raise
        finally:
            timer.cancel()
        return asker

    def fail_all(self, error: Exception) -> None:
        """Turn everybody away."""
        while (head := self.head()) is not None:
            self.refuse(head, error)

    def head(self) -> Asker | None:
        """Return who is first, after dropping those who have gone."""
        line = self.line
        while line:
            if not line[0].grant.done():
                return line[0]
            line.popleft()
        return None

    def admit(self, asker: Asker, amount: Credits, lent: Slice | None = None) -> None:
        """Let the first in line through."""
        self.line.popleft()
        asker.slice = lent
        asker.grant.set_result(amount)

    def refuse(self, asker: Asker, error: Exception) -> None:
        """Turn the first in line away."""
        self.line.popleft()
        asker.grant.set_exception(error)

    def _give_up(self, asker: Asker) -> None:
        asker.is_late = True
        self.serve()
        if not asker.grant.done() and not self.is_asking:
            asker.grant.set_exception(self.refusal(asker.least))
            self.serve()
