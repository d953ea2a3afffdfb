"""The operator's files lie on top of ours: they add, replace, re-price and hide."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Note, Quirks, Rates, Timeouts
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid, UnknownModel
from modelport.operations.usage import TEXT_METERS
from tests.catalogue.written import PACKAGE, SHOP, SMALL, loaded, write

CREDITS_PER_DOLLAR_RATE = 2 * 10**12

ENGINE = """
name     = "My engine"
base_url = "http://127.0.0.1:8000/v1/"
speaks   = { chat = "openai_chat" }
priority = 50
quirks   = { accept_unknown = true }

[[models]]
id    = "mine/big"
name  = "Big"
maker = "Mine"

[[offers]]
model    = "mine/big"
upstream = "Mine/Big-70B"
free     = true

[[offers]]
model    = "acme/small"
upstream = "small"
rates    = [{ from = 2026-01-01, input = "0.1", output = "0.2" }]
"""


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def dollars(rates: Rates | None) -> tuple[float, float]:
    assert rates is not None
    return rates.by_meter["input"] / CREDITS_PER_DOLLAR_RATE, rates.by_meter["output"] / CREDITS_PER_DOLLAR_RATE


def price(tmp_path: Path, overlay: dict[str, str]) -> tuple[float, float]:
    return dollars(loaded(tmp_path, overlay).offers("acme/small")[0].rates_at(at("2026-06-01")))


def test_what_a_file_says_is_what_is_known(tmp_path: Path) -> None:
    shop = SHOP.replace("speaks ", "quirks   = { drop = ['n'], stream_usage = false, developer_role = true }\nspeaks ")
    small = SMALL + "context_tokens = 100\nreleased_on = 2026-01-02\n[[notes]]\non = 2026-01-03\ntext = 'Hello.'"
    catalogue = loaded(tmp_path, package={"models/acme/small.toml": small, "providers/shop.toml": shop})
    model = catalogue.find("acme/small")
    assert (model.name, model.maker, model.operation, model.context_tokens) == ("Small", "Acme", "chat", 100)
    assert model.released_on == date(2026, 1, 2)
    assert model.notes == (Note(date(2026, 1, 3), "Hello."),)
    (offer,) = catalogue.offers("acme/small")
    provider = catalogue.provider("shop")
    assert provider is offer.provider
    assert provider is not None
    assert (provider.secret_env, provider.base_url) == ("SHOP_API_KEY", "https://shop.example/v1")
    assert provider.quirks == Quirks(drop=frozenset({"n"}), stream_usage=False, developer_role=True)
    assert provider.timeouts == Timeouts()
    assert provider.making_timeouts == Timeouts(first_byte_s=600, idle_s=600)
    assert set(offer.rates[0].by_meter) == set(TEXT_METERS)
    assert provider.speaks == {"chat": ("openai_chat",)}
    assert provider.variables == ("SHOP_API_KEY",)


def test_sight_and_hearing_follow_from_what_a_model_takes(tmp_path: Path) -> None:
    small = SMALL + 'inputs = ["image", "text"]\ncapabilities = ["tools"]'
    model = loaded(tmp_path, package=PACKAGE | {"models/acme/small.toml": small}).find("small")
    assert model.capabilities == {"tools", "vision"}


def test_one_file_adds_an_engine_with_its_models(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, {"engines/mine.toml": ENGINE})
    assert catalogue.find("mine/big").name == "Big"
    assert [(offer.provider.id, offer.upstream) for offer in catalogue.offers("acme/small")] == [
        ("mine", "small"),
        ("shop", "small-1"),
    ]
    (offer,) = catalogue.offers("mine/big")
    assert offer.free
    assert set(offer.rates_at(0).by_meter.values()) == {0}  # pyright: ignore[reportOptionalMemberAccess]
    assert offer.provider.base_url == "http://127.0.0.1:8000/v1"
    assert (offer.provider.auth, offer.provider.secret_env) == ("none", None)
    assert offer.quirks.accept_unknown


def test_a_key_of_the_operator_replaces_ours_and_leaves_the_rest(tmp_path: Path) -> None:
    overlay = {"shop.toml": 'base_url = "http://127.0.0.1:1/v1"\ntimeouts = { idle_s = 5 }'}
    provider = loaded(tmp_path, overlay).provider("shop")
    assert provider is not None
    assert (provider.base_url, provider.name, provider.secret_env) == ("http://127.0.0.1:1/v1", "Shop", "SHOP_API_KEY")
    assert provider.timeouts == Timeouts(idle_s=5)
    assert provider.making_timeouts == Timeouts(first_byte_s=600, idle_s=5), "what the operator writes holds for all"


def test_quirks_of_the_operator_merge_by_key(tmp_path: Path) -> None:
    shop = SHOP.replace("speaks ", "quirks   = { rename = { a = 'b' }, drop = ['n', 'seed'] }\nspeaks ")
    overlay = {"shop.toml": "quirks = { rename = { c = 'd' }, drop = ['user'] }"}
    provider = loaded(tmp_path, overlay, PACKAGE | {"providers/shop.toml": shop}).provider("shop")
    assert provider is not None
    assert provider.quirks == Quirks(rename={"a": "b", "c": "d"}, drop=frozenset({"user"}))


def test_quirks_of_an_offer_add_to_its_provider_s(tmp_path: Path) -> None:
    shop = SHOP.replace("speaks ", "quirks   = { drop = ['n'] }\nspeaks ") + "quirks = { drop = ['seed'] }"
    (offer,) = loaded(tmp_path, package=PACKAGE | {"providers/shop.toml": shop}).offers("acme/small")
    assert offer.quirks.drop == {"n", "seed"}
    assert offer.provider.quirks.drop == {"n"}


def test_one_line_makes_a_provider_free(tmp_path: Path) -> None:
    (offer,) = loaded(tmp_path, {"shop.toml": "free = true"}).offers("acme/small")
    assert offer.free
    assert set(offer.rates[0].by_meter.values()) == {0}


def test_a_price_of_the_operator_holds_where_our_provider_is_free(tmp_path: Path) -> None:
    free = SHOP.replace("speaks ", "free     = true\nspeaks ").replace("rates ", "#")
    package = PACKAGE | {"providers/shop.toml": free, "models/acme/other.toml": SMALL.replace("mall", "ther")}
    rates = "[[offers]]\nmodel = 'acme/small'\nrates = [{ from = 2026-01-01, input = '7', output = '8' }]\n"
    other = "[[offers]]\nmodel = 'acme/other'\nupstream = 'other'\n"
    catalogue = loaded(tmp_path, {"shop.toml": rates + other}, package)
    (priced,), (unpriced,) = catalogue.offers("acme/small"), catalogue.offers("acme/other")
    assert (priced.free, dollars(priced.rates[0])) == (False, (7, 8))
    assert unpriced.free


def test_an_offer_of_the_operator_sets_another_price(tmp_path: Path) -> None:
    again = "[[offers]]\nmodel = 'acme/small'\nrates = [{ from = 2026-05-01, input = '7', output = '8' }]"
    catalogue = loaded(tmp_path, {"shop.toml": again})
    (offer,) = catalogue.offers("acme/small")
    assert offer.upstream == "small-1"
    assert dollars(offer.rates_at(at("2026-06-01"))) == (7, 8)
    assert offer.rates_at(at("2026-04-30")) is None


def test_an_unknown_price_has_no_rates(tmp_path: Path) -> None:
    (offer,) = loaded(tmp_path, {"shop.toml": "[[offers]]\nmodel = 'acme/small'\nprice = 'unknown'"}).offers(
        "acme/small"
    )
    assert (offer.rates, offer.free) == ((), False)


def test_a_price_holds_from_its_day_on(tmp_path: Path) -> None:
    later = SHOP.replace("}]", '}, { from = 2026-03-01, input = "2", output = "3" }]')
    (offer,) = loaded(tmp_path, package=PACKAGE | {"providers/shop.toml": later}).offers("acme/small")
    assert offer.rates_at(at("2025-12-31")) is None
    assert dollars(offer.rates_at(at("2026-01-01"))) == (0.5, 1.5)
    assert dollars(offer.rates_at(at("2026-03-01") - 1)) == (0.5, 1.5)
    assert dollars(offer.rates_at(at("2026-03-01"))) == (2, 3)


def test_a_price_tells_where_and_when_it_was_read(tmp_path: Path) -> None:
    head, offers = SHOP.split("[[offers]]")
    stated = head + 'prices = { source = "https://shop.example/prices", read = 2026-02-03 }\n\n[[offers]]' + offers
    (offer,) = loaded(tmp_path, package=PACKAGE | {"providers/shop.toml": stated}).offers("acme/small")
    assert (offer.rates[0].source, offer.rates[0].read_on) == ("https://shop.example/prices", date(2026, 2, 3))


def test_the_nearest_markup_holds(tmp_path: Path) -> None:
    everywhere, shop = {"catalogue.toml": 'markup = "1.2"'}, 'markup = "2"\n'
    offer = "[[offers]]\nmodel = 'acme/small'\nmarkup = '10'"
    assert price(tmp_path / "a", everywhere) == (0.6, 1.8)
    assert price(tmp_path / "b", everywhere | {"shop.toml": shop}) == (1, 3)
    assert price(tmp_path / "c", everywhere | {"shop.toml": shop + offer}) == (5, 15)


@pytest.mark.parametrize(
    "overlay",
    [
        {"catalogue.toml": 'hide = ["acme/small"]'},
        {"models/acme/small.toml": "hidden = true"},
        {"any.toml": '[[models]]\nid = "acme/small"\nhidden = true'},
    ],
    ids=["settings", "model file", "inline"],
)
def test_a_hidden_model_is_unknown(tmp_path: Path, overlay: dict[str, str]) -> None:
    catalogue = loaded(tmp_path, overlay)
    assert (catalogue.models(), catalogue.offers("acme/small")) == ((), ())
    with pytest.raises(UnknownModel):
        catalogue.find("small")


def test_a_hidden_offer_and_a_hidden_provider_sell_nothing(tmp_path: Path) -> None:
    offer = loaded(tmp_path / "a", {"shop.toml": "[[offers]]\nmodel = 'acme/small'\nhidden = true"})
    assert (offer.offers("acme/small"), len(offer.providers())) == ((), 1)
    provider = loaded(tmp_path / "b", {"shop.toml": "hidden = true"})
    assert (provider.offers("acme/small"), provider.providers()) == ((), ())
    assert provider.find("acme/small").id == "acme/small"


def test_facts_of_the_operator_replace_ours(tmp_path: Path) -> None:
    model = loaded(tmp_path, {"models/acme/small.toml": "context_tokens = 7"}).find("small")
    assert (model.context_tokens, model.name) == (7, "Small")


def test_names_that_the_operator_uses_are_his(tmp_path: Path) -> None:
    package = PACKAGE | {"models/acme/old.toml": "[[models]]\n" + OLD + "[[retired]]\nid = 'acme/ancient'"}
    theirs = "".join(f"[[models]]\nid = '{name}'\nname = 'Mine'\nmaker = 'Me'\n" for name in ("small", "acme/ancient"))
    catalogue = loaded(tmp_path, {"mine.toml": theirs}, package)
    assert [catalogue.find(name).name for name in ("small", "acme/ancient")] == ["Mine", "Mine"]
    assert catalogue.find("Acme-Small").id == "acme/small"


OLD = 'id = "acme/old"\nname = "Old"\nmaker = "Acme"\n'


def test_an_absent_overlay_is_no_fault(tmp_path: Path) -> None:
    package = write(tmp_path / "package", PACKAGE)
    assert len(load(tmp_path / "none", data=package).models()) == 1
    assert len(load(data=package).models()) == 1


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    assert loaded(tmp_path, {".draft.toml": "nonsense", ".git/x.toml": "nonsense"}).find("small")


def test_a_broken_overlay_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(CatalogueInvalid) as refused:
        loaded(tmp_path, {"mine.toml": ENGINE, "broken.toml": "x"})
    assert refused.value.message.startswith("the catalogue has 1 fault\n- catalogue/broken.toml: is not TOML")


def test_the_hash_changes_with_every_change_and_only_then(tmp_path: Path) -> None:
    first = loaded(tmp_path / "a").hash
    assert loaded(tmp_path / "b").hash == first
    assert loaded(tmp_path / "c", {"shop.toml": "free = true"}).hash != first
    assert loaded(tmp_path / "d", {"shop.toml": "free = false"}).hash != first


def test_the_quirks_of_messages_and_choices_are_read_and_laid_on_top(tmp_path: Path) -> None:
    quirks = """
