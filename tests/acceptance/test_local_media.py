"""With nothing but engines of this machine: a text is spoken and written down again, an invoice is read."""

import base64
import io
import json
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import openai
import pytest

from modelport.engines.entries import OCR, SPEECH, TRANSCRIPTION
from tests.acceptance.conftest import Site
from tests.engines.conftest import filled_store
from tests.engines.test_ocr import INVOICE, pdf

pytestmark = pytest.mark.weights

TEXT = "The library opens early, and the first train leaves without any passengers."
WITHIN_S = 300.0


@pytest.fixture(scope="module")
def sdk(session_local_site: Site) -> Iterator[openai.OpenAI]:
    for engine, weights in ((SPEECH, "kokoro-82m"), (TRANSCRIPTION, "whisper-tiny.en"), (OCR, "pp-ocrv6-small")):
        filled_store(engine, weights)
    url, key = session_local_site.url, session_local_site.key
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=WITHIN_S) as client:
        yield client


def post(site: Site, path: str, body: Mapping[str, object]) -> Any:
    headers = {"Authorization": f"Bearer {site.key}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{site.url}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(asked, timeout=WITHIN_S) as answer:
        return json.loads(answer.read())


def plain(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").split()


def test_what_is_spoken_is_written_down_word_for_word(session_local_site: Site, sdk: openai.OpenAI) -> None:
    spoken = sdk.audio.speech.create(model="hexgrad/kokoro-82m", voice="alloy", input=TEXT, response_format="wav")
    sound = io.BytesIO(spoken.content)
    sound.name = "said.wav"
    heard = sdk.audio.transcriptions.create(model="whisper-1", file=sound)
    assert plain(heard.text) == plain(TEXT)
    sound.seek(0)
    *deltas, done = sdk.audio.transcriptions.create(model="whisper-1", file=sound, stream=True)
    assert done.type == "transcript.text.done"
    assert "".join(one.delta for one in deltas if one.type == "transcript.text.delta") == done.text == heard.text
    rows = session_local_site.gateway.rows("SELECT model, provider, status, charged_credits FROM requests")
    told = {(row["model"], row["provider"], row["status"], row["charged_credits"]) for row in rows}
    assert {
        ("hexgrad/kokoro-82m", "local-speech", "succeeded", 0),
        ("openai/whisper-tiny.en", "local-transcription", "succeeded", 0),
    } <= told


def test_a_link_to_what_was_spoken_is_heard_without_a_public_address(
    session_local_site: Site, sdk: openai.OpenAI
) -> None:
    del sdk
    spoken = post(session_local_site, "/v1/tts", {"model": "hexgrad/kokoro-82m", "text": TEXT})
    asked = {"model": "whisper-1", "url": spoken["audio_url"], "response_format": "verbose_json"}
    heard = post(session_local_site, "/v1/audio/transcriptions", asked)
    assert plain(heard["text"]) == plain(TEXT)
    assert heard["words"]
    assert heard["segments"][-1]["end"] == pytest.approx(heard["duration"], abs=2)


def test_the_lines_of_an_invoice_are_read(session_local_site: Site, sdk: openai.OpenAI) -> None:
    del sdk
    document = "data:application/pdf;base64," + base64.b64encode(pdf((INVOICE, b""))).decode()
    asked = {"model": "paddlepaddle/pp-ocrv6-small", "document": {"type": "document_url", "document_url": document}}
    [page] = post(session_local_site, "/v1/ocr", asked)["pages"]
    for *_, line in INVOICE:
        assert line in page["markdown"] or all(word in page["markdown"] for word in line.split())
