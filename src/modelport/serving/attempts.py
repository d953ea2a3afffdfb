"""Trying the offers of a plan in turn until one proves that it answers."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType

from modelport.catalogue.facts import Offer, Rates
from modelport.core.clock import Clock
from modelport.core.errors import Problem
from modelport.dialects import openai_chat
from modelport.dialects.openai_chat_stream import ChatStream
from modelport.dialects.wire import MalformedReply, NewIdentity, UpstreamFault, UpstreamRequest
from modelport.ledger.records import Attempt
from modelport.operations.chat import ChatCall
from modelport.serving.ports import CutShort, MalformedAnswer, Upstream, UpstreamAnswer, UpstreamProblem

MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_FAULT_BYTES = 64 * 1024
MAX_ATTEMPTS = 3


@dataclass(slots=True)
class Success:
    """An answer that began well."""

    offer: Offer
    rates: Rates
    request: UpstreamRequest
    answer: UpstreamAnswer
    identity: NewIdentity
    """Names an answer that its provider does not name."""
    body: bytes = b""
    """A whole answer's bytes; of a stream, the events that proved it."""
    reply: openai_chat.Reply | None = None
    """A whole answer's parts; None for a stream."""
    stream: ChatStream | None = None


class FirstSuccess:
    """Enters the first offer that answers; leaving it closes or returns the connection.

    Raises what the last offer tried raised: `UpstreamFault` or an `UpstreamProblem`. Another offer is tried only when
    the fault allows it; `attempts` has one line for each try.
    """

    def __init__(
        self,
        upstream: Upstream,
        clock: Clock,
        call: ChatCall,
        offers: Sequence[tuple[Offer, Rates]],
        output_bound: int | None,
        attempts: list[Attempt],
        identity: NewIdentity,
    ) -> None:
        self._upstream = upstream
        self._clock = clock
        self._call = call
        self._offers = offers[:MAX_ATTEMPTS]
        self._output_bound = output_bound
        self._attempts = attempts
        self._identity = identity
        self._context: AbstractAsyncContextManager[UpstreamAnswer] | None = None

    async def __aenter__(self) -> Success:
        last: Problem | None = None
        for offer, rates in self._offers:
            begun_s = self._clock.monotonic_s()
            try:
                success = await self._try(offer, rates)
            except (UpstreamFault, UpstreamProblem) as problem:
                self._note(offer, problem, begun_s)
                last = problem
                if not _worth_another(problem):
                    break
            else:
                self._attempts.append(Attempt(offer.provider.id, success.answer.status, None, self._since_ms(begun_s)))
                return success
        assert last is not None, "a plan has at least one offer"
        raise last

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._context is not None:
            await self._context.__aexit__(kind, error, trace)

    async def _try(self, offer: Offer, rates: Rates) -> Success:
        request = openai_chat.encode(self._call, offer, self._output_bound)
        context = self._upstream.send(offer, request)
        answer = await context.__aenter__()
        success = Success(offer, rates, request, answer, self._identity)
        try:
            await (_prove_stream if request.is_streaming else _prove_whole)(success)
        except MalformedReply as problem:
            malformed = MalformedAnswer(f"{offer.provider.name}: {problem.message}")
            await context.__aexit__(type(malformed), malformed, None)
            raise malformed from None
        except BaseException as error:
            await context.__aexit__(type(error), error, error.__traceback__)
            raise
        self._context = context
        return success

    def _note(self, offer: Offer, problem: UpstreamFault | UpstreamProblem, begun_s: float) -> None:
        status = problem.status if isinstance(problem, UpstreamFault) else None
        self._attempts.append(Attempt(offer.provider.id, status, type(problem).__name__, self._since_ms(begun_s)))

    def _since_ms(self, begun_s: float) -> int:
        return int((self._clock.monotonic_s() - begun_s) * 1000)


def _worth_another(problem: UpstreamFault | UpstreamProblem) -> bool:
    return problem.retryable if isinstance(problem, UpstreamFault) else True


async def _refuse(answer: UpstreamAnswer) -> None:
    """Raise what a status other than success means."""
    if answer.status == 200:
        return
    if 300 <= answer.status < 400:
        raise MalformedReply(f"the provider answered with a redirect ({answer.status}), which is never followed")
    body = await answer.body(MAX_FAULT_BYTES)
    raise openai_chat.fault(answer.status, answer.header(b"retry-after"), body)


async def _prove_whole(success: Success) -> None:
    await _refuse(success.answer)
    success.body = await success.answer.body(MAX_REPLY_BYTES)
    success.reply = openai_chat.decode(success.body)


async def _prove_stream(success: Success) -> None:
    answer = success.answer
    await _refuse(answer)
    kind = answer.header(b"content-type") or b""
    if b"json" in kind:
        body = await answer.body(MAX_FAULT_BYTES)
        raise openai_chat.error_inside(body) or MalformedReply("the provider sent a whole answer instead of a stream")
    if b"event-stream" not in kind:
        raise MalformedReply(f"the provider sent {kind.decode('latin-1')[:80] or 'no type'} instead of a stream")
    stream = success.stream = ChatStream(success.offer.quirks.reasoning_field, success.identity)
    while not success.body and not stream.is_done:
        data = await answer.some()
        if not data:
            raise CutShort(f"{success.offer.provider.name} ended the stream before its first event")
        success.body = stream.feed(data)
        if stream.problem is not None and not success.body:
            raise stream.problem
