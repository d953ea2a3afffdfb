"""Files that the gateway keeps go into calls by their links, on this machine alone and without a public address."""

import asyncio
from pathlib import Path

import anthropic
import httpx
import pytest
from openai import BadRequestError, OpenAI

from modelport.bootstrap.office import office
from modelport.settings import load
from tests.acceptance.conftest import Site
from tests.assets.test_kinds import png

LOOK = {"type": "text", "text": "look"}
SMALL = 64


def link_to(site: Site, content: bytes) -> str:
    """Keep a file for the account of the tests, beside the gateway that runs, and return its link."""

    async def keep(folder: Path) -> str:
        with office(load({}, given={"data_dir": folder})) as desk:
            return desk.archive.path(await desk.archive.keep(site.account_id, content))

    return site.url + asyncio.run(keep(site.gateway.data_dir))


def test_a_link_gives_the_file_without_a_key(site: Site) -> None:
    answer = httpx.get(link_to(site, png()))
    assert (answer.status_code, answer.content) == (200, png())
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("model", ["fake/echo", "fake-messages/echo", "fake-responses/echo", "fake-gemini/echo"])
def test_a_picture_of_ours_reaches_a_model_of_any_format(site: Site, model: str) -> None:
    client = OpenAI(base_url=f"{site.url}/v1", api_key=site.key, max_retries=0)
    url = link_to(site, png())
    with client:
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": [LOOK, {"type": "image_url", "image_url": {"url": url}}]}],  # pyright: ignore
        )
        assert answer.choices[0].message.content
        response = client.responses.create(
            model=model,
            input=[{"role": "user", "content": [{"type": "input_image", "image_url": url, "detail": "auto"}]}],
        )
        assert response.status == "completed"
    with anthropic.Anthropic(base_url=site.url, api_key=site.key, max_retries=0) as claude:
        message = claude.messages.create(
            model=model,
            max_tokens=SMALL,
            messages=[{"role": "user", "content": [LOOK, {"type": "image", "source": {"type": "url", "url": url}}]}],  # pyright: ignore
        )
        assert message.content


def test_an_address_that_no_provider_can_fetch_and_that_is_not_ours_is_refused_by_the_provider(site: Site) -> None:
    with OpenAI(base_url=f"{site.url}/v1", api_key=site.key, max_retries=0) as client:
        part = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/assets/cat.png"}}
        with pytest.raises(BadRequestError, match="Failed to download"):
            client.chat.completions.create(model="fake/echo", messages=[{"role": "user", "content": [part]}])  # pyright: ignore
