"""xAI's pictures.

Fields: https://docs.x.ai/developers/rest-api-reference/inference/images (read 2026-11-29).
"""

import base64

from tests.fake.media.files import JPEG
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/xai/v1"
BLOCKED = "forbidden"
"""A prompt with this word in it is refused."""
_DRAWN = words("model prompt n aspect_ratio resolution response_format user quality image images")
RATIOS = words("1:1 3:4 4:3 9:16 16:9 2:3 3:2 9:19.5 19.5:9 9:20 20:9 1:2 2:1 auto")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer({"code": "Client specified an invalid argument", "error": refused.message}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path != "/images/generations":
        return None
    bearer(asked)
    if asked.method != "POST":
        raise Refused(405, "Method Not Allowed")
    body = asked.json
    only(body, _DRAWN, needs=("model", "prompt"))
    if not str(body["model"]).startswith("grok-imagine-image"):
        raise Refused(404, f"The model {body['model']} does not exist")
    if body.get("aspect_ratio", "auto") not in RATIOS or body.get("resolution", "1k") not in ("1k", "2k"):
        raise Refused(422, "unknown variant of aspect_ratio or resolution")
    if not 1 <= body.get("n", 1) <= 10 or body.get("response_format", "url") not in ("url", "b64_json"):
        raise Refused(422, "n must be between 1 and 10, response_format url or b64_json")
    if BLOCKED in body["prompt"]:
        raise Refused(400, "Generated image rejected by content moderation.")
    asked.studio.made["xai"] += 1
    drawn: list[dict[str, object]] = []
    for _ in range(int(body.get("n", 1))):
        if body.get("response_format", "url") == "b64_json":
            drawn.append({"b64_json": base64.b64encode(JPEG).decode(), "mime_type": "image/jpeg"})
        else:
            drawn.append({"url": asked.studio.file(JPEG, "image/jpeg", "drawn.jpg"), "mime_type": "image/jpeg"})
    return MediaAnswer({"data": drawn, "usage": {"cost_in_usd_ticks": 200_000_000 * len(drawn)}})
