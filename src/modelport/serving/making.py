"""Making what a call for media asks for: the offers of its plan in turn, each step by step to its end."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from msgspec.structs import replace

from modelport.catalogue.facts import Offer, Rates
from modelport.catalogue.parameters import Parameters
from modelport.core.clock import Clock
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.media.addresses import Met
from modelport.dialects.media.table import EDITING, media_dialect
from modelport.dialects.media.wire import MediaDialect, Order, PieceReader, SoundReader, Ticket, Told
from modelport.dialects.wire import MalformedReply, NotExpressible, Target, UpstreamFault, UpstreamRequest
from modelport.ledger.records import Attempt
from modelport.operations.made import Made, Piece
from modelport.operations.media import MediaCall
from modelport.pricing.media import within
from modelport.routing.router import Plan
from modelport.serving.attempts import MAX_ATTEMPTS, MAX_FAULT_BYTES, worth_another
from modelport.serving.carrying import Files, carried
from modelport.serving.health import Health
from modelport.serving.ports import (
    FirstByteTimeout,
    IdleTimeout,
    MalformedAnswer,
    Upstream,
    UpstreamAnswer,
    UpstreamProblem,
)

MAX_MADE_BYTES = 256 * 1024 * 1024
MAX_MAKING_S = 600.0
"""How long a provider may take, all steps together: no answer comes sooner from some, and none is cut before."""
MOST_ASKED_AGAIN = 5
"""How often a provider that has taken the work on is asked after it in spite of failures, one after another."""
ASK_AGAIN_S = 1.0
SUCCESS = frozenset({200, 201, 202})


@dataclass(slots=True)
class Begun:
    """What a provider has made, or a sound or pieces that are still on their way."""

    offer: Offer
    rates: Rates
    dropped: Sequence[str]
    made: Made | None = None
    answer: UpstreamAnswer | None = None
    sound: SoundReader | None = None
    first: bytes = b""
    """The first of the sound."""
    reader: PieceReader | None = None
    pieces: Sequence[Piece] = ()
    """The first of the pieces."""

    async def more(self, until_s: float) -> Sequence[Piece] | None:
        """Return the pieces that come next, none now and then, and None once all is made. Raises as `Making` does."""
        if self.pieces:
            first, self.pieces = self.pieces, ()
            return first
        if self.reader is None or self.answer is None or self.made is not None:
            return None
        name = self.offer.provider.name
        if asyncio.get_running_loop().time() > until_s:
            raise IdleTimeout(f"{name} has not come to an end within {MAX_MAKING_S:g} s.")
        try:
            if data := await self.answer.some():
                return self.reader.feed(data)
            self.made = self.reader.end()
        except MalformedReply as problem:
            raise MalformedAnswer(f"{name}: {problem.message}") from None
        return None


class Making:
    """A context that has something made; it keeps a sound's connection until it is left.

    Raises what the last offer raised: `UpstreamFault`, an `UpstreamProblem`, or `InvalidBody` when none can be told.
    """

    def __init__(
        self,
        upstream: Upstream,
        clock: Clock,
        health: Health,
        files: Files,
        attempts: list[Attempt],
        order_id: str,
    ) -> None:
        self._upstream = upstream
        self._clock = clock
        self._health = health
        self._files = files
        self._attempts = attempts
        self._order_id = order_id
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Making":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.__aexit__(*exception)  # type: ignore[arg-type]

    async def first(
        self, call: MediaCall, met: Met, parameters: Parameters, plan: Plan, *, is_streaming: bool
    ) -> Begun:
        """Have the first offer make it that does."""
        refusal: InvalidBody | None = None
        last: Problem | None = None
        for offer, rates in self._health.ordered(plan.offers):
            if len(self._attempts) == MAX_ATTEMPTS:
                break
            operation = plan.model.operation
            spoken = offer.dialect_for(operation, "")
            dialect = media_dialect(spoken)
            try:
                if met.is_edit and spoken not in EDITING:
                    raise NotExpressible("image", offer.provider.name, "changes no uploaded pictures")
                ready = await carried(call, parameters, dialect.takes, offer.provider.name, self._files)
                order = Order(within(ready, rates), Target(offer, plan.model), operation, met.is_edit, self._order_id)
                return await self._attempt(dialect, order, rates, is_streaming=is_streaming)
            except InvalidBody as problem:
                refusal = refusal or problem
            except (UpstreamFault, UpstreamProblem) as problem:
                last = problem
                if not worth_another(problem):
                    break
        if last is not None:
            raise last
        assert refusal is not None, "a plan has at least one offer"
        raise refusal

    async def _attempt(self, dialect: MediaDialect, order: Order, rates: Rates, *, is_streaming: bool) -> Begun:
        offer, begun_s = order.target.offer, self._clock.monotonic_s()
        limit = asyncio.timeout(MAX_MAKING_S)
        try:
            async with limit:
                begun = await self._steps(dialect, order, rates, is_streaming=is_streaming)
        except TimeoutError as error:
            if not limit.expired():
                raise
            problem = FirstByteTimeout(f"{offer.provider.name} has made nothing within {MAX_MAKING_S:g} s.")
            self._failed(offer, problem, begun_s)
            raise problem from error
        except (UpstreamFault, UpstreamProblem) as problem:
            self._failed(offer, problem, begun_s)
            raise
        self._health.worked(offer)
        self._attempts.append(Attempt(offer.provider.id, 200, None, self._since_ms(begun_s)))
        return begun

    def _failed(self, offer: Offer, problem: UpstreamFault | UpstreamProblem, begun_s: float) -> None:
        status = problem.status if isinstance(problem, UpstreamFault) else None
        self._attempts.append(Attempt(offer.provider.id, status, type(problem).__name__, self._since_ms(begun_s)))
        if worth_another(problem):
            self._health.failed(offer, getattr(problem, "retry_after_s", None))

    async def _steps(self, dialect: MediaDialect, order: Order, rates: Rates, *, is_streaming: bool) -> Begun:
        """Go from ticket to ticket until something is made, or a sound begins."""
        begun = Begun(order.target.offer, rates, ())
        ticket, failed = Ticket(), 0
        while begun.made is None and begun.answer is None:
            await asyncio.sleep(ticket.after_s)
            request = asked(dialect, order, ticket)
            begun.dropped = begun.dropped or (*order.call.dropped, *request.dropped)
            try:
                outcome = await self._step(dialect, order, ticket, request, begun if is_streaming else None)
            except MalformedReply as problem:
                raise MalformedAnswer(f"{order.target.offer.provider.name}: {problem.message}") from None
            except (UpstreamFault, UpstreamProblem) as problem:
                failed += 1
                is_told = isinstance(problem, UpstreamFault) and is_over(problem)
                if is_told or not ticket.is_taken or failed > MOST_ASKED_AGAIN or not worth_another(problem):
                    raise
                ticket = Ticket(ticket.stage, ticket.facts, ASK_AGAIN_S * failed, is_taken=True)
                continue
            failed = 0
            if isinstance(outcome, Ticket):
                ticket = outcome
            else:
                begun.made = outcome
        return begun

    async def _step(
        self, dialect: MediaDialect, order: Order, ticket: Ticket, request: UpstreamRequest, streamed: Begun | None
    ) -> Made | Ticket | None:
        async with AsyncExitStack() as stack:
            answer = await stack.enter_async_context(self._upstream.send(order.target.offer, request))
            await check_answered(dialect, answer)
            if streamed is None:
                return await read(dialect, order, ticket, answer)
            kind = kind_of(answer)
            if (sound := dialect.sound(order, kind)) is not None:
                streamed.first = await _begin(answer, sound)
                streamed.sound = sound
            elif (reader := dialect.pieces(order, kind)) is not None:
                streamed.pieces = await _first(answer, reader)
                if not streamed.pieces:
                    return reader.end()
                streamed.reader = reader
            else:
                return await read(dialect, order, ticket, answer)
            streamed.answer = answer
            self._stack = stack.pop_all()
        return None

    def _since_ms(self, begun_s: float) -> int:
        return int((self._clock.monotonic_s() - begun_s) * 1000)


def asked(dialect: MediaDialect, order: Order, ticket: Ticket) -> UpstreamRequest:
    """Write the request of a step, with the time that it may take. Raises `NotExpressible`."""
    request = dialect.ask(order, ticket)
    return request if order.operation == "speech" else replace(request, is_making=True)


async def check_answered(dialect: MediaDialect, answer: UpstreamAnswer) -> None:
    """Raise what a status other than success means: `UpstreamFault`, or `MalformedReply` for a redirect."""
    if 300 <= answer.status < 400:
        raise MalformedReply(f"the answer is a redirect ({answer.status}), which is never followed")
    if answer.status not in SUCCESS:
        body = await answer.body(MAX_FAULT_BYTES)
        raise dialect.fault(answer.status, answer.header(b"retry-after"), body)


async def read(dialect: MediaDialect, order: Order, ticket: Ticket, answer: UpstreamAnswer) -> Made | Ticket:
    """Read an answer to its end. Raises as `MediaDialect.read`, and `UpstreamProblem`."""
    return dialect.read(order, ticket, Told(await answer.body(MAX_MADE_BYTES), kind_of(answer), answer.header))


def kind_of(answer: UpstreamAnswer) -> str:
    """Return what an answer says that it is."""
    return (answer.header(b"content-type") or b"").decode("latin-1")


async def _begin(answer: UpstreamAnswer, sound: SoundReader) -> bytes:
    """Read until there is sound: a status alone is often followed by nothing."""
    while data := await answer.some():
        if heard := sound.feed(data):
            return heard
    sound.end()
    raise MalformedReply("the sound is empty")


async def _first(answer: UpstreamAnswer, reader: PieceReader) -> Sequence[Piece]:
    """Read until there is a piece; none where all comes before one does."""
    while data := await answer.some():
        if pieces := reader.feed(data):
            return pieces
    return ()


def is_over(fault: UpstreamFault) -> bool:
    """Whether a provider says of work that it has taken on that nothing will come of it."""
    return fault.status < 400 or not fault.retryable
