"""The routes of payments: what they take, and that they are not there where nobody can pay."""

from typing import Any

import httpx
import pytest

from modelport.core.credits import Credits
from modelport.ledger.payments import AutoTopUp
from tests.api.site import ACCOUNT, NOW_MS, Site, bearer
from tests.twins.payments import TwinPayments

URLS = {"success_url": "https://app.example.com/paid", "cancel_url": "http://localhost:3000/?a=b#c"}


async def post(site: Site, body: object) -> httpx.Response:
    async with site.running() as client:
        return await client.post("/v1/billing/checkout", json=body, headers=bearer(site.regular))


@pytest.mark.parametrize("kind", ["regular", "management"])
async def test_a_checkout_says_where_to_pay(kind: str) -> None:
    payments = TwinPayments()
    site = Site(payments=payments)
    async with site.running() as client:
        answer = await client.post(
            "/v1/billing/checkout",
            content=b'{"amount_usd": 12.50, "success_url": "https://a.example/", "cancel_url": "https://a.example/no"}',
            headers=bearer(getattr(site, kind)),
        )
    assert answer.text == f'{{"id":"{"o" * 21}","url":"https://pay.example/1","amount_usd":12.5}}'
    assert payments.begun == [(ACCOUNT, 25_000_000, "https://a.example/", "https://a.example/no", False)]


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"amount_usd": "5"}, "'amount_usd': Expected number of USD, received \"5\""),
        ({"amount_usd": None}, "'amount_usd': Expected number of USD, received null"),
        ({"amount_usd": 4.99}, "'amount_usd': Expected from 5 to 2000 USD, received 4.99"),
        ({"amount_usd": 2000.01}, "'amount_usd': Expected from 5 to 2000 USD, received 2000.01"),
        ({"amount_usd": -5}, "'amount_usd': Expected number of USD, received -5"),
        ({"amount_usd": 5.001}, "'amount_usd': Expected whole cents, received 5.001"),
        ({"amount_usd": 5.00000001}, "'amount_usd': 5.00000001 USD is not a whole number of credits"),
        ({"success_url": "javascript:alert(1)"}, "'success_url': Expected an address such as https://"),
        ({"cancel_url": "https://"}, "'cancel_url': Expected an address"),
        ({"cancel_url": "https://a.example/" + "x" * 2048}, "'cancel_url': Expected an address"),
        ({"save_card": 1}, "'save_card': Expected boolean, received integer"),
        ({"tip": 1}, "'tip': Unknown field"),
    ],
)
async def test_a_checkout_that_cannot_be_is_refused_by_name(changed: dict[str, Any], fault: str) -> None:
    payments = TwinPayments()
    answer = await post(Site(payments=payments), {"amount_usd": 5, **URLS, **changed})
    assert answer.status_code == 400
    assert fault in answer.json()["message"]
    assert payments.begun == []


async def test_automatic_top_ups_are_set_and_shown_everywhere() -> None:
    site = Site(payments=TwinPayments(has_card=True))
    async with site.running() as client:
        headers = bearer(site.management)
        body = {"is_enabled": True, "threshold": 5, "amount": 20.5}
        answer = await client.put("/v1/billing/auto-top-up", json=body, headers=headers)
        assert answer.json() == {
            "is_enabled": True,
            "threshold": 5,
            "amount": 20.5,
            "currency": "USD",
            "has_card": True,
            "paused_until": None,
            "last_error": None,
        }
        assert (await client.get("/v1/billing/auto-top-up", headers=headers)).json() == answer.json()
        detail = (await client.get("/v2/billing/detail", headers=bearer(site.regular))).json()
        assert detail["autotopup_settings"] == {"is_enabled": True, "threshold": 5, "amount": 20.5, "currency": "USD"}
        balance = (await client.get("/v1/billing/balance", headers=bearer(site.regular))).json()
        assert balance["autoDebitStatus"] == "enabled"
        off = await client.put("/v1/billing/auto-top-up", json={"is_enabled": False}, headers=headers)
        assert (off.json()["is_enabled"], off.json()["threshold"]) == (False, 5)


