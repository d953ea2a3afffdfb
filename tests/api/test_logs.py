"""What `/v2/logs` shows of a call."""

from modelport.core.credits import Credits
from modelport.ledger.records import receipt
from tests.api.site import Site, bearer
from tests.twins.reports import TwinReports
from tests.twins.worlds import call


async def test_the_ids_that_an_erased_account_knew_its_calls_by_are_null() -> None:
    site = Site()
    (key, *_) = site.keys.by_id.values()
    record = call(key.account_id, 5, key_id=key.id, created_at_ms=site.clock.now_ms() - 1, request_id="")
    site.reports = TwinReports([(record, receipt(record, Credits(5), Credits(0)))])
    async with site.running() as client:
        (row,) = (await client.get("/v2/logs?period=1h", headers=bearer(site.regular))).json()["data"]
    assert (row["inference_id"], row["request_id"], row["client_request_id"]) == (record.inference_id, None, None)
