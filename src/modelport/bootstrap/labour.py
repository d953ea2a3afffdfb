"""What drives jobs, built from settings: in a process of its own, beside those that serve."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from modelport.api.errors import code_of, refusal, status_of
from modelport.bootstrap.assets import guarded_of, inputs_of
from modelport.bootstrap.background import background, to_its_end, watch
from modelport.bootstrap.catalogue import CatalogueInForce, load_in_force
from modelport.bootstrap.office import database_url
from modelport.bootstrap.parts import archive_of, proxies, secrets_of
from modelport.core.clock import SystemClock
from modelport.core.errors import Problem
from modelport.jobs.signing import WebhookSecrets
from modelport.serving.jobs.delivering import Deliver
from modelport.serving.jobs.driving import Driver
from modelport.serving.stored import StoredFiles
from modelport.settings import Settings
from modelport.storage.catalogues import AppliedCatalogues
from modelport.storage.database import Database
from modelport.storage.deliveries import StoredDeliveries
from modelport.storage.duties import drop_duty, lapsed_duties, take_duty
from modelport.storage.jobs import StoredJobs
from modelport.storage.secret import server_secrets
from modelport.storage.webhook_seeds import StoredSeeds
from modelport.upstream.dial import Tls
from modelport.upstream.providers import EngineSockets, Providers
from modelport.worker.deliveries import DeliveryWorker
from modelport.worker.worker import JobWorker
from modelport.worker.workflows import Workflows

_log = logging.getLogger(__name__)
JOBS_FILE = "jobs.db"
ALONE = "here"
"""The worker of a data folder, which holds it alone."""
_PREFIX = "jobs:"
_LEASE_S = 30.0
_RENEW_S = 5.0
_LISTEN_S = 10.0


@dataclass(slots=True)
class Labour:
    """What drives jobs, and tells of their ends."""

    worker: JobWorker
    driver: Driver
    telling: DeliveryWorker

    def rest(self) -> None:
        """Begin no more."""
        self.worker.rest()
        self.telling.rest()


def tell(problem: Problem) -> tuple[int, str, str]:
    """Say what a problem is told with: status, code, message."""
    return status_of(problem), code_of(problem), refusal(problem, "").message


@contextlib.asynccontextmanager
async def labour(
    settings: Settings,
    engines: EngineSockets,
    owner: str,
    passed: Callable[[str, str], None] = lambda _, __: None,
) -> AsyncGenerator[Labour]:
    """Build what drives jobs and have it work until the block is left. Raises `CatalogueInvalid`, `SettingsInvalid`."""
    async with AsyncExitStack() as stack:
        database = Database(database_url(settings), settings.storage.durability)
        stack.callback(database.close)
        in_force = load_in_force(settings, AppliedCatalogues(database))
        jobs = StoredJobs(database, settings.storage.retry_s)
        stack.callback(jobs.close)
        tls = Tls(settings.egress.ca_file)
        providers = await stack.enter_async_context(
            Providers(secrets_of(in_force.catalogue), engines=engines, proxies=proxies(settings), tls=tls)
        )
        server = server_secrets(settings.data_dir, settings.secret)
        archive, guarded = archive_of(settings, server), guarded_of(settings, providers.pool)
        inputs = inputs_of(settings, archive, guarded)
        driver = Driver(
            store=jobs,
            routes=in_force,
            upstream=providers,
            files=lambda root, account_id: StoredFiles(inputs, archive, root, account_id),
            clock=SystemClock(),
            run=asyncio.to_thread,
            tell=tell,
            passed=passed,
        )
        executor = f"{_PREFIX}{owner}" if database.is_shared else ALONE
        url = database_url(settings) if database.is_shared else f"sqlite:///{settings.data_dir / JOBS_FILE}"
        deliveries = StoredDeliveries(database)
        deliver = Deliver(
            jobs=jobs,
            deliveries=deliveries,
            secrets=WebhookSecrets(StoredSeeds(database), server),
            callbacks=guarded,
            clock=SystemClock(),
            run=asyncio.to_thread,
            passed=passed,
        )
        workflows = Workflows(url, executor, driver, deliver)
        worker = JobWorker(jobs, workflows, driver, asyncio.to_thread, SystemClock())
        telling = DeliveryWorker(deliveries, workflows, asyncio.to_thread, SystemClock())
        workflows.ended, workflows.attempted = worker.ended, telling.ended
        if database.is_shared:
            await asyncio.to_thread(take_duty, database, executor, owner, _LEASE_S)
            stack.callback(drop_duty, database, executor, owner)
        await stack.enter_async_context(workflows)
        works = [worker.work(), worker.tidy(), telling.work(), watch(in_force, providers), _listen(in_force)]
        if database.is_shared:
            works.append(_relieve(database, jobs, workflows, executor, owner))
        await stack.enter_async_context(background(*works))
        yield Labour(worker, driver, telling)


async def _listen(in_force: CatalogueInForce) -> None:
    """Look now and then whether something else was applied to the catalogue."""
    while True:
        await asyncio.sleep(_LISTEN_S)
        in_force.hear()


async def _relieve(database: Database, jobs: StoredJobs, workflows: Workflows, executor: str, owner: str) -> None:
    """Have it known that this worker lives, and go on with what dead ones had begun, for ever."""
    while True:
        try:
            await to_its_end(take_duty, database, executor, owner, _LEASE_S)
            for dead in await to_its_end(lapsed_duties, database, _PREFIX):
                _log.warning("the worker %s has died: its jobs go on here", dead)
                await to_its_end(jobs.let_go, dead)
                await workflows.take_over(dead)
        except Problem as problem:
            _log.error("it could not be told that this worker lives: %s", problem.message)
        await asyncio.sleep(_RENEW_S)
