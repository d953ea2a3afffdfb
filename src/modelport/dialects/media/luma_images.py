"""Luma's pictures: a generation is taken, then asked after.

Shapes: https://docs.agents.lumalabs.ai/api/resources/generations/methods/create and
https://docs.agents.lumalabs.ai/ (read 2026-11-29). Generations take half a minute, so nothing is asked sooner.
"""

from modelport.dialects.media.reading_json import Json, get, id_in, members, needed, packed, post, several, text
from modelport.dialects.media.taking import Picture, Taking
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures
from modelport.operations.media import Upload

PATH = "/generations"
POLL = "poll"
FIRST_S, POLL_S = 10.0, 2.0
EDIT = "image_edit"
_WAITING = frozenset({"queued", "processing"})
_CALLER_S = frozenset(
    {"content_moderated", "image_too_large", "unsupported_format", "corrupt_input", "invalid_request"}
)
"""The codes of failures that would be the same anywhere."""


class LumaImages(Usual):
    """The wire format of `agents.lumalabs.ai` for pictures."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Submit a call, or ask after it."""
        if ticket.stage == POLL:
            return get(f"{PATH}/{ticket.facts['id']}")
        taking = Taking(order)
        taking.one()
        fields: dict[str, object] = {"model": order.target.offer.upstream}
        own = ("prompt", "type", "aspect_ratio", "style", "output_format", "web_search")
        taking.move(fields, {name: name for name in own})
        pictures = [_reference(one) for one in taking.pictures()]
        if fields.get("type") == EDIT:
            if not pictures:
                raise taking.refusal("type", "needs a picture to change")
            fields["source"] = pictures.pop(0)
        if pictures:
            fields["image_ref"] = pictures
        return post(PATH, fields, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a generation."""
        del order
        answer = members(told.body, "a generation")
        state = needed(answer, "state")
        if state in _WAITING:
            wait_s = POLL_S if ticket.stage == POLL else FIRST_S
            return Ticket(POLL, {"id": id_in(answer, "id")}, wait_s, is_taken=True)
        files = tuple(File(link=needed(one, "url")) for one in several(answer, "output"))
        if state != "completed":
            raise _failure(answer, state)
        if not files:
            raise MalformedReply("the provider's generation has no picture")
        return Pictures(files=files)


def _reference(picture: Picture) -> dict[str, object]:
    if isinstance(picture, Upload):
        return {"data": packed(picture), "media_type": picture.content_type or "image/png"}
    return {"url": picture}


def _failure(answer: Json, state: str) -> UpstreamFault:
    code, reason = text(answer, "failure_code"), text(answer, "failure_reason")
    said = ": ".join(one for one in (f"the generation ended as {state}", code, reason) if one)[:500]
    is_caller_s = code in _CALLER_S
    return UpstreamFault(400 if is_caller_s else 200, said, retryable=not is_caller_s)


CALLED = LumaImages()
