"""What is wrong in a catalogue file is told with its file, its key, what it is and what to write instead."""

from pathlib import Path

import pytest

from modelport.catalogue import sources
from tests.catalogue.written import PACKAGE, SHOP, SMALL, faults, loaded, write

ENGINE = """
name     = "Engine"
base_url = "http://127.0.0.1:8000/v1"
speaks   = { chat = "openai_chat" }
"""
OFFER = """
[[offers]]
model    = "acme/small"
upstream = "small"
"""
RATE = 'rates = [{ from = 2026-01-01, input = "1", output = "2" }]'


TIER = '{ above = 9, input = "3", output = "1" }'
PLAIN = SMALL.replace('["small", "Acme-Small"]', "[]")


def engine(*lines: str, offer: str = "") -> dict[str, str]:
    return {"engine.toml": ENGINE + "\n".join(lines) + (OFFER + offer if offer else "")}


CASES = [
    ({"engine.toml": 'name = "E'}, "catalogue/engine.toml: is not TOML"),
    (engine("colour = 1"), "catalogue/engine.toml: colour: is not a key of this table; write one of"),
    (
        engine("prioritty = 1"),
        "catalogue/engine.toml: prioritty: is not a key of this table; write 'priority' or remove",
    ),
    (engine('priority = "1"'), "priority: is text, expected a whole number; write a number from 0 to 1000"),
    (engine("priority = 1001"), "priority: is 1001, expected a whole number"),
    (engine("docs = 1"), 'docs: is a number, expected text; write it in quotes, as in docs = "…"'),
    (engine('docs = "shop"'), "docs: 'shop' is not a link"),
    (engine('free = "yes"'), "free: is text, expected true or false; write free = true or free = false"),
    (engine('quirks = ["drop"]'), "quirks: is a list, expected a table; write quirks = { … }"),
    (engine('quirks = { drop = "n" }'), "quirks.drop: is text, expected a list of texts"),
    (engine('quirks = { drop = ["n", "n"] }'), "quirks.drop: names 'n' twice; name it once"),
    (engine('quirks = { accept = ["a-b"] }'), "quirks.accept: 'a-b' is not the name of a top-level field"),
    (engine("quirks = { rename = { a = 1 } }"), "quirks.rename.a: is a number, expected text"),
    (engine('quirks = { headers = { Authorization = "x" } }'), "quirks.headers: 'Authorization' cannot be set"),
    (engine("timeouts = { connect_s = 0 }"), "timeouts.connect_s: is not a length of time; write seconds"),
    (engine('auth = { scheme = "beerer" }'), "auth.scheme: 'beerer' is not known; write 'bearer'"),
    (engine("auth = {}"), "auth.scheme: is missing; write one of none, bearer"),
    (engine('auth = { scheme = "bearer" }'), "auth.env: is missing; write the name of an environment variable"),
    (engine('auth = { scheme = "none", env = "A" }'), "auth.env: is given, but the scheme is none"),
    (engine('auth = { scheme = "jwt", env = "A" }'), "auth.issuer_env: is missing; write the name of an environment"),
    (
        engine('auth = { scheme = "bearer", env = "A", issuer_env = "B" }'),
        'auth.issuer_env: is given, but the scheme is bearer; remove it or write scheme = "jwt"',
    ),
    (engine('auth = { scheme = "bearer", env = "$A" }'), "auth.env: '$A' is not the name of an environment variable"),
    (
        {"engine.toml": ENGINE.replace("openai_chat", "chatty")},
        "speaks.chat: 'chatty' is not known; write one of ",
    ),
    (
        {"engine.toml": ENGINE.replace("http://127.0.0.1:8000/v1", "unix:llama")},
        "base_url: 'unix:' names an engine that",
    ),
    (
        {"engine.toml": ENGINE.replace("http://127", "ftp://127")},
        "base_url: 'ftp://127.0.0.1:8000/v1' is not the address",
    ),
    (
        {"engine.toml": ENGINE.replace("http://", "http://me@")},
        "base_url: 'http://me@127.0.0.1:8000/v1' is not the add",
    ),
    ({"engine.toml": ENGINE.replace(":8000", ":80000")}, "base_url: 'http://127.0.0.1:80000/v1' is not the address"),
    ({"engine.toml": ENGINE.replace(":8000", ":8000$")}, "base_url: 'http://127.0.0.1:8000$/v1' is not the address"),
    ({"engine.toml": ENGINE.replace("8000", "${port}")}, "base_url: 'http://127.0.0.1:${port}/v1' is not the address"),
    (
        {"engine.toml": ENGINE.replace('"openai_chat"', '["openai_chat", "openai_embeddings"]')},
        "speaks.chat: 'openai_embeddings' is not known; write one of anthropic_messages, google_gemini",
    ),
    (engine('quirks = { reasoning = "budgets" }'), "quirks.reasoning: 'budgets' is not known; write 'budget'"),
    (engine('quirks = { search = "maybe" }'), "quirks.search: 'maybe' is not known; write one of always, builtin,"),
    (engine('quirks = { checks = ["tool"] }'), "quirks.checks: 'tool' is not known; write 'tools'"),
    (engine('quirks = { schema_as = "xml" }'), "quirks.schema_as: 'xml' is not known; write one of json_object,"),
    (engine('quirks = { tool_schemas = "x" }'), "quirks.tool_schemas: 'x' is not known; write one of gemini, plain"),
    (engine('quirks = { stream_only = "always" }'), "quirks.stream_only: is text, expected a table"),
    (engine("quirks = { stream_only = { always = 1 } }"), "quirks.stream_only: 'always' is 1; write always = true"),
    (engine('quirks = { set = { "a-b" = 1 } }'), "quirks.set.a-b: 'a-b' is not the name of a top-level field"),
    (engine("quirks = { set = { a = [2026-01-01] } }"), "quirks.set.a: is a date or time, which a request cannot"),
    (engine('quirks = { fill_path = "infill" }'), "quirks.fill_path: 'infill' is not a path below the base address"),
    (engine('quirks = { headers = { X-Api-Key = "x" } }'), "quirks.headers: 'X-Api-Key' cannot be set"),
    (engine(offer="free = true\nspeaks = []"), "offers[1].speaks: is empty; write speaks = "),
    (engine(offer='free = true\nspeaks = "openai_chat"'), "offers[1].speaks: is text, expected a list of texts"),
    (engine(offer='free = true\nspeaks = ["chat"]'), "offers[1].speaks: 'chat' is not known; write one of anthropic"),
    (
        engine(offer='free = true\nspeaks = ["openai_embeddings"]'),
        "offers[1].speaks: 'openai_embeddings' is no wire format of chat, which 'acme/small' is for; write one of",
    ),
    (
        engine(offer=RATE + '\nquirks = { search = "options" }'),
        "offers[1].rates[1].search: is missing, and this offer searches the web; write what a million searches cost",
    ),
    (engine(offer=RATE.replace("}]", ", tiers = [{}] }]")), "rates[1].tiers[1].above: is missing; write the input"),
    (
        engine(offer=RATE.replace("}]", ', tiers = [{ above = 9, input = "3" }] }]')),
        "offers[1].rates[1].tiers[1].output: is missing, and the rate outside the tier has it; write dollars per",
    ),
    (
        engine(offer=RATE.replace("}]", ', tiers = [{ above = 9, input = "3", output = "1", reasoning = "x" }] }]')),
        "offers[1].rates[1].tiers[1].reasoning: 'x' is not a plain decimal number",
    ),
    (
        engine(offer=RATE.replace("}]", f", tiers = [{TIER}, {TIER}] }}]")),
        "offers[1].rates[1].tiers[2].above: 9 stands after 9; write the smallest first",
    ),
    (
        engine(offer=RATE.replace("}]", f", tiers = [{TIER.replace('3', '0.0000000000001')}] }}]")),
        "offers[1].rates[1].tiers[1].input: 1E-13 USD times the markup 1 is finer than",
    ),
    ({"engine.toml": 'name = "Engine"'}, "base_url: is missing for the provider 'engine'; write base_url"),
    ({"Engine 1.toml": ENGINE}, "the file's name 'Engine 1' is not a provider id"),
    ({"a/engine.toml": ENGINE, "b/engine.toml": ENGINE}, "the provider 'engine' is already described in catalogue/a/"),
    (engine('aliases = ["shop"]'), "aliases: 'shop' already means the provider 'shop'"),
    (engine("offers = 1"), "offers: is a number, expected a list of tables; write each under its own [[offers]]"),
    (engine(offer="x = 1"), "offers[1].x: is not a key of this table"),
    (engine(offer="free = false"), "offers[1].rates: no price for 'acme/small'; write rates, free = true, or price ="),
    (engine(offer='free = true\nprice = "unknown"'), "offers[1].price: is given beside free; keep one of"),
    (engine(offer='price = "1"'), "offers[1].price: '1' is not known; write one of unknown"),
    ({"engine.toml": ENGINE + "[[offers]]\nfree = true"}, "offers[1].model: is missing; write the id of the model"),
    (
        {"engine.toml": ENGINE + '[[offers]]\nmodel = "acme/small"\nfree = true'},
        "offers[1].upstream: is missing for 'acm",
    ),
    (engine(offer="free = true" + OFFER + "free = true"), "offers[2].model: 'acme/small' is offered twice; keep one"),
    (engine(offer=RATE.replace("2026-01-01", '"2026-01-01"')), "offers[1].rates[1].from: is text, expected a date"),
    (
        engine(offer=RATE.replace("2026-01-01", "2026-01-01T00:00:00Z")),
        "rates[1].from: is a date or time, expected a date",
    ),
    (engine(offer=RATE.replace("from = 2026-01-01, ", "")), "rates[1].from: is missing; write the day"),
    (engine(offer=RATE.replace(', output = "2"', "")), "rates[1].output: is missing; write dollars per million units"),
    (
        engine(offer=RATE.replace('"1"', "0.59")),
        "rates[1].input: is a number, expected text, which keeps every decimal",
    ),
    (engine(offer=RATE.replace('"1"', '"1e3"')), "rates[1].input: '1e3' is not a plain decimal number; write dollars"),
    (engine(offer=RATE.replace('"1"', '"-1"')), "rates[1].input: '-1' is not a plain decimal number"),
    (
        engine(offer=RATE.replace('"1"', '"0.0000000000001"')),
        "rates[1].input: 1E-13 USD times the markup 1 is finer than",
    ),
    (
        engine(offer='rates = [{ from = 2026-01-01, per = "page", price = "1", partial_image = "1" }]'),
        'rates[1].partial_image: is given, and pictures are not paid one by one; write per = "image"',
    ),
    (engine(offer="rates = []"), "offers[1].rates: is empty"),
    (
        engine(offer=RATE.replace("}]", '}, { from = 2025-01-01, input = "1", output = "1" }]')),
        "offers[1].rates: 2025-01-01 stands after 2026-01-01; write the oldest rates first",
    ),
    (engine('markup = "0"'), "markup: is zero; write free = true"),
    (engine("markup = 1.2"), "markup: is a number, expected text, which keeps every decimal"),
    ({"catalogue.toml": 'hide = ["acme/smal"]'}, "catalogue/catalogue.toml: hide: no model is called 'acme/smal'"),
    ({"catalogue.toml": "hidden = true"}, "catalogue/catalogue.toml: hidden: is not a key of this table"),
    ({"a.toml": '[[models]]\nname = "A"\nmaker = "A"'}, "models[1].id: is missing; write the id by which"),
    ({"a.toml": '[[models]]\nid = "a/b"\nmaker = "A"'}, "models[1].name: is missing for 'a/b'"),
    ({"a.toml": '[[models]]\nid = "a b"\nname = "A"\nmaker = "A"'}, "models[1].id: 'a b' is not a model id"),
    (
        {"models/a/b.toml": PLAIN.replace("aliases     = []", "") + 'aliases = ["acme/small"]'},
        "models/a/b.toml: aliases: the alias 'acme/small' of 'a/b' already means",
    ),
    ({"models/a/b.toml": PLAIN + 'inputs = ["pictures"]'}, "inputs: 'pictures' is not known; write one of audio, file"),
    ({"models/a/b.toml": PLAIN + 'capabilities = ["tool"]'}, "capabilities: 'tool' is not known; write 'tools'"),
    ({"models/a/b.toml": PLAIN + 'refuses_roles = ["boss"]'}, "refuses_roles: 'boss' is not known"),
    ({"models/a/b.toml": PLAIN + "[[notes]]\non = 2026-01-01"}, "notes[1].text: is missing; write a note as"),
    ({"a.toml": '[[retired]]\nreplacement = "acme/small"'}, "retired[1].id: is missing"),
    ({"a.toml": '[[retired]]\nid = "acme/small"'}, "retired[1].id: 'acme/small' is retired and served at once"),
    (
        {"a.toml": '[[retired]]\nid = "old"\nreplacement = "acme/smalll"'},
        "no model is called 'acme/smalll'; write 'acme/sma",
    ),
]


