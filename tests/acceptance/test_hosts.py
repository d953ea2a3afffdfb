"""No answer names a host but the gateway's own; the shared fixture checks it after each test, these widen its view."""

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.acceptance.conftest import Site
from tests.acceptance.witness import Witness

CHAT = {"messages": [{"role": "user", "content": "ahoy"}]}
FACTS = {"documentation", "weights"}
"""What the catalogue knows of a model may lie at its maker's."""


def heard(*said: bytes) -> Witness:
    return Witness("http://127.0.0.1:1234", [bytearray(one) for one in said])


def test_a_witness_finds_hosts_in_headers_and_bodies() -> None:
    found = heard(
        b"HTTP/1.1 200 OK\r\nlocation: https://elsewhere.example/login\r\n\r\n",
        b'{"url": "http://127.0.0.1:1234/app/keys", "other": "http://127.0.0.1:12345/x", "third": "wss:\\/\\/a"}',
        b"make one at http:\\/\\/slashed.example\\/app, or (HTTPS://SHOUTED.EXAMPLE).",
    ).strangers()
    assert found == {
        "https://elsewhere.example",
        "http://127.0.0.1:12345",
        "http://slashed.example",
        "wss://a",
        "HTTPS://SHOUTED.EXAMPLE",
    }


def test_a_witness_finds_words_that_must_not_be_said() -> None:
    assert heard(b"connecting to 127.0.0.1:9 failed").strangers(never=["127.0.0.1:9"]) == {"127.0.0.1:9"}
    assert heard(b"HTTP/1.1 200 OK").strangers(never=["127.0.0.1:9"]) == set()


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/v1/embeddings", "/v1/images/generations", "/model/nobody", "/healthz"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_routes_of_all_kinds_stay_at_home(site: Site, method: str, path: str) -> None:
    """Also those that are not there, or not built."""
    answer = requests.request(method, site.url + path, headers={"Authorization": f"Bearer {site.key}"}, timeout=30)
    assert answer.status_code < 600


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Basic d3Jvbmc="])
def test_refused_keys_are_sent_to_our_own_page(site: Site, key: str) -> None:
    answer = requests.post(f"{site.url}/v1/chat/completions", headers={"Authorization": key}, json=CHAT, timeout=30)
    assert answer.status_code == 401
    assert f"{site.url}/app/keys" in answer.json()["message"]


@pytest.mark.parametrize(
    "fault", ["401", "403", "404", "429", "500", "refuse", "reset", "html", "redirect", "not-http"]
)
@pytest.mark.parametrize("is_streaming", [False, True], ids=["whole", "stream"])
def test_what_goes_wrong_at_a_provider_does_not_tell_where_it_is(site: Site, fault: str, is_streaming: bool) -> None:
    headers = {"Authorization": f"Bearer {site.key}"}
    body = {"model": f"fault/{fault}", "stream": is_streaming, **CHAT}
    assert requests.post(f"{site.url}/chat/completions", headers=headers, json=body, timeout=30).status_code >= 400


GONE = """
name     = "Gone"
base_url = "http://{address}/v1"
speaks   = {{ chat = "openai_chat" }}

[[models]]
id    = "gone/away"
name  = "Away"
maker = "Gone"

[[offers]]
model    = "gone/away"
upstream = "away"
free     = true
"""


def test_a_provider_that_is_gone_is_not_located(site: Site) -> None:
    overlay = site.gateway.catalogue / "gone.toml"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
        overlay.write_text(GONE.format(address=nobody), encoding="utf-8")
        try:
            site.gateway.until_said("the catalogue was reloaded")
            headers = {"Authorization": f"Bearer {site.key}"}
            body = {"model": "gone/away", **CHAT}
            answer = requests.post(f"{site.url}/chat/completions", headers=headers, json=body, timeout=30)
        finally:
            overlay.unlink()
    assert answer.status_code == 503
    assert nobody not in answer.text


def test_links_in_the_catalogue_stay_at_home_but_for_the_makers_own(site: Site) -> None:
    for path in ("/models", "/v1/models", "/v1/models/gpt-4o", "/model/fake/echo"):
        answer = requests.get(site.url + path, timeout=30)
        assert answer.status_code == 200
        foreign = set(links(answer.json()))
        assert {name for name, url in foreign if not url.startswith(site.url)} <= FACTS, foreign
    site.door.clear()  # What makers publish was looked at above.


def links(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each address in an answer, with the name of the member that holds it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from links(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from links(inner, name)
    elif isinstance(value, str) and "://" in value:
        yield name, value
