"""Jobs in memory: taken in, told of, cancelled; nobody drives them but the test."""

from dataclasses import dataclass, field

from msgspec.structs import replace

from modelport.catalogue.facts import Operation
from modelport.jobs.job import Failure, Job
from modelport.jobs.problems import UnknownJob
from modelport.keys.key import Key
from modelport.serving.media import MediaRequest
from modelport.serving.ports import Client
from tests.jobs.made import job_of


@dataclass(slots=True)
class TwinOrders:
    """The `Orders` of tests."""

    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    asked: list[MediaRequest] = field(default_factory=list[MediaRequest])
    looks: int = 0
    """How often a job was looked at."""
    ends_after: int = 0
    """After how many looks every job has ended; 0 is never."""

    async def order(self, request: MediaRequest, key: Key, client: Client) -> Job:
        del client
        self.asked.append(request)
        job = job_of(key.account_id, f"job-{len(self.jobs)}", key_id=key.id, created_at_ms=0)
        self.jobs[job.id] = job
        return job

    async def find(self, job_id: str, operation: Operation | None = None, account_id: int | None = None) -> Job:
        self.looks += 1
        job = self.jobs.get(job_id)
        if job is None or job.account_id != account_id or operation not in (None, job.operation):
            raise UnknownJob(job_id)
        if self.ends_after and self.looks >= self.ends_after:
            job = self.jobs[job_id] = replace(job, state="completed", result=b'{"text":"hello"}', charged=7)
        elif self.looks > 1 and not job.is_final:
            job = self.jobs[job_id] = replace(job, state="generating", mark="taken")
        return job

    async def page(self, account_id: int, before: str | None, limit: int) -> list[Job]:
        mine = [job for job in self.jobs.values() if job.account_id == account_id]
        return [job for job in reversed(mine) if before is None or job.id < before][:limit]

    async def cancel(self, job_id: str, account_id: int) -> Job:
        job = await self.find(job_id, account_id=account_id)
        if job.mark != "new":
            job = self.jobs[job_id] = replace(job, is_cancelled=True)
        else:
            job = self.jobs[job_id] = replace(job, state="error", failure=Failure("Cancelled", "it was cancelled"))
        return job
