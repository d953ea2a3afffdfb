"""What calls are measured to take is told of all processes, and outlives each of them."""

import asyncio
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
