"""How fast models answer now: public, exact in its parameters, and the same on every process."""

from typing import Any

import jsonschema_rs
import pytest

from modelport.api.openapi.whole import whole_document
from modelport.ledger.records import Attempt
from modelport.reports.traffic import Traffic
from tests.api.described import plain
from tests.api.site import NOW_MS, Site
from tests.twins.worlds import call

GOOD, BAD = Attempt("acme-cloud", 200, None, 90), Attempt("other-cloud", 503, "UpstreamFault", 5)


def measured(site: Site) -> Site:
    """Have a model called four times, one of which failed, and another one time, in vain."""
    for duration_ms in (900, 1000, 1100):
        site.traffic.record(
            call(
                7,
                0,
                1,
                model="acme/talk",
                usage={"output": 100},
                duration_ms=duration_ms,
                first_byte_ms=200,
                is_streaming=True,
                attempts=(BAD, GOOD),
                provider="acme-cloud",
            )
        )
    failed = {"status": "failed", "error": "provider_overloaded", "http_status": 503, "attempts": (BAD,)}
    site.traffic.record(call(7, 0, 2, model="acme/talk", duration_ms=9000, **failed))
    site.traffic.record(call(7, 0, 3, model="other/think", **failed))
    return site


async def told(site: Site, query: str = "") -> Any:
    async with site.running() as client:
        answer = await client.get(f"/models/metrics{query}")
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("prefix", ["", "/v1", "/api/v1", "/v2"])
async def test_the_measurements_come_before_any_model_of_that_name(prefix: str) -> None:
    site = measured(Site())
    async with site.running() as client:
        answer = (await client.get(f"{prefix}/models/metrics")).json()
    assert answer["window_seconds"] == 300
    assert answer["generated_at"] == "2026-05-02T10:00:00.123Z"
    assert NOW_MS == 1_777_716_000_123


async def test_percentiles_are_of_calls_that_succeeded_and_a_model_without_any_is_absent() -> None:
    (one,) = (await told(measured(Site())))["models"]
    assert (one["alias"], one["endpoint"]) == ("acme/talk", "/v1/chat/completions")
    times = one["metrics"]["duration_ms"]
    assert list(times) == ["p50", "p75", "p90", "p99"]
    assert times["p50"] == pytest.approx(1000, rel=0.034)
    assert times["p99"] == pytest.approx(1100, rel=0.034)
    assert one["metrics"]["ttft_ms"]["p50"] == pytest.approx(200, rel=0.034)
    assert one["metrics"]["tps"]["p99"] == pytest.approx(111.1, rel=0.034)


async def test_a_metric_that_does_not_apply_is_missing() -> None:
    site = Site()
    site.traffic.record(call(7, 0, 1, model="acme/talk", endpoint="/v1/embeddings", usage={"input": 5}))
    (one,) = (await told(site))["models"]
    assert set(one["metrics"]) == {"duration_ms"}


async def test_how_often_providers_fail_counts_what_they_did_to_every_call() -> None:
    answer = await told(measured(Site()))
    assert answer["providers"] == [
        {"id": "acme-cloud", "attempts": 3, "errors": 0, "error_rate": 0.0},
        {"id": "other-cloud", "attempts": 5, "errors": 5, "error_rate": 1.0},
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("aliases=acme/talk", ["acme/talk"]),
        ("aliases=talk", ["talk"]),
        ("aliases=talk&aliases=acme/talk&aliases=talk", ["talk", "acme/talk"]),
        ("aliases=TALK", []),
        ("aliases=talk,other/think", []),
        ("aliases=other/think", []),
        ("aliases=", []),
        ("aliases=no/such", []),
    ],
)
async def test_models_are_named_exactly_and_shown_as_named(query: str, found: list[str]) -> None:
    answer = await told(measured(Site()), f"?{query}")
    assert [one["alias"] for one in answer["models"]] == found


async def test_providers_are_those_of_the_models_that_are_named() -> None:
    answer = await told(measured(Site()), "?aliases=other/think")
    assert answer["providers"] == [{"id": "other-cloud", "attempts": 1, "errors": 1, "error_rate": 1.0}]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("&".join(["aliases=talk"] * 100), 200),
        ("&".join(["aliases=talk"] * 101), 400),
        ("alias=talk", 400),
        ("window=60", 400),
    ],
)
async def test_any_other_parameter_and_too_many_names_are_refused(query: str, status: int) -> None:
    async with Site().running() as client:
        answer = await client.get(f"/models/metrics?{query}")
    assert answer.status_code == status


async def test_what_other_processes_published_counts_and_is_looked_at_once_for_many() -> None:
    site, other = measured(Site()), Traffic()
    other.record(call(7, 0, 9, model="other/think", duration_ms=50))
    site.published.publish(other.take())
    async with site.running() as client:
        for _ in range(5):
            models = (await client.get("/models/metrics")).json()["models"]
            assert [one["alias"] for one in models] == ["acme/talk", "other/think"]
        assert site.published.looks == 1
        site.clock.ms += 3_000
        await client.get("/models/metrics")
    assert site.published.looks == 2


async def test_what_a_process_told_the_others_is_neither_missing_nor_counted_twice() -> None:
    site = measured(Site())
    async with site.running() as client:
        before = (await client.get("/models/metrics")).json()
        site.published.publish(site.traffic.take())
        site.traffic.let_go()
        assert (await client.get("/models/metrics")).json() == before


async def test_the_answer_has_the_form_that_the_document_says() -> None:
    site = measured(Site())
    document = plain(whole_document(site.app().routes, "https://models.example"))
    answer = document["paths"]["/v1/models/metrics"]["get"]["responses"]["200"]
    schema = jsonschema_rs.Draft202012Validator(answer["content"]["application/json"]["schema"])
    assert list(schema.iter_errors(await told(site))) == []
