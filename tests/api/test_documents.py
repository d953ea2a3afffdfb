"""The API described as OpenAPI: valid, whole, and the same as what is served."""

import re
import shlex
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from modelport.api.openapi.more_facts import ALL_FACTS
from modelport.api.openapi.of_model import endpoint_of, model_document
from modelport.api.openapi.schemas import schema_of
from modelport.api.openapi.whole import whole_document
from modelport.api.problems import InvalidQuery
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model
from modelport.catalogue.load import load
from modelport.catalogue.parameters import Parameter, decoded
from tests.api.described import Json, faults, plain
from tests.api.site import Site

ROOT = "https://models.example"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture(scope="module")
def documents(catalogue: Catalogue) -> dict[tuple[str, str], Json]:
    return {
        (model.id, endpoint): plain(model_document(model, endpoint, ROOT))
        for model in catalogue.models()
        for endpoint in model.endpoints
    }


def bodies(document: Json, endpoint: str) -> dict[str, Json]:
    """Return the content of a document's request, by type."""
    content: dict[str, Json] = document["paths"][endpoint]["post"]["requestBody"]["content"]
    return content


def form(document: Any) -> Any:
    """Leave of a document what its validity hangs on: texts and numbers are all the same."""
    if isinstance(document, dict):
        return {name: form(value) for name, value in document.items() if name not in ("info", "x-codeSamples")}
    if isinstance(document, list):
        return [form(value) for value in document]
    return document if isinstance(document, bool) or document is None else type(document).__name__


def test_documents_of_many_forms_are_valid(documents: dict[tuple[str, str], Json]) -> None:
    by_form = {msgspec.json.encode(list(form(document).items())): name for name, document in documents.items()}
    sample = sorted(by_form.values())[::12]
    assert {name: found for name in sample if (found := faults(documents[name]))} == {}


@pytest.mark.long
def test_every_document_is_valid(documents: dict[tuple[str, str], Json]) -> None:
    assert {name: found for name, document in documents.items() if (found := faults(document))} == {}


def test_every_schema_of_a_request_is_one_and_takes_its_own_example(documents: dict[tuple[str, str], Json]) -> None:
    for (model_id, endpoint), document in documents.items():
        for content in bodies(document, endpoint).values():
            jsonschema_rs.meta.validate(content["schema"])
            schema = jsonschema_rs.Draft202012Validator(content["schema"])
            assert "example" not in content or schema.is_valid(content["example"]), (model_id, endpoint)


def test_a_document_has_every_parameter_of_its_model(
    catalogue: Catalogue, documents: dict[tuple[str, str], Json]
) -> None:
    for model in catalogue.models():
        endpoint = model.endpoints[0]
        for content in bodies(documents[model.id, endpoint], endpoint).values():
            schema = content["schema"]
            for name, parameter in decoded(model.parameters).items():
                if name in schema["properties"]:
                    assert schema["properties"][name] == plain(schema_of(parameter))
                    assert parameter.required == (name in schema["required"])
                else:
                    assert parameter.type == "file", (model.id, name)


VALUES: list[tuple[Parameter, list[object], list[object]]] = [
    (Parameter(type="string", min_length=2, max_length=3), ["ab", "abc"], ["a", "abcd", 1, None, True]),
    (Parameter(type="string", nullable=True, enum=("a", "b")), ["a", None], ["c", 1]),
    (Parameter(type="string", pattern="^[a-z]+$"), ["ab"], ["A"]),
    (Parameter(type="integer", minimum=1, maximum=4), [1, 4], [0, 5, 1.5, "1", True]),
    (Parameter(type="number", exclusive_minimum=0, multiple_of=0.5), [0.5, 2], [0, 0.3, "1"]),
    (Parameter(type="boolean"), [True, False], [0, "true", None]),
    (Parameter(enum=(1, "auto")), [1, "auto"], [2, "other"]),
    (Parameter(), [1, "x", None, [], {}], []),
    (Parameter(type="array", min_items=1, max_items=2, items=Parameter(type="string")), [["a"]], [[], ["a"] * 3, [1]]),
    (
        Parameter(type="object", properties={"a": Parameter(type="integer", required=True)}),
        [{"a": 1}, {"a": 1, "b": 2}],
        [{}, {"a": "1"}, []],
    ),
    (Parameter(type="object", additional_properties=Parameter(type="string")), [{}, {"a": "b"}], [{"a": 1}]),
    (
        Parameter(any_of=(Parameter(type="string"), Parameter(type="array")), nullable=True),
        ["a", [], None],
        [1, {}, True],
    ),
]


