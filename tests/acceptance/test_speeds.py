"""What calls are measured to take is told of all processes, and outlives each of them."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.traffic import Town, chat, exchange, replica, request, town
from tests.twins.postgres import fresh_postgres, give_back

WITHIN_S = 60.0


async def metrics(place: Town) -> Any:
    return await place.ask("GET", "/models/metrics", "")


def attempts(told: Any) -> int:
    return sum(provider["attempts"] for provider in told["providers"])


async def page(place: Town, model: str) -> str:
    """Read the page of a model as a browser shows it: its words without tags."""
    asked = request("", b"", "accept: text/html", path=f"/models/{model}", method="GET")
    reply = await exchange(place.gateway.base_url, asked)
    assert reply.status == 200
    return " ".join(re.sub("<[^>]*>", " ", reply.body.decode()).split())


async def until_told(place: Town, wanted: int) -> Any:
    """Ask until so many attempts are told; what other processes published is looked at every few seconds."""
    async with asyncio.timeout(WITHIN_S):
        while attempts(told := await metrics(place)) != wanted:  # noqa: ASYNC110 - it is another process that tells
            await asyncio.sleep(0.2)
    return told


async def test_a_call_that_was_just_made_is_told_and_so_it_is_after_a_restart(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=20) as place:
        _, key = place.customer("ann", 10_000_000)
        for stream in (True, False):
            assert (await place.call(key, stream=stream)).is_complete
        before = await metrics(place)
        place.gateway.restart()
        after = await metrics(place)
    (one,) = before["models"]
    assert (one["alias"], one["endpoint"]) == ("fake/meter", "/v1/chat/completions")
    assert set(one["metrics"]) == {"ttft_ms", "tps", "duration_ms"}
    assert one["metrics"]["duration_ms"]["p50"] >= 19
    assert attempts(before) == 2
    assert [provider["errors"] for provider in before["providers"]] == [0]
    assert (after["models"], after["providers"]) == (before["models"], before["providers"])


async def test_the_page_of_a_model_tells_what_its_calls_were_measured_to_take(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=20) as place:
        _, key = place.customer("ann", 10_000_000)
        quiet = "Nobody has called it in the last 5 minutes"
        assert quiet in await page(place, "fake/meter")
        for stream in (True, False):
            assert (await place.call(key, stream=stream)).is_complete
        assert not (await place.call(key, model="fault/500")).is_complete
        called, failing = await page(place, "fake/meter"), await page(place, "fault/500")
        assert quiet in await page(place, "fake/meter-half")
    assert quiet not in called
    for name in ("Time to first token", "Output tokens per second", "Whole call"):
        assert re.search(f"/v1/chat/completions {name} [1-9]", called), name
    assert re.search("fake 2 100 % [1-9][0-9.]* m?s [1-9][0-9.]* [1-9][0-9.]* m?s", called, re.IGNORECASE)
    assert "No call has succeeded in the last 5 minutes." in failing
    assert re.search("fake [1-9] 0 % – – –", failing, re.IGNORECASE)


@pytest.mark.debian("postgresql")
async def test_what_a_replica_measured_is_told_by_the_others(tmp_path: Path) -> None:
    url = fresh_postgres()
    try:
        async with town(tmp_path, database_url=url, latency_ms=20) as place:
            _, key = place.customer("ann", 10_000_000)
            assert (await place.call(key)).is_complete
            with replica(place, tmp_path / "replica") as other:
                for _ in range(2):
                    assert (await exchange(other.base_url, request(key, chat("fake/meter")))).is_complete
            told = await until_told(place, 3)
            assert [one["alias"] for one in told["models"]] == ["fake/meter"]
    finally:
        give_back(url)