[quirks]
choices         = false
message_names   = false
prefix          = "partial"
reasoning_field = "reasoning"
clamp           = { temperature = "1.99", top_p = "0.9" }
"""
    overlay = {"shop.toml": '[quirks]\nchoices = true\nclamp = { top_p = "1" }\n'}
    catalogue = loaded(tmp_path, overlay, {**PACKAGE, "providers/shop.toml": PACKAGE["providers/shop.toml"] + quirks})
    provider = catalogue.provider("shop")
    assert provider is not None
    assert provider.quirks == Quirks(
        choices=True,
        message_names=False,
        prefix="partial",
        reasoning_field="reasoning",
        clamp={"temperature": "1.99", "top_p": "1"},
    )


def test_every_other_quirk_is_read_and_laid_on_top(tmp_path: Path) -> None:
    quirks = """
[quirks]
reasoning    = "enable_thinking"
search       = "enable_search"
checks       = ["tools"]
schema_as    = "json_object"
stream_only  = { enable_thinking = true }
set          = { enable_thinking = false, top_k = 20, note = "ä", list = [1, { a = 0.5 }] }
tool_schemas = "plain"
fill_path    = "/fim/completions"
"""
    searching = SHOP.replace('output = "1.5"', 'output = "1.5", search = "0"')
    overlay = {"shop.toml": '[quirks]\nsearch = ""\nset = { top_k = 40 }\nchecks = ["json_schema"]\n'}
    offer = searching + 'quirks = { checks = ["tools"], stream_only = { always = true } }'
    package = PACKAGE | {"providers/shop.toml": offer + quirks}
    provider = loaded(tmp_path / "a", package=package).provider("shop")
    assert provider is not None
    assert provider.quirks == Quirks(
        reasoning="enable_thinking",
        search="enable_search",
        checks=frozenset({"tools"}),
        schema_as="json_object",
        stream_only={"enable_thinking": "true"},
        set={"enable_thinking": "false", "top_k": "20", "note": '"ä"', "list": '[1,{"a":0.5}]'},
        tool_schemas="plain",
        fill_path="/fim/completions",
    )
    (sold,) = loaded(tmp_path / "b", overlay, package).offers("acme/small")
    assert (sold.provider.quirks.search, sold.quirks.search) == ("", "")
    assert sold.quirks.set["top_k"] == "40"
    assert sold.quirks.checks == {"tools", "json_schema"}
    assert sold.quirks.stream_only == {"enable_thinking": "true", "always": "true"}


def test_a_provider_speaks_several_formats_and_an_offer_fewer(tmp_path: Path) -> None:
    shop = SHOP.replace('"openai_chat"', '["openai_chat", "openai_responses"]') + 'speaks = ["openai_responses"]'
    (offer,) = loaded(tmp_path, package=PACKAGE | {"providers/shop.toml": shop}).offers("acme/small")
    assert offer.provider.speaks == {"chat": ("openai_chat", "openai_responses")}
    assert offer.speaks == ("openai_responses",)
    assert offer.dialect_for("chat", "openai_chat") == "openai_responses"


EMBEDDER = """
name     = "Engine"
base_url = "http://127.0.0.1:8000/v1"
speaks   = { embeddings = "openai_embeddings" }

