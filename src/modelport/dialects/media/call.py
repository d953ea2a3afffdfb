"""Reads requests for media: JSON or a form in, a call out that is checked against its model and complete."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from modelport.catalogue.facts import Model, Operation
from modelport.catalogue.parameters import Parameter, Parameters, decoded
from modelport.catalogue.validation import Fault, complete, refused, shown
from modelport.catalogue.wording import one_of
from modelport.core.errors import InvalidBody
from modelport.dialects.media.addresses import Met
from modelport.dialects.media.form import Part, read_form, valued
from modelport.dialects.media.reading import Reading
from modelport.dialects.media.spellings import renamed, respelled
from modelport.operations.media import CAPTION_FORMS, CaptionForm, Delivery, MediaCall

T = TypeVar("T")

MAX_FIELDS = 1000
FORM = "multipart/form-data"
UNNAMED: Mapping[Operation, Sequence[str]] = {
    "ocr": ("google/gc-document-ai",),
    "moderation": ("openai/omni-moderation-latest", "modelport/basic-moderation"),
}
"""The models that are meant where none is named, the best first."""
GATEWAY_FIELDS = frozenset({"model", "provider"})
WEBHOOK = "webhook_url"
"""The gateway's own, too, where a job is ordered."""

_FILE_OR_LINK = Parameter(any_of=(Parameter(type="file"), Parameter(type="string", format="uri")))
EDITED: Parameters = {
    "image": Parameter(type="array", required=True, min_items=1, max_items=16, items=_FILE_OR_LINK),
    "mask": _FILE_OR_LINK,
    "n": Parameter(type="integer", minimum=1, maximum=10, default=1),
}
"""What an edit of pictures takes beside what the model takes to make one."""
SOURCES = ("url", "audio", "file")
_SOURCED: Parameters = {"url": Parameter(type="string", format="uri"), "audio": Parameter(type="file")}
"""What every transcription takes: exactly one of them."""


CAPTIONED: Parameters = {
    "response_format": Parameter(type="string", enum=CAPTION_FORMS, default="json"),
    "timestamp_granularities": Parameter(type="array", items=Parameter(type="string", enum=("word", "segment"))),
    "stream": Parameter(type="boolean", default=False),
}
"""How a transcript may be asked for in OpenAI's API; all of them are made here, whatever the model."""


MOST_DRAFTS = 3
STREAMED: Parameters = {
    "stream": Parameter(
        type="boolean", default=False, description="Whether the answer comes in events, a finished picture in the last."
    ),
    "partial_images": Parameter(
        type="integer",
        minimum=0,
        maximum=MOST_DRAFTS,
        default=0,
        description="So many unfinished pictures may come before, in a stream, where the provider has them.",
    ),
}
"""How pictures may be asked for in OpenAI's API, whatever the model."""
_FORMS_OF_EVENTS = ("json", "text")


class Sent(Struct, frozen=True):
    """A request as far as it can be read without its model."""

    model: str
    """Empty where none was named and one is meant."""
    provider: str | None
    fields: Mapping[str, object] = {}
    """Of JSON."""
    parts: Mapping[str, Sequence[Part]] = {}
    """Of a form."""
    webhook_url: str | None = None


def opened(body: bytes, content_type: str, met: Met) -> Sent:
    """Find out which model is asked; raises `InvalidBody`."""
    ours = GATEWAY_FIELDS | {WEBHOOK} if met.is_job else GATEWAY_FIELDS
    if content_type.lower().startswith(FORM):
        parts = read_form(body, content_type)
        model, provider, webhook_url = _named({name: parts[name][-1] for name in ours if name in parts}, met)
        rest = {name: values for name, values in parts.items() if name not in ours}
        return Sent(model, provider, parts=rest, webhook_url=webhook_url)
    given = _members(body)
    model, provider, webhook_url = _named({name: given[name] for name in ours if name in given}, met)
    fields = {name: value for name, value in given.items() if name not in ours}
    return Sent(model, provider, fields, webhook_url=webhook_url)


def _named(given: Mapping[str, object], met: Met) -> tuple[str, str | None, str | None]:
    """Read what is meant for the gateway itself: the model, the provider, the webhook."""
    model, provider, webhook_url = given.get("model"), given.get("provider"), given.get(WEBHOOK)
    faults: list[Fault] = []
    if model is None:
        if met.operations[0] not in UNNAMED:
            faults.append(Fault("model"))
    elif not isinstance(model, str) or not model:
        faults.append(Fault("model", "string", shown(model) if not isinstance(model, str) else "an empty string"))
    if provider is not None and not isinstance(provider, str):
        faults.append(Fault("provider", "string", shown(provider)))
    if webhook_url is not None and not isinstance(webhook_url, str):
        faults.append(Fault(WEBHOOK, "string", shown(webhook_url)))
    if faults:
        raise refused(faults)
    pinned = cast("str", provider).lower() if provider else None
    return cast("str", model or ""), pinned, cast("str | None", webhook_url)


