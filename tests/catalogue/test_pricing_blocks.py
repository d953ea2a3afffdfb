"""What lists say that a model costs: one of three kinds, complete, and equal to what a call is charged by."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Operation, Rates, Unit, Variant
from modelport.catalogue.listing import pricing
from modelport.catalogue.load import load
from modelport.catalogue.prices import UNIT_PRICES, price_of

DOLLAR = 2_000_000 * 10**12
"""A dollar for one unit, in credits per `RATE_UNITS`."""


def shown(rates: Rates | None, operation: Operation = "chat") -> Any:
    return json.loads(msgspec.json.encode(pricing(rates, operation)), parse_float=Decimal)


@pytest.fixture(scope="module")
def sold() -> list[tuple[str, Operation, Rates]]:
    catalogue: Catalogue = load()
    return [
        (model.id, model.operation, rates)
        for model in catalogue.models()
        for offer in catalogue.offers(model.id)
        for rates in offer.rates
    ]


def test_a_price_that_is_not_known_is_variable_and_says_nothing_else() -> None:
    assert shown(None) == {"kind": "variable", "currency": "USD"}


@pytest.mark.parametrize(
    ("operation", "per", "content", "origin", "measure"),
    [
        ("images", "image", "image", "generated", "output"),
        ("images", "megapixel", "image", "generated", "output"),
        ("video", "second", "video", "generated", "output"),
        ("music", "song", "audio", "generated", "output"),
        ("speech", "character", "text", "provided", "input"),
        ("speech", "minute", "audio", "generated", "output"),
        ("transcription", "minute", "audio", "provided", "input"),
        ("ocr", "page", "file", "provided", "input"),
        ("3d", "request", "3d", "generated", "output"),
    ],
)
def test_a_unit_of_media_says_what_is_paid_for(
    operation: Operation, per: Unit, content: str, origin: str, measure: str
) -> None:
    rates = Rates(0, {per: DOLLAR // 4}, per=per)
    price = Decimal("0.25") * UNIT_PRICES[per]
    unit = {"name": per, "content": content, "origin": origin, "measure": measure}
    assert shown(rates, operation) == {
        "kind": "fixed",
        "currency": "USD",
        "units": [unit | {"price": price, "per": UNIT_PRICES[per]}],
    }


def test_prices_that_depend_on_the_call_name_what_they_depend_on_and_end_with_what_holds_else() -> None:
    variants = (
        Variant({"resolution": "1080p", "audio": "true"}, DOLLAR // 2),
        Variant({"resolution": "1080p"}, DOLLAR // 4),
    )
    assert shown(Rates(0, {"second": DOLLAR // 10}, per="second", variants=variants), "video") == {
        "kind": "variants",
        "currency": "USD",
        "dimensions": ["resolution", "audio"],
        "variants": [
            {
                "when": {"resolution": "1080p", "audio": "true"},
                "price": Decimal("0.5"),
                "unit": "second",
                "per": 1,
            },
            {"when": {"resolution": "1080p"}, "price": Decimal("0.25"), "unit": "second", "per": 1},
            {"when": {}, "price": Decimal("0.1"), "unit": "second", "per": 1},
        ],
    }


def test_where_no_price_holds_for_all_else_the_last_variant_has_its_condition() -> None:
    variants = (Variant({"quality": "hd"}, DOLLAR), Variant({"quality": "standard"}, DOLLAR // 2))
    told = shown(Rates(0, {}, per="image", variants=variants), "images")
    assert [one["when"] for one in told["variants"]] == [{"quality": "hd"}, {"quality": "standard"}]


def test_every_price_of_the_catalogue_is_shown_as_one_of_the_kinds(
    sold: list[tuple[str, Operation, Rates]],
) -> None:
    for model_id, operation, rates in sold:
        told = shown(rates, operation)
        assert told["currency"] == "USD", model_id
        assert told["kind"] == ("variants" if rates.variants else "fixed"), model_id
        for unit in told.get("units", ()):
            assert set(unit) == {"name", "content", "origin", "measure", "price", "per"}, model_id
            assert unit["per"] in (1, 1_000, 1_000_000), model_id


def test_unfinished_pictures_stand_beside_the_price_of_a_picture() -> None:
    unit = {"content": "image", "origin": "generated", "measure": "output"}
    draft = {"name": "partial_image", **unit, "price": Decimal("0.002"), "per": 1}
    told = shown(Rates(0, {"image": DOLLAR}, per="image", drafts=DOLLAR // 500), "images")
    assert told["units"] == [{"name": "image", **unit, "price": 1, "per": 1}, draft]
    variants = (Variant({"quality": "hd"}, DOLLAR),)
    told = shown(Rates(0, {}, per="image", variants=variants, drafts=DOLLAR // 500), "images")
    assert (len(told["variants"]), told["units"]) == (1, [draft])


def test_variants_of_the_catalogue_are_in_their_dimensions_and_cost_what_is_charged(
    sold: list[tuple[str, Operation, Rates]],
) -> None:
    found = [(model_id, operation, rates) for model_id, operation, rates in sold if rates.variants]
    assert found
    for model_id, operation, rates in found:
        told, per = shown(rates, operation), UNIT_PRICES[rates.per or "request"]
        assert {name for one in told["variants"] for name in one["when"]} == set(told["dimensions"]), model_id
        charged = [(dict(variant.when), variant.rate) for variant in rates.variants]
        charged += [({}, rate) for rate in rates.by_meter.values()]
        assert [(one["when"], one["price"]) for one in told["variants"]] == [
            (when, price_of(rate, per)) for when, rate in charged
        ], model_id
