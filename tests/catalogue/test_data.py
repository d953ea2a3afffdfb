"""The catalogue that comes with the product: valid, complete, and honest about where it is from."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Offer, Rates
from modelport.catalogue.load import PACKAGE_DATA, load
from modelport.catalogue.parameters import decoded
from modelport.catalogue.prices import price_of

FILES = sorted(path.relative_to(PACKAGE_DATA).as_posix() for path in PACKAGE_DATA.rglob("*.toml"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def offers(catalogue: Catalogue) -> list[Offer]:
    return [offer for model in catalogue.models() for offer in catalogue.offers(model.id)]


def test_every_model_is_described_and_sold(catalogue: Catalogue) -> None:
    for model in catalogue.models():
        assert model.description.endswith("."), model.id
        assert model.documentation, model.id
        if model.operation == "chat":
            assert "streaming" in model.capabilities, model.id
        else:
            assert decoded(model.parameters), model.id
        assert bool(catalogue.offers(model.id)) != bool(model.unsold), model.id


def test_every_offer_has_a_price_and_says_where_it_was_read(catalogue: Catalogue) -> None:
    for offer in offers(catalogue):
        for rates in offer.rates:
            from_a_vendor = not offer.free and not offer.provider.base_url.startswith("unix:")
            assert bool(rates.source) == bool(rates.read_on) == from_a_vendor, (
                f"{offer.model_id} at {offer.provider.id}"
            )


def test_nothing_is_free_by_accident(catalogue: Catalogue) -> None:
    for offer in offers(catalogue):
        for rates in offer.rates:
            prices = [rate for meter, rate in rates.by_meter.items() if meter != "search"]
            prices += [variant.rate for variant in rates.variants]
            assert offer.free == (max(prices) == 0), f"{offer.model_id} at {offer.provider.id}"
            if rates.per is not None:
                assert offer.free == (min(prices) == 0), f"{offer.model_id} at {offer.provider.id}"


@pytest.mark.parametrize("name", FILES)
def test_every_file_begins_with_what_it_is_taken_from(name: str) -> None:
    text = (PACKAGE_DATA / name).read_text(encoding="utf-8")
    comment = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    assert text.startswith("# ")
    assert "https://" in comment
    assert max(map(len, text.splitlines())) <= 120, "keep the lines readable"


@pytest.mark.parametrize("name", FILES)
def test_files_lie_where_their_kind_belongs(name: str) -> None:
    assert re.fullmatch(r"models/[a-z0-9-]+/[a-z0-9.-]+\.toml|(providers|parameters)/[a-z0-9-]+\.toml", name)


def test_no_provider_takes_and_drops_the_same_field(catalogue: Catalogue) -> None:
    for provider in catalogue.providers():
        assert not provider.quirks.accept & provider.quirks.drop, provider.id


def test_a_provider_behind_a_key_names_the_variable_that_holds_it(catalogue: Catalogue) -> None:
    named = {provider.id: " ".join(provider.variables) for provider in catalogue.providers()}
    assert named == {
        "anthropic": "ANTHROPIC_API_KEY",
        "ark": "ARK_API_KEY",
        "assemblyai": "ASSEMBLYAI_API_KEY",
        "azure": "AZURE_OPENAI_API_KEY AZURE_OPENAI_RESOURCE",
        "azure-speech": "AZURE_SPEECH_KEY AZURE_SPEECH_REGION",
        "azure-transcription": "AZURE_SPEECH_KEY AZURE_SPEECH_REGION",
        "bfl": "BFL_API_KEY",
        "bedrock": "AWS_BEARER_TOKEN_BEDROCK AWS_REGION",
        "cohere": "COHERE_API_KEY",
        "dashscope": "DASHSCOPE_API_KEY",
        "deepgram": "DEEPGRAM_API_KEY",
        "elevenlabs": "ELEVENLABS_API_KEY",
        "fal": "FAL_KEY",
        "google-documentai": "DOCUMENTAI_ACCESS_TOKEN DOCUMENTAI_LOCATION DOCUMENTAI_PROJECT DOCUMENTAI_PROCESSOR",
        "inworld": "INWORLD_API_KEY",
        "kling": "KLING_ACCESS_KEY KLING_SECRET_KEY",
        "luma": "LUMAAI_API_KEY",
        "luma-agents": "LUMA_AGENTS_API_KEY",
        "recraft": "RECRAFT_API_KEY",
        "runway": "RUNWAYML_API_SECRET",
        "stability": "STABILITY_API_KEY",
        "voyage": "VOYAGE_API_KEY",
        "deepinfra": "DEEPINFRA_API_KEY",
        "deepseek": "DEEPSEEK_API_KEY",
        "fireworks": "FIREWORKS_API_KEY",
        "google": "GEMINI_API_KEY",
        "groq": "GROQ_API_KEY",
        "huggingface": "HF_TOKEN",
        "llamacpp": "LLAMACPP_BASE_URL",
        "lmstudio": "LMSTUDIO_BASE_URL",
        "local": "",
        "local-embeddings": "",
        "local-moderation": "",
        "local-ocr": "",
        "local-speech": "",
        "local-transcription": "",
        "minimax": "MINIMAX_API_KEY",
        "mistral": "MISTRAL_API_KEY",
        "moonshot": "MOONSHOT_API_KEY",
        "novita": "NOVITA_API_KEY",
        "nvidia": "NVIDIA_API_KEY",
        "ollama": "OLLAMA_BASE_URL",
        "openai": "OPENAI_API_KEY",
        "openrouter": "OPENROUTER_API_KEY",
        "perplexity": "PERPLEXITY_API_KEY",
        "qianfan": "QIANFAN_API_KEY",
        "sglang": "SGLANG_BASE_URL",
        "topaz": "TOPAZ_API_KEY",
        "together": "TOGETHER_API_KEY",
        "vllm": "VLLM_BASE_URL",
        "xai": "XAI_API_KEY",
        "zai": "ZAI_API_KEY",
    }


def offer(catalogue: Catalogue, name: str, provider_id: str) -> Offer:
    return next(one for one in catalogue.offers(catalogue.find(name).id) if one.provider.id == provider_id)


def dollars(rates: Mapping[str, int], *meters: str) -> tuple[Decimal, ...]:
    return tuple(price_of(rates[meter]).normalize() for meter in meters)


def usd(*prices: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(price).normalize() for price in prices)


def newest(catalogue: Catalogue, name: str, provider_id: str) -> Rates:
    return offer(catalogue, name, provider_id).rates[-1]


def test_every_claude_sees_follows_instructions_and_calls_tools(catalogue: Catalogue) -> None:
    claudes = [model for model in catalogue.models() if model.maker == "Anthropic"]
    assert len(claudes) >= 17
    for model in claudes:
        assert {"vision", "system", "tools"} <= model.capabilities, model.id


def test_a_claude_s_cache_is_priced_by_how_long_it_is_kept(catalogue: Catalogue) -> None:
    for one in offers(catalogue):
        if one.provider.id == "anthropic":
            rates = one.rates[-1].by_meter
            assert rates["cached_write"] * 4 == rates["input"] * 5, one.model_id
            assert rates["cached_write_1h"] == rates["input"] * 2, one.model_id
            assert dollars(rates, "search") == usd("10000"), one.model_id
    opus = newest(catalogue, "claude-opus-4-5", "anthropic").by_meter
    assert dollars(opus, "input", "cached_read", "cached_write", "cached_write_1h", "output") == usd(
        "5", "0.5", "6.25", "10", "25"
    )


def test_much_input_is_dearer_where_the_maker_says_so(catalogue: Catalogue) -> None:
    gemini = newest(catalogue, "gemini-2.5-pro", "google")
    assert dollars(gemini.at(200_000), "input", "cached_read", "output") == usd("1.25", "0.125", "10")
    assert dollars(gemini.at(200_001), "input", "cached_read", "output") == usd("2.5", "0.25", "15")
    grok = newest(catalogue, "grok-4.5", "xai")
    assert dollars(grok.at(199_999), "input", "output") == usd("2", "6")
    assert dollars(grok.at(200_000), "input", "output") == usd("4", "12")
    qwen = newest(catalogue, "qwen3-max", "dashscope")
    assert [tier.above_tokens for tier in qwen.tiers] == [32_000, 128_000]
    sonnet = offer(catalogue, "claude-sonnet-4.6", "anthropic").rates
    assert [bool(rates.tiers) for rates in sonnet] == [True, False]


@pytest.mark.parametrize(
    ("name", "provider_id", "form"),
    [
        ("gpt-4o-search-preview", "openai", "always"),
        ("gpt-4o-mini-search-preview", "openai", "always"),
        ("perplexity/sonar", "perplexity", "always"),
        ("perplexity/sonar-pro", "perplexity", "always"),
        ("moonshot/kimi-k2-6", "moonshot", "builtin"),
        ("alibaba/qwen3.6-plus", "dashscope", "enable_search"),
        ("zhipu/glm-4.6", "zai", "web_search_tool"),
        ("anthropic/claude-sonnet-4.5", "anthropic", "native"),
        ("google/gemini-2.5-pro", "google", "native"),
        ("openai/gpt-5-1-codex", "openai", "native"),
    ],
)
def test_models_that_search_say_how(catalogue: Catalogue, name: str, provider_id: str, form: str) -> None:
    assert "web_search" in catalogue.find(name).capabilities
    assert offer(catalogue, name, provider_id).quirks.search == form


def test_whoever_can_search_is_a_model_that_can(catalogue: Catalogue) -> None:
    for one in offers(catalogue):
        if one.quirks.search:
            assert "web_search" in catalogue.find(one.model_id).capabilities, one.model_id


@pytest.mark.parametrize(
    ("alias", "model_id"),
    [
        ("openai/gpt-5", "openai/gpt-5-2025-08-07"),
        ("gpt-5.2", "openai/gpt-5-2"),
        ("claude-opus-4-1-20250805", "anthropic/claude-opus-4.1"),
        ("google/gemini-2.5-flash-lite", "google/gemini-2.5-flash-lite-preview"),
        ("deepseek-reasoner", "deepseek/deepseek-r1"),
        ("deepseek-chat", "deepseek/deepseek-chat"),
        ("alibaba-cloud/qwen3-next-80b-a3b-thinking", "alibaba/qwen3-next-80b-a3b-thinking"),
        ("all-minilm-l6-v2", "sentence-transformers/all-minilm-l6-v2"),
    ],
)
def test_other_names_lead_to_the_model(catalogue: Catalogue, alias: str, model_id: str) -> None:
    assert catalogue.find(alias).id == model_id


@pytest.mark.parametrize(
    "name", ["gpt-5.1-codex", "gpt-5.1-codex-mini", "gpt-5.2-codex", "gpt-5.3-codex", "gpt-5-pro", "o3-pro"]
)
def test_models_of_responses_alone_are_called_so(catalogue: Catalogue, name: str) -> None:
    sold = offer(catalogue, name, "openai")
    assert sold.dialect_for("chat", "openai_chat") == "openai_responses"


def test_a_qwen_that_thinks_only_streams(catalogue: Catalogue) -> None:
    quirks = offer(catalogue, "qwen3-32b", "dashscope").quirks
    assert (quirks.stream_only, quirks.set) == ({"enable_thinking": "true"}, {"enable_thinking": "false"})
    assert quirks.reasoning == "enable_thinking"


def test_our_own_engine_continues_and_fills_in(catalogue: Catalogue) -> None:
    for one in offers(catalogue):
        if one.provider.id == "local":
            assert one.quirks.prefix == "prefix"
            assert one.quirks.checks == frozenset()
            assert (one.quirks.fill_path == "/completions") == ("qwen" in one.model_id)


def test_there_are_models_for_embeddings_here_and_elsewhere(catalogue: Catalogue) -> None:
    sellers = {one.provider.id for one in offers(catalogue) if catalogue.find(one.model_id).operation == "embeddings"}
    assert sellers == {"azure", "dashscope", "google", "local-embeddings", "openai", "voyage"}
    assert dollars(newest(catalogue, "text-embedding-3-small", "openai").by_meter, "input") == usd("0.02")


def test_what_is_read_in_and_what_is_dropped_fit_together(catalogue: Catalogue) -> None:
    for one in offers(catalogue):
        quirks, place = one.quirks, f"{one.model_id} at {one.provider.id}"
        assert not quirks.drop & quirks.rename.keys(), place
        assert quirks.accept_unknown or not quirks.set.keys() & quirks.drop, place


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


def test_whisper_1_is_the_whisper_of_this_machine(catalogue: Catalogue) -> None:
    assert catalogue.find("whisper-1").id == "openai/whisper-tiny.en"
