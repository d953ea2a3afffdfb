"""A call for media, from the request to the last byte: read → plan → pace → hold → make → keep → settle."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from modelport.assets.dimensions import dimensions
from modelport.catalogue.facts import Operation
from modelport.core.clock import Clock
from modelport.core.credits import Credits, usd_text
from modelport.core.errors import Problem
from modelport.core.pace import FREE_PACE
from modelport.dialects.media import answers
from modelport.dialects.media.addresses import Met
from modelport.dialects.media.answers import Given
from modelport.dialects.media.call import UNNAMED, checked, opened, taken_by
from modelport.dialects.media.captions import CAPTION_TYPES, captioned
from modelport.dialects.media.events import WAITING, failure_told
from modelport.dialects.table import Format
from modelport.keys.key import Key
from modelport.ledger.book import Book
from modelport.ledger.hold import Hold
from modelport.operations.made import Draft, File, Made, Pages, Pictures, Piece, Sound, Transcript, Verdicts
from modelport.operations.media import Delivery, MediaCall
from modelport.operations.usage import NOTHING_USED, Usage
from modelport.pricing.charge import UnpricedUsage, charge
from modelport.pricing.media import expected, rates_of, used
from modelport.routing.problems import Unpriced, WrongOperation
from modelport.routing.router import Plan, Router
from modelport.serving.calls import JSON_TYPE, STREAM_HEADERS, Routes, budget, traced
from modelport.serving.carrying import Files
from modelport.serving.exchange import CallerLeft, CallFailed, CallRequest
from modelport.serving.health import Health
from modelport.serving.making import MAX_MAKING_S, Begun, Making
from modelport.serving.pacing import PacedClient, Pacing
from modelport.serving.patience import Patience
from modelport.serving.permitted import check_model, check_pin, permitted
from modelport.serving.ports import Client, Upstream, UpstreamProblem
from modelport.serving.progress import Progress
from modelport.serving.retiring import mark_retiring
from modelport.serving.telling import KEEP_ALIVE_S, Telling
from modelport.serving.written import Notes, named


class MediaRequest(Struct, frozen=True):
    """A request for media as it came in, after the key was verified."""

    body: bytes
    content_type: str
    met: Met
    request_id: str
    client_request_id: str | None
    accepted: Delivery | None = None
    """How its caller said in a header that files are to come."""
    root: str = ""
    """Our address as its caller knows it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is planned: what is asked for, where, of whom, with which files."""

    call: MediaCall
    met: Met
    plan: Plan
    files: Files


@dataclass(frozen=True, slots=True)
class ServeMedia:
    """Serves calls for media whose answer comes on the same connection."""

    routes: Routes
    pacing: Pacing
    ledger: Book
    upstream: Upstream
    health: Health
    files: Callable[[str, int], Files]
    """Opens the files of a call: by our address as its caller knows it, and its account."""
    clock: Clock
    new_id: Callable[[], str]
    status_of: Callable[[Problem], int]
    code_of: Callable[[Problem], str]
    drain_s: float
    """How long a provider is waited for after the caller has left, where the key's policy says so."""
    keep_alive_s: float = KEEP_ALIVE_S
    """How long a stream of events is silent before it says that it goes on."""

    async def __call__(self, request: MediaRequest, key: Key, client: Client) -> None:
        """Answer one call on `client`. Raises `CallFailed` when it fails before its answer began."""
        notes = noted(self.new_id(), request, key, self.clock)
        try:
            call, plan = planned(self.routes.current(), request, notes, client)
            asked = Asked(call, request.met, plan, self.files(request.root, key.account_id))
            if key.pace is FREE_PACE and key.account_pace is FREE_PACE:
                await self._pay(asked, notes, client)
            else:
                await self._pace(asked, notes, client)
        except Problem as problem:
            if notes.model is not None:
                await self.ledger.record(notes.failed(self.code_of(problem), self.status_of(problem)))
            raise CallFailed(problem, notes.inference_id) from problem

    async def _pace(self, asked: Asked, notes: Notes, client: Client) -> None:
        """Go on as far as the rate limits of the key and its account let it. Raises `RateLimited`."""
        permit = await self.pacing.admit(notes.key, 0, client)
        try:
            await self._pay(asked, notes, PacedClient(client, permit, notes))
        finally:
            await permit.end(notes.tokens)

    async def _pay(self, asked: Asked, notes: Notes, client: Client) -> None:
        """Hold the money for a call and make it."""
        ask, least = held_for(asked.call, asked.plan)
        async with await self.ledger.hold(notes.key.account_id, budget(notes.key), ask, least) as hold:
            if client.has_left:
                raise CallerLeft
            make = self._tell if asked.call.is_streamed else self._make
            await make(asked, hold, notes, client)

    async def _make(self, asked: Asked, hold: Hold, notes: Notes, client: Client) -> None:
        call, patience = asked.call, Patience(self._patience_s(notes.key))
        is_streaming = asked.plan.model.operation == "speech" and call.delivery == "bytes"
        begun: Begun | None = None
        files: list[Given] = []
        with patience:
            client.on_leave(patience.caller_left)
            async with self._making(asked, notes) as making:
                begun = await self._first(making, asked, notes, is_streaming=is_streaming)
                if begun.sound is not None:
                    await self._speak(call, begun, hold, notes, client)
                    return
            assert begun.made is not None
            files = [await _kept(file, call, asked.files) for file in _files_of(begun.made)]
        if patience.is_over or begun is None:
            await hold.settle(notes.left(self._used(call, begun) if begun is not None else NOTHING_USED))
            return
        await self._answer(asked, begun, files, hold, notes, client)

    async def _tell(self, asked: Asked, hold: Hold, notes: Notes, client: Client) -> None:
        """Make a call and tell of it in events; the last waits until it is paid for."""
        notes.is_streaming = True
        progress = Progress(asked.call, asked.met.is_edit)
        async with Telling(client, lambda: (*STREAM_HEADERS, *traced(notes)), WAITING, self.keep_alive_s) as telling:
            try:
                if not await self._told(asked, progress, notes, client, telling):
                    await hold.settle(notes.left(progress.used()))
                    return
                usage = progress.used()
                if (unpriced := notes.unpriced(usage)) is not None:
                    await hold.settle(notes.cut(usage, self.code_of(unpriced), self.status_of(unpriced)))
                    raise unpriced
                receipt = await hold.settle(notes.succeeded(usage))
            except Problem as problem:
                if telling.has_begun:
                    if not hold.is_ended:
                        await hold.settle(notes.cut(progress.used(), self.code_of(problem)))
                    await telling.fail(problem, failure_told)
                    return
                if isinstance(problem, UnpricedUsage):
                    raise CallFailed(problem, notes.inference_id) from problem
                raise
            await telling.finish(progress.end_told(self._now_s(), receipt.charged))

    async def _told(self, asked: Asked, progress: Progress, notes: Notes, client: Client, telling: Telling) -> bool:
        """Have a call made and tell pieces of it as they come; whether it came to its end while somebody waited."""
        patience = Patience(self._patience_s(notes.key))
        with patience:
            client.on_leave(patience.caller_left)
            async with self._making(asked, notes) as making:
                progress.begun = begun = await self._first(making, asked, notes, is_streaming=True)
                until_s = asyncio.get_running_loop().time() + MAX_MAKING_S
                while (pieces := await begun.more(until_s)) is not None:
                    for piece in pieces:
                        await telling.send(progress.piece_told(_sized(piece), self._now_s()))
            assert begun.made is not None
            progress.given = [await _kept(file, asked.call, asked.files) for file in _files_of(begun.made)]
            progress.made = begun.made
        return progress.made is not None

    def _making(self, asked: Asked, notes: Notes) -> Making:
        return Making(self.upstream, self.clock, self.health, asked.files, notes.attempts, notes.inference_id)

    async def _first(self, making: Making, asked: Asked, notes: Notes, *, is_streaming: bool) -> Begun:
        """Have an offer begin, and note which."""
        parameters = taken_by(asked.plan.model, asked.met)
        begun = await making.first(asked.call, asked.met, parameters, asked.plan, is_streaming=is_streaming)
        notes.offer, notes.rates = begun.offer, begun.rates
        notes.dropped = named((*asked.call.dropped, *begun.dropped))
        notes.first_byte_ms = notes.elapsed_ms()
        return begun

    def _now_s(self) -> int:
        return self.clock.now_ms() // 1000

    def _patience_s(self, key: Key) -> float:
        return 0.0 if key.on_disconnect == "cancel_and_bill_delivered" else self.drain_s

    async def _speak(self, call: MediaCall, begun: Begun, hold: Hold, notes: Notes, client: Client) -> None:
        """Pass a sound on while it is made; its end waits until it is paid for."""
        assert begun.sound is not None
        assert begun.answer is not None
        notes.is_streaming = True
        kind = begun.sound.content_type.encode()
        await client.start(200, ((b"content-type", kind), *traced(notes)))
        usage = self._used(call, begun)
        try:
            await client.send(begun.first)
            while data := await begun.answer.some():
                if heard := begun.sound.feed(data):
                    await client.send(heard)
            begun.sound.end()
        except (UpstreamProblem, Problem) as problem:
            await hold.settle(notes.cut(usage, self.code_of(problem)))
            await client.fail(problem, lambda _: b"")
            return
        await hold.settle(notes.succeeded(usage))
        await client.finish()

    def _used(self, call: MediaCall, begun: Begun) -> Usage:
        return used(begun.rates, call, begun.made)

    async def _answer(
        self, asked: Asked, begun: Begun, files: list[Given], hold: Hold, notes: Notes, client: Client
    ) -> None:
        assert begun.made is not None
        usage = self._used(asked.call, begun)
        if (unpriced := notes.unpriced(usage)) is not None:
            await hold.settle(notes.cut(usage, self.code_of(unpriced), self.status_of(unpriced)))
            raise CallFailed(unpriced, notes.inference_id)
        receipt = await hold.settle(notes.succeeded(usage))
        cost = (
            (b"x-aimlapi-credits-used", b"%d" % receipt.charged),
            (b"x-aimlapi-usd-spent", usd_text(receipt.charged, 9).encode()),
        )
        status = 201 if asked.met.endpoint in OLDER else 200
        kind, body = self._written(asked.call, asked.met, begun.made, files, receipt.charged)
        await client.start(status, ((b"content-type", kind), *traced(notes), *cost))
        await client.finish(body)

    def _written(self, call: MediaCall, met: Met, made: Made, files: list[Given], charged: int) -> tuple[bytes, bytes]:
        """Write an answer: what it is, and its bytes."""
        if isinstance(made, Transcript):
            if met.is_captioned:
                return CAPTION_TYPES[call.caption], captioned(made, call.caption, charged)
            return JSON_TYPE[1], answers.transcribed(made, charged)
        if isinstance(made, Pages):
            return JSON_TYPE[1], answers.pages(made, charged)
        if isinstance(made, Verdicts):
            return JSON_TYPE[1], answers.verdicts(made, charged)
        if isinstance(made, Sound):
            [given] = files
            if call.delivery == "bytes":
                return given.file.content_type.encode(), given.file.data
            return JSON_TYPE[1], answers.sound(made, given.link, charged)
        delivery: Delivery = "base64" if call.delivery == "base64" else "url"
        return JSON_TYPE[1], answers.pictures(made, files, delivery, self._now_s(), charged)


