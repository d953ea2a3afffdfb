"""Taking a job in: read → plan → pace → hold → keep. The answer is the job; a worker does the rest."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from modelport.catalogue.facts import Operation
from modelport.core.clock import Clock
from modelport.core.errors import Problem
from modelport.core.pace import FREE_PACE
from modelport.jobs.deliveries import Delivery
from modelport.jobs.job import Asked, Job, Planned
from modelport.jobs.problems import UnknownJob
from modelport.jobs.store import JobStore, Run
from modelport.keys.key import Key
from modelport.ledger.book import Book
from modelport.ledger.hold import Entrusted
from modelport.operations.media import MediaCall
from modelport.routing.router import Plan
from modelport.serving.calls import Routes, budget
from modelport.serving.carrying import Files
from modelport.serving.exchange import CallerLeft, CallFailed
from modelport.serving.jobs.packing import packed
from modelport.serving.jobs.results import cancelled
from modelport.serving.media import MediaRequest, held_for, noted, planned
from modelport.serving.pacing import Pacing
from modelport.serving.ports import Client
from modelport.serving.written import Notes

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
TIMES_MS: dict[Operation, tuple[int, int]] = {"transcription": (30 * MINUTE_MS, HOUR_MS)}
"""How long after it was made a job may run, and how long it is told of, where that is not usual."""
USUAL_MS = (HOUR_MS, 24 * HOUR_MS)


@dataclass(frozen=True, slots=True)
class OrderJobs:
    """Takes calls for media in as jobs, and tells of them."""

    routes: Routes
    pacing: Pacing
    ledger: Book
    files: Callable[[str, int], Files]
    """Opens the files of a call: by our address as its caller knows it, and its account."""
    store: JobStore
    run: Run
    """Runs what blocks."""
    wake: Callable[[], None]
    """Has a worker look for jobs."""
    clock: Clock
    new_id: Callable[[], str]
    status_of: Callable[[Problem], int]
    code_of: Callable[[Problem], str]
    check_webhook: Callable[[str], Awaitable[None]]
    """Judges where a caller wants to be told of the end."""

    async def order(self, request: MediaRequest, key: Key, client: Client) -> Job:
        """Take one call in. Raises `CallFailed`."""
        notes = noted(self.new_id(), request, key, self.clock)
        try:
            call, plan = planned(self.routes.current(), request, notes, client)
            if call.webhook_url is not None:
                await self.check_webhook(call.webhook_url)
            if key.pace is FREE_PACE and key.account_pace is FREE_PACE:
                job = await self._keep(call, plan, request, notes, client)
            else:
                permit = await self.pacing.admit(key, 0, client)
                try:
                    job = await self._keep(call, plan, request, notes, client)
                finally:
                    await permit.end(0)
        except Problem as problem:
            if notes.model is not None:
                await self.ledger.record(notes.failed(self.code_of(problem), self.status_of(problem)))
            raise CallFailed(problem, notes.inference_id) from problem
        self.wake()
        return job

    async def _keep(self, call: MediaCall, plan: Plan, request: MediaRequest, notes: Notes, client: Client) -> Job:
        """Hold the money, keep the files and the job."""
        ask, least = held_for(call, plan)
        async with await self.ledger.hold(notes.key.account_id, budget(notes.key), ask, least) as hold:
            if client.has_left:
                raise CallerLeft
            files = self.files("", notes.key.account_id)  # whoever drives the job knows no address of ours
            webhook_url = call.webhook_url or notes.key.webhook_url
            job = self._job(await packed(call, files.keep), plan, request, notes, webhook_url)
            kept: list[Job] = []

            async def take(lot: Entrusted) -> None:
                kept.append(held(job, lot))
                await self.run(self.store.add, kept[0], lot)

            await hold.entrust(take)
        return kept[0]

    def _job(self, call: bytes, plan: Plan, request: MediaRequest, notes: Notes, webhook_url: str | None) -> Job:
        key, at_ms = notes.key, notes.created_at_ms
        offers = tuple(Planned(offer.provider.id, offer.upstream, rates) for offer, rates in plan.offers)
        asked = Asked(
            request.request_id,
            request.client_request_id,
            key.prefix,
            request.met.endpoint,
            call,
            offers,
            notes.dropped,
        )
        runs_ms, told_ms = TIMES_MS.get(plan.model.operation, USUAL_MS)
        return Job(
            id=notes.inference_id,
            account_id=key.account_id,
            key_id=key.id,
            model=plan.model.id,
            operation=plan.model.operation,
            asked=asked,
            held=0,
            created_at_ms=at_ms,
            deadline_ms=at_ms + runs_ms,
            expires_at_ms=at_ms + told_ms,
            delivery=None if webhook_url is None else Delivery(url=webhook_url),
        )

    # Told of

    async def find(self, job_id: str, operation: Operation | None = None, account_id: int | None = None) -> Job:
        """Return a job, of an account and operation if they are given; raises `UnknownJob`."""
        job = await self.run(self.store.find, job_id)
        if (
            job is None
            or job.expires_at_ms <= self.clock.now_ms()
            or (operation is not None and job.operation != operation)
            or (account_id is not None and job.account_id != account_id)
        ):
            raise UnknownJob(job_id)
        return job

    async def page(self, account_id: int, before: str | None, limit: int) -> list[Job]:
        """Return jobs of an account, newest first."""
        return list(await self.run(self.store.page, account_id, self.clock.now_ms(), before, limit))

    async def cancel(self, job_id: str, account_id: int) -> Job:
        """End a job that was not sent yet; mark one that was. Raises `UnknownJob`."""
        job = await self.find(job_id, account_id=account_id)
        found = await self.run(self.store.cancel, job.id, cancelled(job, self.clock.now_ms()))
        if found is None:
            raise UnknownJob(job_id)
        return found


def held(job: Job, lot: Entrusted) -> Job:
    """Say what is held for a job."""
    return replace(job, held=lot.amount, limit=lot.limit)
