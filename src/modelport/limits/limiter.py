"""Lets calls in as limits allow: through the store that replicas share, or by this process alone."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from itertools import count
from types import TracebackType
from typing import Literal, Self

from msgspec.structs import replace

from modelport.core.clock import Clock
from modelport.core.counters import Counters
from modelport.core.pace import Pace
from modelport.limits.memory import MemoryLimits
from modelport.limits.problems import LimiterUnreachable, RateLimited, refused, unreachable
from modelport.limits.store import (
    MEASURES,
    Grant,
    LimitsUnavailable,
    Measure,
    Refusal,
    SharedLimits,
    Take,
)

logger = logging.getLogger(__name__)

OnFailure = Literal["open", "closed"]
ALL_OPEN: Mapping[Measure, OnFailure] = dict.fromkeys(MEASURES, "open")
BEAT_S = 1.0
"""How often the shared store is told that this process lives, and asked whether it is back."""
_CAUTIOUS_S = 60.0
"""How long after an outage each process still keeps to its part: what it let in alone is not in the store."""


class Limiter:
    """Lets calls in, or raises `RateLimited`; entered and used on one event loop.

    With a shared store, that decides. When it cannot be asked this process goes on alone at once, with its part of each
    limit or not at all as `on_failure` says, and looks each `beat_s` whether the store is back: no call waits for that.
    Without a shared store the limits are this process's own, divided by how many serve (`processes`).
    """

    def __init__(
        self,
        clock: Clock,
        counters: Counters,
        *,
        shared: SharedLimits | None = None,
        on_failure: Mapping[Measure, OnFailure] = ALL_OPEN,
        processes: int = 1,
        name: str = "one",
        beat_s: float = BEAT_S,
    ) -> None:
        self._clock = clock
        self._local = MemoryLimits(clock)
        self._shared = shared
        self._on_failure = on_failure
        self._processes = processes
        self._name = name
        self._beat_s = beat_s
        self._numbers = count(1)
        self._open: dict[str, Grant] = {}
        self._cautious_until_s: float | None = None
        self._down_since_s = 0.0
        self.is_degraded = False
        """Whether the shared store cannot be asked now."""
        self._refusals = counters.counter(
            "modelport_rate_limit_refusals_total",
            "Calls that a rate limit refused.",
            "limit",
            (*MEASURES, "unreachable"),
        )
        self._failures = counters.counter(
            "modelport_rate_limit_store_failures_total", "Times that the store of rate limits could not be asked."
        )
        self._alone = counters.counter(
            "modelport_rate_limit_degraded_calls_total", "Calls that were let in without the store of rate limits."
        )
        counters.gauge(
            "modelport_rate_limit_degraded",
            "Whether rate limits go without their store now.",
            lambda: int(self.is_degraded),
        )

    async def __aenter__(self) -> Self:
        self._keeper = None
        if self._shared is not None:
            await self.beat()
            self._keeper = asyncio.create_task(self._keep(self._beat_s))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None and self._shared is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            if not self.is_degraded:
                try:
                    await self._shared.leave()
                except LimitsUnavailable as problem:
                    logger.info("the store of rate limits was not told that this process ends: %s", problem)

    async def admit(self, takes: Sequence[Take]) -> "Permit":
        """Take all that a call takes, or nothing; raises `RateLimited`. The permit has to be ended."""
        permit = f"{self._name}:{next(self._numbers)}"
        try:
            if self._shared is None or not takes:
                return Permit(self, await self._by_itself(takes, permit), None)
            if self.is_degraded:
                return Permit(self, await self._degraded(takes, permit), None)
            return await self._together(self._shared, takes, permit)
        except LimiterUnreachable:
            self._refusals.add("unreachable")
            raise

    async def _together(self, shared: SharedLimits, takes: Sequence[Take], permit: str) -> "Permit":
        """Ask the shared store; what it lets in is counted here too, for the case that it cannot be asked soon."""
        at_us = self._local.now_us()
        part = await self._by_itself(takes, permit) if self._is_cautious() else None
        try:
            outcome = await shared.take(takes, permit)
        except LimitsUnavailable as problem:
            self._went(problem)
            if part is not None:
                self._local.undo(part)
            return Permit(self, await self._degraded(takes, permit), None)
        except BaseException:  # the caller gave up; what the store may have counted runs out there by itself
            if part is not None:
                self._local.undo(part)
            raise
        if isinstance(outcome, Refusal):
            if part is not None:
                self._local.undo(part)
            raise self._refused(outcome, is_part=False)
        return Permit(self, part or self._local.count(takes, permit, at_us), outcome)

    async def _degraded(self, takes: Sequence[Take], permit: str) -> Grant:
        for take in takes:
            if any(self._on_failure[measure] == "closed" for measure in measures(take.pace)):
                raise unreachable(take.whose)
        granted = await self._by_itself(takes, permit)
        self._alone.add()
        return granted

    async def _by_itself(self, takes: Sequence[Take], permit: str) -> Grant:
        """Let a call in by this process's part of its limits."""
        parts = takes if self._processes == 1 else [part_of(take, self._processes) for take in takes]
        outcome = await self._local.take(parts, permit)
        if isinstance(outcome, Refusal):
            raise self._refused(outcome, is_part=self._processes > 1)
        return outcome

    def _refused(self, refusal: Refusal, *, is_part: bool) -> RateLimited:
        self._refusals.add(refusal.measure)
        return refused(refusal, is_part=is_part)

    def opened(self, grant: Grant) -> None:
        """Keep the store's memory of a call fresh until it ends."""
        if self._shared is not None and any(take.pace.concurrent_calls is not None for take in grant.takes):
            self._open[grant.permit] = grant

    async def ended(self, local: Grant, shared: Grant | None, tokens: int) -> None:
        """Free what a call took, and count the tokens that it used."""
        self._open.pop(local.permit, None)
        await self._local.end(local, tokens)
        if self._shared is None or self.is_degraded or not _has_end(local):
            return
        try:
            await self._shared.end(shared or replace(local, seconds=(0,) * len(local.takes)), tokens)
        except LimitsUnavailable as problem:
            self._went(problem)

    async def beat(self) -> None:
        """Tell the shared store that this process lives, and notice whether it can be asked."""
        assert self._shared is not None
        calls = [
            (take.subject, permit)
            for permit, grant in self._open.items()
            for take in grant.takes
            if take.pace.concurrent_calls is not None
        ]
        try:
            self._processes = max(1, await self._shared.beat(calls, is_back=self.is_degraded))
        except LimitsUnavailable as problem:
            self._went(problem)
        else:
            self._came_back()

    async def _keep(self, beat_s: float) -> None:
        while True:
            await asyncio.sleep(beat_s)
            try:
                await self.beat()
            except Exception:  # without beats the places of this process's calls would lapse
                logger.exception("the store of rate limits could not be told that this process lives")

    def _is_cautious(self) -> bool:
        if self._cautious_until_s is None:
            return False
        if self._clock.monotonic_s() >= self._cautious_until_s:
            self._cautious_until_s = None
            return False
        return True

    def _went(self, problem: LimitsUnavailable) -> None:
        """Go on alone from here; said once in each outage."""
        self._failures.add()
        if self.is_degraded:
            return
        self.is_degraded = True
        self._down_since_s = self._clock.monotonic_s()
        policies = ", ".join(f"{measure} {self._on_failure[measure]}" for measure in MEASURES)
        logger.warning(
            "the store of rate limits cannot be asked (%s): until it is back each limit goes by its setting (%s), "
            "what is open divided by %d",
            problem,
            policies,
            self._processes,
        )

    def _came_back(self) -> None:
        if not self.is_degraded:
            return
        self.is_degraded = False
        now_s = self._clock.monotonic_s()
        self._cautious_until_s = now_s + _CAUTIOUS_S
        logger.warning(
            "the store of rate limits is back after %.0f s: limits are shared again", now_s - self._down_since_s
        )