OLDER = frozenset({"/v1/images/generations/with-url", "/v1/stt"})
"""Paths whose answers are 201, as older clients have it."""


def noted(inference_id: str, request: MediaRequest, key: Key, clock: Clock) -> Notes:
    """Begin the notes of a call."""
    met = Format("media", request.met.operations[0], request.met.endpoint)
    asked = CallRequest(b"", met, request.request_id, request.client_request_id)
    return Notes(inference_id, asked, key, clock, clock.now_ms(), clock.monotonic_s())


def planned(router: Router, request: MediaRequest, notes: Notes, client: Client) -> tuple[MediaCall, Plan]:
    """Read a request with its model at hand, and plan it within what its key may ask for.

    Raises `InvalidBody`, `WrongOperation`, `ModelNotAllowed`, `ProviderNotAllowed`, and as `Router.plan`.
    """
    met, key = request.met, notes.key
    sent = opened(request.body, request.content_type, met)
    if not sent.model:
        sent = replace(sent, model=_unnamed(router, met.operations[0]))
    notes.model = model = router.catalogue.find(sent.model)
    mark_retiring(model, client)
    if not met.answers(model):
        raise WrongOperation(model, met.operations[0], UNNAMED.get(met.operations[0], ()))
    check_model(key, model)
    check_pin(key, sent.provider, model, router.catalogue)
    call = checked(sent, model, met, request.accepted)
    notes.dropped = named(call.dropped)
    plan = permitted(key, router.plan(model, sent.provider, notes.created_at_ms))
    return call, priced(plan, call)


