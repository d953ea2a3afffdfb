"""Jobs for tests, and what goes with them."""

from modelport.catalogue.facts import Rates
from modelport.core.credits import Credits
from modelport.jobs.job import Asked, Job, Planned
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget
from modelport.ledger.hold import Entrusted
from modelport.ledger.records import CallRecord
from modelport.storage.jobs import StoredJobs
from tests.twins.worlds import call

NOW_MS = 1_790_000_000_000
PLANNED = Planned("acme", "scribe", Rates(0, {"second": 1_000_000_000_000}, per="second"))


def job_of(account_id: int, job_id: str, held: int = 0, **changed: object) -> Job:
    """Describe a new job of an account."""
    asked = Asked("request", None, "0123abcd", "/v1/stt/create", b"", (PLANNED,))
    facts: dict[str, object] = {
        "id": job_id,
        "account_id": account_id,
        "key_id": 1,
        "model": "acme/scribe",
        "operation": "transcription",
        "asked": asked,
        "held": held,
        "created_at_ms": NOW_MS,
        "deadline_ms": NOW_MS + 60_000,
        "expires_at_ms": NOW_MS + 3_600_000,
    }
    return Job(**(facts | changed))  # type: ignore[arg-type]


def row_of(job: Job, cost: int, **changed: object) -> CallRecord:
    """Write the row of a job that cost so much."""
    facts = {"inference_id": job.id, "key_id": job.key_id, "endpoint": "/v1/stt/create", **changed}
    return call(job.account_id, cost, **facts)


async def added(
    jobs: StoredJobs, book: Book, account_id: int, job_id: str, ask: int, key: KeyBudget | None = None
) -> Job:
    """Hold money for a job in a process, and hand it over."""
    made: list[Job] = []

    async def take(lot: Entrusted) -> None:
        key_id = 1 if key is None else key.key_id
        made.append(job_of(account_id, job_id, lot.amount, key_id=key_id, limit=lot.limit))
        jobs.add(made[0], lot)

    hold = await book.hold(account_id, key, Credits(ask), Credits(1))
    await hold.entrust(take)
    return made[0]
