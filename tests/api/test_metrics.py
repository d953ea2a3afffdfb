"""Metrics are for whoever has their token, and for nobody where there is none."""

import pytest

from tests.api.site import Site, bearer


async def test_metrics_are_told_to_who_has_their_token() -> None:
    site = Site()
    site.counters.counter("modelport_things_total", "Things.").add()
    async with site.running() as client:
        answer = await client.get("/metrics", headers=bearer("a token"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.startswith("# HELP modelport_things_total Things.\n# TYPE modelport_things_total counter\n")
    assert answer.text.endswith('"} 1\n')


@pytest.mark.parametrize("token", [None, "a toke", "a tokens", "A token", "tökén", "x" * 5000])
async def test_another_token_is_refused(token: str | None) -> None:
    site = Site()
    headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
    async with site.running() as client:
        answer = await client.get("/metrics", headers=headers)
        keyed = await client.get("/metrics", headers=bearer(site.management))
    for refused in (answer, keyed):
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["error"]["code"] == "wrong_metrics_token"
    assert site.keys.asked == 0


async def test_without_a_token_there_is_no_such_route() -> None:
    site = Site(metrics_token=None)
    async with site.running() as client:
        answer = await client.get("/metrics", headers=bearer("None"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_route")
