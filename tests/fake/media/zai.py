"""Zhipu's GLM-OCR: https://docs.z.ai/api-reference/tools/layout-parsing (read 2026-11-29)."""

from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/zai/api/paas/v4"
_TAKEN = words("model file return_crop_images need_layout_visualization start_page_id end_page_id request_id user_id")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer({"error": {"code": refused.code or "1214", "message": refused.message}}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path != "/layout_parsing":
        return None
    bearer(asked)
    body = asked.json
    only(body, _TAKEN, needs=("model", "file"))
    if body["model"] not in ("glm-ocr", "GLM-OCR"):
        raise Refused(400, "Unknown Model, please check the model code.", "1211")
    reachable(body["file"])
    first, last = body.get("start_page_id", 1), body.get("end_page_id", body.get("start_page_id", 1))
    if not 1 <= first <= last:
        raise Refused(400, "start_page_id must be at least 1 and not beyond end_page_id")
    asked.studio.made["zai"] += 1
    one = {"label": "text", "bbox_2d": [0.1, 0.1, 0.5, 0.3], "content": "Text.", "height": 800, "width": 600}
    pages = last - first + 1
    told = {
        "id": "task_1",
        "created": 1_790_000_000,
        "model": "GLM-OCR",
        "md_results": "\n\n".join(["Text."] * pages),
        "layout_details": [[{"index": 1, **one}]] * pages,
        "data_info": {"num_pages": pages, "pages": [{"width": 600, "height": 800}] * pages},
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    if body.get("need_layout_visualization"):
        told["layout_visualization"] = [asked.studio.file(b"", "image/png", "layout.png")] * pages
    return MediaAnswer(told)
