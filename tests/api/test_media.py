"""The routes of media: which address asks for what, and which bodies are read there."""

import pytest

from modelport.api.request import Bodies
from modelport.dialects.media import addresses
from modelport.dialects.media.addresses import Met, video_of
from modelport.keys.key import Scope
from tests.api.site import REPLY, Site, bearer

PREFIXES = ("/v1", "/api/v1", "/v2", "")
KLING = video_of("kling/generation")
ADDRESSES: list[tuple[str, Met | None, Scope]] = [
    ("/images/generations", addresses.IMAGES, "model:image"),
    ("/images/generations/with-url", addresses.IMAGE_LINKS, "model:image"),
    ("/images/edits", addresses.IMAGE_EDITS, "model:image"),
    ("/video/generations", addresses.VIDEO, "model:video"),
    ("/generate/video/kling/generation", KLING, "model:video"),
    ("/generate/audio", addresses.MUSIC, "model:audio"),
    ("/generate/audio/minimax/generate", addresses.MINIMAX_MUSIC, "model:audio"),
    ("/tts", addresses.SPEECH, "model:speech"),
    ("/audio/speech", addresses.SPEECH_BYTES, "model:speech"),
    ("/stt", addresses.TRANSCRIPTION_NOW, "model:speech"),
    ("/audio/transcriptions", addresses.CAPTIONS, "model:speech"),
    ("/audio/translations", addresses.TRANSLATIONS, "model:speech"),
    ("/ocr", addresses.OCR, "model:ocr"),
    ("/moderations", addresses.MODERATION, "model:moderation"),
]
FORMS = [path for path, met, _ in ADDRESSES if met is not None and met.takes_forms]


@pytest.mark.parametrize(("path", "met", "scope"), ADDRESSES)
async def test_each_address_answers_under_every_prefix_to_keys_with_its_scope(
    path: str, met: Met, scope: Scope
) -> None:
    site = Site()
    able = site.make_key(scopes=frozenset({scope}))
    unable = site.make_key(scopes=frozenset(other for *_, other in ADDRESSES if other != scope))
    async with site.running() as client:
        for prefix in PREFIXES:
            answer = await client.post(f"{prefix}{path}/", content=b"{}", headers=bearer(able))
            assert (answer.status_code, answer.content) == (200, REPLY)
            refused = await client.post(f"{prefix}{path}", content=b"{}", headers=bearer(unable))
            assert refused.status_code == 403
            assert f"lacks the scope '{scope}'" in refused.json()["message"]
            assert len(refused.headers["x-inference-id"]) == 21
    assert [request.met for request in site.media] == [met] * len(PREFIXES)


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_is_read_where_files_are_sent(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post(
            f"/v1{path}", files={"file": ("a.wav", b"RIFF")}, data={"model": "nova-3"}, headers=bearer(site.regular)
        )
    assert answer.status_code == 200
    [request] = site.media
    assert request.content_type.startswith("multipart/form-data; boundary=")
    assert b"RIFF" in request.body


async def test_a_form_is_refused_where_no_files_are_sent() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post("/v1/ocr", files={"file": b"RIFF"}, headers=bearer(site.regular))
    assert answer.status_code == 415
    assert "multipart/form-data" in answer.json()["message"]


async def test_forms_are_bounded_like_other_bodies_and_not_compressed() -> None:
    site = Site(bodies=Bodies(max_bytes=1000))
    async with site.running() as client:
        large = await client.post("/v1/stt", files={"audio": b"x" * 2000}, headers=bearer(site.regular))
        assert (large.status_code, large.json()["error"]["code"]) == (413, "body_too_large")
        headers = bearer(site.regular) | {"content-encoding": "gzip"}
        packed = await client.post("/v1/stt", files={"audio": b"x"}, headers=headers)
        assert packed.status_code == 415
    assert not site.media


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        ("audio/mpeg", "bytes"),
        ("application/json, audio/*;q=0.5", "bytes"),
        ("application/octet-stream", "bytes"),
        ("application/json", "url"),
        ("*/*", None),
    ],
)
async def test_what_accept_says_of_speech_is_handed_on(accept: str, accepted: str | None) -> None:
    site = Site()
    async with site.running() as client:
        headers = bearer(site.regular) | {"accept": accept}
        assert (await client.post("/v1/tts", content=b"{}", headers=headers)).status_code == 200
    assert [request.accepted for request in site.media] == [accepted]


@pytest.mark.parametrize("path", ["/v2/generate/video/acme/generation", "/v2/generate/video/kling"])
async def test_a_maker_without_an_address_is_told_those_that_have_one(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post(path, content=b"{}", headers=bearer(site.regular))
    assert answer.status_code == 404
    assert "alibaba, bytedance, google, kling, luma-ai, minimax, pixverse, runway" in answer.json()["message"]


async def test_jobs_cannot_be_asked_for_yet_and_other_methods_name_the_right_one() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get("/v2/video/generations?generation_id=x", headers=bearer(site.regular))
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_implemented")
        wrong = await client.get("/v1/images/generations")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST, OPTIONS")
