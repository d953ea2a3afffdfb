"""Seedream on BytePlus ModelArk.

Shapes: https://docs.byteplus.com/en/docs/ModelArk/1541523 (read 2026-11-29). A request makes one picture: sets of
pictures that belong together are another thing. Links come back, so that several can be asked for one after another.
"""

from modelport.dialects.media.reading_json import (
    Json,
    data_url,
    inside,
    listed,
    members,
    needed,
    post,
    text,
)
from modelport.dialects.media.taking import Taking, doubled, heard, pixels_of, told, varied
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures
from modelport.operations.media import Upload
from modelport.operations.units import PRESETS, count_of

PATH = "/images/generations"
MORE = "more"
LEAST_PIXELS = 1280 * 720
"""Seedream 4 makes no smaller picture; presets below are doubled, which keeps their shape."""


class ArkImages(Usual):
    """The wire format of Ark's `/images/generations`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write the request of one picture; a mark on it is what Ark makes unless it is told not to."""
        taking = Taking(order)
        taking.count()
        fields: dict[str, object] = {"model": order.target.offer.upstream, "watermark": False}
        taking.move(fields, {"prompt": "prompt", "guidance_scale": "guidance_scale", "watermark": "watermark"})
        if (size := taking.asked_size()) is not None:
            fields["size"] = _written(size)
        pictures = [data_url(one) if isinstance(one, Upload) else one for one in taking.pictures()]
        if pictures:
            fields["image"] = pictures[0] if len(pictures) == 1 else pictures
        if (seed := varied(taking.number("seed"), len(heard(ticket, "links")))) is not None:
            fields["seed"] = seed
        taking.means("enable_safety_checker", True)
        return post(PATH, {**fields, "response_format": "url"}, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the link of a picture."""
        answer = members(told.body, "a list of pictures")
        links = [*heard(ticket, "links"), *(_link(one) for one in listed(answer, "data", "pictures"))]
        if not links:
            raise MalformedReply("the provider made no picture")
        if len(links) < count_of(order.call):
            return Ticket(MORE, _kept(links))
        return Pictures(files=tuple(File(link=link) for link in links))


def _kept(links: list[str]) -> dict[str, str]:
    return dict(told(links=links))


def _written(size: object) -> str:
    """Write a size as pixels; a word such as `2K` stays one."""
    sides = pixels_of(size)
    if sides is None:
        return str(size)
    if isinstance(size, str) and size in PRESETS:
        sides = doubled(sides, LEAST_PIXELS)
    return f"{sides[0]}x{sides[1]}"


def _link(one: Json) -> str:
    """Return the link of a picture; raises `UpstreamFault` where it was not made."""
    if why := inside(one, "error"):
        told = f"{text(why, 'code')}: {text(why, 'message')}"
        raise UpstreamFault(400, f"no picture was made: {told[:500]}", retryable=False)
    return needed(one, "url")


CALLED = ArkImages()
