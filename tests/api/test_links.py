"""The root of every absolute link."""

import re
from ipaddress import ip_network

import pytest

from modelport.api.links import Links
from tests.api.site import Site, bearer

PROXY = (ip_network("10.0.0.0/8"),)
FORWARDED = {b"x-forwarded-proto": b"https", b"x-forwarded-host": b"api.example.org", b"host": b"inner:8080"}


def scope(client: str = "10.1.2.3") -> dict[str, object]:
    return {"scheme": "http", "client": (client, 5000), "server": ("127.0.0.1", 8080)}


def test_the_configured_address_wins() -> None:
    links = Links("https://models.example.org/", PROXY)
    assert links.root(scope(), FORWARDED) == "https://models.example.org"


def test_without_one_it_is_scheme_and_host_of_the_request() -> None:
    assert Links().root(scope(), {b"host": b"here.example:8080"}) == "http://here.example:8080"


def test_forwarded_headers_count_only_from_a_trusted_proxy() -> None:
    assert Links(None, PROXY).root(scope(), FORWARDED) == "https://api.example.org"
    assert Links(None, PROXY).root(scope("192.0.2.1"), FORWARDED) == "http://inner:8080"
    assert Links().root(scope(), FORWARDED) == "http://inner:8080"


def test_of_several_forwarded_values_the_nearest_proxy_is_believed() -> None:
    headers = FORWARDED | {b"x-forwarded-host": b"evil.example, api.example.org", b"x-forwarded-proto": b"ftp"}
    assert Links(None, PROXY).root(scope(), headers) == "http://api.example.org"


@pytest.mark.parametrize("host", [b"", b"a b", b"evil.example/path", b"user@host", b"x:y", b"<script>", b"a" * 300])
def test_a_host_that_is_none_gives_way_to_the_address_listened_on(host: bytes) -> None:
    assert Links().root(scope(), {b"host": host}) == "http://127.0.0.1:8080"


def test_an_ipv6_address_is_bracketed() -> None:
    assert Links().root({"scheme": "http", "server": ("::1", 80)}, {}) == "http://[::1]:80"
    assert Links().root({"scheme": "http"}, {b"host": b"[::1]:80"}) == "http://[::1]:80"


async def test_no_answer_names_another_host() -> None:
    site = Site(links=Links("https://models.example.org"))
    paths = ("/models", "/v1/models?include=all", "/model/talk", "/v1/key", "/nothing", "/v1/tts", "/v2/billing/detail")
    async with site.running() as client:
        answers = [await client.get(path) for path in paths]
        answers += [await client.get(path, headers=bearer(site.regular)) for path in paths]
        answers.append(await client.get("/v1/keys", headers=bearer(site.regular)))
    hosts = {host for answer in answers for host in re.findall(r"https?://[^/\"\s]*", answer.text)}
    assert hosts == {"https://models.example.org"}
