"""Commands that run beside a server take effect in it at once."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import requests

from tests.acceptance.conftest import Site

CALL = {"model": "fake/echo", "messages": [{"role": "user", "content": "ahoy"}]}


def status(site: Site, key: str) -> int:
    url = f"{site.url}/v1/chat/completions"
    return requests.post(url, headers={"Authorization": f"Bearer {key}"}, json=CALL, timeout=30).status_code


def seconds_until(holds: Callable[[], bool], within_s: float = 1.0) -> float:
    """Return how long it took until something held, looked at again and again; fails when it took too long."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s, "it took too long"
    return time.monotonic() - began


def test_a_key_that_a_command_made_works_on_the_next_call(site: Site) -> None:
    for _ in range(3):
        assert status(site, site.gateway.create_key("acceptance")) == 200


def test_a_disabled_key_stops_within_a_second_and_an_enabled_one_works_again(site: Site) -> None:
    key = site.gateway.create_key("acceptance")
    prefix = site.gateway.rows("SELECT prefix FROM keys ORDER BY id DESC LIMIT 1")[0]["prefix"]
    assert status(site, key) == 200
    site.gateway.run("keys", "disable", prefix, "--account", "acceptance")
    seconds_until(lambda: status(site, key) == 401)
    site.gateway.run("keys", "enable", prefix, "--account", "acceptance")
    seconds_until(lambda: status(site, key) == 200)
    site.gateway.run("keys", "delete", prefix, "--account", "acceptance")
    seconds_until(lambda: status(site, key) == 401)


def test_a_key_that_the_api_disabled_stops_at_once(site: Site) -> None:
    management = site.gateway.create_key("acceptance", management=True)
    headers = {"Authorization": f"Bearer {management}"}
    made = requests.post(f"{site.url}/v1/keys", headers=headers, json={"name": "short-lived"}, timeout=30).json()
    assert status(site, made["data"]["key"]) == 200
    url = f"{site.url}/v1/keys/{made['data']['prefix']}"
    assert requests.patch(url, headers=headers, json={"disabled": True}, timeout=30).status_code == 200
    assert status(site, made["data"]["key"]) == 401


def test_terms_that_a_command_changed_hold_within_a_second(site: Site) -> None:
    key = site.gateway.create_key("acceptance")
    prefix = site.gateway.rows("SELECT prefix FROM keys ORDER BY id DESC LIMIT 1")[0]["prefix"]
    steps = [
        (("--model", "openai/*"), 403),
        (("--model", "fake/*"), 200),
        (("--provider", "openai"), 403),
        (("--provider", "fake"), 200),
        (("--ip", "192.0.2.0/24"), 403),
        (("--ip", "127.0.0.1"), 200),
        (("--expires", "30d"), 200),
    ]
    for terms, expected in steps:
        site.gateway.run("keys", "change", prefix, "--account", "acceptance", *terms)
        seconds_until(lambda expected=expected: status(site, key) == expected)


def test_a_key_expires_while_the_server_runs(site: Site) -> None:
    management = site.gateway.create_key("acceptance", management=True)
    headers = {"Authorization": f"Bearer {management}"}
    made = requests.post(f"{site.url}/v1/keys", headers=headers, json={"name": "short-lived"}, timeout=30).json()[
        "data"
    ]
    assert status(site, made["key"]) == 200
    expires_at = datetime.now(UTC) + timedelta(seconds=1)
    body = {"expires_at": expires_at.isoformat()}
    assert requests.patch(f"{site.url}/v1/keys/{made['prefix']}", headers=headers, json=body, timeout=30).ok
    seconds_until(lambda: status(site, made["key"]) == 401, within_s=5)
    assert datetime.now(UTC) >= expires_at - timedelta(milliseconds=1)


def test_credit_that_a_command_granted_can_be_spent_on_the_next_call(site: Site) -> None:
    site.gateway.create_account("beggar", "0")
    key = site.gateway.create_key("beggar")
    assert status(site, key) == 403
    site.gateway.run("credits", "grant", "beggar", "0.01")
    seconds_until(lambda: status(site, key) == 200)
