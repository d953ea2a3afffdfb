"""Jobs as their callers are told of them: on request, and by their webhooks."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from modelport.core.clock import iso_ms
from modelport.dialects.media.answers import meta_of
from modelport.jobs.deliveries import event_id
from modelport.jobs.job import Job

Json = Mapping[str, object]

EVENT_MAX_BYTES = 1024 * 1024
"""The result of a job whose event would be longer is left out of it, and fetched by whoever wants it."""
_encode = msgspec.json.Encoder().encode


def described(job: Job) -> dict[str, object]:
    """Tell of a job, without its result."""
    return {**_without_webhook(job), "webhook": webhook_of(job)}


def with_result(job: Job) -> dict[str, object]:
    """Tell of a job, and of what it has made."""
    return {**described(job), "result": None if job.result is None else Raw(job.result)}


def _without_webhook(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "object": "job",
        "model": job.model,
        "operation": job.operation,
        "endpoint": job.asked.endpoint,
        "status": job.state,
        "is_cancelled": job.is_cancelled,
        "created_at": iso_ms(job.created_at_ms),
        "deadline_at": iso_ms(job.deadline_ms),
        "expires_at": iso_ms(job.expires_at_ms),
        "ended_at": _moment(job.ended_at_ms),
        "error": failure_of(job),
        "meta": meta_of(job.charged) if job.is_final else None,
    }


def failure_of(job: Job) -> Json | None:
    """Tell why a job ended in error."""
    return None if job.failure is None else {"name": job.failure.name, "message": job.failure.message}


def webhook_of(job: Job) -> Json | None:
    """Tell how far the event of a job's end is on its way."""
    found = job.delivery
    if found is None:
        return None
    return {
        "url": found.url,
        "status": found.status,
        "attempts": found.attempts,
        "last_status": found.last_status,
        "last_error": found.last_error,
        "next_attempt_at": _moment(found.next_at_ms),
    }


def event_of(job: Job) -> bytes:
    """Write the event of a job that has ended; the same at every attempt."""
    assert job.ended_at_ms is not None, "what is told of has ended"
    result = None if job.result is None else Raw(job.result)
    is_long = job.result is not None and len(job.result) > EVENT_MAX_BYTES
    data = {**_without_webhook(job), "result": None if is_long else result}
    if is_long:
        data["is_result_left_out"] = True
    return _encode(
        {
            "id": event_id(job.id),
            "object": "event",
            "type": "job.failed" if job.state == "error" else "job.completed",
            "created": job.ended_at_ms // 1000,
            "timestamp": iso_ms(job.ended_at_ms),
            "data": data,
        }
    )


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso_ms(at_ms)
