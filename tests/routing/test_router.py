"""Who is asked, in which order, and what is said when there is nobody."""

from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Operation
from modelport.routing.problems import UnderMaintenance, UnknownProvider, Unpriced, Unserved, WrongOperation
from modelport.routing.router import Plan, Router, configured_by
from tests.catalogue.written import PACKAGE, SMALL, loaded

NOW = 1_780_000_000_000  # May 2026
DAY = 86_400_000


def provider(price: str, *, priority: int = 100, env: str | None = "KEY", extra: str = "") -> str:
    auth = f'{{ scheme = "bearer", env = "{env}" }}' if env else '{ scheme = "none" }'
    return f"""
name     = "The provider"
base_url = "https://p.example/v1"
auth     = {auth}
speaks   = {{ chat = "openai_chat" }}
priority = {priority}
{extra}
[[offers]]
model    = "acme/small"
upstream = "s"
{price}
"""


def rates(amount: str, since: str = "2026-01-01") -> str:
    return f'rates = [{{ from = {since}, input = "{amount}", output = "{amount}" }}]'


def catalogue(tmp_path: Path, **providers: str) -> Catalogue:
    return loaded(tmp_path, {f"{name}.toml": text for name, text in providers.items()} | {"shop.toml": "hidden = true"})


def order(plan: Plan) -> list[str]:
    return [offer.provider.id for offer, _ in plan.offers]


def plan(catalogue: Catalogue, *configured: str, pin: str | None = None, at_ms: int = NOW) -> Plan:
    return Router(catalogue, frozenset(configured)).plan(catalogue.find("small"), pin, at_ms)


def test_offers_go_by_priority_then_price_then_name(tmp_path: Path) -> None:
    known = catalogue(
        tmp_path,
        dear=provider(rates("3")),
        cheap=provider(rates("1")),
        also_cheap=provider(rates("1")),
        first=provider(rates("9"), priority=1),
        last=provider("free = true", priority=200),
    )
    assert order(plan(known, "dear", "cheap", "also_cheap", "first", "last")) == [
        "first",
        "also_cheap",
        "cheap",
        "dear",
        "last",
    ]


def test_a_plan_holds_the_rates_in_force(tmp_path: Path) -> None:
    known = catalogue(tmp_path, p=provider(rates("1")))
    ((offer, applied),) = plan(known, "p").offers
    assert applied is offer.rates[0]


def test_who_is_not_configured_is_left_out(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider(rates("1")), b=provider(rates("2")))
    assert order(plan(known, "b")) == ["b"]


def test_a_provider_without_a_key_is_configured_by_existing(tmp_path: Path) -> None:
    known = catalogue(tmp_path, mine=provider("free = true", env=None))
    assert order(plan(known)) == ["mine"]
    assert Router(known, frozenset()).is_configured("mine")


def test_a_key_configures_and_a_blank_one_does_not(tmp_path: Path) -> None:
    known = catalogue(
        tmp_path,
        a=provider(rates("1"), env="A_KEY"),
        b=provider(rates("1"), env="B_KEY"),
        c=provider(rates("1"), env="C_KEY"),
        d=provider(rates("1"), env=None),
    )
    assert configured_by(known.providers(), {"A_KEY": "sk", "B_KEY": " "}) == {"a", "d"}


def test_nobody_configured_names_every_setting_that_would_serve(tmp_path: Path) -> None:
    known = catalogue(tmp_path, b=provider(rates("1"), env="B_KEY"), a=provider(rates("2"), priority=1, env="A_KEY"))
    with pytest.raises(Unserved) as unserved:
        plan(known)
    assert [setting.env for setting in unserved.value.settings] == ["A_KEY", "B_KEY"]
    assert unserved.value.message == (
        "No configured provider serves the model 'acme/small'. Set A_KEY (The provider) or B_KEY (The provider), "
        "or add another provider as in docs/providers.md."
    )


def test_a_model_that_nobody_sells_says_what_to_add(tmp_path: Path) -> None:
    known = loaded(
        tmp_path, {"shop.toml": "hidden = true", "models/acme/small.toml": 'weights = "https://acme.example/small"'}
    )
    with pytest.raises(Unserved) as unserved:
        plan(known)
    assert unserved.value.message == (
        "No configured provider serves the model 'acme/small'. Nobody in the catalogue sells it: add your own engine "
        "or another provider as in docs/providers.md."
    )


def test_a_model_that_nobody_sells_says_why_where_that_is_known(tmp_path: Path) -> None:
    known = loaded(
        tmp_path, {"shop.toml": "hidden = true", "models/acme/small.toml": 'unsold = "Acme took it away in May."'}
    )
    with pytest.raises(Unserved, match=r"'acme/small'\. Acme took it away in May: add another provider as in"):
        plan(known)


