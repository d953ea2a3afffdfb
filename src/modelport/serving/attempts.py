"""Trying the offers of a plan in turn until one proves that it answers."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType

from modelport.catalogue.facts import Offer, Rates
from modelport.core.clock import Clock
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.holding import breach
from modelport.dialects.table import Asked, Opening, opened
from modelport.dialects.wire import MalformedReply, NewIdentity, Passage, Target, UpstreamFault, UpstreamRequest
from modelport.ledger.records import Attempt
from modelport.routing.router import Plan
from modelport.serving.health import Health
from modelport.serving.ports import ConnectFailed, CutShort, MalformedAnswer, Upstream, UpstreamAnswer, UpstreamProblem

MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_FAULT_BYTES = 64 * 1024
MAX_ATTEMPTS = 3
MOST_WAIT_S = 2.0
"""The longest that is waited before an offer which said when is asked again."""
SHORT_WAIT_S = 0.1
"""The least that is waited before one which was never reached is tried again; jitter may double it."""


@dataclass(slots=True)
class Success:
    """An answer that began well."""

    offer: Offer
    rates: Rates
    request: UpstreamRequest
    answer: UpstreamAnswer
    passage: Passage
    body: bytes = b""
    """Of a stream, the events that proved it, as they are passed on."""
    is_whole: bool = False
    """Whether all of the provider's answer is here, so that nothing more is read."""
    breach: str | None = None
    """How it breaks what was asked for, although it is an answer and costs what it costs."""


class FirstSuccess:
    """Enters the first offer that answers; leaving it closes or returns the connection.

    Raises what the last offer tried raised: `UpstreamFault` or an `UpstreamProblem`; `InvalidBody` when none of them
    can be told what was asked. Another offer is tried only when the fault allows it, none twice; only when all have
    failed, the last one is asked once more if it was never reached or said that it needs a moment. `attempts` has one
    line for each try.
    """

    def __init__(
        self,
        upstream: Upstream,
        clock: Clock,
        health: Health,
        jitter: Callable[[], float],
        asked: Asked,
        plan: Plan,
        output_bound: int | None,
        attempts: list[Attempt],
        identity: NewIdentity,
    ) -> None:
        self._upstream = upstream
        self._clock = clock
        self._health = health
        self._jitter = jitter
        self._asked = asked
        self._plan = plan
        self._output_bound = output_bound
        self._attempts = attempts
        self._identity = identity
        self._context: AbstractAsyncContextManager[UpstreamAnswer] | None = None

    async def __aenter__(self) -> Success:
        refusal: InvalidBody | None = None
        last: Problem | None = None
        asked_last: tuple[Offer, Rates] | None = None
        for pair in self._health.ordered(self._plan.offers):
            if len(self._attempts) == MAX_ATTEMPTS:
                break
            try:
                return await self._attempt(*pair)
            except InvalidBody as problem:
                refusal = refusal or problem
            except (UpstreamFault, UpstreamProblem) as problem:
                last, asked_last = problem, pair
                if not worth_another(problem):
                    break
        if last is None or asked_last is None:
            assert refusal is not None, "a plan has at least one offer"
            raise refusal
        if (wait_s := self._wait_s(last)) is None:
            raise last
        await asyncio.sleep(wait_s)
        return await self._attempt(*asked_last)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._context is not None:
            await self._context.__aexit__(kind, error, trace)

    def _wait_s(self, problem: Problem) -> float | None:
        """Say how long to wait before the last offer is asked again; None when it is not."""
        if isinstance(problem, ConnectFailed):
            return SHORT_WAIT_S * (1 + self._jitter())
        if isinstance(problem, UpstreamFault) and problem.status in (429, 503) and problem.retry_after_s is not None:
            wait_s = problem.retry_after_s + SHORT_WAIT_S * self._jitter()
            return wait_s if wait_s <= MOST_WAIT_S else None
        return None

    async def _attempt(self, offer: Offer, rates: Rates) -> Success:
        opening = opened(self._asked, Target(offer, self._plan.model, self._output_bound), self._identity)
        begun_s = self._clock.monotonic_s()
        try:
            success = await self._try(offer, rates, opening)
        except (UpstreamFault, UpstreamProblem) as problem:
            status = problem.status if isinstance(problem, UpstreamFault) else None
            self._attempts.append(Attempt(offer.provider.id, status, type(problem).__name__, self._since_ms(begun_s)))
            if worth_another(problem):
                self._health.failed(offer, getattr(problem, "retry_after_s", None))
            raise
        self._health.worked(offer)
        self._attempts.append(Attempt(offer.provider.id, success.answer.status, None, self._since_ms(begun_s)))
        return success

    async def _try(self, offer: Offer, rates: Rates, opening: Opening) -> Success:
        context = self._upstream.send(offer, opening.request)
        answer = await context.__aenter__()
        success = Success(offer, rates, opening.request, answer, opening.passage)
        try:
            await self._prove(success, opening)
        except MalformedReply as problem:
            malformed = MalformedAnswer(f"{offer.provider.name}: {problem.message}")
            await context.__aexit__(type(malformed), malformed, None)
            raise malformed from None
        except BaseException as error:
            await context.__aexit__(type(error), error, error.__traceback__)
            raise
        self._context = context
        return success

    async def _prove(self, success: Success, opening: Opening) -> None:
        """Read as much of the answer as shows that it is one; all of it where it is passed on in another form."""
        answer, is_streaming = success.answer, self._asked.call.is_streaming
        if answer.status != 200:
            await _refuse(success, opening)
        if not opening.request.is_streaming:
            success.is_whole = True
            success.passage.take(await answer.body(MAX_REPLY_BYTES))
        else:
            await _prove_stream(success, opening, is_divisible=self._asked.format.served.is_divisible)
            if opening.translated is not None and opening.translated.is_collected:
                await _read_to_end(success)
                opening.translated.assemble()
        if opening.translated is not None:
            if opening.is_checked:
                opening.translated.inspect(lambda reply: breach(self._asked.talk, reply))
                success.breach = opening.translated.breach
            if success.is_whole and is_streaming and success.breach is None:
                success.body = opening.translated.unfold()

    def _since_ms(self, begun_s: float) -> int:
        return int((self._clock.monotonic_s() - begun_s) * 1000)


