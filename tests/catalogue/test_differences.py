"""What callers would notice of a new catalogue."""

from pathlib import Path

import pytest

from modelport.catalogue.differences import differences
from tests.catalogue.written import PACKAGE, SHOP, loaded

NOW_MS = 1_780_000_000_000
TWO = {**PACKAGE, "providers/bazaar.toml": SHOP.replace("Shop", "Bazaar")}
NEW = 'name = "M"\nbase_url = "http://m/v1"\nspeaks = { chat = "openai_chat" }'
RENAME = 'rename = { "acme/small" = "x" }'
RATES = "[[offers]]\nmodel = \"acme/small\"\nrates = [{ from = 2026-01-01, input = '9', output = '10' }]"


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ({}, []),
        ({"catalogue.toml": 'hide = ["small"]'}, ["- acme/small"]),
        (
            {"catalogue.toml": 'rename = { small = "x" }'.replace("small", '"acme/small"')},
            ["~ acme/small: is called x"],
        ),
        ({"models/acme/small.toml": 'maintenance = "No."'}, ["~ acme/small: maintenance nothing becomes 'No.'"]),
        ({"models/acme/small.toml": "aliases = []"}, ["~ acme/small: aliases [small, Acme-Small] becomes []"]),
        (
            {"models/acme/small.toml": 'only_providers = ["shop"]'},
            ["~ acme/small: only_providers [] becomes [shop]", "~ acme/small: no longer from bazaar"],
        ),
        ({"models/acme/small.toml": 'parameters = { top = { type = "string" } }'}, ["~ acme/small: other parameters"]),
        ({"models/a/b.toml": 'name = "B"\nmaker = "A"'}, ["+ a/b: nobody sells it"]),
        ({"shop.toml": "priority = 7"}, ["~ provider shop: other priority"]),
        ({"shop.toml": "hidden = true"}, ["~ acme/small: no longer from shop", "- provider shop"]),
        ({"shop.toml": "free = true"}, ["~ acme/small: shop: 0.5 in, 1.5 out becomes free"]),
        ({"shop.toml": RATES}, ["~ acme/small: shop: 0.5 in, 1.5 out becomes 9 in, 10 out"]),
        ({"mine.toml": NEW}, ["+ provider mine: http://m/v1"]),
        (
            {
                "mine.toml": f'{NEW}\n[[offers]]\nmodel = "small"\nupstream = "s"\nfree = true'.replace(
                    "small", "acme/small"
                )
            },
            ["~ acme/small: also from mine, free", "+ provider mine: http://m/v1"],
        ),
    ],
)
def test_each_change_is_told(tmp_path: Path, overlay: dict[str, str], told: list[str]) -> None:
    old = loaded(tmp_path / "old", {}, TWO)
    assert [str(one) for one in differences(old, loaded(tmp_path / "new", overlay, TWO), NOW_MS)] == told


def test_a_name_that_is_given_back_is_told(tmp_path: Path) -> None:
    renamed = loaded(tmp_path / "old", {"catalogue.toml": 'rename = { "acme/small" = "x" }'})
    told = differences(renamed, loaded(tmp_path / "new"), NOW_MS)
    assert [str(one) for one in told] == ["~ x: is called acme/small"]
