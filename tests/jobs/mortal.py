"""`python -m tests.jobs.mortal DATA_DIR JOB POINT`: drives jobs as the worker does, and is killed at a point of one.

It ends by itself once the job has ended and its webhook was called, if it has one.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from modelport.bootstrap.labour import labour
from modelport.bootstrap.office import database_url
from modelport.jobs.job import Job
from modelport.settings import load
from modelport.storage.database import Database
from modelport.storage.jobs import StoredJobs


class NoEngines:
    """No local model is there."""

    @contextlib.asynccontextmanager
    async def lease(self, name: str, weights_id: str) -> AsyncGenerator[str]:
        raise AssertionError(f"nobody asks {name} for {weights_id}")
        yield ""


def is_over(job: Job | None) -> bool:
    """Say whether nothing is left to do for a job."""
    return job is not None and job.is_final and (job.delivery is None or job.delivery.status != "pending")


async def live(folder: Path, job_id: str, deadly: str) -> None:
    """Drive until the job has ended, or the point is passed."""

    def passed(job: str, point: str) -> None:
        if (job, point) == (job_id, deadly):
            os.kill(os.getpid(), signal.SIGKILL)

    settings = load(given={"data_dir": folder})
    jobs = StoredJobs(Database(database_url(settings)))
    async with labour(settings, NoEngines(), "mortal", passed):
        while not is_over(await asyncio.to_thread(jobs.find, job_id)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
