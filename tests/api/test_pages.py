"""Pages for browsers and JSON for programs, at the same addresses."""

import gzip

import pytest

from modelport.api.v1.pages import prefers_html
from tests.api.site import Site

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
PAGES = ("/", "/models", "/models/acme/talk", "/models/ids")


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        (b"", False),
        (b"*/*", False),
        (b"application/json", False),
        (b"application/json, text/html", False),
        (b"application/json, text/html;q=0.9", False),
        (b"text/html;q=0, */*", False),
        (b"text/html;q=x", False),
        (b"text/html", True),
        (b"TEXT/HTML", True),
        (b"application/json;q=0.5, text/html", True),
        (BROWSER["accept"].encode(), True),
    ],
)
def test_a_page_is_for_who_likes_it_better_than_json(accept: bytes | None, html: bool) -> None:
    assert prefers_html(accept) is html


@pytest.mark.parametrize("path", PAGES)
async def test_a_browser_gets_a_page(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "accept" in answer.headers["vary"]
    assert answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize("path", ["/", "/models", "/models/acme/talk"])
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
async def test_a_program_gets_json_and_is_told_that_browsers_get_something_else(path: str, accept: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(path, headers={"accept": accept})
    assert answer.headers["content-type"] == "application/json"
    assert "accept" in answer.headers["vary"]


@pytest.mark.parametrize(
    "path", ["/models?shape=list", "/models?include=pricing", "/v1/models", "/v1/models/acme/talk"]
)
async def test_a_browser_that_asks_for_the_list_in_so_many_words_gets_json(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(path, headers=BROWSER)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [*PAGES, "/llms.txt", "/static/console.css"])
async def test_a_page_that_has_not_changed_is_not_sent_again(path: str) -> None:
    site = Site()
    async with site.running() as client:
        first = await client.get(path, headers=BROWSER)
        for tag in (first.headers["etag"], f'"other", {first.headers["etag"]}', "*"):
            again = await client.get(path, headers=BROWSER | {"if-none-match": tag})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        changed = await client.get(path, headers=BROWSER | {"if-none-match": '"other"'})
    assert changed.content == first.content


async def test_a_page_is_packed_for_who_can_unpack_it() -> None:
    site = Site()
    async with site.running() as client:
        async with client.stream("GET", "/models", headers=BROWSER | {"accept-encoding": "gzip"}) as packed:
            raw = b"".join([piece async for piece in packed.aiter_raw()])
        plain = await client.get("/models", headers=BROWSER | {"accept-encoding": "identity"})
        refused = await client.get("/models", headers=BROWSER | {"accept-encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"]
    assert gzip.decompress(raw) == plain.content == refused.content
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_and_loads_nothing_but_our_own_files(path: str) -> None:
    site = Site()
    async with site.running() as client:
        headers = (await client.get(path, headers=BROWSER)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("name", "status"), [("acme/old", 404), ("acme/tlak", 404), ("TALK", 200)])
async def test_the_page_of_an_id_that_leads_nowhere_leads_on(name: str, status: int) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(f"/models/{name}", headers=BROWSER)
    assert answer.status_code == status
    assert "acme/talk" in answer.text


async def test_files_of_pages_are_kept_for_good_under_their_version() -> None:
    site = Site()
    async with site.running() as client:
        for name, kind in (
            ("console.css", "text/css"),
            ("console.js", "text/javascript"),
            ("icon.svg", "image/svg+xml"),
        ):
            answer = await client.get(f"/static/{name}?1")
            assert answer.headers["content-type"].startswith(kind)
            assert "immutable" in answer.headers["cache-control"]
            assert (await client.get(f"/static/{name}")).headers["cache-control"] == "no-cache"
        for name in ("nothing.css", "../site.py", "%2e%2e/site.py", ""):
            assert (await client.get(f"/static/{name}")).status_code == 404


async def test_the_head_of_a_page_is_that_of_the_page() -> None:
    site = Site()
    async with site.running() as client:
        head = await client.head("/models", headers=BROWSER)
        page = await client.get("/models", headers=BROWSER)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == page.headers["etag"]


async def test_the_samples_call_the_address_that_the_reader_came_by() -> None:
    site = Site()
    async with site.running() as client:
        text = (await client.get("/models/talk", headers=BROWSER | {"host": "models.example:8443"})).text
    assert "curl http://models.example:8443/v1/chat/completions" in text.replace("<i class=w>curl</i>", "curl")
