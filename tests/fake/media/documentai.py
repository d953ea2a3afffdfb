"""Google's Document AI.

https://cloud.google.com/document-ai/docs/reference/rest/v1/projects.locations.processors.processorVersions/process
(read 2026-11-29).
"""

import base64
import binascii
import re
from typing import Any

from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/google-documentai"
_PATH = re.compile(r"/v1/projects/[^/]+/locations/[^/]+/processors/[^/]+/processorVersions/([^/]+):process")
_TAKEN = words("skipHumanReview fieldMask processOptions labels imagelessMode inlineDocument rawDocument gcsDocument")
_KINDS = words(
    "application/pdf image/gif image/tiff image/jpeg image/png image/bmp image/webp text/html application/octet-stream"
)
_TEXT = "Title\nText.\n"
MOST = 15


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    told = {"code": refused.status, "message": refused.message, "status": refused.code or "INVALID_ARGUMENT"}
    return MediaAnswer({"error": told}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    found = _PATH.fullmatch(asked.path)
    if found is None:
        return None
    bearer(asked)
    if not found[1].startswith("pretrained-ocr-"):
        raise Refused(404, "Requested entity was not found.", "NOT_FOUND")
    body = asked.json
    only(body, _TAKEN, needs=("rawDocument",))
    raw = body["rawDocument"]
    only(raw, words("content mimeType displayName"), needs=("content", "mimeType"))
    if raw["mimeType"] not in _KINDS:
        raise Refused(400, f"Unsupported input file format: {raw['mimeType']}")
    try:
        base64.b64decode(raw["content"], validate=True)
    except binascii.Error:
        raise Refused(400, "Invalid value at 'raw_document.content' (TYPE_BYTES)") from None
    numbers = _chosen(body.get("processOptions", {}))
    asked.studio.made["google-documentai"] += 1
    place = {"textSegments": [{"endIndex": str(len(_TEXT))}]}
    size = {"width": 1758, "height": 2275, "unit": "pixels"}
    pages = [{"pageNumber": number, "dimension": size, "layout": {"textAnchor": place}} for number in numbers]
    return MediaAnswer({"document": {"text": _TEXT, "pages": pages}})


def _chosen(options: dict[str, Any]) -> list[int]:
    only(options, words("ocrConfig layoutConfig schemaOverride individualPageSelector fromStart fromEnd"))
    if len({"individualPageSelector", "fromStart", "fromEnd"} & options.keys()) > 1:
        raise Refused(400, "page_range is a oneof")
    if "individualPageSelector" not in options:
        return list(range(1, int(options.get("fromStart", options.get("fromEnd", 1))) + 1))
    chosen: list[int] = options["individualPageSelector"]["pages"]
    if not 1 <= len(chosen) <= MOST or min(chosen) < 1:
        raise Refused(400, f"Page selection is limited to {MOST} pages, from 1.")
    return chosen
