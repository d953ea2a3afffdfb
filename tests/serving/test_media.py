"""A call for media: found, checked, planned, and refused where this version or its operator cannot make it."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from modelport.api.errors import refusal, status_of
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import MADE, Model
from modelport.catalogue.load import load
from modelport.catalogue.problems import RetiredModel, UnknownModel
from modelport.core.clock import SystemClock
from modelport.core.counters import Counters
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.media import addresses
from modelport.dialects.media.addresses import Met, video_of
from modelport.dialects.media.call import taken_by
from modelport.keys.key import Key, ModelNotAllowed, ProviderNotAllowed
from modelport.ledger.book import Book
from modelport.ledger.problems import InsufficientFunds
from modelport.ledger.records import CallRecord
from modelport.limits.limiter import Limiter
from modelport.routing.problems import UnknownProvider, Unpriced, Unserved, Unspoken, WrongOperation
from modelport.routing.router import Router
from modelport.serving.exchange import CallFailed
from modelport.serving.media import MediaRequest, ServeMedia
from tests.catalogue.drawn import media_models, required_of
from tests.serving.stage import NotingClient, Routes, ScriptedUpstream, key_of
from tests.serving.studio import media_on
from tests.twins.files import TwinFiles
from tests.twins.ledger import Vault, VaultLedger

CATALOGUE = load()
CLOCK = SystemClock()
METS = (
    addresses.IMAGES,
    addresses.VIDEO,
    addresses.MUSIC,
    addresses.MINIMAX_MUSIC,
    addresses.SPEECH,
    addresses.TRANSCRIPTION,
    addresses.OCR,
    addresses.MODERATION,
    video_of("kling/generation"),
)
REFUSALS = (Unserved, Unspoken, Unpriced, InsufficientFunds)


@dataclass
class Studio:
    """Serving of media over our catalogue."""

    serve: ServeMedia
    vault: Vault

    async def refused(
        self, met: Met, body: Mapping[str, object], key: Key | None = None, client: NotingClient | None = None
    ) -> Problem:
        """Make a call and return what it was refused with: nothing was sent before."""
        request = MediaRequest(json.dumps(body).encode(), "", met, "request-1", "mine")
        client = client or NotingClient()
        with pytest.raises(CallFailed) as failed:
            await self.serve(request, key or key_of(), client)
        assert len(failed.value.inference_id) == 21
        return failed.value.problem

    @property
    def rows(self) -> list[CallRecord]:
        return [record for record, _ in self.vault.requests.values()]


@asynccontextmanager
async def studio(catalogue: Catalogue = CATALOGUE, *configured: str) -> AsyncGenerator[Studio]:
    vault = Vault()
    async with Book(VaultLedger(vault, "here"), CLOCK, 0.2) as book:
        routes = Routes(Router(catalogue, frozenset(configured)))
        async with Limiter(CLOCK, Counters()) as limiter:
            yield Studio(media_on(routes, book, limiter, ScriptedUpstream({}), TwinFiles()), vault)


def remote_models() -> list[Model]:
    """List what no engine of ours makes."""
    return [
        model for model in media_models() if not any(offer.provider.is_local for offer in CATALOGUE.offers(model.id))
    ]


def met_of(model: Model) -> Met:
    return next(met for met in METS if met is not None and met.answers(model))


def least(model: Model) -> dict[str, object]:
    """Write the shortest request that a model takes."""
    fields = required_of(taken_by(model, met_of(model)))
    source = {"url": "https://files.example/a.mp3"} if model.operation == "transcription" else {}
    return {"model": model.id, **fields, **source}


async def test_every_model_and_alias_is_answered_with_what_would_serve_it() -> None:
    async with studio() as here:
        for model in remote_models():
            for name in (model.id, model.id.upper(), *model.aliases):
                problem = await here.refused(met_of(model), {**least(model), "model": name})
                assert isinstance(problem, Unserved), (name, problem)
                told = refusal(problem, "https://here.example")
                assert (told.status, told.code) == (503, "model_not_served")
                assert all(setting.env in told.message for setting in problem.settings)
                assert problem.settings or model.unsold or "add " in told.message
        assert {row.model for row in here.rows} == {model.id for model in remote_models()}


async def test_every_retired_id_is_not_found_and_names_its_replacement() -> None:
    served = {name.casefold() for model in CATALOGUE.models() for name in (model.id, *model.aliases)}
    retired = [one for one in CATALOGUE.retired() if one.id.casefold() not in served]
    assert len(retired) > 100
    async with studio() as here:
        for one in retired:
            problem = await here.refused(addresses.IMAGES, {"model": one.id})
            assert isinstance(problem, RetiredModel)
            assert status_of(problem) == 404
            assert one.replacement is None or f"Use '{one.replacement}' instead" in problem.message
        assert not here.rows


async def test_with_every_provider_configured_a_call_without_money_ends_at_the_format_or_the_price() -> None:
    everybody = (provider.id for provider in CATALOGUE.providers())
    async with studio(CATALOGUE, *everybody) as here:
        for model in remote_models():
            if any(offer.free for offer in CATALOGUE.offers(model.id)):
                continue
            problem = await here.refused(met_of(model), least(model))
            assert isinstance(problem, REFUSALS), (model.id, problem)
            assert isinstance(problem, Unserved) is (not CATALOGUE.offers(model.id))
            assert status_of(problem) in (403, 501, 503)
            if model.operation not in MADE:
                assert isinstance(problem, Unserved | Unspoken), (model.id, problem)


async def test_a_call_that_is_refused_is_written_down_like_a_refused_chat() -> None:
    async with studio() as here:
        await here.refused(addresses.IMAGES, {"model": "flux/schnell", "prompt": "a cat", "mood": "good"})
    [row] = here.rows
    assert (row.model, row.endpoint, row.http_status, row.error) == (
        "flux/schnell",
        "/v1/images/generations",
        503,
        "model_not_served",
    )
    assert (row.status, row.cost_credits, row.client_request_id, row.dropped) == ("failed", 0, "mine", ("mood",))


@pytest.mark.parametrize("body", [{"model": "acme/none"}, {"prompt": "a cat"}, {"model": 7}, {"model": ""}])
async def test_a_call_of_which_the_model_is_not_known_leaves_no_row(body: Mapping[str, object]) -> None:
    async with studio() as here:
        problem = await here.refused(addresses.IMAGES, body)
        assert isinstance(problem, UnknownModel | InvalidBody)
        assert getattr(problem, "param", None) == "model"
        assert not here.rows


@pytest.mark.parametrize(
    ("met", "model", "path"),
    [
        (addresses.IMAGES, "veo2", "/v2/video/generations"),
        (addresses.VIDEO, "flux/schnell", "/v1/images/generations"),
        (addresses.IMAGES, "openai/gpt-4o", "/v1/chat/completions"),
        (addresses.SPEECH, "nova-3", "/v1/stt/create"),
        (addresses.IMAGE_EDITS, "flux/schnell", "/v1/images/generations"),
        (addresses.IMAGE_LINKS, "openai/gpt-image-1", "/v1/images/generations"),
        (addresses.TRANSCRIPTION_NOW, "openai/gpt-4o-transcribe", "/v1/stt/create"),
        (addresses.MUSIC, "music-01", "/v2/generate/audio/minimax/generate"),
        (addresses.VIDEO, "runway-gen3/turbo/image-to-video", "/v2/generate/video/kling/generation"),
        (video_of("google/generation"), "klingai/video-v2-6-pro-text-to-video", "/v2/video/generations"),
    ],
)
async def test_a_model_that_is_asked_elsewhere_says_where(met: Met, model: str, path: str) -> None:
    async with studio() as here:
        problem = await here.refused(met, {"model": model})
    assert isinstance(problem, WrongOperation)
    assert problem.message.endswith(f"call POST {path}.")
    assert [row.error for row in here.rows] == ["wrong_operation"]


async def test_a_request_for_pages_that_names_no_model_is_for_the_one_that_has_no_name() -> None:
    async with studio() as here:
        problem = await here.refused(addresses.OCR, {"document": "https://files.example/a.pdf"})
        assert isinstance(problem, Unserved)
        assert [row.model for row in here.rows] == ["gc-document-ai"]


@pytest.mark.parametrize(
    ("configured", "model"), [((), "modelport/basic-moderation"), (("openai",), "openai/omni-moderation-latest")]
)
async def test_a_text_to_judge_that_names_no_model_is_for_the_best_that_is_configured(
    configured: tuple[str, ...], model: str
) -> None:
    async with studio(CATALOGUE, *configured) as here:
        await here.refused(addresses.MODERATION, {"input": 4})
        assert [(row.model, row.error) for row in here.rows] == [(model, "invalid_body")]


async def test_a_chat_model_that_is_to_judge_names_those_that_do() -> None:
    async with studio() as here:
        problem = await here.refused(addresses.MODERATION, {"model": "openai/gpt-oss-safeguard-20b", "input": "a"})
    assert isinstance(problem, WrongOperation)
    assert "a chat model: call POST /v1/chat/completions" in problem.message
    assert "openai/omni-moderation-latest and modelport/basic-moderation" in problem.message


PICTURE = {"type": "image_url", "image_url": {"url": "https://files.example/a.png"}}


@pytest.mark.parametrize(
    ("model", "given", "faults"),
    [
        ("basic-moderation", [{"type": "text", "text": "a"}, PICTURE], ["'input[1].type': Expected 'text', received"]),
        ("basic-moderation", [PICTURE], ["'input[0].type': Expected 'text', received"]),
        ("basic-moderation", ["a", 4], ["'input[1]': Expected string of at most 200000 characters, received 4"]),
        ("basic-moderation", "a" * 200_001, ["'input': Expected string of at most 200000 characters"]),
        ("basic-moderation", None, ["'input': Required"]),
        ("omni-moderation-latest", ["a", PICTURE], ["'input[1]': Expected string, received"]),
        ("omni-moderation-latest", [PICTURE, "a"], ["'input[1]': Expected object"]),
        ("omni-moderation-latest", [{"type": "sound"}], ["'input[0].type': Expected one of 'text', 'image_url'"]),
        ("omni-moderation-latest", [{"type": "image_url", "image_url": {}}], ["'input[0].image_url.url': Required"]),
        ("omni-moderation-latest", [{**PICTURE, "image_url": {"url": "a.png"}}], ["'input[0].image_url.url': Exp"]),
        ("omni-moderation-latest", [], ["'input': Expected "]),
        ("omni-moderation-latest", 4, ["'input': Expected string or array"]),
    ],
)
async def test_what_cannot_be_judged_is_told_by_its_place(model: str, given: object, faults: list[str]) -> None:
    async with studio() as here:
        problem = await here.refused(addresses.MODERATION, {"model": model, "input": given})
    assert isinstance(problem, InvalidBody)
    assert [told[: len(fault)] for told, fault in zip(problem.faults, faults, strict=False)] == faults


async def test_what_does_not_fit_is_told_before_who_would_serve_it() -> None:
    async with studio() as here:
        problem = await here.refused(addresses.IMAGES, {"model": "flux/schnell", "image_size": {"width": 100}})
    assert isinstance(problem, InvalidBody)
    assert problem.faults == (
        "'prompt': Required",
        "'image_size.width': Expected integer from 64 to 1536, a multiple of 32, received 100",
    )
    assert [(row.http_status, row.error) for row in here.rows] == [(400, "invalid_body")]


async def test_a_key_asks_for_its_models_and_providers_only() -> None:
    body = {"model": "flux/schnell", "prompt": "a cat"}
    async with studio() as here:
        mine = replace(key_of(), models=frozenset({"openai/*"}))
        assert isinstance(await here.refused(addresses.IMAGES, body, mine), ModelNotAllowed)
        mine = replace(key_of(), providers=frozenset({"openai"}))
        pinned = {**body, "provider": CATALOGUE.offers("flux/schnell")[0].provider.id}
        assert isinstance(await here.refused(addresses.IMAGES, pinned, mine), ProviderNotAllowed)


async def test_a_provider_may_be_pinned_where_it_sells_the_model() -> None:
    body = {"model": "flux/schnell", "prompt": "a cat"}
    async with studio() as here:
        assert isinstance(await here.refused(addresses.IMAGES, {**body, "provider": "nobody"}), UnknownProvider)
        for pin in ("auto", "AUTO", CATALOGUE.offers("flux/schnell")[0].provider.id):
            assert isinstance(await here.refused(addresses.IMAGES, {**body, "provider": pin}), Unserved)
        problem = await here.refused(addresses.IMAGES, {**body, "provider": 7})
        assert isinstance(problem, InvalidBody)
        assert problem.param == "provider"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "received an empty body"),
        (b"{", "Expected a JSON object"),
        (b"[]", "at the top of the body"),
        (b'{"model": "flux/schnell", "n": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested less deeply"),
        (b'{"model": "\xff"}', "Expected UTF-8"),
        (b'{"n": 1e999}', "out of range"),
        (json.dumps({f"f{number}": 1 for number in range(1001)}).encode(), "at most 1000 fields"),
    ],
)
async def test_a_body_that_is_no_request_is_refused(body: bytes, told: str) -> None:
    async with studio() as here:
        request = MediaRequest(body, "", addresses.IMAGES, "request-1", None)
        with pytest.raises(CallFailed, match=told):
            await here.serve(request, key_of(), NotingClient())


async def test_an_answer_of_a_model_that_goes_says_when() -> None:
    async with studio() as here:
        client = NotingClient()
        await here.refused(addresses.IMAGES, {"model": "dall-e-3"}, client=client)
        assert client.marks == {b"deprecation": b"@1778544000", b"sunset": b"Tue, 12 May 2026 00:00:00 GMT"}
        stays = NotingClient()
        await here.refused(addresses.IMAGES, {"model": "flux/schnell"}, client=stays)
        assert not stays.marks
