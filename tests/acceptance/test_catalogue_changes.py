"""What operators change in the catalogue reaches every process that serves, without a restart."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.test_replicas import Fleet, replicas
from tests.acceptance.test_workers import WORKERS, Door, doors
from tests.acceptance.traffic import Town, chat, exchange, request, town
from tests.catalogue.written import write

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "fake/meter"
WITHIN_S = 5.0
"""A second is promised; a machine that runs all tests at once has more to do."""


def asking(path: str, key: str = "") -> bytes:
    return request(key, b"", path=path, method="GET")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A gateway of three workers."""
    async with town(tmp_path_factory.mktemp("workers"), server_workers=WORKERS) as built:
        yield built


async def until_all(each: list[Door], payload: bytes, wanted: Any, look: Any) -> float:
    """Say how long it takes until every worker answers so."""
    began_s = time.monotonic()
    for door in each:
        while (found := look(await door.ask(payload))) != wanted:
            assert time.monotonic() < began_s + 15, found
            await asyncio.sleep(0.01)
    return time.monotonic() - began_s


async def test_a_file_of_the_folder_changes_lists_prices_and_plans_of_every_worker(place: Town) -> None:
    _, key = place.customer("folder", 1_000_000)
    folder = place.gateway.data_dir / "catalogue"
    call = request(key, chat(MODEL, max_tokens=2))
    fake = folder / "fake.toml"
    dear = '"fake/meter"\nupstream = "meter"\nrates    = [{ from = 2026-01-01, input = "0", output = "500" }]'
    was = fake.read_text()
    assert dear in was
    async with doors(place) as each:
        assert await until_all(each, call, 2000, lambda reply: reply.json["meta"]["usage"]["credits_used"]) < WITHIN_S
        fake.write_text(was.replace(dear, dear.replace('"500"', '"250"')))
        assert await until_all(each, call, 1000, lambda reply: reply.json["meta"]["usage"]["credits_used"]) < WITHIN_S
        listed = asking(f"/v1/models?id={MODEL}&include=pricing")
        assert [(await door.ask(listed)).json["data"][0]["pricing"]["units"][1]["price"] for door in each] == [250] * 3
        named = f'name        = "{MODEL}"\n'
        fake.write_text(was.replace(named, f'maintenance = "Back at noon."\n{named.replace(MODEL, "Edited")}'))
        assert await until_all(each, call, 503, lambda reply: reply.status) < WITHIN_S
        for door in each:
            refused = await door.ask(call)
            assert (refused.error["code"], refused.headers["retry-after"]) == ("model_in_maintenance", "60")
            shown = (await door.ask(asking(f"/model/{MODEL}"))).json["data"]
            assert (shown["info"]["name"], shown["maintenance"]) == ("Edited", "Back at noon.")
        fake.write_text(was)
        assert await until_all(each, call, 200, lambda reply: reply.status) < WITHIN_S


async def test_a_broken_file_leaves_the_old_catalogue_in_every_worker_and_readiness_says_so(place: Town) -> None:
    _, key = place.customer("broken", 1_000_000)
    folder = place.gateway.data_dir / "catalogue"
    ready, call = asking("/readyz"), request(key, chat(MODEL, max_tokens=2))
    async with doors(place) as each:
        write(folder, {"catalogue.toml": f'hide = ["{MODEL}"]', "models/broken.toml": "[[models]]\nid = 1"})
        assert (
            await until_all(each, ready, True, lambda reply: "rejected" in reply.json.get("catalogue", "")) < WITHIN_S
        )
        assert [(await door.ask(call)).status for door in each] == [200] * WORKERS
        (folder / "models/broken.toml").unlink()
        assert await until_all(each, call, 404, lambda reply: reply.status) < WITHIN_S
        (folder / "catalogue.toml").unlink()
        assert await until_all(each, call, 200, lambda reply: reply.status) < WITHIN_S


async def test_what_is_applied_reaches_every_worker(place: Town) -> None:
    files = write(
        place.gateway.data_dir.parent / "applied", {"catalogue.toml": 'rename = { "gpt-4o" = "house/large" }'}
    )
    async with doors(place) as each:
        await asyncio.to_thread(place.gateway.run, "catalogue", "apply", str(files), "--by", "ann")
        shown = asking("/model/gpt-4o")
        assert await until_all(each, shown, "house/large", lambda reply: reply.json["data"]["id"]) < WITHIN_S
        await asyncio.to_thread(place.gateway.run, "catalogue", "unapply")
        assert await until_all(each, shown, "gpt-4o", lambda reply: reply.json["data"]["id"]) < WITHIN_S


async def shown_by(fleet: Fleet, name: str) -> list[str]:
    return [(await exchange(address, asking(f"/model/{name}"))).json["data"]["id"] for address in fleet.addresses]


@pytest.mark.debian("postgresql")
async def test_what_is_applied_reaches_every_replica_of_a_database(tmp_path: Path) -> None:
    async with replicas(tmp_path / "fleet") as fleet:
        gateway = fleet.place.gateway
        for wanted in ("house/large", "house/larger"):
            files = write(tmp_path / "applied", {"catalogue.toml": f'rename = {{ "gpt-4o" = "{wanted}" }}'})
            await asyncio.to_thread(gateway.run, "catalogue", "apply", str(files))
            began_s = time.monotonic()
            while (found := await shown_by(fleet, "gpt-4o")) != [wanted] * len(fleet.addresses):
                assert time.monotonic() < began_s + 15, found
            assert time.monotonic() - began_s < WITHIN_S
