"""The official SDK has texts judged by this machine, without the key of anybody else."""

from collections.abc import Iterator

import openai
import pytest

from modelport.operations.moderation import CATEGORIES
from tests.acceptance.conftest import Site
from tests.acceptance.test_media import HARMLESS, PICTURE


@pytest.fixture
def client(site: Site) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key=site.key, max_retries=0, timeout=120) as client:
        yield client


def test_texts_are_judged_by_this_machine(site: Site, client: openai.OpenAI) -> None:
    told = client.moderations.create(model="basic-moderation", input=[HARMLESS, "I am going to kill you."])
    assert (told.model, [one.flagged for one in told.results]) == ("basic-moderation", [False, True])
    harmful = told.results[1]
    assert harmful.categories.harassment_threatening
    assert harmful.category_scores.harassment_threatening > 0.5
    assert set(harmful.categories.to_dict()) == set(CATEGORIES)
    assert harmful.category_applied_input_types.violence == ["text"]
    assert told.model_extra is not None
    assert told.model_extra["meta"]["usage"]["credits_used"] == 0
    rows = site.gateway.rows(
        "SELECT provider, status, charged_credits FROM requests WHERE endpoint = '/v1/moderations'"
    )
    assert {(row["provider"], row["status"], row["charged_credits"]) for row in rows} == {
        ("local-moderation", "succeeded", 0)
    }


def test_the_model_of_this_machine_refuses_pictures_by_their_place(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.moderations.create(
            model="basic-moderation",
            input=[{"type": "text", "text": HARMLESS}, {"type": "image_url", "image_url": {"url": PICTURE}}],
        )
    assert refused.value.param == "input[1].type"
    assert "'input[1].type': Expected 'text', received \"image_url\"" in refused.value.message


def test_an_unknown_model_is_not_found_and_an_old_one_names_the_new(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.moderations.create(model="no-such-model", input=HARMLESS)
    with pytest.raises(openai.NotFoundError) as retired:
        client.moderations.create(model="text-moderation-latest", input=HARMLESS)
    assert "openai/omni-moderation-latest" in retired.value.message
