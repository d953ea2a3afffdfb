"""Driving a job from its submission to its settlement: a few steps, each of which can be done again after a crash."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from modelport.catalogue.facts import Offer
from modelport.core.clock import Clock
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.media.addresses import met_at
from modelport.dialects.media.call import taken_by
from modelport.dialects.media.wire import Order, Ticket
from modelport.dialects.wire import Target, UpstreamFault
from modelport.jobs.job import Failure, Job, Mark, Planned, Progress, Sent, Standing
from modelport.jobs.problems import DeadlineExceeded, InternalError, NoOffer, SubmissionUnknown
from modelport.jobs.store import Ending, JobStore, Run
from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.records import Attempt
from modelport.operations.made import File, Made
from modelport.operations.media import MediaCall
from modelport.operations.usage import NOTHING_USED, Usage
from modelport.pricing.charge import UnpricedUsage
from modelport.pricing.media import expected, told
from modelport.serving.attempts import MAX_ATTEMPTS, worth_another
from modelport.serving.calls import Routes
from modelport.serving.carrying import Files, carried
from modelport.serving.jobs.exchange import Lanes, Submissions, dialect_of, exchange
from modelport.serving.jobs.packing import files_of, packed_made, unpacked, unpacked_made, with_files
from modelport.serving.jobs.results import cancelled, result_json, row_of
from modelport.serving.jobs.storing import stored
from modelport.serving.making import is_over
from modelport.serving.ports import Upstream, UpstreamProblem

Tell = Callable[[Problem], tuple[int, str, str]]
"""Says what a problem is told with: its HTTP status, its code, its message."""

_log = logging.getLogger(__name__)
MOST_ASKED_AGAIN = 8
"""How often in a row a provider is asked again that has the work and does not answer properly."""
MOST_FETCHED_AGAIN = 4
LONGEST_PAUSE_S = 10.0
"""How long a provider that is at work is left alone at most."""
LONGEST_FAULT_PAUSE_S = 30.0
_SLOWER = 1.5
NOWHERE = ""
"""The address of ours that links are made with: they are paths, to become addresses when a caller is told of them."""


class _Refused(Exception):
    """An offer has not taken the work, and said so or was never reached."""

    def __init__(self, problem: UpstreamFault | UpstreamProblem, attempt: Attempt) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.attempt = attempt


@dataclass(frozen=True, slots=True)
class Driver:
    """Does the steps of jobs. Each may be called any number of times and leaves alone what is done already.

    `passed` is told of the points that a job passes.
    """

    store: JobStore
    routes: Routes
    upstream: Upstream
    files: Callable[[str, int], Files]
    """Opens the files of a call; nobody knows an address of ours here."""
    clock: Clock
    run: Run
    """Runs what blocks."""
    tell: Tell
    lanes: Lanes = field(default_factory=Lanes)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    pause_s: float = 1.0
    """How long is waited after the first fault of a provider that has the work; longer after each more."""
    submissions: Submissions = field(default_factory=Submissions)
    passed: Callable[[str, str], None] = lambda _, __: None

    async def drive(self, job_id: str) -> None:
        """Do all steps."""
        for step in (self.submit, self.wait, self.fetch, self.settle):
            await step(job_id)

    # Steps

    async def submit(self, job_id: str) -> None:
        """Have a provider take the work on; at most one ever gets it."""
        job = await self._living(job_id)
        if job is None or job.mark in ("taken", "made"):
            return
        if job.mark == "submitting":  # whoever sent it has died
            await self._lost(job)
            return
        await self._guarded(job, self._submit)

    async def wait(self, job_id: str) -> None:
        """Ask the provider until the work is done."""
        job = await self._living(job_id)
        if job is not None and job.mark == "taken":
            await self._guarded(job, self._wait)

    async def fetch(self, job_id: str) -> None:
        """Bring the files that were made here."""
        job = await self._living(job_id)
        if job is not None and job.mark == "made" and not job.is_cancelled:
            await self._guarded(job, self._fetch)

    async def settle(self, job_id: str) -> None:
        """Charge for what was made and complete the job."""
        job = await self._living(job_id)
        if job is not None and job.mark == "made":
            await self._guarded(job, self._settle)

    async def overdue(self, job_id: str) -> None:
        """End a job whose deadline has passed and that nobody drives."""
        job = await self._living(job_id)
        if job is None:
            return
        if job.mark == "submitting":
            await self._lost(job)
        else:
            await self._fail(job, self._too_late(job))

    async def _guarded(self, job: Job, step: Callable[[Job], Awaitable[None]]) -> None:
        """Do a step within the job's time; whatever goes wrong ends the job."""
        left_s = (job.deadline_ms - self.clock.now_ms()) / 1000
        limit = asyncio.timeout(max(0.0, left_s))
        try:
            async with limit:
                await step(job)
        except TimeoutError:
            if not limit.expired():
                raise
            await self.overdue(job.id)
        except StoreUnavailable:
            raise
        except Problem as problem:
            await self._fail(job, problem)
        except Exception:  # noqa: BLE001 - the outermost catch: logged, and the job is told without details
            _log.exception("the job %s failed unexpectedly", job.id)
            await self._fail(job, InternalError())

    # Submitting

    async def _submit(self, job: Job) -> None:
        self.passed(job.id, "submit")
        if job.is_cancelled:
            await self._end(job, cancelled(job, self.clock.now_ms()))
            return
        files = self.files(NOWHERE, job.account_id)

        async def read(link: str) -> bytes:
            return (await files.read("file", link)).data

        call = await unpacked(job.asked.call, read)
        refusal: Problem | None = None
        attempts = list(job.progress.attempts)
        for planned, offer in self._offers(job):
            if len(attempts) >= MAX_ATTEMPTS:
                break
            try:
                order, sent = await self._order(job, call, planned, offer)
                await self._attempt(job, order, Progress(tuple(attempts), sent))
                return
            except InvalidBody as problem:
                refusal = refusal or problem
            except _Refused as refused:
                attempts.append(refused.attempt)
                refusal = refused.problem
                if not worth_another(refused.problem):
                    break
        failed = _with(job, Progress(tuple(attempts)))
        await self._fail(failed, refusal or NoOffer(job.model))

    def _offers(self, job: Job) -> list[tuple[Planned, Offer]]:
        """List the planned offers that are still there."""
        router = self.routes.current()
        there = {(one.provider.id, one.upstream): one for one in router.catalogue.offers(job.model)}
        found = ((planned, there.get((planned.provider, planned.upstream))) for planned in job.asked.offers)
        return [(one, offer) for one, offer in found if offer is not None and router.is_configured(one.provider)]

    async def _order(self, job: Job, call: MediaCall, planned: Planned, offer: Offer) -> tuple[Order, Sent]:
        units, is_exact = expected(planned.rates, call)
        sent = Sent(planned, dict(units), is_exact)
        return await self._ready(job, call, offer), sent

    async def _ready(self, job: Job, call: MediaCall, offer: Offer) -> Order:
        model = self.routes.current().catalogue.find(job.model)
        met = met_at(job.asked.endpoint)
        target, operation = Target(offer, model), job.operation
        draft = Order(call, target, operation, met.is_edit, job.id)
        takes = dialect_of(draft).takes
        ready = await carried(
            call, taken_by(model, met), takes, offer.provider.name, self.files(NOWHERE, job.account_id)
        )
        return Order(ready, target, operation, met.is_edit, job.id)

    async def _attempt(self, job: Job, order: Order, progress: Progress) -> None:
        """Send the work to one offer; raises `_Refused` where that has not taken it."""
        provider = order.target.offer.provider
        dialect_of(order).ask(order, Ticket())  # says before it is marked what cannot be said
        async with self.lanes.of(provider.id):
            now = await self._living(job.id)
            if now is None or now.is_cancelled:
                await self._end(job, cancelled(job, self.clock.now_ms()))
                return
            self.passed(job.id, "before submitting")
            await self.submissions.check_open()
            with self.submissions.one():
                if not await self._advance(job, "submitting", progress):  # another has sent it, or it has ended
                    return
                self.passed(job.id, "submitting")
                await self._send(job, order, progress)

    async def _send(self, job: Job, order: Order, progress: Progress) -> None:
        provider, begun_s = order.target.offer.provider.id, self.clock.monotonic_s()
        try:
            outcome = await exchange(self.upstream, order, Ticket())
        except (UpstreamFault, UpstreamProblem) as problem:
            await self._not_taken(job, progress, problem, provider, begun_s)
            return
        self.passed(job.id, "answered")
        attempt = Attempt(provider, 200, None, self._since_ms(begun_s))
        first_byte_ms = max(0, self.clock.now_ms() - job.created_at_ms)
        sent = Progress((*progress.attempts, attempt), progress.sent, Standing(), first_byte_ms)
        await self._proceed(_with(job, sent), outcome)

    async def _not_taken(
        self, job: Job, progress: Progress, problem: UpstreamFault | UpstreamProblem, provider: str, begun_s: float
    ) -> None:
        """Find out from what went wrong whether the work may be sent to another offer."""
        status = problem.status if isinstance(problem, UpstreamFault) else None
        attempt = Attempt(provider, status, type(problem).__name__, self._since_ms(begun_s))
        tried = Progress((*progress.attempts, attempt), progress.sent)
        if isinstance(problem, UpstreamProblem) and problem.was_sent:
            await self._lost(_with(job, tried))
            return
        await self._advance(job, "new", Progress(tried.attempts))
        self.passed(job.id, "refused")
        raise _Refused(problem, attempt)

    async def _proceed(self, job: Job, outcome: Made | Ticket) -> None:
        """Note what a provider answered: that it is at work, or what it has made."""
        progress = job.progress
        if isinstance(outcome, Ticket):
            standing = Standing(outcome.stage, dict(outcome.facts), outcome.after_s)
            taken = msgspec.structs.replace(progress, standing=standing)
            await self._advance(job, "taken", taken)
            self.passed(job.id, "taken")
            return
        made = outcome
        if not job.is_cancelled:
            files = tuple([await self._here(job, file) for file in files_of(made)])
            made = with_files(made, files)
        await self._advance(job, "made", progress, packed_made(made))
        self.passed(job.id, "made")

    async def _here(self, job: Job, file: File) -> File:
        """Keep a file that came inside of the answer: a row is no place for it."""
        if file.link:
            return file
        link = await self.files(NOWHERE, job.account_id).keep(file)
        return File(link=link, content_type=file.content_type, facts=file.facts)

    # Waiting

    async def _wait(self, job: Job) -> None:
        call = await unpacked(job.asked.call, None)
        progress = job.progress
        assert progress.sent is not None, "what was taken was sent"
        offer = self._offer_of(job, progress.sent.offer)
        model = self.routes.current().catalogue.find(job.model)
        order = Order(call, Target(offer, model), job.operation, met_at(job.asked.endpoint).is_edit, job.id)
        standing = progress.standing
        ticket = Ticket(standing.stage, standing.facts, standing.after_s, is_taken=True)
        failed, pause_s = 0, ticket.after_s
        while True:
            self.passed(job.id, "asking")
            await self.sleep(pause_s)
            try:
                async with self.lanes.of(offer.provider.id):
                    outcome = await exchange(self.upstream, order, ticket)
            except (UpstreamFault, UpstreamProblem) as problem:
                failed += 1
                if failed > MOST_ASKED_AGAIN or (isinstance(problem, UpstreamFault) and is_over(problem)):
                    raise
                pause_s = min(LONGEST_FAULT_PAUSE_S, self.pause_s * 2 ** (failed - 1))
                continue
            self.passed(job.id, "told")
            failed = 0
            if not isinstance(outcome, Ticket):
                await self._proceed(await self._again(job), outcome)
                return
            is_new = (outcome.stage, dict(outcome.facts)) != (ticket.stage, dict(ticket.facts))
            pause_s = outcome.after_s if is_new else min(LONGEST_PAUSE_S, max(outcome.after_s, pause_s * _SLOWER))
            ticket = outcome
            if is_new:
                await self._proceed(job, outcome)

    async def _again(self, job: Job) -> Job:
        """Look at a job again: it may not be wanted any more."""
        return await self._living(job.id) or job

    def _offer_of(self, job: Job, planned: Planned) -> Offer:
        """Find the offer that has the work; raises `NoOffer` where it was taken out of the catalogue."""
        for one, offer in self._offers(job):
            if (one.provider, one.upstream) == (planned.provider, planned.upstream):
                return offer
        raise NoOffer(job.model)

    # Fetching and settling

    async def _fetch(self, job: Job) -> None:
        assert job.made is not None, "what is marked so was made"
        made = unpacked_made(job.made)
        found = files_of(made)
        files = tuple([await self._fetched(job, file) for file in found])
        if files != found:
            await self._advance(job, "made", job.progress, packed_made(with_files(made, files)))
        self.passed(job.id, "fetched")

    async def _fetched(self, job: Job, file: File) -> File:
        files = self.files(NOWHERE, job.account_id)
        if not file.link or files.is_ours(file.link):
            return file
        self.passed(job.id, "fetching")
        failed = 0
        while True:
            try:
                fetched = await files.fetch(file.link)
                break
            except UpstreamProblem:
                failed += 1
                if failed > MOST_FETCHED_AGAIN:
                    raise
                await self.sleep(min(LONGEST_FAULT_PAUSE_S, self.pause_s * 2 ** (failed - 1)))
        kind = file.content_type or fetched.content_type
        facts = {**fetched.facts, **file.facts}
        link = await files.keep(File(data=fetched.data, content_type=kind, facts=facts))
        return File(link=link, content_type=kind, facts=facts)

    async def _settle(self, job: Job) -> None:
        sent = job.progress.sent
        assert job.made is not None, "what is marked so was made"
        assert sent is not None, "what was made was sent"
        made = unpacked_made(job.made)
        call = await unpacked(job.asked.call, None)
        guess = Usage(sent.expected, "counted" if sent.is_exact else "estimated")
        usage = told(sent.offer.rates, call, made) or guess
        now_ms = self.clock.now_ms()
        self.passed(job.id, "settling")
        if unknown := usage.by_meter.keys() - sent.offer.rates.at(usage.input_tokens).keys():
            await self._fail(job, UnpricedUsage(set(unknown)), usage)
            return
        if job.is_cancelled:
            await self._end(job, cancelled(job, now_ms, usage))
        else:
            await self._end(job, Ending(row_of(job, now_ms, usage), result_json(made)))
        self.passed(job.id, "settled")

    # Endings

    async def _lost(self, job: Job) -> None:
        sent = job.progress.sent
        await self._fail(job, SubmissionUnknown("its provider" if sent is None else sent.offer.provider))

    def _too_late(self, job: Job) -> DeadlineExceeded:
        return DeadlineExceeded((job.deadline_ms - job.created_at_ms) / 1000)

    async def _fail(self, job: Job, problem: Problem, usage: Usage | None = None) -> None:
        status, code, message = self.tell(problem)
        row = row_of(
            job,
            self.clock.now_ms(),
            usage or NOTHING_USED,
            http_status=status,
            error=code,
            is_on_house=usage is not None,
        )
        await self._end(job, Ending(row, None, Failure(type(problem).__name__, message)))
        self.passed(job.id, "failed")

    async def _end(self, job: Job, ending: Ending) -> None:
        await stored(self.run, self.store.end, job.id, ending)

    # The store

    async def _advance(self, job: Job, mark: Mark, progress: Progress, made: bytes | None = None) -> bool:
        return await stored(self.run, self.store.advance, job.id, mark, progress, made)

    async def _living(self, job_id: str) -> Job | None:
        job = await stored(self.run, self.store.find, job_id)
        return None if job is None or job.is_final else job

    def _since_ms(self, begun_s: float) -> int:
        return int((self.clock.monotonic_s() - begun_s) * 1000)


def _with(job: Job, progress: Progress) -> Job:
    return msgspec.structs.replace(job, progress=progress)
