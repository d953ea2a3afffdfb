"""A call for media: read, checked against its model, planned."""

from collections.abc import Callable

from msgspec import Struct

from modelport.catalogue.facts import Model
from modelport.core.clock import Clock
from modelport.core.errors import Problem
from modelport.dialects.media.addresses import Met
from modelport.dialects.media.call import Sent, checked, opened
from modelport.dialects.table import Format
from modelport.keys.key import Key
from modelport.ledger.book import Book
from modelport.operations.media import Delivery, MediaCall
from modelport.routing.problems import Unspoken, WrongOperation
from modelport.routing.router import Plan, Router
from modelport.serving.calls import Routes
from modelport.serving.exchange import CallFailed, CallRequest
from modelport.serving.permitted import check_model, check_pin, permitted
from modelport.serving.ports import Client
from modelport.serving.retiring import mark_retiring
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


class ServeMedia:
    """Serves calls for media of every kind."""

    def __init__(
        self,
        routes: Routes,
        ledger: Book,
        clock: Clock,
        new_id: Callable[[], str],
        status_of: Callable[[Problem], int],
        code_of: Callable[[Problem], str],
    ) -> None:
        self._routes = routes
        self._ledger = ledger
        self._clock = clock
        self._new_id = new_id
        self._status_of = status_of
        self._code_of = code_of

    async def __call__(self, request: MediaRequest, key: Key, client: Client) -> None:
        """Answer one call on `client`. Raises `CallFailed` when it fails before its answer began."""
        notes = self._notes(request, key)
        try:
            sent = opened(request.body, request.content_type, request.met)
            call, plan = self._plan(sent, request, notes, client)
            await self._make(call, plan)
        except Problem as problem:
            if notes.model is not None:
                await self._ledger.record(notes.failed(self._code_of(problem), self._status_of(problem)))
            raise CallFailed(problem, notes.inference_id) from problem

    async def _make(self, call: MediaCall, plan: Plan) -> None:
        """Hold the money for a call that is complete, and make it: what this version has no wire format for."""
        raise Unspoken(plan.model, [offer for offer, _ in plan.offers])

    def _notes(self, request: MediaRequest, key: Key) -> Notes:
        met = Format("media", request.met.operations[0], request.met.endpoint)
        asked = CallRequest(b"", met, request.request_id, request.client_request_id)
        return Notes(self._new_id(), asked, key, self._clock, self._clock.now_ms(), self._clock.monotonic_s())

    def _plan(self, sent: Sent, request: MediaRequest, notes: Notes, client: Client) -> tuple[MediaCall, Plan]:
        router = self._routes.current()
        notes.model = model = router.catalogue.find(sent.model)
        mark_retiring(model, client)
        check_asked(request.met, model)
        check_model(notes.key, model)
        check_pin(notes.key, sent.provider, model, router.catalogue)
        call = checked(sent, model, request.met, request.accepted)
        notes.dropped = named(call.dropped)
        return call, _planned(router, model, sent.provider, notes)


def check_asked(met: Met, model: Model) -> None:
    """Raise `WrongOperation` where a model is not asked at this address, naming the one where it is."""
    if not met.answers(model):
        raise WrongOperation(model, met.operations[0])


def _planned(router: Router, model: Model, provider: str | None, notes: Notes) -> Plan:
    return permitted(notes.key, router.plan(model, provider, notes.created_at_ms))
