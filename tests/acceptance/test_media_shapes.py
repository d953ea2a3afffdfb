"""The requests for media that the contract prints, and the members of the answers that it prints for them."""

import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.acceptance.test_media import PAGE, PICTURE, SOUND, Studio, studio
from tests.fake.media.files import png

__all__ = ["studio"]

WITHIN_S = 60.0
Told = Mapping[str, tuple[int, Any, Mapping[str, str]]]
"""By name: status, answer and headers."""


class Fits:
    """Equals what a judge takes."""

    def __init__(self, told: str, judge: Callable[[Any], bool]) -> None:
        self._told = told
        self._judge = judge

    def __eq__(self, other: object) -> bool:
        return self._judge(other)

    def __hash__(self) -> int:
        return hash(self._told)

    def __repr__(self) -> str:
        return f"<{self._told}>"


def leads_to(kind: str) -> Fits:
    """Match an absolute link that can be read without a key."""

    def judge(link: Any) -> bool:
        with urllib.request.urlopen(link, timeout=30) as answer:
            return answer.headers["content-type"].startswith(kind)

    return Fits(f"a link to {kind}", judge)


def of(kind: type) -> Fits:
    """Match any value of a type."""
    return Fits(kind.__name__, lambda value: type(value) is kind)


SECONDS = Fits("a moment in seconds", lambda value: type(value) is int and 1_700_000_000 < value < 10_000_000_000)
AMOUNT = Fits("an amount", lambda value: isinstance(value, int | float) and value > 0)
META = {"usage": {"credits_used": Fits("credits", lambda value: type(value) is int and value > 0), "usd_spent": AMOUNT}}
PICTURE_LINK = {"url": leads_to("image/"), "b64_json": None}
BASE64 = Fits("base64 without a prefix", lambda value: isinstance(value, str) and value.startswith("iVBORw0KGgo"))
IMAGES = "/v1/images/generations"


@dataclass(frozen=True, slots=True)
class Example:
    """A request, and the members that its answer must have."""

    path: str
    asked: Mapping[str, Any]
    answered: Mapping[str, Any]
    status: int = 200


