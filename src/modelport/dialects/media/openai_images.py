"""OpenAI's pictures: made from a text, and changed.

Shapes: https://platform.openai.com/docs/api-reference/images (read 2026-11-29). Picture models answer with base64 and
refuse `response_format`; DALL·E takes it. Pictures that are not finished come in events
(https://platform.openai.com/docs/api-reference/images-streaming, read 2026-11-29), whose `error` is that of an answer.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from modelport.dialects.media.asked import written
from modelport.dialects.media.event_reading import EventReader, is_of_events
from modelport.dialects.media.multipart import FormField, form
from modelport.dialects.media.reading_json import (
    Json,
    listed,
    members,
    post,
    text,
    unpacked,
)
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, PieceReader, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamRequest
from modelport.operations.made import Draft, File, Made, Pictures
from modelport.operations.media import Upload

PATH = "/images/generations"
EDITS = "/images/edits"
FORM = "response_format"
_TOLD = ("background", "output_format", "quality", "size", "usage")
_KINDS: Mapping[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class OpenAiImages(Usual):
    """The wire format of `/images`."""

    takes: frozenset[Carriage] = frozenset({"inline"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call: JSON, or a form where pictures come with it."""
        del ticket
        quirks = order.target.offer.quirks
        fields: dict[str, object] = {"model": order.target.offer.upstream}
        dropped: list[str] = []
        for name, value in order.call.fields.items():
            if name == FORM:
                continue
            if name in quirks.drop:
                dropped.append(name)
            else:
                fields[quirks.rename.get(name, name)] = value
        if FORM not in quirks.drop:
            fields[FORM] = "b64_json"
        if order.call.drafts:
            fields |= {"stream": True, "partial_images": order.call.drafts}
        if not order.is_edit:
            return post(PATH, fields, dropped)
        headers, body = form(_parts(fields))
        return UpstreamRequest(EDITS, headers, body, False, tuple(dropped))

    def pieces(self, order: Order, content_type: str) -> PieceReader | None:
        """Read pictures that are not finished."""
        return Drawing(order) if is_of_events(content_type) else None

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the pictures."""
        del ticket
        answer = members(told.body, "a list of pictures")
        pictures = tuple(_picture(one, _kind(answer, order)) for one in listed(answer, "data", "pictures"))
        if not pictures:
            raise MalformedReply("the provider made no picture")
        return Pictures(files=pictures, facts=_facts(answer))


class Drawing:
    """Reads the events of pictures that are made or changed."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._events = EventReader()
        self._files: list[File] = []
        self._facts: Json = {}

    def feed(self, data: bytes) -> Sequence[Draft]:
        """Return pictures that are not finished; the others are kept for the end."""
        drafts: list[Draft] = []
        for event in self._events.feed(data):
            what = text(event, "type").rpartition(".")[2]
            if what == "partial_image":
                number = event.get("partial_image_index")
                told = number if isinstance(number, int) else len(drafts)
                drafts.append(Draft(file=_picture(event, _kind(event, self._order)), number=told))
            elif what == "completed":
                self._files.append(_picture(event, _kind(event, self._order)))
                self._facts = _facts(event)
        return drafts

    def end(self) -> Pictures:
        """Return the finished pictures; raises `MalformedReply` where there are none."""
        if not self._files:
            raise MalformedReply("the provider ended the stream before the picture was finished")
        return Pictures(files=tuple(self._files), facts=self._facts)


def _kind(answer: Json, order: Order) -> str:
    return _KINDS.get(text(answer, "output_format") or str(order.call.fields.get("output_format", "png")), "")


def _facts(answer: Json) -> Json:
    return {name: answer[name] for name in _TOLD if answer.get(name) is not None}


def _picture(one: Json, kind: str) -> File:
    facts = {"revised_prompt": one["revised_prompt"]} if one.get("revised_prompt") else {}
    if encoded := text(one, "b64_json"):
        return File(data=unpacked(encoded, "picture"), content_type=kind, facts=facts)
    if link := text(one, "url"):
        return File(link=link, facts=facts)
    raise MalformedReply("the provider's picture has neither 'b64_json' nor 'url'")


def _parts(fields: Mapping[str, object]) -> list[FormField]:
    """Lay a call out as the parts of a form; several files of one name are told as a list."""
    parts: list[FormField] = []
    for name, value in fields.items():
        if isinstance(value, list):
            several = cast("list[object]", value)
            label = f"{name}[]" if len(several) > 1 else name
            parts += [(label, _part(one)) for one in several]
        elif value is not None:
            parts.append((name, _part(value)))
    return parts


def _part(value: object) -> str | Upload:
    return value if isinstance(value, Upload) else written(value)


CALLED = OpenAiImages()
