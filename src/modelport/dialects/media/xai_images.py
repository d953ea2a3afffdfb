"""xAI's pictures.

Shapes: https://docs.x.ai/developers/rest-api-reference/inference/images (read 2026-11-29). They are asked for as
base64, so that nothing needs to be fetched.
"""

from modelport.dialects.media.reading_json import Json, listed, members, post, text, unpacked
from modelport.dialects.media.taking import OURS
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures

PATH = "/images/generations"
KIND = "image/jpeg"
"""What a picture is that does not say."""


class XaiImages(Usual):
    """The wire format of xAI's `/images/generations`."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call; its fields are the model's own."""
        del ticket
        quirks = order.target.offer.quirks
        given = {name: value for name, value in order.call.fields.items() if value is not None and name not in OURS}
        fields = {quirks.rename.get(name, name): value for name, value in given.items() if name not in quirks.drop}
        whole = {"model": order.target.offer.upstream, **fields, "response_format": "b64_json"}
        return post(PATH, whole, [name for name in given if name in quirks.drop])

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the pictures; one that was held back is left out."""
        del order, ticket
        answer = members(told.body, "a list of pictures")
        given = listed(answer, "data", "pictures")
        kept = [one for one in given if one.get("respect_moderation") is not False]
        if given and not kept:
            raise UpstreamFault(400, "no picture was made: it does not respect moderation", retryable=False)
        files = tuple(_file(one) for one in kept)
        if not files:
            raise MalformedReply("the provider made no picture")
        return Pictures(files=files)


def _file(one: Json) -> File:
    facts = {"revised_prompt": one["revised_prompt"]} if one.get("revised_prompt") else {}
    if encoded := text(one, "b64_json"):
        if encoded.startswith("data:"):
            encoded = encoded.partition(",")[2]
        return File(data=unpacked(encoded, "picture"), content_type=text(one, "mime_type") or KIND, facts=facts)
    if link := text(one, "url"):
        return File(link=link, content_type=text(one, "mime_type"), facts=facts)
    raise MalformedReply("the provider's picture has neither 'b64_json' nor 'url'")


CALLED = XaiImages()