LIGHTHOUSE = {"model": "flux/schnell", "prompt": "a lighthouse in fog, ink drawing"}
NANO_BANANA = {"model": "google/nano-banana-edit", "prompt": "a hat", "image_urls": [PICTURE]}
EXAMPLES = {
    "two pictures of a size": Example(
        IMAGES,
        {**LIGHTHOUSE, "image_size": {"width": 1024, "height": 768}, "num_images": 2, "seed": 41},
        {"created": SECONDS, "data": [PICTURE_LINK] * 2, "seed": 41, "meta": META},
    ),
    "what a queue tells beside": Example(
        IMAGES,
        {**LIGHTHOUSE, "seed": 7},
        {"timings": of(dict), "has_nsfw_concepts": [False], "prompt": of(str), "seed": 7},
    ),
    "the same pictures under an older name": Example(
        IMAGES,
        {**LIGHTHOUSE, "image_size": "landscape_16_9"},
        {
            "images": [
                {
                    "url": leads_to("image/png"),
                    "content_type": "image/png",
                    "width": of(int),
                    "height": of(int),
                    "file_size": of(int),
                }
            ]
        },
    ),
    "num_images goes before n": Example(IMAGES, {**LIGHTHOUSE, "n": 1, "num_images": 2}, {"data": [PICTURE_LINK] * 2}),
    "the number for a model of OpenAI's under the other name": Example(
        IMAGES, {"model": "openai/gpt-image-2", "prompt": "a cat", "num_images": 1}, {"data": [PICTURE_LINK]}
    ),
    "the settings that held": Example(
        IMAGES,
        {"model": "openai/gpt-image-2", "prompt": "a cat", "quality": "low", "size": "auto"},
        {
            "created": SECONDS,
            "size": "1024x1024",
            "quality": "low",
            "output_format": "png",
            "usage": {"input_tokens": of(int), "output_tokens": of(int), "total_tokens": of(int)},
            "meta": META,
        },
    ),
    "base64 by response_format": Example(
        IMAGES, {**LIGHTHOUSE, "response_format": "b64_json"}, {"data": [{"b64_json": BASE64}]}
    ),
    "base64 by convert_base64_to_url": Example(
        IMAGES,
        {**NANO_BANANA, "convert_base64_to_url": False},
        {"data": [{"b64_json": BASE64}], "meta": META},
    ),
    "a link by convert_base64_to_url": Example(IMAGES, NANO_BANANA, {"data": [PICTURE_LINK]}),
    "seconds from a provider that counts milliseconds": Example(
        IMAGES,
        {"model": "alibaba/wan2.2-t2i-flash", "prompt": "a cat", "image_size": "square"},
        {"created": SECONDS, "data": [PICTURE_LINK], "meta": META},
    ),
    "the strictness of a filter as a number": Example(
        IMAGES, {"model": "flux-pro", "prompt": "a cat", "safety_tolerance": 3}, {"data": [PICTURE_LINK]}
    ),
    "a picture that is given by base64": Example(
        IMAGES,
        {"model": "flux/kontext-pro/image-to-image", "prompt": "a hat", "image_url": PICTURE},
        {"data": [PICTURE_LINK]},
    ),
    "an edit by JSON": Example(
        "/images/edits",
        {"model": "openai/gpt-image-2", "prompt": "a hat", "image_url": PICTURE},
        {"data": [PICTURE_LINK], "meta": META},
    ),
    "the older form": Example(
        "/v1/images/generations/with-url",
        {**LIGHTHOUSE, "num_images": 1, "sync_mode": True},
        {"data": [PICTURE_LINK], "meta": META},
        201,
    ),
    "speech as a link": Example(
        "/v1/tts",
        {
            "model": "minimax/speech-2.8-hd",
            "text": "Good evening.",
            "voice_setting": {"voice_id": "Calm_Woman", "speed": 1.1},
        },
        {"audio": {"url": leads_to("audio/mpeg")}, "audio_url": leads_to("audio/mpeg"), "meta": META},
    ),
    "speech that tells its characters": Example(
        "/v1/tts",
        {"model": "alibaba/qwen3-tts-flash", "text": "Good evening.", "voice": "Cherry"},
        {"audio": {"url": leads_to("audio/")}, "usage": {"characters": of(int)}, "meta": META},
    ),
    "a transcript at once": Example(
        "/v1/stt",
        {"model": "#g1_nova-2-general", "url": SOUND, "diarize": True, "punctuate": True},
        {
            "metadata": {"request_id": "r1", "duration": 2.1, "channels": 1, "models": ["m"]},
            "results": {"channels": [{"alternatives": [{"transcript": "Hello there.", "confidence": 0.99}]}]},
            "meta": META,
        },
        201,
    ),
    "pages": Example(
        "/v1/ocr",
        {
            "model": "mistral/mistral-ocr-latest",
            "document": {"type": "document_url", "document_url": PAGE},
            "pages": [0],
        },
        {
            "pages": [
                {
                    "index": 0,
                    "markdown": "# Title\n\nText.",
                    "images": of(list),
                    "dimensions": {"dpi": 200, "height": 2200, "width": 1700},
                }
            ],
            "model": of(str),
            "document_annotation": None,
            "usage_info": {"pages_processed": 1, "doc_size_bytes": 48211},
            "meta": META,
        },
    ),
    "pages with their notes and pictures": Example(
        "/ocr",
        {
            "model": "mistral-ocr-latest",
            "document": {"type": "image_url", "image_url": PICTURE},
            "include_image_base64": True,
            "document_annotation_format": {"type": "json_schema", "json_schema": {"name": "bill", "schema": {}}},
        },
        {
            "pages": [{"images": [{"id": of(str), "top_left_x": 1, "bottom_right_y": 4, "image_base64": of(str)}]}],
            "document_annotation": of(str),
        },
    ),
    "pages of another maker in the same form": Example(
        "/v1/ocr",
        {"model": "zhipu/glm-ocr", "document": {"type": "document_url", "document_url": PAGE}, "pages": "0-1"},
        {
            "pages": [{"index": 0, "markdown": of(str)}, {"index": 1}],
            "usage_info": {"pages_processed": 2},
            "meta": META,
        },
    ),
    "pages without a model": Example(
        "/v1/ocr",
        {"document": PAGE, "mimeType": "application/pdf", "pages": {"type": "start", "start": 1}},
        {"pages": of(list), "model": "google/gc-document-ai", "usage_info": {"pages_processed": of(int)}, "meta": META},
    ),
}