@pytest.mark.parametrize(("overlay", "told"), CASES, ids=[told[:60] for _, told in CASES])
def test_a_fault_names_its_place_and_says_what_to_write(tmp_path: Path, overlay: dict[str, str], told: str) -> None:
    found = [str(fault) for fault in faults(tmp_path, overlay)]
    assert any(told in line for line in found), found
    assert all(line.startswith("catalogue/") for line in found), "each names the operator's file"


def test_an_offer_for_an_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    found = faults(tmp_path, {"shop.toml": OFFER.replace("small", "smal", 1) + RATE})
    assert [str(fault) for fault in found] == [
        "catalogue/shop.toml: offers[1].model: no model has the id 'acme/smal'; write 'acme/small'"
    ]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    overlay = engine('priority = "1"', 'free = "yes"') | {"a.toml": '[[models]]\nid = "a b"'}
    keys = [fault.key for fault in faults(tmp_path, overlay)]
    assert keys == ["models[1].id", "priority", "free"]


def test_what_follows_from_a_fault_is_not_told_again(tmp_path: Path) -> None:
    found = faults(tmp_path, {"engine.toml": ENGINE.replace('"http://127.0.0.1:8000/v1"', "8000")})
    assert [str(fault) for fault in found] == [
        'catalogue/engine.toml: base_url: is a number, expected text; write it in quotes, as in base_url = "…"'
    ]


