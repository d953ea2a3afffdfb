"""Finding the cheapest model that can do something."""

from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Operation
from modelport.catalogue.search import UnknownWord, Wanted, capability_named, search
from tests.catalogue.written import loaded

NOW_MS = 1_780_000_000_000


def model(name: str, *, extra: str = "", maker: str = "Acme") -> str:
    return f'name = "{name}"\nmaker = "{maker}"\n{extra}'


def offer(name: str, price: str) -> str:
    rates = f'rates = [{{ from = 2026-01-01, input = "{price}", output = "{price}" }}]'
    told = rates if price else 'price = "unknown"'
    return f'[[offers]]\nmodel = "{name}"\nupstream = "u"\n{told}\n'


def shop(variable: str, *offers: str) -> str:
    auth = f'auth = {{ scheme = "bearer", env = "{variable}" }}'
    speaks = 'speaks = { chat = "openai_chat", images = "fal_queue" }'
    return f'name = "P"\nbase_url = "https://p.example"\n{auth}\n{speaks}\n' + "".join(offers)


SEES = 'inputs = ["text", "image"]\ndescription = "Breathes."'
FILES = {
    "models/acme/big.toml": model(
        "Big", extra='capabilities = ["tools"]\ncontext_tokens = 200000\nweights = "https://w"'
    ),
    "models/acme/small.toml": model("Small", extra='capabilities = ["tools"]\ncontext_tokens = 8000'),
    "models/acme/unsure.toml": model("Unsure", extra='capabilities = ["tools"]\ncontext_tokens = 128000'),
    "models/zen/calm.toml": model(
        "Calm", maker="Zen AI", extra='inputs = ["text", "image"]\ndescription = "Breathes."'
    ),
    "models/zen/paint.toml": model("Paint", maker="Zen AI", extra='operation = "images"'),
    "models/acme/shut.toml": model("Shut", extra='maintenance = "No."'),
    "providers/a.toml": shop(
        "A", offer("acme/big", "5"), offer("acme/small", "3"), offer("acme/unsure", ""), offer("zen/calm", "2")
    ),
    "providers/b.toml": shop(
        "B",
        offer("acme/big", "4"),
        '[[offers]]\nmodel = "zen/paint"\nupstream = "p"\n'
        'rates = [{ from = 2026-01-01, per = "image", price = "0.01" }]\n',
    ),
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return loaded(tmp_path, {}, FILES)


def found(catalogue: Catalogue, wanted: Wanted) -> list[str]:
    return [one.model.id for one in search(catalogue, wanted, lambda _: False, NOW_MS)]


def test_the_cheapest_comes_first_media_apart_and_unknown_prices_last(catalogue: Catalogue) -> None:
    assert found(catalogue, Wanted()) == ["zen/calm", "acme/small", "acme/big", "zen/paint", "acme/unsure"]


def test_the_cheapest_with_tools_and_enough_context_is_named(catalogue: Catalogue) -> None:
    wanted = Wanted(capabilities=frozenset({"tools"}), least_context=128_000)
    assert found(catalogue, wanted) == ["acme/big", "acme/unsure"]
    cheapest = search(catalogue, wanted, lambda name: name == "a", NOW_MS)[0]
    assert cheapest.offer is not None
    assert (cheapest.offer.provider.id, cheapest.is_configured) == ("b", True)


def test_of_what_is_configured_only_those_prices_count(catalogue: Catalogue) -> None:
    told = search(catalogue, Wanted(is_configured=True, operation="chat"), lambda name: name == "a", NOW_MS)
    sold = [(one.model.id, one.rates.usual if one.rates else None) for one in told]
    five = 2 * 5 * 2_000_000_000_000
    assert sold == [
        ("zen/calm", 2 * five // 5),
        ("acme/small", 3 * five // 5),
        ("acme/big", five),
        ("acme/unsure", None),
    ]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(words=("breathes",)), ["zen/calm"]),
        (Wanted(words=("ZEN", "paint")), ["zen/paint"]),
        (Wanted(words=("zen", "big")), []),
        (Wanted(maker="zen"), ["zen/calm", "zen/paint"]),
        (Wanted(maker="Zen AI"), ["zen/calm", "zen/paint"]),
        (Wanted(operation="images"), ["zen/paint"]),
        (Wanted(inputs=frozenset({"image"})), ["zen/calm"]),
        (Wanted(capabilities=frozenset({"vision"})), ["zen/calm"]),
        (Wanted(is_open=True), ["acme/big"]),
        (Wanted(operation="chat", most_price=12_000_000_000_000), ["zen/calm", "acme/small"]),
    ],
)
def test_every_wish_counts(catalogue: Catalogue, wanted: Wanted, ids: list[str]) -> None:
    assert found(catalogue, wanted) == ids


def test_a_capability_is_known_under_both_its_names() -> None:
    known: set[Operation | str] = {"tools", "json_schema"}
    assert capability_named("structured-output", known) == capability_named("JSON_schema", known) == "json_schema"
    with pytest.raises(UnknownWord, match="'flying' is no capability: use one of json_schema, tools"):
        capability_named("flying", known)
