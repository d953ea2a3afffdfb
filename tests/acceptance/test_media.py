"""Pictures, speech, transcripts and pages through a real gateway, with the vendors at the fake and the official SDK."""

import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from modelport.catalogue.facts import SPOKEN, Model
from modelport.catalogue.load import load
from modelport.dialects.media.addresses import Met
from modelport.dialects.media.call import taken_by
from tests.acceptance.conftest import balance_of
from tests.acceptance.gateway import FAKE_KEY, SECRETS, Gateway, fake_provider
from tests.catalogue.drawn import media_models, required_of
from tests.fake.media.files import MP3, png
from tests.fake.media.openai import HARMFUL
from tests.fake.overlay import write_media_redirects
from tests.serving.test_media import met_of

CATALOGUE = load()
MADE = ("images", "speech", "transcription", "ocr", "moderation")
PICTURE = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()
SOUND = "data:audio/mpeg;base64," + base64.b64encode(MP3).decode()
PAGE = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n").decode()
HARMLESS = "The river floods the valley every spring."


PRICED = (
    ("openai", "openai/gpt-image-2", "image", "0.05"),
    ("openai", "openai/gpt-4o-transcribe", "minute", "0.006"),
    ("dashscope", "alibaba/wan2.2-t2i-flash", "image", "0.05"),
    ("google-documentai", "gc-document-ai", "page", "0.01"),
    ("zai", "zhipu/glm-ocr", "page", "0.01"),
    ("topaz", "topaz-labs/sharpen", "image", "0.1"),
    ("topaz", "topaz-labs/sharpen-gen", "image", "0.1"),
)
"""Prices that the operator gives, since their makers' are not known, or depend on his plan."""


