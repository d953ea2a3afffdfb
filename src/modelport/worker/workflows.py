"""Jobs as workflows of DBOS, which remembers the step that each is at; all that is true of them is in our own tables.

Only the process that drives jobs loads this.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import ParamSpec, Protocol

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

P = ParamSpec("P")

_log = logging.getLogger(__name__)
VERSION = "1"
"""Of the steps below: workflows that an older version began with other steps are not taken for these."""
SCHEMA = "modelport_jobs"
_THREADS = 16
_CONNECTIONS = 4
_BUSY_MS = 30_000
_FORGOTTEN_AT_ONCE = 500


class Steps(Protocol):
    """What is done for a job, each any number of times."""

    async def submit(self, job_id: str) -> None: ...

    async def wait(self, job_id: str) -> None: ...

    async def fetch(self, job_id: str) -> None: ...

    async def settle(self, job_id: str) -> None: ...


class Attempts(Protocol):
    """Tells the end of a job to its webhook."""

    async def attempt(self, job_id: str, number: int) -> None: ...


@dataclass(slots=True)
class Workflows:
    """Runs jobs as workflows, on the event loop that opens it; `ended` is told of each that is over."""

    url: str
    """Where DBOS keeps its own tables: a file of its own, or a schema of its own on a server."""
    executor: str
    """The name under which workflows are run, and found again after a crash."""
    steps: Steps
    attempts: Attempts
    ended: Callable[[str], None] = lambda _: None
    attempted: Callable[[str], None] = lambda _: None
    """Is told of the job of each attempt that is over."""
    running: set[str] = field(default_factory=set[str], init=False)
    _job: "Step[[str]]" = field(init=False)
    _delivery: "Step[[str, int]]" = field(init=False)
    _engine: Engine | None = field(default=None, init=False)

    async def __aenter__(self) -> "Workflows":
        """Begin; what this executor had begun before goes on."""
        config = DBOSConfig(
            name="modelport",
            executor_id=self.executor,
            application_version=VERSION,
            log_level="WARNING",
            max_executor_threads=_THREADS,
            use_listen_notify=False,
            dbos_system_schema=SCHEMA,
        )
        if self.url.startswith("sqlite"):
            self._engine = config["system_database_engine"] = _file(self.url)
        else:
            config["system_database_url"] = self.url
            config["sys_db_pool_size"] = _CONNECTIONS
        DBOS(config=config)
        steps = self.steps
        ordered = [_step(done) for done in (steps.submit, steps.wait, steps.fetch, steps.settle)]

        async def job(job_id: str) -> None:
            self.running.add(job_id)
            try:
                for step in ordered:
                    await step(job_id)
            finally:
                self.running.discard(job_id)
                self.ended(job_id)

        attempt = _step(self.attempts.attempt)

        async def delivery(job_id: str, number: int) -> None:
            try:
                await attempt(job_id, number)
            finally:
                self.attempted(job_id)

        self._job = DBOS.workflow(name="job")(job)
        self._delivery = DBOS.workflow(name="delivery")(delivery)
        DBOS.launch()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop; what is under way is gone on with at the next start."""
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        if self._engine is not None:
            self._engine.dispose()

    async def start(self, job_id: str) -> None:
        """Begin the workflow of a job; one that has begun is left as it is."""
        with SetWorkflowID(job_id):
            await DBOS.start_workflow_async(self._job, job_id)

    async def deliver(self, job_id: str, number: int) -> None:
        """Begin the workflow of an attempt; one that has begun is left as it is."""
        with SetWorkflowID(f"{job_id}.{number}"):
            await DBOS.start_workflow_async(self._delivery, job_id, number)

    async def take_over(self, executor: str) -> None:
        """Go on with what an executor had begun that has died: DBOS does that itself for its own service only."""
        recover = DBOS._recover_pending_workflows  # pyright: ignore[reportPrivateUsage]
        await asyncio.to_thread(recover, [executor])

    async def forget(self, before_s: float) -> int:
        """Forget workflows that were over so long ago; return how many."""
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - before_s))
        found = await DBOS.list_workflows_async(
            status=["SUCCESS", "ERROR"], end_time=until, limit=_FORGOTTEN_AT_ONCE, load_input=False, load_output=False
        )
        if found:
            await DBOS.delete_workflows_async([one.workflow_id for one in found])
        return len(found)


Step = Callable[P, Coroutine[object, object, None]]


def _step(done: Step[P]) -> Step[P]:
    """Make a step of a workflow of what is done; a method cannot be one."""

    async def step(*arguments: P.args, **named: P.kwargs) -> None:
        await done(*arguments, **named)

    return DBOS.step(name=done.__name__)(step)


def _file(url: str) -> Engine:
    """Open a file as DBOS does, but written ahead: a commit must not wait for the disk."""
    engine = create_engine(
        make_url(url), connect_args={"check_same_thread": False}, pool_size=_CONNECTIONS, max_overflow=0
    )

    def prepare(raw: Connection, _: object) -> None:
        raw.isolation_level = "IMMEDIATE"
        for pragma in (f"busy_timeout = {_BUSY_MS}", "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            raw.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", prepare)
    return engine