def test_an_offer_without_a_price_is_passed_over(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider('price = "unknown"', priority=1), b=provider(rates("1")))
    assert order(plan(known, "a", "b")) == ["b"]


def test_a_model_without_any_price_is_refused_with_the_file_to_edit(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider('price = "unknown"'), b=provider(rates("1", "2027-01-01")))
    with pytest.raises(Unpriced) as unpriced:
        plan(known, "a", "b")
    assert unpriced.value.provider_ids == ("a", "b")
    assert "catalogue/a.toml or catalogue/b.toml" in unpriced.value.message


@pytest.mark.parametrize("pin", ["b", "B", "beta", "Beta"])
def test_a_pin_leaves_one_offer(tmp_path: Path, pin: str) -> None:
    known = catalogue(tmp_path, a=provider(rates("1")), b=provider(rates("2"), extra='aliases = ["beta"]'))
    assert order(plan(known, "a", "b", pin=pin)) == ["b"]


@pytest.mark.parametrize("pin", [None, "auto", "AUTO"])
def test_auto_is_no_pin(tmp_path: Path, pin: str | None) -> None:
    known = catalogue(tmp_path, a=provider(rates("1")), b=provider(rates("2")))
    assert order(plan(known, "a", "b", pin=pin)) == ["a", "b"]


def test_an_unknown_pin_lists_who_sells_the_model(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider(rates("1")), b=provider(rates("2")))
    with pytest.raises(UnknownProvider) as unknown:
        plan(known, "a", "b", pin="c")
    assert unknown.value.sellers == ("a", "b")
    assert unknown.value.message.endswith("no provider 'c' sells the model 'acme/small'. Use one of: a, b, auto.")


def test_a_pin_to_someone_unconfigured_names_the_setting(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider(rates("1")), b=provider(rates("2"), env="B_KEY"))
    with pytest.raises(Unserved) as unserved:
        plan(known, "a", pin="b")
    assert [setting.env for setting in unserved.value.settings] == ["B_KEY"]


def test_a_plan_follows_prices_that_change_with_time(tmp_path: Path) -> None:
    changing = rates("1").replace("}]", '}, { from = 2026-06-10, input = "5", output = "5" }]')
    known = catalogue(tmp_path, a=provider(changing), b=provider(rates("3")))
    router, model = Router(known, frozenset({"a", "b"})), known.find("small")
    change_ms = 1_781_049_600_000
    for at_ms, expected in (
        (change_ms - 1, ["a", "b"]),
        (change_ms, ["b", "a"]),
        (change_ms + 90 * DAY, ["b", "a"]),
        (change_ms - 1, ["a", "b"]),
    ):
        planned = router.plan(model, None, at_ms)
        assert order(planned) == expected
        assert all(rates is offer.rates_at(at_ms) for offer, rates in planned.offers)
        assert router.plan(model, None, at_ms) is planned


def test_an_explanation_tells_about_every_offer(tmp_path: Path) -> None:
    known = catalogue(
        tmp_path,
        a=provider(rates("1"), env="A_KEY"),
        b=provider(rates("2")),
        c=provider('price = "unknown"'),
        d=provider(rates("3"), priority=1),
    )
    router, model = Router(known, frozenset({"b", "c", "d"})), known.find("small")
    steps = router.explain(model, None, NOW).steps
    assert [(step.offer.provider.id, step.verdict) for step in steps] == [
        ("d", "serves"),
        ("b", "serves"),
        ("a", "unconfigured"),
        ("c", "unpriced"),
    ]
    assert steps[2].reason == "set A_KEY"
    pinned = {step.offer.provider.id: step.verdict for step in router.explain(model, "B", NOW).steps}
    assert pinned == {"a": "not pinned", "b": "serves", "c": "not pinned", "d": "not pinned"}


def test_the_shown_price_is_that_of_the_offer_that_would_be_used(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider(rates("1")), b=provider(rates("2")), c=provider('price = "unknown"'))
    model = known.find("small")

    def shown(*configured: str) -> int | None:
        rates = Router(known, frozenset(configured)).shown_rates(model, NOW)
        return rates.by_meter["input"] if rates else None

    assert shown("b") == 4_000_000_000_000
    assert shown("a", "b") == 2_000_000_000_000
    assert shown("c") == shown() == 2_000_000_000_000
    assert Router(catalogue(tmp_path / "none"), frozenset()).shown_rates(model, NOW) is None