async def test_a_pause_and_its_reason_are_shown() -> None:
    settings = AutoTopUp(True, Credits(2_000_000), Credits(20_000_000), True, NOW_MS, "declined")
    site = Site(payments=TwinPayments(settings=settings))
    async with site.running() as client:
        shown = (await client.get("/v1/billing/auto-top-up", headers=bearer(site.management))).json()
    assert (shown["paused_until"], shown["last_error"]) == ("2026-05-02T10:00:00.123Z", "declined")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"is_enabled": True}, "'threshold': Expected a balance above 0, received 0"),
        ({"is_enabled": True, "threshold": 5, "amount": 4}, "'amount': Expected from 5 to 2000 USD, received 4"),
        ({"is_enabled": True, "threshold": 50, "amount": 20}, "'amount': Expected at least the threshold, 50 USD"),
        ({"is_enabled": False, "threshold": 0}, "'threshold': Expected a balance above 0, received 0"),
        ({"is_enabled": True, "threshold": -5, "amount": 20}, "'threshold': Expected number of USD, received -5"),
        ({"is_enabled": True, "threshold": "5", "amount": 20}, "'threshold': Expected number of USD, received \"5\""),
        ({"is_enabled": True, "threshold": 5, "amount": None}, "'amount': Expected number of USD, received null"),
        ({"is_enabled": True, "threshold": 5, "amount": 20.005}, "'amount': Expected whole cents, received 20.005"),
        ({"is_enabled": True, "threshold": 5.00000001, "amount": 20}, "'threshold': 5.00000001 USD is not a whole"),
        ({"is_enabled": True, "threshold": 5, "amount": 2001}, "'amount': Expected from 5 to 2000 USD, received 2001"),
        ({"is_enabled": 1, "threshold": 5, "amount": 20}, "'is_enabled': Expected boolean, received integer"),
        ({"is_enabled": True, "threshold": 5, "amount": 20, "card": "x"}, "'card': Unknown field"),
        ({"threshold": 5, "amount": 20}, "'is_enabled': Required"),
        ({"is_enabled": True, "threshold": 5, "amount": 20}, "no card is saved for this account: pay once with POST"),
    ],
)
async def test_settings_that_cannot_be_are_refused_by_name(body: dict[str, Any], fault: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.put("/v1/billing/auto-top-up", json=body, headers=bearer(site.management))
    assert answer.status_code == 400
    assert fault in answer.json()["message"]


@pytest.mark.parametrize("number", ["1e99999999999999999999", "1e-99999999999999999999", "1e-999999"])
async def test_numbers_beyond_all_measure_are_refused_by_name(number: str) -> None:
    site = Site()
    body = f'{{"is_enabled": true, "threshold": {number}, "amount": 20}}'
    async with site.running() as client:
        answer = await client.put("/v1/billing/auto-top-up", content=body, headers=bearer(site.management))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "threshold")


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_only_a_management_key_sees_or_changes_when_a_card_is_charged(method: str) -> None:
    payments = TwinPayments(has_card=True)
    site = Site(payments=payments)
    body = {"is_enabled": True, "threshold": 5, "amount": 20}
    async with site.running() as client:
        for headers, status in (({}, 401), (bearer("sk-wrong"), 401), (bearer(site.regular), 403)):
            answer = await client.request(method, "/v1/billing/auto-top-up", json=body, headers=headers)
            assert answer.status_code == status
    assert payments.settings.is_enabled is False


async def test_a_webhook_is_let_in_by_its_signature_alone_and_reaches_us_byte_by_byte() -> None:
    payments = TwinPayments()
    site = Site(payments=payments)
    async with site.running() as client:
        for headers in ({}, bearer(site.management), {"stripe-signature": "bad"}):
            answer = await client.post("/webhooks/stripe", content=b"{}", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_signature")
        body = b'{ "id" :"evt",\n"n":1.0}'
        answer = await client.post("/webhooks/stripe", content=body, headers={"stripe-signature": "good"})
        assert (answer.status_code, payments.received) == (200, [body])
        large = await client.post("/webhooks/stripe", content=b"x" * (1024 * 1024 + 1), headers={})
        assert large.status_code == 413


async def test_where_nobody_can_pay_there_are_no_routes() -> None:
    site = Site(payments=None)
    async with site.running() as client:
        unknown = await client.post("/v1/billing/chekout", json={})
        for method, path in (
            ("POST", "/v1/billing/checkout"),
            ("GET", "/v1/billing/auto-top-up"),
            ("PUT", "/v1/billing/auto-top-up"),
            ("POST", "/webhooks/stripe"),
        ):
            answer = await client.request(method, path, json={}, headers=bearer(site.management))
            assert (answer.status_code, answer.json()["error"]) == (
                404,
                unknown.json()["error"] | {"message": unknown.json()["message"].replace("/v1/billing/chekout", path)},
            )
        balance = (await client.get("/v1/billing/balance", headers=bearer(site.regular))).json()
        assert balance["autoDebitStatus"] == "disabled"