def worth_another(problem: UpstreamFault | UpstreamProblem) -> bool:
    """Whether another try, here or at another offer, may do better."""
    return problem.retryable if isinstance(problem, UpstreamFault) else True


async def _refuse(success: Success, opening: Opening) -> None:
    """Raise what a status other than success means."""
    answer = success.answer
    if 300 <= answer.status < 400:
        raise MalformedReply(f"the provider answered with a redirect ({answer.status}), which is never followed")
    body = await answer.body(MAX_FAULT_BYTES)
    raise opening.fault(answer.status, answer.header(b"retry-after"), body)


async def _prove_stream(success: Success, opening: Opening, *, is_divisible: bool) -> None:
    """Read a stream until it says something: its name alone is often followed by an error."""
    answer, passage = success.answer, success.passage
    kind = answer.header(b"content-type") or b""
    if b"event-stream" not in kind:
        if b"json" not in kind:
            raise MalformedReply(f"the provider sent {kind.decode('latin-1')[:80] or 'no type'} instead of a stream")
        passage.take(await answer.body(MAX_FAULT_BYTES))  # raises what is wrong, if the body says so
        raise MalformedReply("the provider sent a whole answer instead of a stream")
    translated = opening.translated
    while not passage.is_done:
        data = await answer.some()
        if not data:
            if passage.has_finish:
                return
            raise CutShort(f"{success.offer.provider.name} ended the stream before its first event")
        success.body += passage.feed(data)
        has_said = passage.events or passage.has_finish
        is_proven = success.body if is_divisible else has_said
        if translated is not None:
            is_proven = translated.has_begun
        if passage.problem is not None and not (is_proven and has_said):
            raise passage.problem
        if is_proven:
            return


async def _read_to_end(success: Success) -> None:
    """Read the rest of a stream of which a whole answer is made; raises what cuts it."""
    answer, passage = success.answer, success.passage
    size = 0
    while not passage.is_done:
        data = await answer.some()
        if not data:
            break
        size += len(data)
        passage.feed(data)
        if passage.problem is not None:
            raise passage.problem
        if size > MAX_REPLY_BYTES:
            raise MalformedReply(f"the provider's stream exceeds {MAX_REPLY_BYTES} bytes")
    if not (passage.is_done or passage.has_finish):
        raise CutShort(f"{success.offer.provider.name} ended the stream before the answer was complete")
    success.is_whole = True
