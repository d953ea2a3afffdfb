"""Jobs at a real gateway: ordered, awaited, cancelled and told of, whatever process dies meanwhile."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import balance_of
from tests.acceptance.gateway import FAKE_KEY, Gateway, fake_provider
from tests.fake.media.files import MP3
from tests.fake.overlay import KEY_ENV
from tests.jobs.shop import write_catalogue

WITHIN_S = 60.0
CREDIT = 10_000_000
SOUND = {"audio": ("talk.mp3", MP3, "audio/mpeg")}


class House:
    """A gateway with the fake behind it, an account, and its key."""

    def __init__(self, gateway: Gateway, other: "House | None" = None) -> None:
        """Make the account, or use that of another gateway on the same database."""
        self.gateway = gateway
        self.account_id = gateway.create_account("ann", "5")["id"] if other is None else other.account_id
        self.key = gateway.create_key("ann") if other is None else other.key

    def client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.gateway.base_url, headers=headers, timeout=30, trust_env=False)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        with self.client() as client:
            return client.request(method, path, **more)

    def order(self) -> str:
        told = self.ask("POST", "/v1/stt/create", data={"model": "scribe"}, files=SOUND)
        assert told.status_code == 200, told.text
        assert told.json()["status"] == "queued"
        return told.json()["generation_id"]

    def ended(self, job_id: str) -> dict[str, Any]:
        return until(lambda: self.ask("GET", f"/v1/stt/{job_id}").json(), lambda told: told["status"] != "queued")

    def worker_pid(self) -> int:
        """Find the process that drives jobs."""
        return until(lambda: children(self.gateway.pid), bool)[0]


def children(pid: int) -> list[int]:
    """List the job workers that a process has started."""
    found: list[int] = []
    for one in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in one.read_text().split():
            if b"job_worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))  # noqa: PERF401
    return found


def until(look: Callable[[], Any], is_good: Callable[[Any], bool]) -> Any:
    """Look again and again until it is as it should be."""
    end = time.monotonic() + WITHIN_S
    while not is_good(found := look()):
        assert time.monotonic() < end, f"it stayed {found}"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    gateway = Gateway(tmp_path_factory.mktemp("jobs") / "data", secrets={KEY_ENV: FAKE_KEY})
    with fake_provider() as fake:
        write_catalogue(gateway.catalogue, fake)
        with gateway:
            yield House(gateway)


def test_a_gateway_without_jobs_drives_none(house: House) -> None:
    assert children(house.gateway.pid) == []


def test_a_transcript_is_ordered_and_read(house: House) -> None:
    job_id = house.order()
    told = house.ended(job_id)
    assert (told["status"], told["id"], told["generation_id"], told["error"]) == ("completed", job_id, job_id, None)
    assert told["result"] == told["output"]
    assert told["result"]["text"] == "Hello there."
    assert told["result"]["results"]["channels"][0]["alternatives"][0]["transcript"] == "Hello there."
    assert told["meta"]["usage"]["credits_used"] == 40_000
    assert balance_of(house.gateway, house.account_id) == CREDIT - 40_000
    for path in (f"/stt/{job_id}", f"/v2/stt/{job_id}", f"/api/v1/stt/{job_id}", f"/v1/stt/{job_id}/"):
        assert house.ask("GET", path).json() == told


def test_jobs_are_listed_shown_and_followed(house: House) -> None:
    made = [house.order() for _ in range(3)]
    for job_id in made:
        house.ended(job_id)
    first = house.ask("GET", "/v1/jobs?limit=2").json()
    assert ([job["id"] for job in first["data"]], first["has_more"]) == ([made[2], made[1]], True)
    rest = house.ask("GET", f"/v1/jobs?cursor={first['cursor']}").json()
    assert rest["data"][0]["id"] == made[0]
    assert house.ask("GET", "/v1/jobs?limit=0").status_code == 400
    shown = house.ask("GET", f"/v1/jobs/{made[0]}").json()
    assert (shown["status"], shown["operation"], shown["result"]["text"]) == (
        "completed",
        "transcription",
        "Hello there.",
    )
    events = house.ask("GET", f"/v1/jobs/{made[0]}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in events.text.split("\n") if line.startswith("data: ")]
    assert json.loads(lines[-1].removeprefix("data: ")) == shown


def test_an_ended_job_is_not_changed_by_cancelling_it(house: House) -> None:
    job_id = house.order()
    house.ended(job_id)
    told = house.ask("DELETE", f"/v1/jobs/{job_id}")
    assert (told.status_code, told.json()["status"]) == (200, "completed")


def test_nobody_is_told_of_the_jobs_of_others(house: House) -> None:
    job_id = house.order()
    house.ended(job_id)
    house.gateway.create_account("bob", "1")
    other = {"authorization": f"Bearer {house.gateway.create_key('bob')}"}
    for method, path in (
        ("GET", f"/v1/stt/{job_id}"),
        ("GET", f"/v1/jobs/{job_id}"),
        ("GET", f"/v1/jobs/{job_id}/events"),
        ("DELETE", f"/v1/jobs/{job_id}"),
        ("GET", "/v1/stt/none"),
    ):
        told = house.ask(method, path, headers=other)
        assert (told.status_code, told.json()["error"]["code"]) == (404, "job_not_found")
    assert house.ask("GET", "/v1/jobs", headers=other).json()["data"] == []
    assert httpx.get(f"{house.gateway.base_url}/v1/stt/{job_id}", trust_env=False).status_code == 401


def test_jobs_go_on_when_their_worker_is_killed(house: House) -> None:
    house.ended(house.order())
    before = balance_of(house.gateway, house.account_id)
    os.kill(house.worker_pid(), signal.SIGKILL)
    made = [house.order() for _ in range(5)]
    assert all(house.ended(job_id)["status"] == "completed" for job_id in made)
    assert balance_of(house.gateway, house.account_id) == before - 5 * 40_000


def test_jobs_go_on_when_everything_is_killed(house: House) -> None:
    before = balance_of(house.gateway, house.account_id)
    made = [house.order() for _ in range(5)]
    house.gateway.kill9()
    house.gateway.start()
    ended = [house.ended(job_id) for job_id in made]
    done = [one for one in ended if one["status"] == "completed"]
    assert all(one["error"]["name"] == "SubmissionUnknown" for one in ended if one not in done)
    assert balance_of(house.gateway, house.account_id) == before - len(done) * 40_000
    assert house.gateway.rows("SELECT COUNT(*) AS held FROM allotments WHERE owner LIKE 'job:%'") == [{"held": 0}]
