"""A call of a model, from the parsed request to the last byte: plan → pace → hold → attempt → settle → record."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import quote

from modelport.catalogue.facts import Model
from modelport.core.clock import Clock
from modelport.core.credits import usd_text
from modelport.core.errors import InvalidBody, Problem
from modelport.core.pace import FREE_PACE
from modelport.dialects.table import MESSAGES, Asked, Format
from modelport.dialects.wire import CannotSearch, Ending, Identity, Keepable, MalformedReply, Passage
from modelport.keys.key import Key
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget
from modelport.ledger.hold import Hold
from modelport.ledger.problems import InsufficientFunds
from modelport.ledger.records import Receipt
from modelport.operations.chat import ChatCall, RoleRefused
from modelport.operations.usage import NOTHING_USED, Usage
from modelport.routing.problems import WrongOperation
from modelport.routing.router import Plan, Router
from modelport.serving.advance import USED_UP, Advance, Cover, cover
from modelport.serving.attempts import FirstSuccess, Success
from modelport.serving.declared import check_declared
from modelport.serving.estimate import Estimate, Estimator, counted, delivered, guessed, lowest
from modelport.serving.exchange import CallerLeft, CallFailed, CallRequest
from modelport.serving.fitting import LEAST_OF_RESPONSES, affordable, fitting
from modelport.serving.health import Health
from modelport.serving.pacing import PacedClient, Pacing
from modelport.serving.patience import Patience
from modelport.serving.permitted import check_model, check_pin, permitted
from modelport.serving.ports import AnswerBroken, Client, CutShort, MalformedAnswer, Upstream, UpstreamProblem
from modelport.serving.retiring import mark_retiring
from modelport.serving.written import Notes, named

JSON_TYPE = (b"content-type", b"application/json")
# A client that goes by the letter reads text without a charset as Latin-1.
STREAM_HEADERS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))
MAX_DROPPED_BYTES = 1000
MOST_NAMED = 5
_LEGIBLE = "[]"
"""What names of fields keep in a header beside letters and dots: the brackets of places."""


class Routes(Protocol):
    """Knows the catalogue in force."""

    def current(self) -> Router:
        """Return the router over the newest catalogue."""
        ...


@dataclass(frozen=True, slots=True)
class ServeCalls:
    """Serves calls of every operation whose answer comes on the same connection."""

    routes: Routes
    pacing: Pacing
    ledger: Book
    upstream: Upstream
    estimator: Estimator
    health: Health
    clock: Clock
    jitter: Callable[[], float]
    """A number from 0 to 1, by chance: spreads calls that are tried again."""
    new_id: Callable[[], str]
    status_of: Callable[[Problem], int]
    """The HTTP status that a problem is shown as, for its row."""
    code_of: Callable[[Problem], str]
    """The error code that a problem is shown as, likewise."""
    drain_s: float
    """How long an answer is waited for after its caller has left, where the key's policy says so."""

    async def __call__(self, request: CallRequest, key: Key, client: Client) -> None:
        """Answer one call on `client`. Raises `CallFailed` when it fails before its answer began."""
        notes = Notes(self.new_id(), request, key, self.clock, self.clock.now_ms(), self.clock.monotonic_s())
        try:
            call = request.format.parser.parse(request.body, request.model)
            if request.memory is not None:
                call = await request.memory.recall(call, key, notes.created_at_ms)
            plan = self._plan(call, notes, client)
            estimate = self.estimator.before(call, key.id, plan.model, plan.offers)
            if key.pace is FREE_PACE and key.account_pace is FREE_PACE:
                await self._pay(call, plan, estimate, notes, client)
            else:
                await self._pace(call, plan, estimate, notes, client)
        except Problem as raised:
            problem = self._advised(raised, notes)
            if notes.model is not None:
                await self.ledger.record(notes.failed(self.code_of(problem), self.status_of(problem)))
            raise CallFailed(problem, notes.inference_id) from raised

    async def _pace(self, call: ChatCall, plan: Plan, estimate: Estimate, notes: Notes, client: Client) -> None:
        """Go on as far as the rate limits of the key and its account let it. Raises `RateLimited`."""
        permit = await self.pacing.admit(notes.key, estimate.input_tokens + estimate.output_tokens, client)
        try:
            await self._pay(call, plan, estimate, notes, PacedClient(client, permit, notes))
        finally:
            await permit.end(notes.tokens)

    async def _pay(self, call: ChatCall, plan: Plan, estimate: Estimate, notes: Notes, client: Client) -> None:
        """Hold the money for a call and make it."""
        key = notes.key
        async with await self.ledger.hold(key.account_id, budget(key), estimate.ask, estimate.least) as hold:
            if client.has_left:
                raise CallerLeft
            is_blind = not call.is_streaming or "reasoning" in plan.model.capabilities
            covered = await cover(hold, estimate, is_blind=is_blind)
            able = affordable(call, plan, covered.bound)
            if able is None:
                needed = estimate.cost(LEAST_OF_RESPONSES * call.choices)
                raise InsufficientFunds(key.account_id, needed, hold.amount)
            await self._attempt(Asked(call, notes.request.format), able, covered, notes, client)

    def _advised(self, problem: Problem, notes: Notes) -> Problem:
        """Name models that can do what was asked, where this one cannot."""
        if not isinstance(problem, CannotSearch):
            return problem
        able = self.routes.current().searching_models(MOST_NAMED, notes.created_at_ms)
        advice = f"Models that search: {', '.join(able)}" if able else "No model that is configured here searches"
        return InvalidBody((*problem.faults, advice), problem.param)

    def _plan(self, call: ChatCall, notes: Notes, client: Client) -> Plan:
        router = self.routes.current()
        notes.is_streaming = call.is_streaming
        notes.model = model = router.catalogue.find(call.model)
        mark_retiring(model, client)
        return planned(router, model, call, notes.request.format, notes.key, notes.created_at_ms)

    async def _attempt(self, asked: Asked, plan: Plan, covered: Cover, notes: Notes, client: Client) -> None:
        """Ask a provider and answer, with the output that there is money for."""
        patience = Patience(self._patience_s(notes.key, plan))
        bound = lowest(covered.bound, plan.model.most_output_tokens)
        identity = partial(named_by, notes, self.clock)
        offers = FirstSuccess(
            self.upstream, self.clock, self.health, self.jitter, asked, plan, bound, notes.attempts, identity
        )
        success: Success | None = None
        advance: Advance | None = None
        problem: Problem | None = None
        with patience:
            client.on_leave(patience.caller_left)
            async with offers as success:
                self._begin(success, notes)
                if asked.call.is_streaming and success.breach is None:
                    advance = covered.advance(success.rates, asked.format.served)
                    problem = await self._relay(success, advance, notes, client)
        if patience.is_over or success is None:
            await self._settle_left(asked.call, success, covered.hold, notes, plan)
        elif success.breach is not None:
            await self._finish_broken(asked.call, success, success.breach, covered.hold, notes)
        elif advance is None:
            await self._finish_whole(asked.call, success, covered.hold, notes, client)
        elif problem is None and advance.is_over:
            await self._finish_unpaid(asked.call, success.passage, advance, notes, client)
        else:
            await self._finish_stream(asked.call, success.passage, problem, covered, notes, client)

    def _patience_s(self, key: Key, plan: Plan) -> float:
        """How long a call goes on after its caller has left."""
        if key.on_disconnect == "cancel_and_bill_delivered" or plan.offers[0][0].quirks.cancel_on_disconnect:
            return 0.0
        return self.drain_s

    def _begin(self, success: Success, notes: Notes) -> None:
        notes.offer, notes.rates = success.offer, success.rates
        if success.request.dropped:
            notes.dropped = named(success.request.dropped)
        notes.first_byte_ms = notes.elapsed_ms()

    async def _relay(self, success: Success, advance: Advance, notes: Notes, client: Client) -> Problem | None:
        """Pass a stream on up to its end, or as far as it can be paid; return why it was cut, if it was."""
        await client.start(200, (*STREAM_HEADERS, *traced(notes)))
        passage, passed = success.passage, success.body
        try:
            while True:
                if passage.events >= advance.look_at:
                    passed = await advance.cover(passed, passage.events)
                if passed:
                    await client.send(passed)
                if advance.is_over:
                    success.answer.stop()
                    return advance.problem
                if success.is_whole or passage.is_done or passage.problem is not None:
                    break
                data = await success.answer.some()
                if not data:
                    break
                passed = passage.feed(data)
        except UpstreamProblem as problem:
            return problem
        return self._verdict(success, passage)

    def _verdict(self, success: Success, passage: Passage) -> Problem | None:
        """Say why a stream that brings no more is no whole answer, if so; one that misbehaved is left at once."""
        if passage.problem is not None:
            success.answer.stop()
        if isinstance(passage.problem, MalformedReply):
            return MalformedAnswer(f"{success.offer.provider.name}: {passage.problem.message}")
        if passage.problem is None and not (passage.is_done or passage.has_finish):
            return CutShort(f"{success.offer.provider.name} ended the stream before the answer was complete")
        return passage.problem

    async def _finish_whole(self, call: ChatCall, success: Success, hold: Hold, notes: Notes, client: Client) -> None:
        passage = success.passage
        usage = passage.usage() or guessed(call, passage.said_bytes())
        if (unpriced := notes.unpriced(usage)) is not None:
            await hold.settle(notes.cut(usage, self.code_of(unpriced), self.status_of(unpriced)))
            raise CallFailed(unpriced, notes.inference_id)
        receipt = await self._settle(call, hold, notes, usage)
        cost = (
            (b"x-aimlapi-credits-used", b"%d" % receipt.charged),
            (b"x-aimlapi-usd-spent", usd_text(receipt.charged, 9).encode()),
        )
        answer = passage.whole(Ending(usage, receipt.charged))
        if (memory := notes.request.memory) is not None:
            await memory.keep(call, notes.key, notes.created_at_ms, answer)
        await client.start(200, (JSON_TYPE, *traced(notes), *cost))
        await client.finish(answer)

    async def _finish_broken(self, call: ChatCall, success: Success, breach: str, hold: Hold, notes: Notes) -> None:
        """Charge an answer that is not what was asked for, and say so instead of passing it off as one that is."""
        usage = success.passage.usage() or guessed(call, success.passage.said_bytes())
        problem = AnswerBroken(success.offer.provider.name, breach)
        await hold.settle(notes.broken(usage, self.code_of(problem), self.status_of(problem)))
        raise CallFailed(problem, notes.inference_id)

    async def _finish_stream(
        self, call: ChatCall, passage: Passage, problem: Problem | None, covered: Cover, notes: Notes, client: Client
    ) -> None:
        usage = used_by(call, passage)
        problem = problem or notes.unpriced(usage)
        if problem is not None:
            await covered.hold.settle(notes.cut(usage, self.code_of(problem)))
            await client.fail(problem, passage.failing)
            return
        try:
            receipt = await self._settle(call, covered.hold, notes, usage)
        except Problem as unsettled:
            await client.fail(unsettled, passage.failing)
            return
        notice = USED_UP if covered.is_used_up(usage.output_tokens) else None
        await self._end(call, passage, Ending(usage, receipt.charged, notice, call.wants_usage), notes, client)

    async def _finish_unpaid(
        self, call: ChatCall, passage: Passage, paid: Advance, notes: Notes, client: Client
    ) -> None:
        """End a stream for which no more money is left, and charge what was delivered."""
        usage = counted(call, paid.tokens)
        try:
            receipt = await paid.hold.settle(notes.ran_out(usage))
        except Problem as unsettled:
            await client.fail(unsettled, passage.failing)
            return
        ending = Ending(usage, receipt.charged, USED_UP, call.wants_usage, is_stopped=True)
        await self._end(call, passage, ending, notes, client)

    async def _end(self, call: ChatCall, passage: Passage, ending: Ending, notes: Notes, client: Client) -> None:
        """Send the end of a stream; an answer that is to be kept is kept before its caller can refer to it."""
        last = passage.ending(ending)
        memory = notes.request.memory
        if memory is not None and isinstance(passage, Keepable) and (final := passage.final()) is not None:
            await memory.keep(call, notes.key, notes.created_at_ms, final)
        await client.finish(last)

    async def _settle(self, call: ChatCall, hold: Hold, notes: Notes, usage: Usage) -> Receipt:
        receipt = await hold.settle(notes.succeeded(usage))
        if notes.model is not None:
            fell_short = receipt.billing_status == "short"
            self.estimator.learn(call, notes.key.id, notes.model, usage, fell_short=fell_short)
        return receipt

    async def _settle_left(self, call: ChatCall, success: Success | None, hold: Hold, notes: Notes, plan: Plan) -> None:
        """Bill what was delivered to a caller who did not wait for the rest."""
        if notes.offer is None:
            notes.offer, notes.rates = plan.offers[0]
        usage = NOTHING_USED
        if success is not None and call.is_streaming:
            usage = used_by(call, success.passage)
        await hold.settle(notes.left(usage))


