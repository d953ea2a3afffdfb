"""What `/docs-json` says of models drawn from every operation is valid, fits itself, and is held to by the gateway."""

import json
import random
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import pytest_asyncio

from modelport.api.openapi.of_model import Described
from modelport.api.openapi.schemas import has_upload
from modelport.catalogue.facts import CATEGORIES, Model
from modelport.catalogue.load import load
from modelport.dialects.media.spellings import AS_NUMBERS, AS_TEXTS
from tests.acceptance.gateway import Gateway
from tests.api.described import Json, faults
from tests.catalogue.drawn import TEXTUAL, crossings

DRAWN = 60
LINK = "https://files.example/a.png"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def draw() -> list[Model]:
    """Draw as many models of each operation as there are, up to an equal share, and fill up with any."""
    chance = random.Random(5)
    models = list(load().models())
    chance.shuffle(models)
    share = DRAWN // len(CATEGORIES)
    drawn = [
        model for operation in CATEGORIES for model in [one for one in models if one.operation == operation][:share]
    ]
    rest = [model for model in models if model not in drawn]
    return sorted((*drawn, *rest[: DRAWN - len(drawn)]), key=lambda model: model.id)


MODELS = draw()
PLACES = [(model, endpoint) for model in MODELS for endpoint in model.endpoints]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[httpx.AsyncClient]:
    """Speak to a gateway over the whole catalogue that can call nobody, with a key of somebody who has money."""
    with Gateway(tmp_path_factory.mktemp("described")) as gateway:
        gateway.create_account("ann", "1")
        headers = {"authorization": f"Bearer {gateway.create_key('ann')}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=60, trust_env=False) as client:
            yield client


def content(document: Json, endpoint: str) -> dict[str, Json]:
    return document["paths"][endpoint]["post"]["requestBody"]["content"]


async def document_of(client: httpx.AsyncClient, model: Model, endpoint: str) -> Json:
    answer = await client.get("/docs-json", params={"model": model.id, "endpoint": endpoint})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_documents_of_models_of_every_operation_are_valid(client: httpx.AsyncClient) -> None:
    assert len(MODELS) == DRAWN
    assert {model.operation for model in MODELS} == set(CATEGORIES)
    for model, endpoint in PLACES:
        assert faults(await document_of(client, model, endpoint)) == [], (model.id, endpoint)


async def test_the_examples_of_documents_fit_their_own_schemas(client: httpx.AsyncClient) -> None:
    tried = set[str]()
    for model, endpoint in PLACES:
        document = await document_of(client, model, endpoint)
        described = content(document, endpoint).get("application/json")
        if described is not None:
            schema = jsonschema_rs.Draft202012Validator(described["schema"])
            assert list(schema.iter_errors(described["example"])) == [], (model.id, endpoint)
            tried.add(model.operation)
    assert tried == set(CATEGORIES)


def broken(model: Model, endpoint: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make requests that each break one thing that a document says of one field, which is named."""
    one = Described(model, endpoint)
    parameters = {name: parameter for name, parameter in one.parameters.items() if not has_upload(parameter)}
    whole: dict[str, Any] = one.example(parameters)
    if endpoint == "/v1/images/edits":
        whole["image"] = [LINK]
    for name, parameter in parameters.items():
        if parameter.required:
            yield name, {key: value for key, value in whole.items() if key != name}
        stands_for_text = parameter.type == "string" and name in AS_TEXTS | AS_NUMBERS
        for place, value in crossings(parameter, name):
            if isinstance(value, str) or not stands_for_text:
                yield place, {**whole, name: value}


async def held(client: httpx.AsyncClient, places: Iterable[tuple[Model, str]]) -> tuple[set[str], list[str]]:
    """Send all of them; return at which paths some were sent, and what was not refused as it should be."""
    tried, taken = set[str](), list[str]()
    for model, endpoint in places:
        for place, body in broken(model, endpoint):
            told = f"{endpoint} {place} {json.dumps({**body, 'model': _kind(model)})}"
            if told not in tried:
                tried.add(told)
                answer = await client.post(endpoint, json=body)
                if answer.status_code != 400 or f"'{place.partition('[')[0].partition('.')[0]}" not in answer.text:
                    taken.append(f"{model.id} {told}: {answer.status_code} {answer.text[:300]}")
    return {told.partition(" ")[0] for told in tried}, taken


def _kind(model: Model) -> str:
    """Name what models have in common of which a request is checked alike, so that none is sent twice."""
    return model.operation if model.operation in TEXTUAL and not model.own_parameters else model.id


async def test_a_request_that_breaks_what_a_document_says_is_refused_and_names_the_field(
    client: httpx.AsyncClient,
) -> None:
    assert await held(client, PLACES) == ({endpoint for _, endpoint in PLACES}, [])


@pytest.mark.long
async def test_a_request_that_breaks_what_the_document_of_any_model_says_is_refused(client: httpx.AsyncClient) -> None:
    places = [(model, endpoint) for model in load().models() for endpoint in model.endpoints]
    assert await held(client, places) == ({endpoint for _, endpoint in places}, [])
