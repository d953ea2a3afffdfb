"""Imagen: `:predict` of the Gemini API and of Vertex AI.

Shapes: https://ai.google.dev/gemini-api/docs/imagen and
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api (read 2026-11-29). A mark in the
picture and a seed exclude each other.
"""

from modelport.dialects.media.reading_json import members, post, several, text, unpacked
from modelport.dialects.media.taking import Taking
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures

NAMED = {
    "aspect_ratio": "aspectRatio",
    "person_generation": "personGeneration",
    "safety_setting": "safetySetting",
    "enhance_prompt": "enhancePrompt",
    "add_watermark": "addWatermark",
    "seed": "seed",
}
"""The caller's words and Imagen's."""


class GoogleImagen(Usual):
    """The wire format of `:predict` for pictures."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        taking = Taking(order)
        parameters: dict[str, object] = {"sampleCount": taking.count()}
        prompt = taking.text("prompt")
        taking.move(parameters, NAMED)
        if "seed" in parameters and parameters.get("addWatermark") is True:
            raise taking.refusal("seed", "takes no seed for a picture with a watermark")
        body = {"instances": [{"prompt": prompt}], "parameters": parameters}
        return post(f"/models/{order.target.offer.upstream}:predict", body, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the pictures; those that were held back are left out."""
        del order, ticket
        answer = members(told.body, "an answer of predict")
        given = several(answer, "predictions")
        files = tuple(
            File(
                data=unpacked(text(one, "bytesBase64Encoded"), "picture"),
                content_type=text(one, "mimeType"),
                facts={"prompt": one["prompt"]} if one.get("prompt") else {},
            )
            for one in given
            if text(one, "bytesBase64Encoded")
        )
        if files:
            return Pictures(files=files)
        why = next((reason for one in given if (reason := text(one, "raiFilteredReason"))), "")
        if why:
            raise UpstreamFault(400, f"no picture was made: {why[:500]}", retryable=False)
        raise MalformedReply("the provider's answer has no picture")


CALLED = GoogleImagen()