def test_a_provider_needs_its_key_and_every_variable_of_its_address(tmp_path: Path) -> None:
    cloud = provider(rates("1"), env="A_KEY").replace("https://p.example", "https://${A_REGION}.p.example")
    engine = provider("free = true", env=None).replace("https://p.example/v1", "${ENGINE_URL}")
    known = catalogue(tmp_path, cloud=cloud, engine=engine)
    assert configured_by(known.providers(), {"A_KEY": "sk", "ENGINE_URL": " "}) == frozenset()
    assert configured_by(known.providers(), {"A_KEY": "sk", "A_REGION": "eu"}) == {"cloud"}
    assert configured_by(known.providers(), {"ENGINE_URL": "http://e"}) == {"engine"}
    assert not Router(known, frozenset()).is_configured("engine")
    with pytest.raises(Unserved) as unserved:
        plan(known)
    assert [setting.variables for setting in unserved.value.settings] == [("A_KEY", "A_REGION"), ("ENGINE_URL",)]
    assert "Set A_KEY and A_REGION (The provider) or ENGINE_URL (The provider), or" in unserved.value.message
    steps = Router(known, frozenset()).explain(known.find("small"), None, NOW).steps
    assert [step.reason for step in steps] == ["set ENGINE_URL", "set A_KEY and A_REGION"]


def test_models_that_can_search_now_are_named_cheapest_first(tmp_path: Path) -> None:
    searching = rates("3").replace(" }]", ', search = "1" }]') + '\nquirks = { search = "options" }'
    others = "".join(
        f'[[models]]\nid = "acme/{name}"\nname = "N"\nmaker = "A"\n'
        f'[[offers]]\nmodel = "acme/{name}"\nupstream = "n"\n{searching.replace("3", price)}\n'
        for name, price in (("late", "2"), ("early", "2"), ("dear", "9"))
    )
    known = catalogue(tmp_path, a=provider(searching) + others, b=provider(rates("1")))
    router = Router(known, frozenset({"a", "b"}))
    assert router.searching_models(3, NOW) == ("acme/early", "acme/late", "acme/small")
    assert Router(known, frozenset({"b"})).searching_models(3, NOW) == ()
    assert router.searching_models(3, 0) == ()
    native = provider(searching.replace("options", "native"))
    assert Router(catalogue(tmp_path / "n", a=native), frozenset({"a"})).searching_models(3, NOW) == ()
    messages = native.replace("openai_chat", "anthropic_messages")
    assert Router(catalogue(tmp_path / "m", a=messages), frozenset({"a"})).searching_models(3, NOW) == ("acme/small",)


@pytest.mark.parametrize(
    ("operation", "asked", "told"),
    [
        ("embeddings", "chat", "The model 'acme/small' is an embeddings model: call POST /v1/embeddings."),
        ("chat", "embeddings", "The model 'acme/small' is a chat model: call POST /v1/chat/completions."),
    ],
)
def test_a_model_asked_for_what_it_is_not_says_what_to_call(
    tmp_path: Path, operation: Operation, asked: Operation, told: str
) -> None:
    package = PACKAGE | {"models/acme/small.toml": SMALL + f'operation = "{operation}"'}
    model = loaded(
        tmp_path, {"shop.toml": "[speaks]\nchat = 'openai_chat'\nembeddings = 'openai_embeddings'"}, package
    ).find("small")
    problem = WrongOperation(model, asked)
    assert (problem.message, problem.operation, problem.param) == (told, asked, "model")


def test_a_model_in_maintenance_is_served_by_nobody_and_says_why(tmp_path: Path) -> None:
    files = {"a.toml": provider(rates("1")), "models/acme/small.toml": 'maintenance = "New weights until noon."'}
    known = loaded(tmp_path, files)
    for pin in (None, "a"):
        with pytest.raises(UnderMaintenance) as refused:
            plan(known, "a", "shop", pin=pin)
        assert refused.value.message == "The model 'acme/small' is in maintenance: New weights until noon."
        assert refused.value.retry_after_s == 60
    steps = Router(known, frozenset({"a"})).explain(known.find("small"), None, NOW).steps
    assert {(step.verdict, step.reason) for step in steps} == {("maintenance", "New weights until noon.")}


def test_a_provider_in_maintenance_is_passed_over_while_another_serves(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider(rates("1"), extra='maintenance = "Moving."'), b=provider(rates("2")))
    assert order(plan(known, "a", "b")) == ["b"]
    for configured, pin in ((("a",), None), (("a", "b"), "a")):
        with pytest.raises(UnderMaintenance, match="Moving"):
            plan(known, *configured, pin=pin)
    steps = Router(known, frozenset({"a", "b"})).explain(known.find("small"), None, NOW).steps
    assert [(step.offer.provider.id, step.verdict) for step in steps] == [("b", "serves"), ("a", "maintenance")]


def test_a_model_that_no_allowed_provider_sells_says_that_it_is_the_restriction(tmp_path: Path) -> None:
    known = catalogue(tmp_path, a=provider(rates("1")), b=provider(rates("2"), extra="only_models = []"))
    only = loaded(tmp_path, {"models/acme/small.toml": 'only_providers = ["b"]'})
    assert order(plan(known, "a", "b")) == ["a"]
    with pytest.raises(Unserved, match="Its `only_providers` lets b alone serve it"):
        plan(only, "a", "b")
