"""Every TOML example of the guides loads, as it stands, under the name that its first line gives."""

import re
from pathlib import Path

import pytest

from modelport.catalogue import forms, prices
from modelport.catalogue.drafts import ModelDraft, OfferDraft, ProviderDraft, QuirksDraft
from modelport.catalogue.load import load
from tests.catalogue.written import write

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCKS = re.findall(
    r"```toml\n# catalogue/(\S+?\.toml)\b(.*?)```", (DOCS / "providers.md").read_text("utf-8"), re.DOTALL
)
REFERENCE = (DOCS / "catalogue.md").read_text("utf-8")


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_an_example_of_the_guide_is_a_valid_overlay(tmp_path: Path, name: str, text: str) -> None:
    assert load(write(tmp_path, {name: "#" + text})).models()


def test_the_guide_s_engines_are_asked_before_others(tmp_path: Path) -> None:
    catalogue = load(write(tmp_path, {name: "#" + text for name, text in BLOCKS}))
    offers = catalogue.offers("deepseek/deepseek-v3.2-speciale")
    assert min(offers, key=lambda offer: offer.provider.priority).provider.id == "vllm"
    assert catalogue.offers("meta/llama3.2")[0].free


@pytest.mark.parametrize("draft", [ModelDraft, ProviderDraft, OfferDraft, QuirksDraft])
def test_every_key_of_a_file_is_in_the_reference(draft: type) -> None:
    ours = {"file", "key", "layer", "prices_source", "prices_read_on"}
    for name in set(draft.__dataclass_fields__) - ours:  # pyright: ignore[reportAttributeAccessIssue]
        assert f"`{name}`" in REFERENCE or f"`[[{name}]]`" in REFERENCE, name


def test_every_word_of_a_file_is_in_the_reference() -> None:
    for word in (*forms.CAPABILITIES, *forms.MODALITIES, *forms.ROLES, *prices.METERS):
        assert f"`{word}`" in REFERENCE or word in ("input", "output"), word


def test_every_key_variable_is_in_the_guide() -> None:
    guide = (DOCS / "providers.md").read_text("utf-8")
    for provider in load().providers():
        assert all(f"`{variable}`" in guide for variable in provider.variables), provider.id