class Permit:
    """A call's place under its limits; to be ended once the call has ended in any way."""

    __slots__ = ("_is_ended", "_limiter", "_local", "_shared")

    def __init__(self, limiter: Limiter, local: Grant, shared: Grant | None) -> None:
        self._limiter = limiter
        self._local = local
        self._shared = shared
        self._is_ended = False
        limiter.opened(local)

    async def end(self, tokens: int = 0) -> None:
        """Free the place and count the tokens that were really used; does nothing the second time."""
        if not self._is_ended:
            self._is_ended = True
            await self._limiter.ended(self._local, self._shared, tokens)


def measures(pace: Pace) -> list[Measure]:
    """List what a pace bounds."""
    bounds = (pace.requests_per_minute, pace.tokens_per_minute, pace.concurrent_calls)
    return [measure for measure, bound in zip(MEASURES, bounds, strict=True) if bound is not None]


def part_of(take: Take, processes: int) -> Take:
    """Divide limits among processes; each gets at least one."""

    def part(most: int | None) -> int | None:
        return None if most is None else max(1, most // processes)

    pace = take.pace
    parts = Pace(part(pace.requests_per_minute), part(pace.tokens_per_minute), part(pace.concurrent_calls))
    return replace(take, pace=parts)


def _has_end(grant: Grant) -> bool:
    """Whether the end of a call changes anything."""
    return any(
        take.pace.tokens_per_minute is not None or take.pace.concurrent_calls is not None for take in grant.takes
    )