def _members(body: bytes) -> dict[str, object]:
    """Read a JSON object; raises `InvalidBody` saying what is wrong with it."""
    try:
        if not body.isascii():
            body = body.decode().removeprefix("\ufeff").encode()
        given = cast("object", msgspec.json.decode(body))
    except UnicodeDecodeError as error:
        raise InvalidBody((f"Expected UTF-8, received an invalid byte at position {error.start}",)) from None
    except msgspec.DecodeError as error:
        told = f"Expected a JSON object: {error}" if body.strip() else "Expected a JSON object, received an empty body"
        raise InvalidBody((told,)) from None
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None
    if not isinstance(given, dict):
        raise InvalidBody(("Expected a JSON object at the top of the body",))
    members = cast("dict[str, object]", given)
    if len(members) > MAX_FIELDS:
        raise InvalidBody((f"Expected at most {MAX_FIELDS} fields, received {len(members)}",))
    return members


def checked(sent: Sent, model: Model, met: Met, accepted: Delivery | None = None) -> MediaCall:
    """Check a request against its model and complete it; raises `InvalidBody` with every fault.

    `accepted` is how its caller said beside the request that files are to come.
    """
    is_told = met.streams and model.operation == "images"
    parameters = {**taken_by(model, met), **STREAMED} if is_told else taken_by(model, met)
    given = dict(valued(sent.parts, parameters) if sent.parts else sent.fields)
    reading = Reading(model.operation, parameters, given)
    renamed(reading)
    if sent.parts:  # names are the model's now, so that more texts can be read as what they are
        own = {reading.called.get(name, name): name for name in reading.fields}
        texts = {own[name]: values for name, values in sent.parts.items() if name in own}
        reading.fields.update(valued(texts, parameters))
    respelled(reading)
    if model.operation == "transcription":
        _sourced(reading)
    try:
        whole = complete(parameters, reading.fields, reading.called)
    except InvalidBody as invalid:
        lines = (*(str(fault) for fault in reading.faults), *invalid.faults)
        raise InvalidBody(lines, reading.faults[0].place if reading.faults else invalid.param) from None
    if reading.faults:
        raise refused(reading.faults)
    delivery = reading.delivery or accepted or _usual(parameters, met)
    dropped = (*reading.dropped, *whole.dropped)
    call = MediaCall(sent.model, whole.fields, delivery, dropped, webhook_url=sent.webhook_url)
    if met.is_captioned:
        return _captioned(call, met)
    return _streamed(call) if is_told else call


def _captioned(call: MediaCall, met: Met) -> MediaCall:
    """Take from the fields how a transcript is to be told."""
    caption, is_streamed = cast("CaptionForm", call.fields["response_format"]), call.fields["stream"] is True
    if is_streamed and caption not in _FORMS_OF_EVENTS:
        expected = f"{one_of(_FORMS_OF_EVENTS)} where 'stream' is true, since events tell text alone"
        raise refused([Fault("response_format", expected, shown(caption))])
    fields = {name: value for name, value in call.fields.items() if name not in CAPTIONED}
    if met.is_translated:
        fields["translate"] = True
    return replace(call, fields=fields, caption=caption, is_streamed=is_streamed)


def _streamed(call: MediaCall) -> MediaCall:
    """Take from the fields whether pictures are told in events, and how many of them unfinished."""
    fields = {name: value for name, value in call.fields.items() if name not in STREAMED}
    is_streamed, drafts = call.fields["stream"] is True, cast("int", call.fields["partial_images"])
    if drafts and not is_streamed:
        return replace(call, fields=fields, dropped=(*call.dropped, "partial_images"))
    return replace(call, fields=fields, is_streamed=is_streamed, drafts=drafts)


def _usual(parameters: Parameters, met: Met) -> Delivery | None:
    """Say how files come where nobody asked: as a stream from models that stream unasked."""
    stream = parameters.get("stream")
    return "bytes" if stream is not None and stream.default is True else met.delivery


def taken_by(model: Model, met: Met) -> Parameters:
    """Return what a request to a model may hold at an address."""
    parameters = {name: one for name, one in decoded(model.parameters).items() if name not in GATEWAY_FIELDS}
    if met.is_edit:
        return {**parameters, **EDITED}
    if met.is_captioned:
        parameters |= CAPTIONED
    if model.operation == "transcription" and parameters.keys().isdisjoint(SOURCES):
        return {**parameters, **_SOURCED}
    return parameters


def _sourced(reading: Reading) -> None:
    """See that there is exactly one sound."""
    sent = [name for name in SOURCES if reading.has(name)]
    if len(sent) == 1:
        return
    names = [f"'{reading.called.get(name, name)}'" for name in sent]
    came = " and ".join(names) if names else "neither"
    expected = "either a link in 'url' or a file in 'audio' (multipart/form-data)"
    reading.faults.append(Fault(reading.called.get(sent[0], sent[0]) if sent else "url", expected, came))
