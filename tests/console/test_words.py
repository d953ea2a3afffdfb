"""Small things on pages: prices, numbers, fields, and programs set off by colour."""

import html
import re
from decimal import Decimal

import pytest

from modelport.catalogue.facts import Rates, Variant
from modelport.catalogue.parameters import Parameter
from modelport.catalogue.prices import rate_of
from modelport.console.fields import bounds, fields, kind
from modelport.console.highlight import highlighted
from modelport.console.literals import JAVASCRIPT, JSON, PYTHON
from modelport.console.prices import blended, is_free, price_lists, short_price, usd
from modelport.console.wording import tokens
from tests.console.shelves import catalogue


def rate(text: str, units: int = 1_000_000) -> int:
    found = rate_of(Decimal(text), Decimal(1), units)
    assert found is not None
    return found


@pytest.mark.parametrize(("count", "text"), [
    (None, ""), (256, "256"), (8192, "8K"), (32768, "32K"), (128000, "128K"), (131072, "128K"), (200000, "200K"),
    (1_000_000, "1M"), (1_048_576, "1.05M"), (2_000_000, "2M"),
])  # fmt: skip
def test_tokens_are_told_shortly(count: int | None, text: str) -> None:
    assert tokens(count) == text


@pytest.mark.parametrize(("amount", "text"), [
    ("3", "$3.00"), ("0.5", "$0.50"), ("0.0375", "$0.0375"), ("0", "$0.00"), ("1500", "$1500.00"), ("12.5", "$12.50"),
])  # fmt: skip
def test_dollars_are_told_exactly(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text


def test_a_price_of_tokens() -> None:
    rates = Rates(
        0, {"input": rate("1.25"), "output": rate("10"), "cached_read": rate("0.125"), "reasoning": rate("10")}
    )
    assert short_price(rates, "chat") == "$1.25 in · $10.00 out"
    assert short_price(rates, "embeddings") == "$1.25 in"
    assert blended(rates) == Decimal("3.4375")
    (usual,) = price_lists(rates, catalogue().find("gpt-4o"))
    assert [(price.what, price.usd) for price in usual.prices] == [
        ("Input", "$1.25"), ("Input from the cache", "$0.125"), ("Output", "$10.00"),
    ]  # fmt: skip


def test_a_price_of_media_that_depends_on_the_call() -> None:
    dearer = Variant({"resolution": "1080p"}, rate("0.15", 1))
    rates = Rates(0, {"output": rate("0.1", 1)}, per="second", variants=(dearer,))
    assert short_price(rates, "video") == "from $0.10 / second"
    assert blended(rates) is None
    (usual,) = price_lists(rates, catalogue().find("google/veo-3.1-t2v"))
    assert [(price.what, price.usd, price.per) for price in usual.prices] == [
        ("resolution 1080p", "$0.15", "second"), ("Otherwise", "$0.10", "second"),
    ]  # fmt: skip


def test_what_costs_nothing_is_free_and_what_is_not_known_is_neither() -> None:
    nothing = Rates(0, {"input": 0, "output": 0})
    assert (is_free(nothing), short_price(nothing, "chat")) == (True, "free")
    assert (is_free(None), short_price(None, "chat"), price_lists(None, catalogue().find("gpt-4o"))) == (False, "", ())


def test_fields_tell_type_bounds_and_values_with_what_is_required_first() -> None:
    inner = Parameter(type="integer", minimum=1, maximum=8)
    lines = fields(
        {
            "size": Parameter(type="string", enum=tuple(f"{number}k" for number in range(15)), default="2k"),
            "frames": Parameter(type="array", items=Parameter(type="object", properties={"at": inner}), max_items=2),
            "prompt": Parameter(type="string", required=True, min_length=1, max_length=4000),
        }
    )
    assert [(line.name, line.depth, line.kind, line.bounds) for line in lines] == [
        ("prompt", 0, "string", "1 to 4,000 characters"),
        ("size", 0, "string", ""),
        ("frames", 0, "array of object", "at most 2 items"),
        ("frames.at", 1, "integer", "1 to 8"),
    ]
    assert (len(lines[1].values), len(lines[1].more_values), lines[1].default) == (12, 3, "2k")


def test_kinds_and_bounds_of_every_form() -> None:
    either = Parameter(any_of=(Parameter(type="string"), Parameter(type="array", items=Parameter(type="string"))))
    assert kind(either) == "string or array of string"
    assert kind(Parameter(type="file")) == "upload"
    assert kind(Parameter(type="number", nullable=True)) == "number or null"
    assert bounds(Parameter(exclusive_minimum=0, multiple_of=32, maximum=1)) == "at most 1, above 0, in steps of 32"
    assert bounds(Parameter(format="uri", min_items=2, max_items=2)) == "2 items, an address"


@pytest.mark.parametrize("language", ["curl", "python", "javascript", "json"])
def test_colours_change_nothing_that_is_written_and_let_nothing_through(language: str) -> None:
    text = 'curl -d \'{"a<b": "</code><script>&amp;", "n": -1.5}\' # $KEY\nconst x = await f(`${y}`); // true'
    shown = str(highlighted(text, language))
    assert html.unescape(re.sub("</?i[^>]*>", "", shown)) == text
    assert "<script" not in shown
    assert "</code" not in shown


def test_values_are_written_as_each_language_has_them() -> None:
    value = {"a": None, "b-c": [True, 1, "ü\n"], "d": {}}
    assert JSON.write(value) == '{"a": null, "b-c": [true, 1, "ü\\n"], "d": {}}'
    assert PYTHON.write(value) == '{"a": None, "b-c": [True, 1, "ü\\n"], "d": {}}'
    assert JAVASCRIPT.write(value) == '{ a: null, "b-c": [true, 1, "ü\\n"], d: {} }'
    assert PYTHON.write({"a": [1]}, "    ", 1000) == '{\n        "a": [1],\n    }'
