"""What a job has made, as its caller reads it, and the row that it leaves."""

from collections.abc import Mapping

import msgspec

from modelport.dialects.media.answers import result_of
from modelport.jobs.job import Failure, Job
from modelport.jobs.problems import Cancelled
from modelport.jobs.store import Ending
from modelport.ledger.records import CallRecord
from modelport.operations.made import File, Made, Pages, Sound, Transcript, Verdicts
from modelport.operations.usage import NOTHING_USED, Usage
from modelport.pricing.charge import charge
from modelport.serving.jobs.packing import files_of
from modelport.serving.written import CLIENT_LEFT

Json = Mapping[str, object]


def result_json(made: Made) -> bytes:
    """Write the result of a job; its files are links by now."""
    return msgspec.json.encode(_result(made))


def _result(made: Made) -> Json:
    if isinstance(made, Transcript):
        return result_of(made)
    if isinstance(made, Pages):
        return {"pages": made.pages, "model": made.model, "document_annotation": made.annotation}
    if isinstance(made, Verdicts):
        return {"id": made.id, "model": made.model, "results": made.results}
    if isinstance(made, Sound):
        return {"audio": _file(made.file), "audio_url": made.file.link, **made.facts}
    return {"images": [_file(file) for file in files_of(made)], **made.facts}


def _file(file: File) -> Json:
    return {"url": file.link, "content_type": file.content_type, **file.facts}


def row_of(
    job: Job,
    now_ms: int,
    usage: Usage = NOTHING_USED,
    *,
    http_status: int = 200,
    error: str | None = None,
    is_on_house: bool = False,
) -> CallRecord:
    """Write the request row of a job that ends; what it used is priced as when it was made."""
    asked, progress = job.asked, job.progress
    sent = progress.sent
    rates: Mapping[str, int] = {} if sent is None else sent.offer.rates.at(usage.input_tokens)
    priced = {meter: units for meter, units in usage.by_meter.items() if meter in rates}
    last = progress.attempts[-1].provider if progress.attempts else None
    return CallRecord(
        inference_id=job.id,
        request_id=asked.request_id,
        client_request_id=asked.client_request_id,
        account_id=job.account_id,
        key_id=job.key_id,
        key_prefix=asked.key_prefix,
        created_at_ms=job.created_at_ms,
        duration_ms=max(0, now_ms - job.created_at_ms),
        first_byte_ms=progress.first_byte_ms,
        endpoint=asked.endpoint,
        origin="api",
        model=job.model,
        provider=last if sent is None else sent.offer.provider,
        upstream_model=None if sent is None else sent.offer.upstream,
        is_streaming=False,
        status="succeeded" if error is None else "failed",
        http_status=http_status,
        error=error,
        usage=usage.by_meter,
        usage_source=usage.source,
        rates={meter: rates[meter] for meter in priced},
        cost_credits=charge(priced, rates),
        is_on_house=is_on_house,
        attempts=tuple(progress.attempts),
        dropped=(*asked.dropped, *(() if sent is None else sent.dropped)),
        provider_nano_usd=usage.provider_nano_usd,
    )


def cancelled(job: Job, now_ms: int, usage: Usage = NOTHING_USED) -> Ending:
    """End a job that its caller does not want any more; what was made of it is paid."""
    problem = Cancelled()
    row = row_of(job, now_ms, usage, http_status=CLIENT_LEFT, error="cancelled")
    return Ending(row, None, Failure(type(problem).__name__, problem.message))