def held(wanted: Any, found: Any, place: str = "answer") -> None:
    """Assert that an answer has the members that are wanted, and whatever else."""
    if isinstance(wanted, Mapping):
        assert isinstance(found, Mapping), f"{place} is {found!r}"
        for name, one in wanted.items():
            assert name in found, f"{place} has no '{name}': {found!r}"
            held(one, found[name], f"{place}.{name}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), f"{place} is {found!r}"
        assert len(found) == len(wanted), f"{place} has {len(found)}"
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            held(one, other, f"{place}[{number}]")
    else:
        assert wanted == found, place


@pytest.fixture(scope="module")
def answers(studio: Studio) -> Told:
    """Ask all of them at once: most of their time is waiting for queues."""
    with ThreadPoolExecutor(8) as several:
        told = several.map(lambda one: studio.post(one.path, one.asked), EXAMPLES.values())
        return dict(zip(EXAMPLES, told, strict=True))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_answered_as_it_is_printed(answers: Told, name: str) -> None:
    example = EXAMPLES[name]
    status, answer, headers = answers[name]
    assert status == example.status, answer
    held(example.answered, answer)
    assert {"x-inference-id", "x-aimlapi-credits-used", "x-aimlapi-usd-spent"} <= {one.lower() for one in headers}


def test_uploaded_pictures_under_one_name_are_changed_as_the_printed_command_sends_them(studio: Studio) -> None:
    files = [("image", (f"{name}.png", png(8, 8), "image/png")) for name in ("cat", "hat")]
    told = httpx.post(
        f"{studio.gateway.base_url}/v1/images/edits",
        headers={"authorization": f"Bearer {studio.key}"},
        data={"model": "openai/gpt-image-2", "prompt": "put the hat on the cat"},
        files=files,
        timeout=60,
    )
    assert told.status_code == 200, told.text
    held({"created": SECONDS, "data": [PICTURE_LINK], "meta": META}, told.json())


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"model": "deepgram/aura-2", "text": "Hello."}, "audio/wav"),
        ({"model": "elevenlabs/eleven_turbo_v2_5", "text": "Hello."}, "audio/mpeg"),
        ({"model": "openai/tts-1", "text": "Hello.", "stream": True}, "audio/mpeg"),
    ],
)
def test_speech_of_a_model_that_streams_unasked_comes_as_itself_without_a_cost(
    studio: Studio, asked: Mapping[str, Any], kind: str
) -> None:
    status, answer, headers = studio.post("/v1/tts", asked)
    assert (status, headers["content-type"]) == (200, kind)
    assert isinstance(answer, bytes)
    assert answer
    assert "x-aimlapi-credits-used" not in headers


ORDERED = {
    "#g1_nova-2-general": {
        "metadata": {"request_id": "r1", "duration": 2.1, "channels": 1, "models": ["m"]},
        "results": {"channels": [{"alternatives": [{"transcript": "Hello there.", "confidence": 0.99}]}]},
        "text": "Hello there.",
    },
    "openai/gpt-4o-transcribe": {"text": "Hello there.", "usage": of(dict)},
    "aai/universal": {
        "id": of(str),
        "status": "completed",
        "text": of(str),
        "words": of(list),
        "results": {"channels": [{"alternatives": [{"transcript": of(str)}]}]},
    },
}


@pytest.fixture(scope="module")
def orders(studio: Studio) -> Told:
    """Order all of them before one is awaited."""
    asked = {"url": SOUND, "punctuate": True}
    return {model: studio.post("/v1/stt/create", {"model": model, **asked}) for model in ORDERED}


@pytest.mark.parametrize("model", ORDERED)
def test_an_ordered_transcript_is_told_as_it_is_printed(studio: Studio, orders: Told, model: str) -> None:
    status, order, _ = orders[model]
    assert status == 200, order
    held({"generation_id": of(str), "status": "queued"}, order)
    name = order["generation_id"]
    with httpx.Client(base_url=studio.gateway.base_url, timeout=30) as client:
        client.headers["authorization"] = f"Bearer {studio.key}"
        end = time.monotonic() + WITHIN_S
        while (told := client.request("GET", f"/stt/{name}", json={}).json())["status"] == "queued":
            assert time.monotonic() < end, told
    held({"id": name, "generation_id": name, "status": "completed", "error": None, "meta": META}, told)
    held(ORDERED[model], told["result"])
    assert told["output"] == told["result"]
