"""Jobs of replicas on one PostgreSQL: any worker drives them, and one goes on with what another left."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.gateway import FAKE_KEY, Gateway, fake_provider
from tests.acceptance.test_jobs import House
from tests.fake.overlay import KEY_ENV
from tests.jobs.shop import write_catalogue
from tests.twins.postgres import fresh_postgres, give_back

pytestmark = pytest.mark.debian("postgresql")
SAY = {"model": "scribe", "url": "data:audio/mpeg;base64,//uQZAA="}
LEFT = "SELECT COUNT(*) AS jobs FROM jobs WHERE state IN ('queued', 'generating')"


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[list[House]]:
    """Open two replicas."""
    url = fresh_postgres()
    with ExitStack() as stack:
        stack.callback(give_back, url)
        fake = stack.enter_context(fake_provider())
        found: list[House] = []
        for number in range(2):
            gateway = Gateway(tmp_path / f"replica-{number}", secrets={KEY_ENV: FAKE_KEY}, database_url=url)
            write_catalogue(gateway.catalogue, fake)
            stack.enter_context(gateway)
            found.append(House(gateway) if not found else House(gateway, found[0]))
        yield found


def order(house: House) -> str:
    told = house.ask("POST", "/v1/stt/create", json=SAY)
    assert told.status_code == 200, told.text
    return told.json()["generation_id"]


def test_jobs_ordered_anywhere_are_told_of_everywhere(houses: list[House]) -> None:
    made = [order(house) for house in houses for _ in range(3)]
    for job_id in made:
        assert [house.ended(job_id)["status"] for house in houses] == ["completed"] * 2
    assert houses[0].gateway.rows(LEFT) == [{"jobs": 0}]
    schemas = houses[0].gateway.rows("SELECT COUNT(*) AS n FROM pg_namespace WHERE nspname = 'modelport_jobs'")
    assert schemas == [{"n": 1}]


@pytest.mark.long
def test_what_a_dead_replica_left_goes_on_at_another(houses: list[House]) -> None:
    for house in houses:
        house.ended(order(house))
    worker = houses[1].worker_pid()
    made = [order(house) for _ in range(20) for house in houses]
    houses[1].gateway.kill_process()
    os.kill(worker, signal.SIGKILL)
    ended = [houses[0].ended(job_id) for job_id in made]
    assert all(one["status"] == "completed" or one["error"]["name"] == "SubmissionUnknown" for one in ended)
    assert any(one["status"] == "completed" for one in ended)
