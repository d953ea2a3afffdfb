"""The catalogue that comes with the product: valid, complete, and honest about where it is from."""

import re
from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Offer
from modelport.catalogue.load import PACKAGE_DATA, load

FILES = sorted(path.relative_to(PACKAGE_DATA).as_posix() for path in PACKAGE_DATA.rglob("*.toml"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def offers(catalogue: Catalogue) -> list[Offer]:
    return [offer for model in catalogue.models() for offer in catalogue.offers(model.id)]


def test_every_model_is_described_and_sold(catalogue: Catalogue) -> None:
    for model in catalogue.models():
        assert model.description.endswith("."), model.id
        assert model.context_tokens, model.id
        assert model.output_tokens, model.id
        assert model.documentation, model.id
        assert "streaming" in model.capabilities, model.id
        assert catalogue.offers(model.id), model.id


def test_every_offer_has_a_price_and_says_where_it_was_read(catalogue: Catalogue) -> None:
    for offer in offers(catalogue):
        assert offer.rates, f"{offer.model_id} at {offer.provider.id}"
        for rates in offer.rates:
            from_a_vendor = not offer.free and not offer.provider.base_url.startswith("unix:")
            assert bool(rates.source) == bool(rates.read_on) == from_a_vendor, (
                f"{offer.model_id} at {offer.provider.id}"
            )


def test_nothing_is_free_by_accident(catalogue: Catalogue) -> None:
    for offer in offers(catalogue):
        for rates in offer.rates:
            assert offer.free == (rates.by_meter["output"] == 0), f"{offer.model_id} at {offer.provider.id}"


@pytest.mark.parametrize("name", FILES)
def test_every_file_begins_with_what_it_is_taken_from(name: str) -> None:
    text = (PACKAGE_DATA / name).read_text(encoding="utf-8")
    comment = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    assert text.startswith("# ")
    assert "https://" in comment
    assert max(map(len, text.splitlines())) <= 120, "keep the lines readable"


@pytest.mark.parametrize("name", FILES)
def test_files_lie_where_their_kind_belongs(name: str) -> None:
    assert re.fullmatch(r"models/[a-z0-9-]+/[a-z0-9.-]+\.toml|providers/[a-z0-9-]+\.toml", name)


def test_no_provider_takes_and_drops_the_same_field(catalogue: Catalogue) -> None:
    for provider in catalogue.providers():
        assert not provider.quirks.accept & provider.quirks.drop, provider.id


def test_a_provider_behind_a_key_names_the_variable_that_holds_it(catalogue: Catalogue) -> None:
    named = {provider.id: provider.secret_env for provider in catalogue.providers()}
    assert named == {
        "dashscope": "DASHSCOPE_API_KEY",
        "google": "GEMINI_API_KEY",
        "groq": "GROQ_API_KEY",
        "local": None,
        "openai": "OPENAI_API_KEY",
        "openrouter": "OPENROUTER_API_KEY",
    }


@pytest.mark.parametrize(
    "name",
    [
        "deepseek/deepseek-v3.2-speciale",
        "alibaba/qwen3-vl-32b-thinking",
        "gpt-4o",
        "openai/gpt-4o",
        "gpt-4o-mini",
        "google/gemma-3-4b-it",
        "qwen2.5-coder-0.5b-instruct",
        "smollm2-135m-instruct",
    ],
)
def test_the_models_of_the_guides_are_there(catalogue: Catalogue, name: str) -> None:
    assert catalogue.offers(catalogue.find(name).id)


def test_local_models_come_first_and_aggregators_last(catalogue: Catalogue) -> None:
    priorities = {provider.id: provider.priority for provider in catalogue.providers()}
    assert priorities["local"] < priorities["openai"] < priorities["openrouter"]


def test_one_overlay_line_makes_the_local_models_free(tmp_path: Path) -> None:
    (tmp_path / "local.toml").write_text("free = true")
    for offer in offers(load(tmp_path)):
        if offer.provider.id == "local":
            assert offer.free
            assert set(offer.rates[0].by_meter.values()) == {0}