@pytest.mark.parametrize(("parameter", "good", "bad"), VALUES, ids=lambda value: "")
def test_a_schema_accepts_what_its_parameter_says(parameter: Parameter, good: list[object], bad: list[object]) -> None:
    schema = jsonschema_rs.Draft202012Validator(plain(schema_of(parameter)))
    assert [value for value in good if not schema.is_valid(value)] == []
    assert [value for value in bad if schema.is_valid(value)] == []


def test_what_is_required_of_a_request_is_refused_when_it_is_missing(documents: dict[tuple[str, str], Json]) -> None:
    schema = jsonschema_rs.Draft202012Validator(
        bodies(documents["dall-e-3", "/v1/images/generations"], "/v1/images/generations")["application/json"]["schema"]
    )
    assert schema.is_valid({"model": "dall-e-3", "prompt": "a boat"})
    for body in ({"model": "dall-e-3"}, {"prompt": "a boat"}, {"model": "dall-e-2", "prompt": "a boat"}):
        assert not schema.is_valid(body)


def test_a_model_that_retires_is_deprecated_and_says_until_when(
    catalogue: Catalogue, documents: dict[tuple[str, str], Json]
) -> None:
    for model in catalogue.models():
        endpoint = model.endpoints[0]
        document = documents[model.id, endpoint]
        assert document["paths"][endpoint]["post"].get("deprecated", False) == (model.retires_on is not None)
        if model.retires_on is not None:
            assert model.retires_on.isoformat() in document["info"]["description"]
        for note in model.notes:
            assert note.text in document["info"]["description"]


def test_only_what_streams_answers_with_events(documents: dict[tuple[str, str], Json]) -> None:
    def answered(model_id: str, endpoint: str) -> set[str]:
        return set(documents[model_id, endpoint]["paths"][endpoint]["post"]["responses"]["200"]["content"])

    assert answered("gpt-4o", "/v1/chat/completions") == {"application/json", "text/event-stream"}
    assert answered("gpt-4o", "/v1/responses") == {"application/json", "text/event-stream"}
    assert answered("dall-e-3", "/v1/images/generations") == {"application/json", "text/event-stream"}
    assert answered("mistral/mistral-ocr-latest", "/v1/ocr") == {"application/json"}
    assert answered("#g1_aura-asteria-en", "/v1/tts") == {"application/json", "audio/*"}


def test_jobs_are_polled_and_files_are_sent_in_forms(documents: dict[tuple[str, str], Json]) -> None:
    for (model_id, endpoint), document in documents.items():
        polled = {path for path, item in document["paths"].items() if "get" in item}
        if endpoint == "/v2/video/generations":
            assert polled == {endpoint}, model_id
        if endpoint == "/v1/stt/create":
            assert polled == {"/v1/stt/{generation_id}"}, model_id
        if endpoint == "/v1/images/edits":
            assert set(bodies(document, endpoint)) == {"multipart/form-data"}, model_id


def test_the_command_of_a_document_sends_a_request_that_fits(documents: dict[tuple[str, str], Json]) -> None:
    for (model_id, endpoint), document in documents.items():
        sample = document["paths"][endpoint]["post"]["x-codeSamples"][0]["source"]
        words = shlex.split(sample.replace("\\\n", " "))
        assert words[:2] == ["curl", ROOT + endpoint]
        contents = bodies(document, endpoint)
        if "-d" in words:
            schema = jsonschema_rs.Draft202012Validator(contents["application/json"]["schema"])
            assert schema.is_valid(msgspec.json.decode(words[words.index("-d") + 1])), (model_id, endpoint)
        else:
            sent = {word.partition("=")[0] for word in words[words.index("-F") :]}
            assert sent >= set(contents["multipart/form-data"]["schema"]["required"]), (model_id, endpoint)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, "/v1/chat/completions"),
        ("/v1/messages", "/v1/messages"),
        ("/messages/", "/v1/messages"),
        ("v1/messages", "/v1/messages"),
        ("/api/v1/chat/completions", "/v1/chat/completions"),
    ],
)
def test_a_path_is_found_under_any_prefix(asked: str | None, found: str) -> None:
    model = Model(id="acme/talk", name="Talk", maker="acme", operation="chat", description="Talks.")
    assert endpoint_of(model, asked) == found


