"""The routes of jobs: what is said of them, when, and to whom."""

import json
import time

import httpx
import pytest
from msgspec.structs import replace

from tests.api.site import Site, bearer

SAY = {"model": "nova-3", "url": "https://files.example.org/talk.mp3"}


async def ordered(site: Site, client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/stt/create", json=SAY, headers=bearer(site.regular))
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert answer.headers["x-inference-id"] == answer.json()["generation_id"]
    return answer.json()["generation_id"]


async def test_a_transcript_is_never_told_to_be_generating() -> None:
    site = Site()
    async with site.running() as client:
        job_id = await ordered(site, client)
        for _ in range(3):
            told = (await client.get(f"/v1/stt/{job_id}", headers=bearer(site.regular))).json()
            assert told == {
                "id": job_id,
                "generation_id": job_id,
                "status": "queued",
                "result": None,
                "output": None,
                "error": None,
            }
        assert site.jobs.jobs[job_id].state == "generating"


async def test_a_young_transcript_is_told_of_when_it_has_ended() -> None:
    site = Site(jobs_open_ms=60_000)
    async with site.running() as client:
        job_id = await ordered(site, client)
        site.jobs.jobs[job_id] = replace(site.jobs.jobs[job_id], created_at_ms=site.clock.now_ms())
        site.jobs.ends_after = 3
        told = (await client.get(f"/stt/{job_id}", headers=bearer(site.regular))).json()
        assert (told["status"], told["result"], told["output"]) == ("completed", {"text": "hello"}, {"text": "hello"})
        assert told["meta"]["usage"]["credits_used"] == 7


async def test_an_old_transcript_is_told_of_at_once() -> None:
    site = Site(jobs_open_ms=1_000)
    async with site.running() as client:
        job_id = await ordered(site, client)
        site.jobs.jobs[job_id] = replace(site.jobs.jobs[job_id], created_at_ms=site.clock.now_ms() - 1_000)
        begun = time.monotonic()
        await client.get(f"/v1/stt/{job_id}", headers=bearer(site.regular))
        assert site.jobs.looks == 1
        assert time.monotonic() - begun < 30


async def test_a_job_is_cancelled_now_or_when_it_is_made() -> None:
    site = Site()
    async with site.running() as client:
        first, second = await ordered(site, client), await ordered(site, client)
        told = await client.delete(f"/v1/jobs/{first}", headers=bearer(site.regular))
        assert (told.status_code, told.json()["status"], told.json()["error"]["name"]) == (200, "error", "Cancelled")
        await client.get(f"/v1/jobs/{second}", headers=bearer(site.regular))
        told = await client.delete(f"/v1/jobs/{second}", headers=bearer(site.regular))
        assert (told.status_code, told.json()["status"], told.json()["is_cancelled"]) == (202, "generating", True)


async def test_events_tell_each_change_and_end_with_the_job() -> None:
    site = Site()
    async with site.running() as client:
        job_id = await ordered(site, client)
        site.jobs.ends_after = 4
        answer = await client.get(f"/v1/jobs/{job_id}/events", headers=bearer(site.regular))
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        events = [part.split("\n") for part in answer.text.strip().split("\n\n")]
        assert {lines[0] for lines in events} == {"event: job"}
        states = [json.loads(lines[1].removeprefix("data: "))["status"] for lines in events]
        assert states == ["queued", "generating", "completed"]


async def test_jobs_are_listed_page_by_page() -> None:
    site = Site()
    async with site.running() as client:
        made = [await ordered(site, client) for _ in range(3)]
        first = (await client.get("/v1/jobs?limit=2", headers=bearer(site.regular))).json()
        assert ([one["id"] for one in first["data"]], first["has_more"]) == ([made[2], made[1]], True)
        rest = (await client.get(f"/v1/jobs?cursor={first['cursor']}", headers=bearer(site.regular))).json()
        assert ([one["id"] for one in rest["data"]], rest["has_more"], rest["cursor"]) == ([made[0]], False, None)


@pytest.mark.parametrize("path", ["/v1/stt/none", "/v1/jobs/none", "/v1/jobs/none/events"])
async def test_a_job_that_is_not_there_is_not_found(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(path, headers=bearer(site.regular))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")
