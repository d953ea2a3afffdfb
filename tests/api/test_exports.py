"""Exports over HTTP: whose they are, how they are asked for, and that a broken one never looks whole."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator

import httpx
import pytest

from modelport.core.moments import Period
from modelport.ledger.exports import ExportedCall, ExportedEntry
from modelport.ledger.problems import StoreUnavailable
from tests.api.site import ACCOUNT, NOW_MS, Site, bearer, head
from tests.twins.exports import TwinExports

CALL = ExportedCall(
    inference_id="-one",
    request_id="r",
    client_request_id=None,
    account_id=ACCOUNT,
    key_prefix="0123abcd",
    created_at_ms=NOW_MS - 1000,
    duration_ms=12,
    first_byte_ms=None,
    endpoint="/v1/chat/completions",
    origin="api",
    model="acme/talk",
    provider="acme",
    upstream_model="talk-1",
    is_streaming=False,
    status="succeeded",
    http_status=200,
    error=None,
    usage='{"output":7}',
    usage_source="provider",
    rates='{"output":1}',
    cost_credits=9,
    charged_credits=7,
    house_credits=2,
    billing_status="short",
    attempts="[]",
    dropped='["frobnicate"]',
    provider_nano_usd=123,
    account="dev",
)
ENTRIES = [
    ExportedEntry(1, NOW_MS - 2000, "PAYMENT", 1, ACCOUNT, 2_000_000, "pay-1", None),
    ExportedEntry(2, NOW_MS - 1000, "MODEL_USAGE", ACCOUNT, 1, 7, "-one", "acme/talk"),
]


class Endless(TwinExports):
    """Hands out pages for ever, or until it breaks."""

    def __init__(self, breaks_after: int | None = None) -> None:
        super().__init__()
        self.pages = 0
        self._breaks_after = breaks_after

    def calls(self, period: Period, account_id: int | None) -> Iterator[list[ExportedCall]]:
        while True:
            if self.pages == self._breaks_after:
                raise StoreUnavailable("the disk is gone")
            self.pages += 1
            yield [CALL] * 100


async def test_an_account_s_calls_are_streamed_without_what_is_the_operator_s_business() -> None:
    site = Site(exports=TwinExports([CALL]))
    async with site.running() as client:
        answer = await client.get("/v1/export/logs", headers=bearer(site.management))
    assert answer.headers["content-type"] == "application/jsonl; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="logs.jsonl"'
    [line] = [json.loads(line) for line in answer.text.splitlines()]
    assert line["inference_id"] == "-one"
    assert (line["charged_credits"], line["charged_usd"], line["usage"]) == (7, 0.0000035, {"output": 7})
    assert not line.keys() & {"provider", "upstream_model", "cost_credits", "house_credits", "provider_usd", "attempts"}


async def test_entries_are_seen_from_the_account_s_side() -> None:
    site = Site(exports=TwinExports([], ENTRIES))
    async with site.running() as client:
        answer = await client.get("/v1/export/entries?format=csv", headers=bearer(site.management))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["direction"], row["type"], row["credits"], row["usd"]) for row in rows] == [
        ("TOPUP", "PAYMENT", "2000000", "1"),
        ("CHARGE", "MODEL_USAGE", "7", "0.0000035"),
    ]
    assert [row["reference_id"] for row in rows] == ["pay-1", "'-one"]


async def test_a_period_is_asked_for_by_from_and_to() -> None:
    site = Site(exports=TwinExports([], ENTRIES))
    async with site.running() as client:
        told = {
            query: (await client.get(f"/v1/export/entries?{query}", headers=bearer(site.management))).text.count("\n")
            for query in ("", "from=2026-05-02T09:59:59Z", "to=2026-05-02T11:59:59%2B02:00", "from=2027-01-01")
        }
    assert list(told.values()) == [2, 1, 1, 0]


@pytest.mark.parametrize(
    ("query", "param", "told"),
    [
        ("format=xml", "format", "'format': Expected jsonl or csv, received 'xml'"),
        ("from=yesterday", "from", "'from': Expected ISO-8601"),
        ("from=2026-01-02&to=2026-01-02", "to", "'to': Expected moment later than 'from'"),
        ("limit=5", "limit", "'limit': Unknown parameter; this route takes from, to, format"),
        ("to=2026-01-02&to=2026-01-03", "to", "'to': Expected at most 1 value"),
    ],
)
async def test_a_query_that_does_not_match_is_refused(query: str, param: str, told: str) -> None:
    site = Site()
    async with site.running() as client:
        for name in ("logs", "entries"):
            answer = await client.get(f"/v1/export/{name}?{query}", headers=bearer(site.management))
            assert answer.status_code == 400
            assert told in answer.json()["message"]
            assert answer.json()["error"]["code"] == "invalid_query"
            assert answer.json()["error"]["param"] == param


async def test_an_export_that_breaks_under_way_is_cut_and_never_ended() -> None:
    site = Site(exports=Endless(breaks_after=3))
    async with site.running() as client:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await client.get("/v1/export/logs", headers=bearer(site.management))


async def test_an_export_that_breaks_before_it_began_is_an_error_answer() -> None:
    site = Site(exports=Endless(breaks_after=0))
    async with site.running() as client:
        answer = await client.get("/v1/export/logs", headers=bearer(site.management))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "store_unavailable"


async def test_a_caller_who_reads_slowly_is_waited_for_and_one_who_left_is_not_written_to() -> None:
    exports = Endless()
    site = Site(exports=exports)
    async with site.running():
        reader, writer = await site.raw()
        writer.write(head("GET", "/v1/export/logs", [f"authorization: Bearer {site.management}"]))
        await reader.readexactly(1000)
        await asyncio.sleep(0.3)
        pages = exports.pages
        await asyncio.sleep(0.3)
        assert exports.pages == pages, "nothing is read while nobody takes it"
        assert pages * 100 * 500 < 32_000_000
        writer.close()
        async with asyncio.timeout(5), httpx.AsyncClient(base_url=site.url, trust_env=False) as client:
            while (await client.head("/v1/export/logs", headers=bearer(site.management))).status_code == 503:
                pass


async def test_an_account_has_two_exports_under_way_and_no_more() -> None:
    site = Site(exports=Endless())
    async with site.running() as client:
        for _ in range(2):
            reader, writer = await site.raw()
            writer.write(head("GET", "/v1/export/logs", [f"authorization: Bearer {site.management}"]))
            await reader.readexactly(1000)
        answer = await client.get("/v1/export/logs", headers=bearer(site.management))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "overloaded"


async def test_head_tells_that_there_is_an_export_and_writes_none() -> None:
    exports = Endless()
    site = Site(exports=exports)
    async with site.running() as client:
        answer = await client.head("/v1/export/logs", headers=bearer(site.management))
    assert (answer.status_code, answer.content, exports.pages) == (200, b"", 1)