def test_a_path_that_is_not_the_models_is_refused_with_those_that_are() -> None:
    model = Model(id="acme/talk", name="Talk", maker="acme", operation="chat", description="Talks.")
    with pytest.raises(InvalidQuery, match="use /v1/chat/completions or /v1/responses or /v1/messages"):
        endpoint_of(model, "/v1/embeddings")


async def test_the_document_of_a_model_over_http() -> None:
    site = Site()
    async with site.running() as client:
        item = (await client.get("/v1/models/talk")).json()
        linked = await client.get(item["info"]["docsJson"])
        assert linked.status_code == 200
        assert faults(linked.json()) == []
        assert linked.json()["servers"] == [{"url": site.url}]
        assert set(linked.json()["paths"]) == {"/v1/chat/completions"}
        main = await client.get("/docs-json", params={"model": "TALK"})
        assert main.json() == linked.json()
        headers = {"if-none-match": linked.headers["etag"]}
        assert (await client.get("/docs-json?model=talk", headers=headers)).status_code == 304


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "'model': Required"),
        ("model=", 400, "'model': Required"),
        ("model=acme/tlak", 404, "acme/talk"),
        ("model=acme/old", 404, "Use 'acme/talk' instead"),
        ("model=talk&endpoint=/v1/tts", 400, "/v1/chat/completions or /v1/responses or /v1/messages"),
        ("model=talk&path=/v1/messages", 400, "this route takes model, endpoint"),
        ("model=talk&model=talk", 400, "at most 1 value"),
    ],
)
async def test_a_document_that_there_is_not_says_why(query: str, status: int, said: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(f"/docs-json?{query}")
    assert answer.status_code == status
    assert said in answer.json()["message"]


def test_the_whole_document_is_valid() -> None:
    assert faults(plain(whole_document(Site().app().routes, ROOT))) == []


def test_the_whole_document_has_every_route_and_no_other() -> None:
    routes = Site().app().routes
    document = plain(whole_document(routes, ROOT))
    told = {
        (re.sub(r"\{.*", "", path), method.upper())
        for main, item in document["paths"].items()
        for path in (main, *item.get("x-also-at", ()))
        for method in item.keys() - {"x-also-at"}
    }
    assert told == {(path, method) for route in routes for path in route.paths for method in route.methods}


def test_every_fact_is_of_an_operation_that_has_a_route() -> None:
    named = {name for route in Site().app().routes for name, _ in route.methods.values()}
    assert set(ALL_FACTS) == named


async def test_the_whole_document_over_http() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get("/openapi.json")
        headers = {"if-none-match": answer.headers["etag"]}
        assert (await client.get("/openapi.json", headers=headers)).status_code == 304
    assert answer.status_code == 200
    assert answer.json()["servers"] == [{"url": site.url}]


async def test_errors_have_the_form_that_the_documents_say() -> None:
    site = Site()
    schemas = plain(whole_document(site.app().routes, ROOT))["components"]["schemas"]
    schema = jsonschema_rs.Draft202012Validator(schemas["Error"])
    async with site.running() as client:
        for method, path in (("GET", "/docs-json"), ("POST", "/v1/messages"), ("GET", "/v1/keys"), ("GET", "/x")):
            answer = await client.request(method, path)
            assert list(schema.iter_errors(answer.json())) == []


async def test_what_is_listed_has_the_form_that_the_document_says() -> None:
    site = Site()
    schemas = plain(whole_document(site.app().routes, ROOT))["components"]["schemas"]
    whole = {**schemas["Model"], "components": {"schemas": schemas}}
    schema = jsonschema_rs.Draft202012Validator(whole)
    async with site.running() as client:
        for item in (await client.get("/v1/models?include=all")).json()["data"]:
            assert list(schema.iter_errors(item)) == []
