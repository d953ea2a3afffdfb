"""Telling a job's end to its webhook: one attempt, from the event to what came of it."""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modelport.core.clock import Clock
from modelport.egress.guard import AddressRefused
from modelport.jobs.deliveries import Delivery, DeliveryStore, Outcome, event_id, followed
from modelport.jobs.job import Job
from modelport.jobs.problems import InternalError
from modelport.jobs.signing import SigningSecretLost, WebhookSecrets, signed_headers
from modelport.jobs.store import JobStore, Run
from modelport.serving.jobs.exchange import Lanes
from modelport.serving.jobs.storing import stored
from modelport.serving.jobs.told import event_of
from modelport.serving.ports import Callbacks, Taken, UpstreamProblem

_log = logging.getLogger(__name__)
PER_HOST = 4
"""How many attempts are under way at one host at the same time, so that a slow receiver keeps but these waiting."""
WITHIN_S = 15.0
"""How long a receiver has to answer."""
_ERROR_MAX = 500


@dataclass(frozen=True, slots=True)
class Deliver:
    """Makes attempts. `passed` is told of the points that one passes."""

    jobs: JobStore
    deliveries: DeliveryStore
    secrets: WebhookSecrets
    callbacks: Callbacks
    clock: Clock
    run: Run
    """Runs what blocks."""
    chance: Callable[[], float] = random.random
    lanes: Lanes = field(default_factory=lambda: Lanes(PER_HOST))
    within_s: float = WITHIN_S
    passed: Callable[[str, str], None] = lambda _, __: None

    async def attempt(self, job_id: str, number: int) -> None:
        """Send the event of a job, if that many attempts were made before and it is still to be sent."""
        job = await stored(self.run, self.jobs.find, job_id)
        if job is None or job.delivery is None:
            return
        async with self.lanes.of(job.delivery.host):
            job = await stored(self.run, self.jobs.find, job_id)  # it may have been told while this waited
            if job is None or job.delivery is None or not _is_next(job.delivery, number):
                return
            self.passed(job_id, "telling")
            outcome = await self._outcome(job)
        self.passed(job_id, "told")
        after = followed(job.delivery, outcome, self.chance())
        if after.status == "failed":
            _log.warning(
                "the webhook of the job %s was given up after %d attempts: %s", job_id, after.attempts, after.last_error
            )
        await stored(self.run, self.deliveries.record, job_id, number, outcome, after)

    async def _outcome(self, job: Job) -> Outcome:
        at_ms, begun_s = self.clock.now_ms(), self.clock.monotonic_s()
        status: int | None = None
        error: str | None = None
        after_s = 0
        try:
            answer = await self._send(job, at_ms)
            status, after_s = answer.status, _after_s(answer.headers)
            if not 200 <= status < 300:
                error = f"the receiver answered with status {status}"
        except (AddressRefused, UpstreamProblem, SigningSecretLost) as problem:
            error = problem.message[:_ERROR_MAX]
        except Exception:  # noqa: BLE001 - the outermost catch: logged, and tried again later
            _log.exception("the webhook of the job %s could not be called", job.id)
            error = InternalError().message
        return Outcome(at_ms, int((self.clock.monotonic_s() - begun_s) * 1000), status, error, after_s)

    async def _send(self, job: Job, at_ms: int) -> Taken:
        assert job.delivery is not None, "what is told has a webhook"
        secrets = await stored(self.run, self.secrets.of, job.account_id, at_ms)
        body = event_of(job)
        signed = signed_headers([one.key for one in secrets], event_id(job.id), at_ms // 1000, body)
        headers = {"content-type": "application/json", **signed}
        return await self.callbacks.post(job.delivery.url, headers, body, self.within_s)


def _is_next(delivery: Delivery, number: int) -> bool:
    """Whether an attempt is the one that comes next."""
    return delivery.next_at_ms is not None and delivery.attempts == number


def _after_s(headers: Mapping[bytes, bytes]) -> int:
    """Read how many seconds a receiver wants to be left alone."""
    told = headers.get(b"retry-after", b"").strip()
    return int(told) if told.isdigit() and len(told) < 10 else 0