def write_prices(catalogue: Path) -> None:
    for provider, model, per, price in PRICED:
        with (catalogue / f"{provider}.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[[offers]]\nmodel = "{model}"\n')
            file.write(f'rates = [{{ from = 2026-01-01, per = "{per}", price = "{price}" }}]\n')


UNPRICED = {"bytedance/dola-seedream-5-0-pro", "bytedance/seedream-5-0-pro"}
"""Models whose default size has no price that is known."""


@dataclass(frozen=True, slots=True)
class Studio:
    """A gateway whose providers of media are at the fake."""

    gateway: Gateway
    account_id: int
    key: str
    providers: frozenset[str]
    """Those that the fake plays."""
    fake: str
    """Where it is."""

    def post(self, path: str, body: Mapping[str, object]) -> tuple[int, Any, Mapping[str, str]]:
        """Call with JSON; returns status, what came, and its headers."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.gateway.base_url}{path}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(asked, timeout=120) as answer:
                return answer.status, _read(answer.read(), answer.headers["content-type"]), answer.headers
        except urllib.error.HTTPError as problem:
            return problem.code, json.loads(problem.read()), problem.headers

    def balance(self) -> int:
        return balance_of(self.gateway, self.account_id)


def _read(body: bytes, kind: str) -> Any:
    return json.loads(body) if kind.startswith("application/json") else body


def fetched(link: str) -> tuple[bytes, str]:
    with urllib.request.urlopen(link, timeout=30) as answer:
        return answer.read(), answer.headers["content-type"]


@pytest.fixture(scope="module")
def sdk(studio: "Studio") -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{studio.gateway.base_url}/v1", api_key=studio.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio") / "data"
    with fake_provider() as fake:
        port = urlsplit(fake).port
        settings = {"MODELPORT_EGRESS_ALLOW": "127.0.0.1/32", "MODELPORT_EGRESS_PORTS": f"80,443,{port}"}
        named = (name for one in CATALOGUE.providers() for name in (one.issuer_env, one.secret_env))
        keys = {name: FAKE_KEY for name in named if name}
        gateway = Gateway(folder, secrets={**SECRETS, **keys, "INWORLD_API_KEY": FAKE_KEY}, settings=settings)
        providers = write_media_redirects(gateway.catalogue, fake)
        with (gateway.catalogue / "openai.toml").open("a", encoding="utf-8") as file:
            file.write("priority = 10\n")
        write_prices(gateway.catalogue)
        with gateway:
            account = gateway.create_account("studio", "1000")
            yield Studio(gateway, account["id"], gateway.create_key("studio"), providers, fake)


def test_a_picture_is_made_and_its_link_needs_no_key(studio: Studio, sdk: openai.OpenAI) -> None:
    before = studio.balance()
    made = sdk.images.generate(model="openai/gpt-image-1-mini", prompt="a cat", quality="low")
    assert made.data is not None
    data, kind = fetched(str(made.data[0].url))
    assert (data, kind) == (png(1024, 1024), "image/png")
    assert made.model_extra is not None
    assert made.model_extra["meta"]["usage"]["credits_used"] == before - studio.balance() == 10_000


def test_a_picture_comes_inside_of_the_answer_where_that_is_asked_for(studio: Studio, sdk: openai.OpenAI) -> None:
    made = sdk.images.generate(model="openai/gpt-image-1-mini", prompt="a cat", response_format="b64_json")
    assert made.data is not None
    assert base64.b64decode(str(made.data[0].b64_json)) == png(1024, 1024)


def test_the_example_sizes_of_flux_come_from_a_queue(studio: Studio) -> None:
    for model, width, height in (("flux-pro", 1024, 320), ("flux/schnell", 1536, 640)):
        size = {"width": width, "height": height}
        asked = {"model": model, "prompt": "a cat", "image_size": size, "output_format": "png"}
        status, answer, _ = studio.post("/v1/images/generations", asked)
        assert status == 200, answer
        assert fetched(answer["data"][0]["url"])[0] == png(width, height)


def test_a_picture_is_sharpened_by_its_maker_at_the_price_of_the_operator(studio: Studio) -> None:
    before = studio.balance()
    asked = {"model": "topaz-labs/sharpen", "mode": "Standard", "image_url": PICTURE, "output_format": "png"}
    status, answer, _ = studio.post("/v1/images/generations", asked)
    assert status == 200, answer
    assert fetched(answer["data"][0]["url"]) == (png(64, 64), "image/png")
    assert before - studio.balance() == 200_000


def test_uploaded_pictures_are_changed(studio: Studio, sdk: openai.OpenAI) -> None:
    cat, hat = io.BytesIO(png(64, 64)), io.BytesIO(png(64, 64))
    cat.name, hat.name = "cat.png", "hat.png"
    made = sdk.images.edit(model="openai/gpt-image-2", image=[cat, hat], prompt="put the hat on the cat")
    assert made.data is not None
    assert fetched(str(made.data[0].url))[1] == "image/png"


def test_unfinished_pictures_stream_and_are_paid_for_one_by_one(studio: Studio, sdk: openai.OpenAI) -> None:
    before = studio.balance()
    seen = list(
        sdk.images.generate(
            model="openai/gpt-image-1-mini", prompt="a cat", quality="low", stream=True, partial_images=2
        )
    )
    assert [one.type.rpartition(".")[2] for one in seen] == ["partial_image", "partial_image", "completed"]
    assert [base64.b64decode(one.b64_json) for one in seen] == [png(1024, 1024)] * 3
    [*_, last] = seen
    assert last.type == "image_generation.completed"
    assert (last.size, last.quality, last.usage.output_tokens) == ("1024x1024", "low", 1200)
    assert last.model_extra is not None
    assert last.model_extra["meta"]["usage"]["credits_used"] == before - studio.balance() == 10_000 + 2 * 1_600


def test_a_client_that_streams_works_with_models_that_do_not(studio: Studio, sdk: openai.OpenAI) -> None:
    [last] = sdk.images.generate(model="flux/schnell", prompt="a cat", stream=True, partial_images=2)
    assert last.type == "image_generation.completed"
    assert base64.b64decode(last.b64_json) == png(1024, 768)
    cat = io.BytesIO(png(64, 64))
    cat.name = "cat.png"
    [last] = sdk.images.edit(model="openai/gpt-image-2", image=cat, prompt="a hat", stream=True, partial_images=1)
    assert last.type == "image_edit.completed", "its price of unfinished pictures is not known"
    with pytest.raises(openai.BadRequestError, match="partial_images"):
        sdk.images.generate(model="flux/schnell", prompt="a cat", stream=True, partial_images=4)


def test_speech_streams_and_comes_as_a_link(studio: Studio, sdk: openai.OpenAI) -> None:
    with sdk.audio.speech.with_streaming_response.create(
        model="openai/tts-1", voice="alloy", input="Hello there.", response_format="mp3"
    ) as spoken:
        assert spoken.headers["content-type"] == "audio/mpeg"
        assert b"".join(spoken.iter_bytes()) == MP3
    status, answer, headers = studio.post("/v1/tts", {"model": "openai/tts-1", "text": "Hello there."})
    assert (status, answer["audio"]["url"]) == (200, answer["audio_url"])
    assert fetched(answer["audio_url"]) == (MP3, "audio/mpeg")
    assert int(headers["x-aimlapi-credits-used"]) == answer["meta"]["usage"]["credits_used"] == 360


def test_a_transcript_comes_from_deepgram_in_every_form(studio: Studio, sdk: openai.OpenAI) -> None:
    sound = io.BytesIO(MP3)
    sound.name = "said.mp3"
    told = sdk.audio.transcriptions.create(model="nova-3", file=sound)
    assert told.text
    for form in ("text", "srt", "vtt", "verbose_json"):
        sound.seek(0)
        assert told.text in str(sdk.audio.transcriptions.create(model="nova-3", file=sound, response_format=form))
    status, answer, _ = studio.post("/v1/stt", {"model": "#g1_whisper-tiny", "url": SOUND})
    assert status == 201, answer
    assert answer["results"]["channels"][0]["alternatives"][0]["transcript"] == told.text


def test_files_of_ours_are_passed_on_without_a_public_address(studio: Studio) -> None:
    _, drawn, _ = studio.post("/v1/images/generations", {"model": "flux/schnell", "prompt": "a cat"})
    ours = drawn["data"][0]["url"]
    edit = {"model": "flux/kontext-max/image-to-image", "prompt": "with a hat", "image_url": ours}
    status, edited, _ = studio.post("/v1/images/generations", edit)
    assert status == 200, edited
    _, spoken, _ = studio.post("/v1/tts", {"model": "openai/tts-1", "text": "Hello there."})
    status, heard, _ = studio.post("/v1/audio/transcriptions", {"model": "nova-3", "url": spoken["audio_url"]})
    assert status == 200, heard
    assert heard["text"]


def test_pages_are_read(studio: Studio) -> None:
    document = {"type": "document_url", "document_url": PAGE}
    status, answer, _ = studio.post("/v1/ocr", {"model": "mistral/mistral-ocr-latest", "document": document})
    assert status == 200, answer
    assert answer["pages"][0]["markdown"]
    assert answer["usage_info"]["pages_processed"] == len(answer["pages"])
    assert answer["meta"]["usage"]["credits_used"] > 0


def test_openai_is_asked_where_it_is_configured_and_costs_nothing(studio: Studio, sdk: openai.OpenAI) -> None:
    before = studio.balance()
    told = sdk.moderations.create(input=f"{HARMFUL} words")
    assert (told.model, told.results[0].flagged) == ("omni-moderation-2024-09-26", True)
    assert told.results[0].categories.violence
    both = sdk.moderations.create(
        model="omni-moderation-latest",
        input=[{"type": "text", "text": HARMLESS}, {"type": "image_url", "image_url": {"url": PICTURE}}],
    )
    [verdict] = both.results
    assert verdict.category_applied_input_types.violence == ["text", "image"]
    assert verdict.category_applied_input_types.hate == ["text"]
    assert studio.balance() == before


def test_a_picture_of_ours_is_judged_without_a_public_address(studio: Studio, sdk: openai.OpenAI) -> None:
    _, drawn, _ = studio.post("/v1/images/generations", {"model": "flux/schnell", "prompt": "a cat"})
    ours = drawn["data"][0]["url"]
    told = sdk.moderations.create(
        model="omni-moderation-latest", input=[{"type": "image_url", "image_url": {"url": ours}}]
    )
    assert told.results[0].category_applied_input_types.sexual == ["image"]
    assert told.results[0].category_scores.hate == 0


def test_what_openai_refuses_is_told_in_its_words(sdk: openai.OpenAI) -> None:
    picture: openai.types.ModerationImageURLInputParam = {"type": "image_url", "image_url": {"url": PICTURE}}
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.moderations.create(model="omni-moderation-latest", input=[picture, picture])
    assert "Number of images (2) exceeds maximum of 1" in refused.value.message


def priced(model: Model, providers: frozenset[str]) -> bool:
    """Whether the fake plays somebody who sells a model at a price that is known, in a format that is called."""
    return any(
        offer.provider.id in providers and offer.rates and offer.can_be_called(model.operation)
        for offer in CATALOGUE.offers(model.id)
    )


def example(model: Model, met: Met) -> dict[str, object]:
    """Write the shortest request, with files that there are."""
    given = required_of(taken_by(model, met))
    if model.operation == "transcription":
        given["url"] = SOUND
    return {"model": model.id, **{name: _with_files(name, value) for name, value in given.items()}}


def _with_files(name: str, value: Any) -> Any:
    if value == "":
        return "a cat"
    if isinstance(value, str) and (value.startswith("http") or name == "image"):
        return PAGE if "document" in name else PICTURE
    if isinstance(value, list):
        return [_with_files(name, one) for one in value]
    if isinstance(value, dict):
        return {inner: _with_files(inner, one) for inner, one in value.items()}
    return value


def test_every_model_that_has_a_price_answers_and_is_paid_for_once(studio: Studio) -> None:
    models = [one for one in media_models() if one.operation in MADE and priced(one, studio.providers)]
    assert len(models) > 130
    before = studio.balance()

    def made(model: Model) -> tuple[str, int, Any, int]:
        met = met_of(model)
        path = "/v1/stt" if model.operation == "transcription" else met.endpoint
        path = "/v1/audio/transcriptions" if path == "/v1/stt" and path not in model.endpoints else path
        status, answer, headers = studio.post(path, example(model, met))
        return model.id, status, answer, int(headers.get("x-aimlapi-credits-used", "-1"))

    with ThreadPoolExecutor(16) as several:
        told = list(several.map(made, models))
    failed = {name: (status, answer) for name, status, answer, _ in told if status not in (200, 201)}
    assert {name: answer for name, answer in failed.items() if name not in UNPRICED} == {}
    assert {name: status for name, (status, _) in failed.items()} == dict.fromkeys(UNPRICED, 503)
    rows = studio.gateway.rows("SELECT SUM(charged_credits) AS charged, SUM(house_credits) AS house FROM requests")
    assert rows[0]["house"] == 0
    spent = sum(credits_used for *_, credits_used in told if credits_used >= 0)
    streamed = [name for name, _, answer, _ in told if isinstance(answer, bytes)]
    assert spent <= before - studio.balance()
    assert streamed, "some models speak as a stream unasked"


def test_nothing_was_written_outside_of_the_data_folder(studio: Studio, tmp_path: Path) -> None:
    kept = list((studio.gateway.data_dir / "assets").rglob("*.*"))
    assert kept
    assert not SPOKEN.isdisjoint({"openai_images"})
    assert not list(tmp_path.iterdir())
