"""fal's queue.

https://docs.fal.ai/model-endpoints/queue (read 2026-11-29): a request is taken, asked after, its result fetched; the
addresses of a request have the first two parts of the app's name.
"""

import re
from typing import Any
from uuid import uuid4

from tests.fake.media.files import MP3, png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, reachable

PREFIX = "/fal"
_STATUS = re.compile(r"/([^/]+/[^/]+)/requests/([^/]+)(/status)?")
_NEEDED = {"/topaz/sharpen/image": "model", "/fal-ai/uso": "input_image_urls"}
"""What some apps call what others call otherwise: https://fal.ai/models/topaz/sharpen/image/llms.txt,
https://fal.ai/models/fal-ai/uso/llms.txt (read 2026-11-29)."""
_FILES = re.compile(r"(^|_)(url|urls|image|audio)$")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer({"detail": refused.message}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    bearer(asked, "Key")
    found = _STATUS.fullmatch(asked.path)
    if found is not None:
        if asked.method != "GET":
            raise Refused(405, "Method Not Allowed")
        return _told(asked, found[1], found[2], is_status=found[3] is not None)
    if asked.method != "POST" or asked.path.count("/") < 2:
        return None
    return _taken(asked)


def _taken(asked: MediaAsked) -> MediaAnswer:
    body = asked.json
    if (needed := _NEEDED.get(asked.path)) is not None and not body.get(needed):
        raise Refused(422, f"{needed}: Field required")
    for name, value in body.items():
        if _FILES.search(name):
            for address in value if isinstance(value, list) else [value]:
                if isinstance(address, str):
                    reachable(address)
    app = "/".join(asked.path.removeprefix("/").split("/")[:2])
    job = str(uuid4())
    asked.studio.made["fal"] += 1
    asked.studio.jobs[job] = {"app": app, "path": asked.path, "body": body, "polls": asked.studio.polls}
    place = f"https://queue.fal.run/{app}/requests/{job}"
    told = {"request_id": job, "response_url": place, "status_url": f"{place}/status", "cancel_url": f"{place}/cancel"}
    return MediaAnswer({"status": "IN_QUEUE", "queue_position": 0, **told})


def _told(asked: MediaAsked, app: str, job: str, *, is_status: bool) -> MediaAnswer:
    found = asked.studio.jobs.get(job)
    if found is None or found["app"] != app:
        raise Refused(404, "Request not found")
    is_done = found["polls"] <= 0
    if is_status:
        found["polls"] -= 1
        told = {"status": "COMPLETED" if is_done else "IN_PROGRESS", "request_id": job}
        return MediaAnswer(told, 200 if is_done else 202)
    if not is_done:
        raise Refused(400, "Request is still in progress")
    return MediaAnswer(_result(asked, found))


def _result(asked: MediaAsked, job: dict[str, Any]) -> dict[str, Any]:
    body = job["body"]
    if "script" in body or "text" in body:
        link = asked.studio.file(MP3, "audio/mpeg", "said.mp3")
        return {"audio": {"url": link, "content_type": "audio/mpeg", "file_name": "said.mp3", "file_size": len(MP3)}}
    size = body.get("image_size")
    width, height = (size["width"], size["height"]) if isinstance(size, dict) else (1024, 768)
    pictures = []
    for _ in range(int(body.get("num_images", 1))):
        link = asked.studio.file(png(width, height), "image/png", "drawn.png")
        pictures.append({"url": link, "width": width, "height": height, "content_type": "image/png"})
    told = {"seed": body.get("seed", 41), "timings": {"inference": 0.1}, "has_nsfw_concepts": [False] * len(pictures)}
    return {"images": pictures, "prompt": body.get("prompt", ""), **told}
