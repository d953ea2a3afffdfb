"""fal's queue: a request is taken, asked after, and its result fetched.

Shapes: https://docs.fal.ai/model-endpoints/queue (read 2026-11-29). An app may have a path behind its name
(`fal-ai/flux/dev`), which the addresses of its requests do not (`fal-ai/flux/requests/{id}`). In its `sync_mode` a
picture comes as a data URL in the place of its link; it is not asked for.
"""

from collections.abc import Mapping
from typing import cast

from modelport.dialects.media.reading_json import Json, get, id_in, inlined, members, needed, post, text
from modelport.dialects.media.taking import OURS
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures, Sound

STATUS, RESULT = "status", "result"
SOON_S, LATER_S = 0.5, 2.0
_QUEUED = frozenset({"IN_QUEUE", "IN_PROGRESS"})
_SOUNDS = ("audio", "audio_file", "audio_url")
_TOLD = ("seed", "timings", "has_nsfw_concepts", "prompt")


class FalQueue(Usual):
    """The wire format of `queue.fal.run`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Submit a call, ask after it, or fetch its result."""
        app = order.target.offer.upstream
        if ticket.stage in (STATUS, RESULT):
            place = f"/{'/'.join(app.split('/')[:2])}/requests/{ticket.facts['id']}"
            return get(f"{place}/status" if ticket.stage == STATUS else place)
        quirks, ours = order.target.offer.quirks, OURS if order.operation == "images" else frozenset[str]()
        given = {name: value for name, value in order.call.fields.items() if name not in ours}
        fields = {
            quirks.rename.get(name, name): inlined(value) for name, value in given.items() if name not in quirks.drop
        }
        return post(f"/{app}", fields, [name for name in given if name in quirks.drop])

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a receipt, a status, or the result."""
        answer = members(told.body, "an answer of its queue")
        if not ticket.stage:
            return Ticket(STATUS, {"id": id_in(answer, "request_id")}, SOON_S, is_taken=True)
        if ticket.stage == RESULT:
            return _result(order, answer)
        status = text(answer, "status")
        if status == "COMPLETED":
            return Ticket(RESULT, ticket.facts, is_taken=True)
        if status not in _QUEUED:
            raise UpstreamFault(200, f"the request ended as {status or 'nothing'}", retryable=True)
        return Ticket(STATUS, ticket.facts, SOON_S if status == "IN_PROGRESS" else LATER_S, is_taken=True)


def _result(order: Order, answer: Json) -> Made:
    if order.operation in ("speech", "music"):
        for name in _SOUNDS:
            if isinstance(found := answer.get(name), dict):
                return Sound(file=_file(cast("Json", found)))
        raise MalformedReply("the provider's result has no sound")
    one, several = answer.get("image"), answer.get("images")
    found = cast("list[object]", several) if isinstance(several, list) else [one]
    files = tuple(_file(cast("Json", file)) for file in found if isinstance(file, dict))
    if not files:
        raise MalformedReply("the provider's result has no picture")
    return Pictures(files=files, facts={name: answer[name] for name in _TOLD if answer.get(name) is not None})


def _file(found: Json) -> File:
    link = needed(found, "url")
    sized = {name: found[name] for name in ("width", "height") if isinstance(found.get(name), int)}
    facts: Mapping[str, object] = sized
    return File(link=link, content_type=text(found, "content_type"), facts=facts)


CALLED = FalQueue()
