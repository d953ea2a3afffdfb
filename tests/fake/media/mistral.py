"""Mistral's OCR: https://docs.mistral.ai/api/endpoint/ocr (read 2026-11-29)."""

import base64
from typing import Any

from tests.fake.media.files import png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/mistral/v1"
_TAKEN = words(
    "model id document pages include_image_base64 image_limit image_min_size bbox_annotation_format "
    "document_annotation_format document_annotation_prompt table_format extract_header extract_footer"
)
_MODELS = words("mistral-ocr-latest mistral-ocr-2512 mistral-ocr-4-0 mistral-ocr-4-1")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    told = {"object": "error", "message": refused.message, "type": "invalid_request_error", "code": refused.status}
    return MediaAnswer(told, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path != "/ocr":
        return None
    bearer(asked)
    body = asked.json
    only(body, _TAKEN, needs=("model", "document"))
    if body["model"] not in _MODELS:
        raise Refused(400, f"Invalid model: {body['model']}")
    document = body["document"]
    kind = document.get("type")
    if kind not in ("document_url", "image_url") or not isinstance(document.get(kind), str):
        raise Refused(422, "document: no tag of the union fits")
    reachable(document[kind])
    for name in ("bbox_annotation_format", "document_annotation_format"):
        if name in body and body[name].get("type") != "json_schema":
            raise Refused(422, f"{name}: expected json_schema")
    if "document_annotation_prompt" in body and "document_annotation_format" not in body:
        raise Refused(422, "document_annotation_prompt needs document_annotation_format")
    asked.studio.made["mistral"] += 1
    picture: dict[str, Any] = {"id": "img-0.jpeg", "top_left_x": 1, "top_left_y": 2, "bottom_right_x": 3}
    picture["bottom_right_y"] = 4
    if body.get("include_image_base64"):
        picture["image_base64"] = "data:image/png;base64," + base64.b64encode(png(2, 2)).decode()
    size = {"dpi": 200, "height": 2200, "width": 1700}
    page = {"index": 0, "markdown": "# Title\n\nText.", "images": [picture], "dimensions": size}
    noted = '{"total": 1}' if "document_annotation_format" in body else None
    used = {"pages_processed": 1, "doc_size_bytes": 48211}
    return MediaAnswer({"pages": [page], "model": body["model"], "document_annotation": noted, "usage_info": used})
