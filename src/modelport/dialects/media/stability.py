"""Stable Diffusion at its maker: a form in, a picture as base64 out.

Shapes: https://platform.stability.ai/docs/api-reference#tag/Generate/paths/~1v2beta~1stable-image~1generate~1sd3/post
(read 2026-11-29). A request makes one picture of about a megapixel in one of nine shapes.
"""

from collections.abc import Mapping

from modelport.dialects.media.multipart import FormField, form
from modelport.dialects.media.reading_json import members, needed, text, unpacked
from modelport.dialects.media.taking import Taking, pixels_of
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures

PATH = "/stable-image/generate/sd3"
SHAPES: Mapping[str, str] = {"square_hd": "1:1", "portrait_16_9": "9:16", "landscape_16_9": "16:9"}
"""The presets whose shape it draws."""
SIDES = (1024, 1024)
"""The pixels that it draws exactly, as a square."""
MOST_SEED = 4_294_967_294
MOST_GUIDANCE = 10
KINDS: Mapping[str, str] = {"png": "image/png", "jpeg": "image/jpeg"}
USUAL = "png"


class Stability(Usual):
    """The wire format of `api.stability.ai` for Stable Diffusion 3."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call as a form."""
        del ticket
        taking = Taking(order)
        taking.one()
        fields: dict[str, object] = {"model": order.target.offer.upstream, "mode": "text-to-image"}
        taking.move(fields, {"prompt": "prompt", "negative_prompt": "negative_prompt"})
        if (size := taking.asked_size()) is not None:
            shape = SHAPES.get(size) if isinstance(size, str) else "1:1" if pixels_of(size) == SIDES else None
            if shape is None:
                raise taking.size_refusal(f"draws 1024x1024 and {', '.join(SHAPES)} only")
            fields["aspect_ratio"] = shape
        if (guidance := taking.number("guidance_scale")) is not None:
            if guidance > MOST_GUIDANCE:
                raise taking.refusal("guidance_scale", f"takes {MOST_GUIDANCE} at most")
            fields["cfg_scale"] = guidance
        if (seed := taking.number("seed")) is not None:
            if seed > MOST_SEED:
                raise taking.refusal("seed", f"takes {MOST_SEED} at most")
            fields["seed"] = int(seed)
        fields["output_format"] = _format(order)
        taking.take("output_format")
        taking.means("enable_safety_checker", True)
        parts: list[FormField] = [(name, str(value)) for name, value in fields.items()]
        headers, body = form(parts)
        return UpstreamRequest(PATH, headers, body, False, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the picture."""
        del ticket
        answer = members(told.body, "a picture")
        ended = needed(answer, "finish_reason")
        if ended == "CONTENT_FILTERED":
            raise UpstreamFault(400, f"no picture was made: {ended}", retryable=False)
        file = File(data=unpacked(needed(answer, "image"), "picture"), content_type=KINDS[_format(order)])
        seed = answer.get("seed")
        return Pictures(files=(file,), facts={} if seed is None else {"seed": seed})

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong; 403 is a prompt that is not let through."""
        found = super().fault(status, retry_after, body)
        if status == 403 and b"moderation" in body:
            return UpstreamFault(400, found.message, retryable=False)
        return found


def _format(order: Order) -> str:
    wanted = text(order.call.fields, "output_format")
    return wanted if wanted in KINDS else USUAL


CALLED = Stability()
