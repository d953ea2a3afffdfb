"""OpenAI's own client for Node works with nothing but base URL and key exchanged."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Run, Site

pytestmark = pytest.mark.debian("nodejs", "npm")


@pytest.fixture
def report(site: Site, run_program: Run, node_folder: Path) -> dict[str, Any]:
    """What the program at `node/report.mjs` got."""
    name = "poor-node"
    if not site.gateway.rows("SELECT id FROM accounts WHERE name = ?", name):
        site.gateway.create_account(name, "0")
    more = {"POOR_KEY": site.gateway.create_key(name), "RATE_LIMITED": "fault/429", "FAILING": "fault/500"}
    return json.loads(run_program("node", node_folder / "report.mjs", more=more).stdout)


def test_the_node_client_gets_what_the_contract_promises(site: Site, report: dict[str, Any]) -> None:
    check_answers(report)
    check_cost(report)
    check_models(report)
    check_errors(report["errors"], site.url)


def check_answers(report: dict[str, Any]) -> None:
    assert report["bases"] == dict.fromkeys(("", "/", "/v1", "/v1/"), "ahoy")
    assert report["stream"]["text"] == "ahoy"


def check_cost(report: dict[str, Any]) -> None:
    cost, headers, last = report["meta"]["usage"]["credits_used"], report["headers"], report["stream"]["last"]
    assert headers["x-aimlapi-credits-used"] == str(cost)
    assert headers["x-aimlapi-usd-spent"].startswith("0.0000")
    assert headers["x-client-request-id"] == "node-1"
    assert len(headers["x-inference-id"]) == 21
    assert last["choices"] == []
    assert last["usage"] == report["usage"]
    assert last["meta"]["usage"]["credits_used"] == cost


def check_models(report: dict[str, Any]) -> None:
    assert {"fake/echo", "gpt-4o"} <= set(report["listed"])
    assert report["model"]["id"] == "fake/echo"


def check_errors(errors: dict[str, Any], url: str) -> None:
    told = {name: (error["kind"], error["status"], error["code"]) for name, error in errors.items()}
    assert told == {
        "authentication": ("AuthenticationError", 401, "invalid_api_key"),
        "notFound": ("NotFoundError", 404, "model_not_found"),
        "badRequest": ("BadRequestError", 400, "invalid_body"),
        "permission": ("PermissionDeniedError", 403, "insufficient_funds"),
        "rateLimit": ("RateLimitError", 429, "provider_rate_limit"),
        "server": ("InternalServerError", 500, "provider_error"),
    }
    assert f"{url}/app/keys" in errors["authentication"]["message"]
    assert f"{url}/app/billing" in errors["permission"]["message"]
