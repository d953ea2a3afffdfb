"""The public lists of models, in the shapes that clients read."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Rates, Tier
from modelport.catalogue.listing import (
    ListQuery,
    Shelf,
    features,
    price_text,
    pricing,
    render_list,
    render_model,
    render_seed,
)
from modelport.catalogue.load import load
from modelport.catalogue.prices import all_meters
from modelport.catalogue.problems import UnknownModel
from tests.catalogue.written import loaded

WIDE = """
[[models]]
id             = "wide/Eye"
name           = "Eye"
maker          = "Wide"
description    = "Sees and calls tools."
aliases        = ["eye"]
inputs         = ["image", "text"]
capabilities   = ["json_schema", "parallel_tools", "streaming", "tools"]
context_tokens = 1000
output_tokens  = 100
released_on    = 2026-01-02
cutoff_on      = 2025-06-01
weights        = "https://wide.example/eye"
"""


def shelf(tmp_path: Path) -> Shelf:
    catalogue = loaded(tmp_path, {"wide.toml": WIDE})
    return Shelf(catalogue, lambda model: _first_rates(catalogue, model.id), "https://port.example/")


def _first_rates(catalogue: Catalogue, model_id: str) -> Rates | None:
    return next((offer.rates[0] for offer in catalogue.offers(model_id) if offer.rates), None)


def ids(shelf: Shelf, *pairs: tuple[str, str]) -> list[str]:
    body = json.loads(render_list(shelf, ListQuery.parse(pairs)).body)
    assert body["object"] == "list"
    return [item["id"] for item in body["data"]]


SMALL_ITEM = {
    "id": "acme/small",
    "object": "model",
    "created": 0,
    "owned_by": "Acme",
    "aliases": ["small", "Acme-Small"],
    "type": "openai/chat-completions",
    "info": {
        "name": "Small",
        "developer": "Acme",
        "description": "A small model.",
        "url": "https://port.example/models/acme/small",
        "docsUrl": "https://port.example/models/acme/small#samples",
        "docsJson": "https://port.example/docs-json?model=acme%2Fsmall&endpoint=%2Fv1%2Fchat%2Fcompletions",
    },
    "tags": ["playground:chat"],
    "endpoints": ["/v1/chat/completions", "/v1/responses", "/v1/messages"],
}

EYE_ITEM = {
    "id": "wide/Eye",
    "object": "model",
    "created": 1767312000,
    "owned_by": "Wide",
    "aliases": ["eye"],
    "type": "openai/chat-completions",
    "info": {
        "name": "Eye",
        "developer": "Wide",
        "description": "Sees and calls tools.",
        "contextLength": 1000,
        "outputMax": 100,
        "releasedAt": "2026-01-02",
        "cutoffAt": "2025-06-01",
        "url": "https://port.example/models/wide/Eye",
        "docsUrl": "https://port.example/models/wide/Eye#samples",
        "docsJson": "https://port.example/docs-json?model=wide%2FEye&endpoint=%2Fv1%2Fchat%2Fcompletions",
    },
    "tags": ["playground:chat", "weights:open"],
    "endpoints": ["/v1/chat/completions", "/v1/responses", "/v1/messages"],
    "modalities": {"input": ["image", "text"], "output": ["text"]},
    "capabilities": ["parallel_tool_calls", "streaming", "structured_output", "tools", "vision"],
    "pricing": {"kind": "variable", "currency": "USD"},
}


def test_the_list_has_every_model_without_what_was_not_asked_for(tmp_path: Path) -> None:
    body = json.loads(render_list(shelf(tmp_path), ListQuery()).body)
    assert body["data"][0] == SMALL_ITEM
    assert {"modalities", "capabilities", "pricing"}.isdisjoint(body["data"][1])


@pytest.mark.parametrize("pair", [("details", "true"), ("details", "1"), ("include", "all"), ("include", "ALL")])
def test_the_whole_item_has_every_part(tmp_path: Path, pair: tuple[str, str]) -> None:
    body = json.loads(render_list(shelf(tmp_path), ListQuery.parse([pair, ("id", "eye")])).body)
    assert body["data"] == [EYE_ITEM]


def test_parts_are_included_one_by_one(tmp_path: Path) -> None:
    query = ListQuery.parse([("include", "pricing,nonsense"), ("include", "Modalities"), ("id", "small")])
    (item,) = json.loads(render_list(shelf(tmp_path), query).body)["data"]
    assert item.keys() - SMALL_ITEM.keys() == {"pricing", "modalities"}


def test_one_model_comes_wrapped_or_bare(tmp_path: Path) -> None:
    wrapped = render_model(shelf(tmp_path), "SMALL", ListQuery(), is_bare=False)
    bare = render_model(shelf(tmp_path), "acme/small", ListQuery(), is_bare=True)
    assert json.loads(wrapped.body) == {"object": "model", "data": SMALL_ITEM}
    assert json.loads(bare.body) == SMALL_ITEM
    with pytest.raises(UnknownModel):
        render_model(shelf(tmp_path), "none", ListQuery(), is_bare=True)


def test_the_seed_s_array_is_bare_and_has_its_own_words(tmp_path: Path) -> None:
    small, eye = json.loads(render_seed(shelf(tmp_path)).body)
    assert small == {
        "id": "acme/small",
        "type": "chat-completion",
        "info": {
            "name": "Small",
            "developer": "Acme",
            "description": "A small model.",
            "url": "https://port.example/models/acme/small",
            "docs_url": "https://port.example/models/acme/small#samples",
        },
        "features": [
            "anthropic/messages",
            "openai/chat-completion",
            "openai/chat-completion.max-completion-tokens",
            "openai/chat-completion.message.assistant",
            "openai/chat-completion.message.system",
            "openai/chat-completion.stream",
            "openai/response-api",
        ],
        "endpoints": ["/v1/chat/completions", "/v1/responses", "/v1/messages"],
    }
    assert (eye["info"]["contextLength"], eye["info"]["maxTokens"]) == (1000, 100)
    assert {"openai/chat-completion.function", "openai/chat-completion.vision"} <= set(eye["features"])


def test_every_capability_has_a_feature_or_is_carried_by_one() -> None:
    for model in load().models():
        if model.operation == "chat":
            assert len(features(model)) >= len(model.capabilities), model.id


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], ["acme/small", "wide/Eye"]),
        ([("id", "EYE")], ["wide/Eye"]),
        ([("id", "eye,acme/small")], ["acme/small", "wide/Eye"]),
        ([("id", "eye"), ("id", "small")], ["acme/small", "wide/Eye"]),
        ([("id", "eye"), ("capabilities", "system")], []),
        ([("type", "OpenAI/Chat-Completions")], ["acme/small", "wide/Eye"]),
        ([("type", "openai/embeddings")], []),
        ([("tags", "playground:video,weights:open")], ["wide/Eye"]),
        ([("modalities", "image")], ["wide/Eye"]),
        ([("input_modalities", "text"), ("output_modalities", "text")], ["acme/small", "wide/Eye"]),
        ([("output_modalities", "image")], []),
        ([("capabilities", "structured_output")], ["wide/Eye"]),
        ([("capabilities", "json_schema")], ["wide/Eye"]),
        ([("unknown", "x"), ("id", "")], ["acme/small", "wide/Eye"]),
    ],
)
def test_values_of_one_filter_add_up_and_filters_narrow(
    tmp_path: Path, pairs: list[tuple[str, str]], expected: list[str]
) -> None:
    assert ids(shelf(tmp_path), *pairs) == expected


@pytest.mark.parametrize(
    ("pairs", "asks"),
    [
        ([], False),
        ([("x", "1")], False),
        ([("shape", "list")], True),
        ([("id", "a")], True),
        ([("details", "0")], True),
    ],
)
def test_a_parameter_of_the_list_asks_for_the_list(pairs: list[tuple[str, str]], asks: bool) -> None:
    assert ListQuery.parse(pairs).asks_for_list is asks


def test_a_price_is_shown_by_unit_where_it_differs() -> None:
    rates = Rates(
        0, all_meters({"input": 5 * 10**12, "cached_read": 25 * 10**11, "output": 2 * 10**13, "audio_input": 1})
    )
    unit = {"name": "token", "per": 1_000_000}
    shown = json.loads(msgspec.json.encode(pricing(rates)), parse_float=Decimal)
    assert shown == {
        "kind": "fixed",
        "currency": "USD",
        "units": [
            unit | {"content": "text", "origin": "provided", "measure": "input", "price": Decimal("2.5")},
            unit | {"content": "text", "origin": "cached", "measure": "input", "price": Decimal("1.25")},
            unit | {"content": "audio", "origin": "provided", "measure": "input", "price": Decimal("0.0000000000005")},
            unit | {"content": "text", "origin": "generated", "measure": "output", "price": 10},
        ],
    }


def test_dearer_prices_for_much_input_are_shown_beside_the_others() -> None:
    dollar = 2 * 10**12
    low = all_meters({"input": dollar, "output": 4 * dollar, "cached_write_1h": 2 * dollar, "search": 10_000 * dollar})
    high = all_meters({"input": 2 * dollar, "output": 4 * dollar, "search": 10_000 * dollar})
    shown = json.loads(msgspec.json.encode(pricing(Rates(0, low, tiers=(Tier(200_000, high),)))))

    def said(units: list[dict[str, object]]) -> list[tuple[object, ...]]:
        return [(unit["name"], unit["content"], unit["origin"], unit["measure"], unit["price"]) for unit in units]

    assert said(shown["units"]) == [
        ("token", "text", "provided", "input", 1),
        ("token", "text", "provided", "cache_write_1h", 2),
        ("token", "text", "generated", "output", 4),
        ("search", "web_search", "generated", "search", 10_000),
    ]
    assert [tier["above_input_tokens"] for tier in shown["tiers"]] == [200_000]
    assert said(shown["tiers"][0]["units"])[:2] == [
        ("token", "text", "provided", "input", 2),
        ("token", "text", "generated", "output", 4),
    ]


VECTORS = """
[[models]]
id             = "wide/vectors"
name           = "Vectors"
maker          = "Wide"
operation      = "embeddings"
capabilities   = ["dimensions"]
context_tokens = 512
"""


def test_a_model_for_embeddings_is_listed_as_one(tmp_path: Path) -> None:
    known = loaded(tmp_path, {"wide.toml": VECTORS})
    rates = Rates(0, all_meters({"input": 2 * 10**12, "output": 0}))
    ours = Shelf(known, lambda _: rates, "https://port.example")
    (item,) = json.loads(render_list(ours, ListQuery.parse([("include", "all"), ("type", "openai/embeddings")])).body)[
        "data"
    ]
    assert (item["id"], item["type"], item["endpoints"], item["tags"]) == (
        "wide/vectors",
        "openai/embeddings",
        ["/v1/embeddings"],
        [],
    )
    assert [unit["measure"] for unit in item["pricing"]["units"]] == ["input"]
    seed = json.loads(render_seed(ours).body)[1]
    assert (seed["type"], seed["features"], seed["endpoints"]) == (
        "embedding",
        ["openai/embeddings"],
        ["/v1/embeddings"],
    )


@given(st.integers(0, 10**20))
def test_a_shown_price_is_exact(rate: int) -> None:
    text = price_text(rate)
    assert Decimal(text) * 2 * 10**12 == rate
    assert "E" not in text


def test_the_tag_names_the_bytes(tmp_path: Path) -> None:
    ours = shelf(tmp_path)
    whole, same, other = (render_list(ours, ListQuery.parse(p)) for p in ([], [], [("include", "all")]))
    assert whole.etag == same.etag != other.etag != render_seed(ours).etag
    assert whole.etag.startswith('"')
    assert whole.etag.endswith('"')


def test_nothing_absent_is_shown_as_null() -> None:
    catalogue = load()
    ours = Shelf(catalogue, lambda model: _first_rates(catalogue, model.id), "http://127.0.0.1:8080")
    everything = render_list(ours, ListQuery.parse([("include", "all")])).body + render_seed(ours).body
    assert b"null" not in everything
