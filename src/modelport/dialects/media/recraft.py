"""Recraft's pictures, drawn and of vectors.

Shapes: https://www.recraft.ai/docs/api-reference/endpoints, sizes and styles:
https://www.recraft.ai/docs/api-reference/appendix (read 2026-11-29). A style has the style within it behind a slash.
Links come back, since a vector's own kind is told where it is fetched.
"""

from collections.abc import Mapping
from typing import cast

from modelport.dialects.media.reading_json import Json, listed, members, needed, post
from modelport.dialects.media.taking import Taking, pixels_of
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamRequest
from modelport.operations.made import File, Made, Pictures

PATH = "/images/generations"
MOST_BYTES = 1000
"""Of a prompt."""
SIDES = frozenset(
    {
        (1024, 1024),
        (1365, 1024),
        (1024, 1365),
        (1536, 1024),
        (1024, 1536),
        (1820, 1024),
        (1024, 1820),
        (1024, 2048),
        (2048, 1024),
        (1434, 1024),
        (1024, 1434),
        (1024, 1280),
        (1280, 1024),
        (1024, 1707),
        (1707, 1024),
    }
)
"""All sizes that it draws in."""
PRESETS: Mapping[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (1024, 1024),
    "portrait_4_3": (1024, 1365),
    "portrait_16_9": (1024, 1820),
    "landscape_4_3": (1365, 1024),
    "landscape_16_9": (1820, 1024),
}


class Recraft(Usual):
    """The wire format of `external.api.recraft.ai`."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        taking = Taking(order)
        prompt = taking.text("prompt")
        if len(prompt.encode()) > MOST_BYTES:
            raise taking.refusal("prompt", f"takes {MOST_BYTES} bytes at most")
        fields: dict[str, object] = {"model": order.target.offer.upstream, "prompt": prompt, "n": taking.count()}
        if (size := taking.asked_size()) is not None:
            sides = PRESETS.get(size) if isinstance(size, str) and size in PRESETS else pixels_of(size)
            if sides not in SIDES:
                raise taking.size_refusal("draws in a few sizes only: give a preset")
            fields["size"] = f"{sides[0]}x{sides[1]}"
        if style := taking.text("style"):
            fields["style"], _, inner = style.partition("/")
            fields |= {"substyle": inner} if inner else {}
        if colours := _colours(taking.take("colors")):
            fields["controls"] = {"colors": colours}
        return post(PATH, {**fields, "response_format": "url"}, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the links of the pictures."""
        del order, ticket
        answer = members(told.body, "a list of pictures")
        files = tuple(File(link=needed(one, "url")) for one in listed(answer, "data", "pictures"))
        if not files:
            raise MalformedReply("the provider made no picture")
        return Pictures(files=files)


def _colours(given: object) -> list[dict[str, list[object]]]:
    colours = cast("list[Json]", given) if isinstance(given, list) else []
    return [{"rgb": [colour.get(part, 0) for part in ("r", "g", "b")]} for colour in colours]


CALLED = Recraft()
