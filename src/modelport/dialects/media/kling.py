"""Kling's pictures: a task is taken, then asked after at the address at which it was submitted.

Shapes: https://app.klingai.com/global/dev/document-api/apiReference/model/OmniImage, …/model/imageGeneration,
…/model/multiImageToImage, and …/commonInfo for codes (read 2026-11-29). Files inside of a request are bare base64.
"""

from collections.abc import Mapping, Sequence

from modelport.dialects.media.reading_json import get, id_in, inside, members, needed, packed, post, several, text
from modelport.dialects.media.taking import Picture, Taking
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures
from modelport.operations.media import Upload

OMNI, GENERATIONS, SEVERAL = "/images/omni-image", "/images/generations", "/images/multi-image2image"
POLL = "poll"
FIRST_S, POLL_S = 5.0, 2.0
MOST_CHARACTERS = 2500
"""Of a prompt."""
MOST_SUBJECTS = 4
"""So many pictures go into one by a model that is not of the Omni family."""
_WAITING = frozenset({"submitted", "processing"})
_POLICY = (1300, 1301)
"""The codes of what is not let through."""
_RISK = "risk"
"""A word in the message of a task that was not let through."""


class Kling(Usual):
    """The wire format of `api-singapore.klingai.com` for pictures."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Submit a call, or ask after it."""
        model, taking = order.target.offer.upstream, Taking(order)
        pictures = taking.pictures()
        path = _path(model, pictures)
        if ticket.stage == POLL:
            return get(f"{path}/{ticket.facts['id']}")
        if len(prompt := taking.text("prompt")) > MOST_CHARACTERS:
            raise taking.refusal("prompt", f"takes at most {MOST_CHARACTERS} characters")
        fields: dict[str, object] = {"model_name": model, "prompt": prompt, "n": taking.count()}
        taking.move(fields, {"aspect_ratio": "aspect_ratio"})
        if path == GENERATIONS and not pictures:
            taking.move(fields, {"negative_prompt": "negative_prompt"})
        if path != SEVERAL and (resolution := taking.text("resolution")):
            fields["resolution"] = resolution.lower()
        taking.means("output_format", "png")
        fields |= _pictured(path, pictures, taking)
        return post(path, fields, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a receipt, or the state of a task."""
        del order
        answer = members(told.body, "an answer about a task")
        if (code := answer.get("code")) != 0:
            raise _refusal(code, text(answer, "message"))
        task = inside(answer, "data")
        if ticket.stage != POLL:
            return Ticket(POLL, {"id": id_in(task, "task_id")}, FIRST_S, is_taken=True)
        state = needed(task, "task_status")
        if state in _WAITING:
            return Ticket(POLL, ticket.facts, POLL_S, is_taken=True)
        if state != "succeed":
            raise _failure(state, text(task, "task_status_msg"))
        files = tuple(File(link=needed(one, "url")) for one in several(inside(task, "task_result"), "images"))
        if not files:
            raise MalformedReply("the provider's task has no picture")
        return Pictures(files=files)


def _path(model: str, pictures: Sequence[Picture]) -> str:
    if model == "kling-image-o1" or model.endswith("-omni"):
        return OMNI
    return SEVERAL if len(pictures) > 1 else GENERATIONS


def _pictured(path: str, pictures: Sequence[Picture], taking: Taking) -> Mapping[str, object]:
    """Name the pictures that a call is about."""
    given = [packed(one) if isinstance(one, Upload) else one for one in pictures]
    if not given:
        return {}
    if path == OMNI:
        return {"image_list": [{"image": one} for one in given]}
    if path == GENERATIONS:
        return {"image": given[0]}
    if len(given) > MOST_SUBJECTS:
        raise taking.refusal("image_urls", f"takes at most {MOST_SUBJECTS} pictures with this model")
    return {"subject_image_list": [{"subject_image": one} for one in given]}


def _refusal(code: object, said: str) -> UpstreamFault | MalformedReply:
    if type(code) is not int:
        return MalformedReply("the provider's answer has no 'code'")
    is_policy = code in _POLICY
    return UpstreamFault(400 if is_policy else 200, f"{code} {said}"[:500], retryable=not is_policy)


def _failure(state: str, said: str) -> UpstreamFault:
    is_risk = _RISK in said.lower()
    told = ": ".join(one for one in (f"the task ended as {state}", said) if one)[:500]
    return UpstreamFault(400 if is_risk else 200, told, retryable=not is_risk)


CALLED = Kling()
