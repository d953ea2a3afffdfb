"""What a key may ask for: models, and providers."""

from dataclasses import replace

import pytest

from modelport.catalogue.facts import Model, Offer, Provider
from modelport.catalogue.problems import UnknownModel
from modelport.core.errors import Problem
from modelport.dialects.table import EMBEDDINGS
from modelport.keys.key import Key, ModelNotAllowed, ProviderNotAllowed
from modelport.routing.problems import UnknownProvider, WrongOperation
from modelport.routing.router import Plan
from modelport.serving.exchange import CallFailed, CallRequest
from modelport.serving.permitted import check_model, permitted
from tests.serving.stage import NotingClient, Stage, key_of, offer_of, on_stage, refused, whole


def limited(*, models: set[str] | None = None, providers: set[str] | None = None) -> Key:
    return replace(
        key_of(),
        models=None if models is None else frozenset(models),
        providers=None if providers is None else frozenset(providers),
    )


async def problem_of(stage: Stage, key: Key, **fields: object) -> Problem:
    """Make a call that is refused before anybody is asked or paid."""
    asked = len(stage.upstream.asked)
    with pytest.raises(CallFailed) as failed:
        await stage.call(key=key, **fields)
    assert len(stage.upstream.asked) == asked
    assert stage.balance == 1000
    assert stage.is_all_free()
    return failed.value.problem


@pytest.mark.parametrize("models", [{"acme/talk"}, {"acme/*"}, {"other/think", "acme/*"}])
async def test_a_key_calls_its_models(models: set[str]) -> None:
    async with on_stage({"first": [whole()]}) as stage:
        assert (await stage.call(key=limited(models=models))).status == 200


@pytest.mark.parametrize("models", [set(), {"acme/think"}, {"other/*"}, {"acme/talk/*"}])
async def test_a_model_that_is_not_in_the_list_of_the_key_is_refused_by_name_and_written_down(models: set[str]) -> None:
    async with on_stage({"first": [whole()]}) as stage:
        problem = await problem_of(stage, limited(models=models))
        assert isinstance(problem, ModelNotAllowed)
        assert "The model 'acme/talk' is not in the list of the key 0123abcd" in problem.message
        assert (stage.row.http_status, stage.row.error, stage.row.model) == (403, "model_not_allowed", "acme/talk")
        assert stage.receipt.charged == 0


async def test_whether_a_model_exists_and_does_what_is_asked_comes_before_whether_the_key_may() -> None:
    async with on_stage({"first": [whole()]}) as stage:
        assert isinstance(await problem_of(stage, limited(models=set()), model="acme/tolk"), UnknownModel)
        body = b'{"model": "acme/talk", "input": "hi"}'
        with pytest.raises(CallFailed) as failed:
            await stage.serve(CallRequest(body, EMBEDDINGS, "request-1", None), limited(models=set()), NotingClient())
        assert isinstance(failed.value.problem, WrongOperation)


def test_a_maker_stands_for_every_name_that_a_model_has() -> None:
    model = Model("gpt-big", "Big", "OpenAI", "chat", "", aliases=("openai/gpt-big", "big"))
    for models in ({"gpt-big"}, {"openai/*"}):
        check_model(limited(models=models), model)
    for models in ({"big"}, {"openai/gpt-big"}, {"gpt-big/*"}, {"*"}):
        with pytest.raises(ModelNotAllowed):
            check_model(limited(models=models), model)


async def test_a_call_goes_only_to_providers_of_its_key_in_their_order() -> None:
    offers = [offer_of(name, priority=number) for number, name in enumerate(("first", "second", "third"))]
    scripts = {"second": [refused(503), whole()], "third": [whole()], "first": [whole()]}
    async with on_stage(scripts, offers=offers) as stage:
        await stage.call(key=limited(providers={"second", "third", "absent"}))
        assert set(stage.upstream.asked) <= {"second", "third"}
        assert stage.upstream.asked[0] == "second"
        await stage.call(key=limited(providers={"first"}))
        assert stage.upstream.asked[-1] == "first"


async def test_a_key_none_of_whose_providers_serves_the_model_is_refused_naming_them() -> None:
    async with on_stage({"first": [whole()]}) as stage:
        for providers, named in (({"zeta", "beta"}, "beta, zeta"), (set[str](), "none")):
            problem = await problem_of(stage, limited(providers=providers))
            assert isinstance(problem, ProviderNotAllowed)
            assert (
                f"none of the providers of the key 0123abcd ({named}) serves the model 'acme/talk'" in problem.message
            )


async def test_asking_for_a_provider_that_is_not_the_keys_is_refused() -> None:
    offers = [offer_of("first"), offer_of("second")]
    async with on_stage({"first": [whole()], "second": [whole()]}, offers=offers) as stage:
        for pin in ("first", "FIRST"):
            problem = await problem_of(stage, limited(providers={"second"}), provider=pin)
            assert isinstance(problem, ProviderNotAllowed)
            assert "the key 0123abcd may not use the provider 'first', only its own: second" in problem.message
        assert isinstance(await problem_of(stage, limited(providers={"second"}), provider="nobody"), UnknownProvider)
        for pin in ("second", "auto"):
            await stage.call(key=limited(providers={"second"}), provider=pin)
        assert stage.upstream.asked == ["second", "second"]


async def test_a_provider_that_is_not_the_keys_is_refused_as_such_even_where_it_is_not_set_up() -> None:
    sold_by = Provider("first", "First", "https://first.example/v1", {"chat": ("openai_chat",)}, secret_env="FIRST_KEY")
    unset = Offer("acme/talk", sold_by, "talk-1", offer_of("first").rates)
    async with on_stage({"second": [whole()]}, offers=[unset, offer_of("second")]) as stage:
        problem = await problem_of(stage, limited(providers={"second"}), provider="first")
        assert isinstance(problem, ProviderNotAllowed)


def test_a_key_without_providers_of_its_own_gets_the_plan_as_it_is() -> None:
    offer = offer_of("first")
    plan = Plan(Model("acme/talk", "Talk", "acme", "chat", ""), ((offer, offer.rates[0]),))
    assert permitted(key_of(), plan) is plan
    assert permitted(limited(providers={"first", "second"}), plan) is plan
