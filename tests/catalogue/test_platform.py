"""Every id of the platform leads somewhere: to its model, on its shelf, or to what became of it."""

import json
from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.catalogue.problems import RetiredModel

IDS = json.loads(Path(__file__).with_name("platform_ids.json").read_text("utf-8"))
LEAST = {
    "text": 391, "image": 82, "video": 151, "music": 9, "text-to-speech": 73, "voice-chat": 7, "speech-to-text": 30,
    "embedding": 14, "ocr": 8, "3d": 3,
}  # fmt: skip
"""How many ids of each shelf are active there."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


@pytest.mark.parametrize("category", sorted(IDS["active"]))
def test_every_active_id_is_a_name_of_a_model_on_its_shelf(catalogue: Catalogue, category: str) -> None:
    for name in IDS["active"][category]:
        model = catalogue.find(name)
        assert name in (model.id, *model.aliases), name
        assert model.category == category, name
        assert catalogue.find(name.upper()) in (model, catalogue.find(name)), name


def test_every_retired_id_is_told_to_be_so(catalogue: Catalogue) -> None:
    for name in IDS["retired"]:
        with pytest.raises(RetiredModel):
            catalogue.find(name)


def test_a_replacement_is_a_model_that_is_there(catalogue: Catalogue) -> None:
    with pytest.raises(RetiredModel) as refused:
        catalogue.find("chatgpt-4o-latest")
    assert refused.value.replacement is not None
    assert catalogue.find(refused.value.replacement).id == "openai/gpt-5-1-chat-latest"


def test_no_shelf_has_fewer_ids_than_the_platform(catalogue: Catalogue) -> None:
    counts = dict.fromkeys(LEAST, 0)
    for model in catalogue.models():
        if model.category in counts:
            counts[model.category] += 1 + len(model.aliases)
    assert {category: count for category, count in counts.items() if count < LEAST[category]} == {}


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("alibaba/qwen3-vl-32b-thinking", {"vision", "reasoning", "tools", "json_schema"}),
        ("deepseek/deepseek-v3.2-speciale", {"reasoning"}),
        ("gpt-4o-search-preview", {"web_search"}),
        ("gpt-4o-mini-search-preview", {"web_search"}),
        ("klingai/video-v2-6-pro-image-to-video", {"image_to_video", "audio_generation"}),
    ],
)
def test_what_a_model_can_do_is_what_its_maker_says(catalogue: Catalogue, name: str, capabilities: set[str]) -> None:
    assert capabilities <= catalogue.find(name).capabilities


def test_every_claude_sees_follows_instructions_and_calls_tools(catalogue: Catalogue) -> None:
    for model in catalogue.models():
        if model.maker == "Anthropic" and model.operation == "chat":
            assert {"vision", "system", "tools"} <= model.capabilities, model.id


def test_bounds_and_aliases_of_well_known_models(catalogue: Catalogue) -> None:
    assert catalogue.find("anthropic/claude-sonnet-4").context_tokens == 200_000
    assert catalogue.find("claude-sonnet-4").context_tokens == 200_000
    assert catalogue.find("openai/gpt-5").id == "openai/gpt-5-2025-08-07"
