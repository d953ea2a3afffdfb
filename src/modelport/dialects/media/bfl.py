"""FLUX at its maker: a task is taken for each picture, then asked after until it is ready.

Shapes: https://docs.bfl.ai/api-reference (its OpenAPI description, https://api.bfl.ai/openapi.json) and
https://docs.bfl.ai/quick_start/generating_images (read 2026-11-29). A task is asked after by its id below our own base
URL, not at the address that the answer names. Ids are asked after in turn, so that several pictures are made at once.
"""

from collections.abc import Mapping, Sequence

from modelport.dialects.media.reading_json import Json, get, id_in, inside, members, needed, packed, post, text
from modelport.dialects.media.taking import Taking, heard, pixels_of, told, varied
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures
from modelport.operations.media import Upload
from modelport.operations.units import count_of

MORE, POLL = "more", "poll"
FIRST_S, POLL_S = 1.0, 1.0
GUIDANCE = (1.5, 5.0)
"""What is taken; other values are moved to the nearer end."""
MODERATED = frozenset({"Request Moderated", "Content Moderated"})
FORMATS = ("jpeg", "png")


class Bfl(Usual):
    """The wire format of `api.bfl.ai`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Submit the task of a picture, or ask after the first that is not ready."""
        ids = heard(ticket, "ids")
        if ticket.stage == POLL:
            return get(f"/get_result?id={ids[0]}")
        model, taking = order.target.offer.upstream, Taking(order)
        taking.count()
        fields: dict[str, object] = {"prompt": taking.text("prompt")}
        _sized(taking, fields)
        _guided(taking, fields, model)
        _formatted(taking, fields)
        for number, picture in enumerate(taking.pictures(), 1):
            name = "input_image" if number == 1 else f"input_image_{number}"
            fields[name] = packed(picture) if isinstance(picture, Upload) else picture
        if (seed := varied(taking.number("seed"), len(ids))) is not None:
            fields["seed"] = seed
        taking.means("enable_safety_checker", True)
        return post(f"/{model}", fields, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a receipt, or the state of a task."""
        answer = members(told.body, "an answer about a task")
        if ticket.stage == POLL:
            return _polled(ticket, answer)
        ids = [*heard(ticket, "ids"), id_in(answer, "id", also="-_.")]
        if len(ids) < count_of(order.call):
            return Ticket(MORE, _facts(ids, ()))
        return Ticket(POLL, _facts(ids, ()), FIRST_S, is_taken=True)


def _facts(ids: Sequence[str], links: Sequence[str]) -> Mapping[str, str]:
    return told(ids=ids, links=links)


def _sized(taking: Taking, fields: dict[str, object]) -> None:
    taking.move(fields, {"aspect_ratio": "aspect_ratio", "raw": "raw"})
    size = taking.asked_size()
    if size is None:
        return
    sides = pixels_of(size)
    if sides is None:
        raise taking.size_refusal("takes sizes in pixels")
    fields["width"], fields["height"] = sides


def _guided(taking: Taking, fields: dict[str, object], model: str) -> None:
    """Say how many steps are made, how close to the text, and what is let pass, where the model can be told."""
    if model in ("flux-pro", "flux-dev"):
        taking.move(fields, {"num_inference_steps": "steps"})
        if (guidance := taking.within("guidance_scale", *GUIDANCE)) is not None:
            fields["guidance"] = guidance
    tolerated = taking.take("safety_tolerance")
    if isinstance(tolerated, str | int):
        most = 5 if model.startswith("flux-2") else 6
        fields["safety_tolerance"] = min(int(tolerated), most)


def _formatted(taking: Taking, fields: dict[str, object]) -> None:
    wanted = taking.text("output_format")
    if wanted and wanted not in FORMATS:
        raise taking.refusal("output_format", f"gives {' or '.join(FORMATS)} only")
    if wanted:
        fields["output_format"] = wanted


def _polled(ticket: Ticket, answer: Json) -> Made | Ticket:
    ids, links = heard(ticket, "ids"), heard(ticket, "links")
    status = needed(answer, "status")
    if status == "Pending":
        return Ticket(POLL, ticket.facts, POLL_S, is_taken=True)
    if status in MODERATED:
        raise UpstreamFault(400, f"no picture was made: {status}{_details(answer)}", retryable=False)
    if status != "Ready":
        raise UpstreamFault(200, f"the task ended as {status}{_details(answer)}", retryable=True)
    result = inside(answer, "result")
    links.append(needed(result, "sample"))
    if len(ids) > 1:
        return Ticket(POLL, _facts(ids[1:], links), is_taken=True)
    facts: dict[str, object] = {name: result[name] for name in ("seed", "prompt") if result.get(name) is not None}
    return Pictures(files=tuple(File(link=link) for link in links), facts=facts)


def _details(answer: Json) -> str:
    given = ", ".join(f"{name}: {value}" for name, value in inside(answer, "details").items())
    said = given or text(answer, "details")
    return f" ({said[:500]})" if said else ""


CALLED = Bfl()
