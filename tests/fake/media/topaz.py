"""Topaz Labs.

Fields: https://developer.topazlabs.com/getting-started/request-parameters/image and
https://developer.topazlabs.com/image-api/available-models; answers:
https://developer.topazlabs.com/reference/api-endpoints/image/status and …/download (read 2026-11-29).
"""

from collections.abc import Mapping
from uuid import uuid4

from tests.fake.media.files import JPEG, png
from tests.fake.media.seam import FilePart, MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/topaz/image/v1"
_SHARED = words("model image source_url source_id output_format webhook_url")
_FACES = words("face_enhancement face_enhancement_creativity face_enhancement_strength subject_detection")
_KNOWN: Mapping[str, frozenset[str]] = {
    "/sharpen/async": _SHARED | _FACES | words("strength minor_denoise"),
    "/sharpen-gen/async": _SHARED | _FACES | words("strength focus_boost seed"),
}
_MODELS: Mapping[str, tuple[str, ...]] = {
    "/sharpen/async": ("Standard", "Strong", "Lens Blur", "Lens Blur V2", "Motion Blur", "Natural", "Refocus"),
    "/sharpen-gen/async": ("Super Focus", "Super Focus V2", "Super Focus V3"),
}
_MADE = {
    "jpeg": (JPEG, "image/jpeg"),
    "png": (png(64, 64), "image/png"),
    "tiff": (b"II*\x00" + bytes(60), "image/tiff"),
}


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer({"message": refused.message}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    step, _, name = asked.path.removeprefix("/").partition("/")
    if asked.path not in _KNOWN and step not in ("status", "download"):
        return None
    bearer(asked, "", "x-api-key")
    if asked.path in _KNOWN:
        return _taken(asked)
    found = asked.studio.jobs.get(name)
    if found is None:
        raise Refused(404, "The requested resource does not exist.")
    if step == "status":
        return _status(name, found)
    if found["status"] != "Completed":
        raise Refused(409, "The request conflicts with the current state.")
    data, kind = _MADE[found["form"].get("output_format", "jpeg")]
    link = asked.studio.file(data, kind, "sharp")
    return MediaAnswer({"download_url": link, "head_url": link, "expiry": 1_790_003_600})


def _taken(asked: MediaAsked) -> MediaAnswer:
    form = {name: values[-1] for name, values in asked.form.items()}
    said = {name: value for name, value in form.items() if isinstance(value, str)}
    only(form, _KNOWN[asked.path])
    if said.get("model", _MODELS[asked.path][0]) not in _MODELS[asked.path]:
        raise Refused(400, "model is not one of those that are known")
    if said.get("output_format", "jpeg") not in _MADE:
        raise Refused(400, "output_format is not supported")
    if said.get("subject_detection", "all") not in ("all", "foreground", "background"):
        raise Refused(400, "subject_detection is not valid")
    if said.get("face_enhancement", "true") not in ("true", "false"):
        raise Refused(400, "face_enhancement is not a boolean")
    for name in (
        "face_enhancement_creativity",
        "face_enhancement_strength",
        "strength",
        "minor_denoise",
        "focus_boost",
    ):
        if not 0 <= float(said.get(name, 0)) <= 1:
            raise Refused(400, f"{name} is out of range")
    picture = form.get("image")
    if isinstance(picture, FilePart) == ("source_url" in said):
        raise Refused(400, "one of image, source_id and source_url is required")
    if isinstance(picture, FilePart):
        if picture.content_type not in ("image/jpeg", "image/png", "image/tiff"):
            raise Refused(400, "the image is not supported")
    else:
        reachable(said["source_url"])
    job = str(uuid4())
    asked.studio.made["topaz"] += 1
    asked.studio.jobs[job] = {"form": said, "polls": asked.studio.polls, "status": "Pending"}
    return MediaAnswer({"process_id": job, "source_id": str(uuid4()), "eta": 1_790_000_010})


def _status(name: str, found: dict[str, object]) -> MediaAnswer:
    polls = found["polls"]
    assert isinstance(polls, int)
    if polls > 0:
        found.update(polls=polls - 1, status="Processing")
    else:
        found["status"] = "Completed"
    return MediaAnswer(
        {"process_id": name, "status": found["status"], "progress": 100 if polls == 0 else 50, "credits": 1}
    )
