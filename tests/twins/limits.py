"""The store of limits that processes share, in memory: it can be out of reach."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelport.core.clock import Clock
from modelport.limits.memory import MemoryLimits
from modelport.limits.store import Grant, LimitsUnavailable, Refusal, Take


@dataclass
class TwinLimits:
    """A `SharedLimits` that notes what it was asked."""

    clock: Clock
    processes: int = 1
    is_down: bool = False
    asked: int = 0
    known: dict[str, str] = field(default_factory=dict)
    """The calls that were told with the last beat."""
    has_left: bool = False

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin with nothing in memory."""
        self._limits = MemoryLimits(self.clock)
        self.is_down = False

    async def take(self, takes: Sequence[Take], permit: str) -> Grant | Refusal:
        self._ask()
        return await self._limits.take(takes, permit)

    async def end(self, grant: Grant, tokens: int) -> None:
        self._ask()
        await self._limits.end(grant, tokens)

    async def beat(self, open_calls: Sequence[tuple[str, str]], *, is_back: bool) -> int:
        self._ask()
        self.known = {permit: subject for subject, permit in open_calls}
        return self.processes

    async def leave(self) -> None:
        self._ask()
        self.has_left = True

    def _ask(self) -> None:
        self.asked += 1
        if self.is_down:
            raise LimitsUnavailable("connection refused")
