"""What limits need from a store, and what goes in and out of one."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from modelport.core.pace import Pace

Measure = Literal["requests", "tokens", "concurrent"]
MEASURES: tuple[Measure, ...] = ("requests", "tokens", "concurrent")

SECOND_US = 1_000_000
SPAN_US = 60 * SECOND_US
"""A limit holds in every span of this length."""


class Take(Struct, frozen=True):
    """What one call takes of one subject's limits: a request, tokens, and a place among the concurrent calls."""

    subject: str
    """Whose use is counted: `key:12`, `account:3`, `reports:12`."""
    whose: str
    """The same for a reader of an error."""
    pace: Pace
    tokens: int

    @property
    def reserved(self) -> int:
        """The tokens that are counted until the call has ended: never more than the limit, which would bar it."""
        most = self.pace.tokens_per_minute
        return 0 if most is None else min(self.tokens, most)


class Grant(Struct, frozen=True):
    """A call was let in: everything that it takes was taken."""

    permit: str
    takes: tuple[Take, ...]
    seconds: tuple[int, ...]
    """For each take the second, on the store's clock, in which its tokens are counted."""


class Refusal(Struct, frozen=True):
    """A call was not let in, and nothing was taken: the limit that is in its way for the longest."""

    take: Take
    measure: Measure
    wait_us: int
    """How long until it would be out of the way, if nobody else came."""

    @property
    def retry_after_s(self) -> int:
        """Whole seconds to wait."""
        return max(1, -(-self.wait_us // SECOND_US))


class LimitsUnavailable(Exception):
    """The store could not be asked."""


class LimitStore(Protocol):
    """Counts what subjects use. In no span of 60 seconds does it let in more than their limits."""

    async def take(self, takes: Sequence[Take], permit: str) -> Grant | Refusal:
        """Take all of it or nothing. `permit` names the call. Raises `LimitsUnavailable`."""
        ...

    async def end(self, grant: Grant, tokens: int) -> None:
        """Free the call's places and count the tokens that it really used. Raises `LimitsUnavailable`."""
        ...


class SharedLimits(LimitStore, Protocol):
    """A store that several processes share."""

    async def beat(self, open_calls: Sequence[tuple[str, str]], *, is_back: bool) -> int:
        """Say that this process lives and has these calls (subject and permit) open; return how many processes live.

        Calls of a process that says nothing for a while are forgotten. After an outage (`is_back`), calls that the
        store does not know are added. Raises `LimitsUnavailable`.
        """
        ...

    async def leave(self) -> None:
        """Say that this process ends. Raises `LimitsUnavailable`."""
        ...