def _unnamed(router: Router, operation: Operation) -> str:
    """Choose the model of a call that names none: the first for which a provider is configured, else the last."""
    names = UNNAMED[operation]
    return next((name for name in names if _is_sold(router, name)), names[-1])


def _is_sold(router: Router, model_id: str) -> bool:
    return any(router.is_configured(offer.provider.id) for offer in router.catalogue.offers(model_id))


def priced(plan: Plan, call: MediaCall) -> Plan:
    """Keep the offers that have a price for a call, each with the one rate that holds. Raises `Unpriced`."""
    found = [(offer, held) for offer, rates in plan.offers if (held := rates_of(rates, call)) is not None]
    if not found:
        raise Unpriced(plan.model, [offer for offer, _ in plan.offers])
    return Plan(plan.model, tuple(found))


def held_for(call: MediaCall, plan: Plan) -> tuple[Credits, Credits]:
    """Say what to hold for a call at the dearest of its offers, and the least that lets it begin."""
    ask = least = 0
    for _, rates in plan.offers:
        units, is_exact = expected(rates, call)
        cost = charge(units, rates.by_meter)
        ask, least = max(ask, cost), max(least, cost if is_exact else min(cost, 1))
    return Credits(ask), Credits(least)


async def _kept(file: File, call: MediaCall, files: Files) -> Given:
    """Have the bytes of a file here, and keep it where its caller gets a link; a picture is measured."""
    if file.link:
        fetched = await files.fetch(file.link)
        kind = file.content_type or fetched.content_type
        file = File(data=fetched.data, content_type=kind, facts={**fetched.facts, **file.facts})
    file = _measured(file)
    if call.delivery in ("base64", "bytes") or (call.is_streamed and call.delivery is None):
        return Given(file)
    return Given(file, await files.keep(file))


def _measured(file: File) -> File:
    size = dimensions(file.data)
    return file if size is None else replace(file, facts={**file.facts, "width": size[0], "height": size[1]})


def _sized(piece: Piece) -> Piece:
    return replace(piece, file=_measured(piece.file)) if isinstance(piece, Draft) else piece


def _files_of(made: Made) -> list[File]:
    if isinstance(made, Pictures):
        return list(made.files)
    return [made.file] if isinstance(made, Sound) else []