def used_by(call: ChatCall, passage: Passage) -> Usage:
    """Say what a stream used, whether or not it came to its end."""
    reported = passage.usage()
    if reported is not None and (passage.is_done or passage.has_finish):
        return reported
    return delivered(call, reported, passage.events)


def planned(router: Router, model: Model, call: ChatCall, asked: Format, key: Key, now_ms: int) -> Plan:
    """Plan a call, within what its key may ask for.

    Raises `WrongOperation`, `RoleRefused`, `InvalidBody`, `ModelNotAllowed`, `ProviderNotAllowed`, and as `Router.plan`
    and `fitting`.
    """
    if model.operation != asked.operation:
        raise WrongOperation(model, asked.operation)
    if model.refuses_roles:
        refuse_roles(call, model)
    if model.own_parameters:
        check_declared(call, model, asked.endpoint)
    check_model(key, model)
    check_pin(key, call.provider, model, router.catalogue)
    return fitting(call, permitted(key, router.plan(model, call.provider, now_ms)))


def budget(key: Key) -> KeyBudget | None:
    """Return what limits the key's spending, if anything does."""
    return None if key.limit is None else KeyBudget(key.id, key.limit.retention)


def named_by(notes: Notes, clock: Clock) -> Identity:
    """Name an answer of which its provider does not say what it is called."""
    model = "" if notes.model is None else notes.model.id
    return Identity(notes.inference_id, clock.now_ms() // 1000, model)


def refuse_roles(call: ChatCall, model: Model) -> None:
    """Raise `RoleRefused` when a message has a role that the model is documented not to take."""
    for role, index in call.roles.items():
        meant = "system" if role == "developer" else role
        if role in model.refuses_roles or meant in model.refuses_roles:
            raise RoleRefused(index, role, call)


def traced(notes: Notes) -> list[tuple[bytes, bytes]]:
    """Build the headers that every answer of a call carries."""
    headers = [(b"x-inference-id", notes.inference_id.encode())]
    if notes.request.client_request_id is not None:
        headers.append((b"x-client-request-id", notes.request.client_request_id.encode()))
    if notes.request.format is MESSAGES:  # under this name Anthropic's clients show it with an error
        headers.append((b"request-id", notes.request.request_id.encode()))
    if notes.dropped:
        named = ",".join(quote(name, safe=_LEGIBLE) for name in notes.dropped)
        headers.append((b"x-modelport-dropped-params", named.encode()[:MAX_DROPPED_BYTES]))
    return headers
