"""Pages and lists lead to the documents of their models, at the paths that they name."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from modelport.api.openapi.of_model import endpoint_of
from modelport.catalogue.listing import ListQuery, Shelf, render_list
from tests.api.described import Json, faults
from tests.api.site import Site
from tests.api.test_pages import BROWSER
from tests.console.shelves import ROOT, catalogue, console, some_models


def links(page: str) -> list[str]:
    """Find the addresses of documents on a page."""
    return [unescape(link) for link in re.findall('href="(/(?:docs-json|openapi.json)[^"]*)"', page)]


def meant(link: str) -> tuple[str, str]:
    """Find the model and the path that a link to a document means, as its route does."""
    query = parse_qs(urlsplit(link).query)
    model = catalogue().find(query["model"][0])
    return model.id, endpoint_of(model, query["endpoint"][0])


async def test_every_document_that_a_page_links_to_is_there_and_valid() -> None:
    site = Site()
    async with site.running() as client:
        found = links((await client.get("/models/acme/talk", headers=BROWSER)).text)
        assert len(found) == 4
        for link in found:
            document = await client.get(link, headers=BROWSER)
            assert (document.status_code, document.headers["content-type"]) == (200, "application/json")
            assert faults(document.json()) == []


@pytest.mark.parametrize("path", ["/v1/models", "/models?shape=list", "/v1/models?include=all"])
async def test_every_document_that_a_list_links_to_is_there_and_of_its_model(path: str) -> None:
    site = Site()
    async with site.running() as client:
        items = (await client.get(path)).json()["data"]
        assert len(items) == 2
        for item in items:
            document = await client.get(item["info"]["docsJson"])
            assert document.status_code == 200
            assert item["id"] in document.text


async def test_the_root_of_the_address_leads_programs_to_the_document_of_the_whole_api() -> None:
    site = Site()
    async with site.running() as client:
        link = (await client.get("/")).json()["links"]["openapi"]
        assert (await client.get(link)).json()["openapi"].startswith("3.1")


def test_a_page_links_to_one_document_for_each_path_of_its_model() -> None:
    for model in some_models():
        page = console().model(ROOT, model.id).body.decode()
        found = [meant(link) for link in links(page) if link.startswith("/docs-json")]
        assert found == [(model.id, endpoint) for endpoint in model.endpoints]


def test_the_list_of_the_whole_catalogue_links_each_entry_to_the_document_of_its_model() -> None:
    shelf = Shelf(catalogue(), lambda model: None, ROOT)
    listed: Json = msgspec.json.decode(render_list(shelf, ListQuery.parse([])).body)
    wrong = [
        item["id"] for item in listed["data"] if meant(item["info"]["docsJson"])[0] != catalogue().find(item["id"]).id
    ]
    assert wrong == []
    assert len(listed["data"]) >= len(catalogue().models())
