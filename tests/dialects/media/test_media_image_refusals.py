"""What a vendor will not draw is told in its own words, and is not asked of another; what failed is."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Dialect, Model, Offer, Provider
from modelport.dialects.media.table import media_dialect
from modelport.dialects.media.wire import Order, Ticket, Told
from modelport.dialects.wire import NotExpressible, Target, UpstreamFault
from modelport.operations.media import MediaCall

POLLING = Ticket("poll", {"ids": "one"}, is_taken=True)
TASK = Ticket("poll", {"id": "one"}, is_taken=True)
MODERATED: list[tuple[Dialect, Ticket, Any, str]] = [
    ("google_gemini_image", Ticket(), {"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY"),
    (
        "google_gemini_image",
        Ticket(),
        {"candidates": [{"finishReason": "IMAGE_SAFETY", "finishMessage": "It is against our policy."}]},
        "It is against our policy.",
    ),
    (
        "google_gemini_image",
        Ticket(),
        {"candidates": [{"content": {"parts": [{"text": "I cannot."}]}, "finishReason": "STOP"}]},
        "I cannot.",
    ),
    ("bfl", POLLING, {"status": "Request Moderated"}, "Request Moderated"),
    (
        "bfl",
        POLLING,
        {"status": "Content Moderated", "details": {"Moderation Reasons": ["Derivative Works Filter"]}},
        "Derivative Works Filter",
    ),
    ("xai_images", Ticket(), {"data": [{"respect_moderation": False, "b64_json": ""}]}, "moderation"),
    (
        "ark_images",
        Ticket(),
        {"data": [{"error": {"code": "OutputImageSensitiveContentDetected", "message": "It may be sensitive."}}]},
        "OutputImageSensitiveContentDetected: It may be sensitive.",
    ),
    (
        "dashscope_images",
        TASK,
        {"output": {"task_status": "FAILED", "code": "DataInspectionFailed", "message": "Inappropriate content."}},
        "DataInspectionFailed: Inappropriate content.",
    ),
    ("stability", Ticket(), {"finish_reason": "CONTENT_FILTERED", "image": ""}, "CONTENT_FILTERED"),
    (
        "luma_images",
        TASK,
        {"state": "failed", "failure_code": "content_moderated", "failure_reason": "It was moderated."},
        "It was moderated.",
    ),
    ("google_imagen", Ticket(), {"predictions": [{"raiFilteredReason": "It was filtered."}]}, "It was filtered."),
    ("kling", Ticket(), {"code": 1301, "message": "It is against our policy."}, "It is against our policy."),
    (
        "kling",
        TASK,
        {"code": 0, "data": {"task_status": "failed", "task_status_msg": "Failure to pass the risk control system"}},
        "Failure to pass the risk control system",
    ),
]
"""A format, where a call stands, what the vendor answers, and what of it is told."""
FAILED: list[tuple[Dialect, Ticket, Any, str]] = [
    ("bfl", POLLING, {"status": "Error", "details": "out of memory"}, "out of memory"),
    ("bfl", POLLING, {"status": "Task not found"}, "Task not found"),
    (
        "dashscope_images",
        TASK,
        {"output": {"task_status": "FAILED", "code": "InternalError", "message": "It broke."}},
        "It broke.",
    ),
    (
        "dashscope_images",
        TASK,
        {
            "output": {
                "task_status": "SUCCEEDED",
                "results": [{"code": "InternalError.Timeout", "message": "Too late."}],
            }
        },
        "Too late.",
    ),
    ("luma_images", TASK, {"state": "failed", "failure_code": "generation_failed"}, "generation_failed"),
    ("dashscope_images", Ticket(), {"code": "Throttling", "message": "Slow down."}, "Slow down."),
    ("topaz", Ticket("status", {"id": "one"}, is_taken=True), {"status": "Failed"}, "Failed"),
    ("kling", Ticket(), {"code": 1303, "message": "Too many tasks."}, "Too many tasks."),
    ("kling", TASK, {"code": 0, "data": {"task_status": "failed", "task_status_msg": "It broke."}}, "It broke."),
]
REFUSED: list[tuple[Dialect, str, dict[str, object], str]] = [
    ("google_gemini_image", "gemini-2.5-flash-image", {"num_images": 2}, "num_images"),
    ("google_gemini_image", "gemini-2.5-flash-image", {"person_generation": "dont_allow"}, "person_generation"),
    ("bfl", "flux-2-pro", {"output_format": "webp"}, "output_format"),
    ("recraft", "recraftv3", {"image_size": {"width": 1024, "height": 768}}, "image_size"),
    ("luma_images", "uni-1", {"type": "image_edit"}, "type"),
    ("google_imagen", "imagen-4.0-generate-001", {"seed": 7, "add_watermark": True}, "seed"),
    ("recraft", "recraftv3", {"prompt": "é" * 501}, "prompt"),
    ("stability", "sd3.5-large", {"image_size": "landscape_4_3"}, "image_size"),
    ("stability", "sd3.5-large", {"num_images": 2}, "num_images"),
    ("stability", "sd3.5-large", {"guidance_scale": 11}, "guidance_scale"),
    ("stability", "sd3.5-large", {"seed": 4_294_967_295}, "seed"),
    ("dashscope_images", "wan2.7-image", {"image_size": {"width": 512, "height": 512}}, "image_size"),
    ("dashscope_images", "qwen-image", {"image_size": {"width": 1024, "height": 768}}, "image_size"),
    ("kling", "kling-image-o1", {"prompt": "a" * 2501}, "prompt"),
    ("kling", "kling-v2", {"image_urls": ["https://files.example/one.png"] * 5}, "image_urls"),
]
"""A format, a model, fields, and the one that is to blame."""


def order(dialect: Dialect, upstream: str = "one", fields: dict[str, object] | None = None) -> Order:
    provider = Provider("acme", "Acme", "https://acme.example", {"images": (dialect,)}, "none")
    model = Model(id="acme/one", name="One", maker="acme", operation="images", description="One.")
    call = MediaCall("acme/one", {"prompt": "a cat", **(fields or {})})
    return Order(call, Target(Offer("acme/one", provider, upstream), model), "images")


def fault_of(dialect: Dialect, ticket: Ticket, answer: Any) -> UpstreamFault:
    asked = order(dialect, "wan2.6-image")
    with pytest.raises(UpstreamFault) as raised:
        media_dialect(dialect).read(asked, ticket, Told(json.dumps(answer).encode(), "application/json"))
    return raised.value


@pytest.mark.parametrize(("dialect", "ticket", "answer", "told"), MODERATED)
def test_what_is_not_drawn_is_told_and_not_asked_elsewhere(
    dialect: Dialect, ticket: Ticket, answer: Any, told: str
) -> None:
    fault = fault_of(dialect, ticket, answer)
    assert (fault.status, fault.retryable) == (400, False)
    assert told in fault.message


@pytest.mark.parametrize(("dialect", "ticket", "answer", "told"), FAILED)
def test_what_failed_is_told_and_is_worth_asking_elsewhere(
    dialect: Dialect, ticket: Ticket, answer: Any, told: str
) -> None:
    fault = fault_of(dialect, ticket, answer)
    assert fault.retryable
    assert told in fault.message


@pytest.mark.parametrize(("dialect", "upstream", "fields", "place"), REFUSED)
def test_what_cannot_be_said_is_refused_by_name(
    dialect: Dialect, upstream: str, fields: dict[str, object], place: str
) -> None:
    with pytest.raises(NotExpressible) as raised:
        media_dialect(dialect).ask(order(dialect, upstream, fields), Ticket())
    assert raised.value.param == place
    assert "Acme" in raised.value.message


def test_stability_s_moderation_is_no_matter_of_the_key() -> None:
    dialect = media_dialect("stability")
    body = b'{"id": "one", "name": "content_moderation", "errors": ["It was flagged."]}'
    fault = dialect.fault(403, None, body)
    assert (fault.status, fault.retryable) == (400, False)
    assert dialect.fault(403, None, b'{"name": "permission_denied"}').retryable