def test_our_own_offers_must_be_sorted_and_an_operator_s_need_not(tmp_path: Path) -> None:
    other = {"models/acme/zoo.toml": PLAIN}
    zoo = OFFER.replace("acme/small", "acme/zoo") + RATE
    unsorted = SHOP.split("[[offers]]")[0] + zoo + OFFER + RATE
    found = faults(tmp_path / "a", package=PACKAGE | other | {"providers/shop.toml": unsorted})
    assert [str(fault) for fault in found] == [
        "providers/shop.toml: offers: 'acme/small' stands after 'acme/zoo'; sort the offers by model"
    ]
    catalogue = loaded(tmp_path / "b", {"shop.toml": zoo + OFFER + RATE}, PACKAGE | other)
    assert [len(catalogue.offers(model.id)) for model in catalogue.models()] == [1, 1]


def test_a_model_with_sound_needs_a_price_for_sound(tmp_path: Path) -> None:
    model = SMALL + 'inputs = ["audio", "text"]\noutputs = ["audio", "text"]'
    keys = [fault.key for fault in faults(tmp_path, package=PACKAGE | {"models/acme/small.toml": model})]
    assert keys == ["offers[1].rates[1].audio_input", "offers[1].rates[1].audio_output"]


def test_an_offer_needs_a_provider_that_speaks_its_operation(tmp_path: Path) -> None:
    found = faults(tmp_path, {"engine.toml": ENGINE.replace('{ chat = "openai_chat" }', "{}")})
    assert "speaks: is missing for the provider 'engine'" in str(found[0])


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    write(tmp_path / "overlay", {})
    (tmp_path / "overlay" / "engine.toml").write_bytes(b'name = "\xff"')
    assert "catalogue/engine.toml: is not UTF-8 (byte 8)" in str(faults(tmp_path)[0])


def test_a_file_beyond_the_bound_is_refused_unread(tmp_path: Path) -> None:
    big = "#" * (sources.MAX_FILE_BYTES + 1)
    assert "is larger than 1,000,000 bytes" in str(faults(tmp_path, {"engine.toml": big})[0])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (write(tmp_path / "overlay", {}) / "engine.toml").symlink_to("nowhere")
    assert "cannot be read" in str(faults(tmp_path)[0])