[[models]]
id        = "mine/vectors"
name      = "Vectors"
maker     = "Mine"
operation = "embeddings"

[[offers]]
model    = "mine/vectors"
upstream = "vectors"
rates    = [{ from = 2026-01-01, input = "0.1" }]
"""


def test_a_model_for_embeddings_needs_the_price_of_what_goes_in_alone(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, {"engine.toml": EMBEDDER})
    assert catalogue.find("mine/vectors").capabilities == frozenset()
    (offer,) = catalogue.offers("mine/vectors")
    assert dollars(offer.rates[0]) == (0.1, 0)
    assert offer.dialect_for("embeddings", "openai_embeddings") == "openai_embeddings"


TIERED = """{ from = 2026-01-01, input = "1", cached_read = "0.1", output = "2", search = "7", tiers = [
  { above = 1000, input = "10", cached_read = "1", output = "20" },
  { above = 2000, input = "100", cached_read = "10", output = "200", search = "8" },
] }"""


def test_a_call_with_much_input_has_dearer_rates(tmp_path: Path) -> None:
    shop = SHOP.replace('{ from = 2026-01-01, input = "0.5", output = "1.5" }', TIERED)
    package = PACKAGE | {"providers/shop.toml": shop}
    (offer,) = loaded(tmp_path / "a", {"catalogue.toml": 'markup = "2"'}, package).offers("acme/small")
    rates = offer.rates[0]

    def dollars_at(tokens: int) -> dict[str, float]:
        return {meter: rate / 2 / CREDITS_PER_DOLLAR_RATE for meter, rate in rates.at(tokens).items()}

    assert dollars_at(1000).items() >= {"input": 1, "cached_read": 0.1, "cached_write_1h": 1, "search": 7}.items()
    assert dollars_at(1001).items() >= {"input": 10, "cached_write": 10, "reasoning": 20, "search": 7}.items()
    assert dollars_at(2001).items() >= {"input": 100, "cached_read": 10, "audio_output": 200, "search": 8}.items()
    assert set(rates.at(0)) == set(rates.at(3000))


CLOUD = """
name     = "Cloud"
base_url = "https://${CLOUD_REGION}.cloud.example/${CLOUD_PATH}/"
auth     = { scheme = "api-key", env = "CLOUD_KEY" }
speaks   = { chat = "openai_chat" }

