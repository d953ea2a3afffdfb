"""Paying for a stream while it runs: its hold is kept ahead of what was delivered, and it ends when that fails."""

from dataclasses import dataclass

from modelport.catalogue.facts import Rates
from modelport.core.credits import Credits
from modelport.core.errors import Problem
from modelport.dialects.wire import Served
from modelport.ledger.hold import Hold
from modelport.ledger.problems import StoreUnavailable
from modelport.serving.estimate import BYTES_PER_TOKEN_GUESSED, Estimate

NEVER = 1 << 62
LOOK_EVERY = 256
"""A stream is looked at after so many events at the latest; what an event weighs is measured each time."""
_HEAVY_EVENT_BYTES = 24
"""An event that says more than this has more than a token; below, lengths of words would blur the count."""


USED_UP = (
    "The balance or the key's spending limit is used up, so the answer ends here and only what was delivered is "
    "charged: add credit on the billing page or raise the key's limit, then ask again."
)
"""The notice in an answer that ended for lack of money."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What a call may spend."""

    hold: Hold
    estimate: Estimate
    bound: int | None
    """The output per choice that the provider is asked to keep to, because there is no money for more."""

    def advance(self, rates: Rates, served: Served) -> "Advance":
        """Begin to pay for a stream of a format that is charged at those rates."""
        return Advance(self.hold, self.estimate.at(rates) if self.estimate.is_guess else self.estimate, served)

    def is_used_up(self, output_tokens: int) -> bool:
        """Whether an answer went as far as its money and no further."""
        return self.bound is not None and output_tokens >= self.bound * self.estimate.choices


async def cover(hold: Hold, estimate: Estimate, *, is_blind: bool) -> Cover:
    """Bound the output when the hold is less than was asked for, or when more may come than it pays for, unseen.

    What a whole answer or hidden reasoning uses is not seen while it grows (`is_blind`): then the hold is raised to the
    longest answer, or the output is bounded by what there is. Half of what is free is left to other calls.
    """
    if hold.amount < estimate.ask:
        return Cover(hold, estimate, estimate.output_for(hold.amount))
    if is_blind and estimate.is_guess:
        lacking = Credits(estimate.at_most - hold.amount)
        if lacking > 0 and await hold.extend(lacking, share=2) < lacking:
            return Cover(hold, estimate, estimate.output_for(hold.amount))
    return Cover(hold, estimate, None)


class Advance:
    """Compares what a stream has said with what its hold pays for, and extends the hold before that is reached.

    To be asked whenever the stream's count of events has come to `look_at`.
    """

    __slots__ = ("_estimate", "_events", "_paid", "_served", "hold", "is_over", "look_at", "problem", "tokens")

    def __init__(self, hold: Hold, estimate: Estimate, served: Served) -> None:
        """Pay for a stream of that estimate, which is at the rates it is charged at."""
        self.hold = hold
        self._served = served
        self._estimate = estimate
        self._events = 0
        self._paid = 0
        self.tokens = 0
        """What was passed on, as far as it was counted."""
        self.look_at = NEVER
        self.is_over = False
        """Whether the stream has to end here: for lack of money, or because of a problem."""
        self.problem: Problem | None = None
        self._reckon()
        if self._paid < NEVER:
            self.look_at = 1

    async def cover(self, passed: bytes, events: int) -> bytes:
        """Return as much of `passed`, which brought the count to `events`, as is paid for."""
        weight = self._weight(passed)
        self.tokens += (events - self._events) * weight
        self._events = events
        if self.tokens * 4 >= self._paid * 3:
            await self._extend()
        if self.tokens > self._paid:
            kept = self._within(passed)
            if len(kept) < len(passed) or not self._served.is_divisible:
                self.is_over = True
                return kept
        self.problem = None
        if self._paid == NEVER:
            self.look_at = NEVER
            return passed
        ahead = self._paid - self.tokens
        mark = ahead - self._paid // 4
        self.look_at = events + max(1, min(LOOK_EVERY, (mark if mark > 0 else ahead // 2) // weight))
        return passed

    async def _extend(self) -> None:
        """Hold as much again, and what was delivered beyond the hold, or what there is of it."""
        estimate = self._estimate
        wanted = 2 * max(self._paid, self.tokens)
        if estimate.most_tokens is not None:
            wanted = min(wanted, estimate.most_tokens)
        extra = estimate.cost(wanted) - self.hold.amount
        try:
            if extra > 0:
                await self.hold.extend(Credits(extra), min(estimate.cost_of_a_token, Credits(extra)))
        except StoreUnavailable as problem:
            self.problem = problem  # told only if the stream cannot go on without it
        self._reckon()

    def _reckon(self) -> None:
        """Say how many tokens the hold pays for: all that come, when it pays for the caller's or the model's bound."""
        estimate = self._estimate
        paid = estimate.tokens_for(self.hold.amount) if estimate.is_guess else None
        most = estimate.most_tokens
        self._paid = NEVER if paid is None or (most is not None and paid >= most) else paid

    def _weight(self, passed: bytes) -> int:
        """Say how many tokens an event of this piece has: one, unless the provider sends many in each."""
        each = self._served.said_bytes(passed) // max(1, passed.count(b"\n\n"))
        return 1 if each <= _HEAVY_EVENT_BYTES else each // BYTES_PER_TOKEN_GUESSED

    def _within(self, passed: bytes) -> bytes:
        """Return the first events of a piece that are paid for, and count off the others.

        A piece whose events hang together goes whole: what of it is not paid for is given away.
        """
        if not self._served.is_divisible:
            self.tokens = self._paid
            return passed
        events = [event + b"\n\n" for event in passed.split(b"\n\n")[:-1]]
        said = [self._weight(event) if self._served.said_bytes(event) else 0 for event in events]
        # Other pieces may have come since the last look: all but this one has been passed on.
        tokens = max(0, self.tokens - sum(said))
        kept: list[bytes] = []
        for event, more in zip(events, said, strict=True):
            if tokens + more > self._paid:
                break
            kept.append(event)
            tokens += more
        self.tokens = tokens
        return b"".join(kept)
