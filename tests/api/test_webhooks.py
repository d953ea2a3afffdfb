"""What signs webhooks, over HTTP; and what is said of the webhook of a job."""

from msgspec.structs import replace

from modelport.core.clock import DAY_MS
from modelport.jobs.deliveries import Delivery
from tests.api.site import NOW_MS, Site, bearer
from tests.api.test_jobs import ordered

SECRET = "/v1/webhooks/secret"


async def test_a_management_key_sees_the_secret_of_its_account_and_replaces_it() -> None:
    site = Site()
    manager = bearer(site.management)
    async with site.running() as client:
        first = (await client.get(SECRET, headers=manager)).json()["data"]
        assert first["secret"].startswith("whsec_")
        assert (first["created_at"], first["older"]) == ("2026-05-02T10:00:00.123Z", [])
        assert (await client.get(SECRET, headers=manager)).json()["data"] == first
        second = (await client.post(SECRET, headers=manager)).json()["data"]
        assert second["secret"] != first["secret"]
        assert second["older"] == [{"secret": first["secret"], "signs_until": "2026-05-03T10:00:00.123Z"}]
        site.clock.ms = NOW_MS + DAY_MS
        assert (await client.get(SECRET, headers=manager)).json()["data"] == {**second, "older": []}
        assert (await client.get(SECRET, headers=bearer(site.regular))).status_code == 403


async def test_a_job_says_how_far_its_webhook_is() -> None:
    site = Site()
    async with site.running() as client:
        job_id = await ordered(site, client)
        path, regular = f"/v1/jobs/{job_id}", bearer(site.regular)
        assert (await client.get(path, headers=regular)).json()["webhook"] is None
        delivery = Delivery(
            url="https://hooks.example.org/",
            attempts=2,
            failures=2,
            last_status=503,
            last_error="the receiver answered with status 503",
            last_at_ms=NOW_MS,
            next_at_ms=NOW_MS + 30_000,
        )
        site.jobs.jobs[job_id] = replace(site.jobs.jobs[job_id], delivery=delivery)
        told = {
            "url": "https://hooks.example.org/",
            "status": "pending",
            "attempts": 2,
            "last_status": 503,
            "last_error": "the receiver answered with status 503",
            "next_attempt_at": "2026-05-02T10:00:30.123Z",
        }
        assert (await client.get(path, headers=regular)).json()["webhook"] == told
        [listed] = (await client.get("/v1/jobs", headers=regular)).json()["data"]
        assert listed["webhook"] == told