[[offers]]
model    = "acme/small"
upstream = "small"
free     = true
"""


def at_environment(tmp_path: Path, text: str, environ: dict[str, str]) -> Catalogue:
    overlay, data = write(tmp_path / "overlay", {"cloud.toml": text}), write(tmp_path / "package", PACKAGE)
    return load(overlay, tmp_path / "cache", data, environ)


def test_an_address_is_completed_from_the_environment(tmp_path: Path) -> None:
    environ = {"CLOUD_REGION": "eu-1", "CLOUD_PATH": "v1", "OTHER": "x"}
    for catalogue in (at_environment(tmp_path, CLOUD, environ), at_environment(tmp_path, CLOUD, environ)):
        provider = catalogue.provider("cloud")
        assert provider is not None
        assert provider.base_url == "https://eu-1.cloud.example/v1"
        assert provider.variables == ("CLOUD_KEY", "CLOUD_REGION", "CLOUD_PATH")
        assert catalogue.offers("acme/small")[0].provider is provider


def test_an_address_stays_as_written_until_every_variable_is_set(tmp_path: Path) -> None:
    provider = at_environment(tmp_path, CLOUD, {"CLOUD_REGION": "eu-1", "CLOUD_PATH": " "}).provider("cloud")
    assert provider is not None
    assert provider.base_url == "https://${CLOUD_REGION}.cloud.example/${CLOUD_PATH}"


def test_a_variable_may_hold_the_whole_address(tmp_path: Path) -> None:
    text = CLOUD.replace("https://${CLOUD_REGION}.cloud.example/${CLOUD_PATH}/", "${CLOUD_URL}")
    provider = at_environment(tmp_path, text, {"CLOUD_URL": "http://10.0.0.1:8000/v1/"}).provider("cloud")
    assert provider is not None
    assert provider.base_url == "http://10.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("url", "value", "told"),
    [
        ("${CLOUD_URL}", "10.0.0.1:8000", "environment: CLOUD_URL: '10.0.0.1:8000' is not the address of a service"),
        ("${CLOUD_URL}", "unix:llama", "environment: CLOUD_URL: 'unix:llama' is not the address of a service"),
        ("https://${CLOUD_URL}.example", "https://eu", "'https://eu' is no part of an address; write only the part"),
        ("https://${CLOUD_URL}.example", "eu/#", "'eu/#' is no part of an address"),
    ],
)
def test_a_variable_that_makes_no_address_is_told(tmp_path: Path, url: str, value: str, told: str) -> None:
    text = CLOUD.replace("https://${CLOUD_REGION}.cloud.example/${CLOUD_PATH}/", url)
    with pytest.raises(CatalogueInvalid) as refused:
        at_environment(tmp_path, text, {"CLOUD_URL": value})
    assert told in refused.value.message
