"""What keeps jobs: rows in the database in which the money is, so that both change together."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from modelport.jobs.job import Failure, Job, Mark, Progress
from modelport.ledger.hold import Entrusted
from modelport.ledger.records import CallRecord

T = TypeVar("T")


class Run(Protocol):
    """Runs work that blocks, in a thread."""

    async def __call__(self, work: Callable[..., T], /, *arguments: object) -> T: ...


class Ending(Struct, frozen=True):
    """How a job ends: completed with a result, or in error; its row says what it costs and who bears it."""

    record: CallRecord
    result: bytes | None = None
    failure: Failure | None = None


class JobStore(Protocol):
    """Keeps jobs and what is held for them. Calls block and can be made from any thread; each is all or nothing.

    Raises `StoreUnavailable`.
    """

    def add(self, job: Job, lot: Entrusted) -> None:
        """Keep a new job, and move what is held for it out of the slices of its process into slices of its own.

        Those never lapse: the job's end ends them. Adding it again does nothing.
        """
        ...

    def find(self, job_id: str) -> Job | None:
        """Return a job."""
        ...

    def page(self, account_id: int, now_ms: int, before: str | None, limit: int) -> Sequence[Job]:
        """Return jobs of an account that have not expired, newest first, those made before a job."""
        ...

    def claim(self, runner: str, limit: int) -> Sequence[str]:
        """Take jobs that nobody drives, oldest first."""
        ...

    def let_go(self, runner: str) -> int:
        """Have the living jobs of a runner that has died claimed by others; return how many."""
        ...

    def advance(self, job_id: str, mark: Mark, progress: Progress, made: bytes | None = None) -> bool:
        """Note how far a living job is; False, and nothing is changed, where that cannot follow on what it is."""
        ...

    def cancel(self, job_id: str, ending: Ending) -> Job | None:
        """End a job that was not sent yet; have it known of one that was that it is not wanted any more. Returns it."""
        ...

    def end(self, job_id: str, ending: Ending) -> Job | None:
        """End a job: its state, its request row, the entries and the slices of it, in one transaction.

        One that has ended is left as it is. Returns it as it is then.
        """
        ...

    def late(self, now_ms: int, limit: int) -> Sequence[str]:
        """List living jobs whose deadline has passed."""
        ...

    def sweep(self, now_ms: int, limit: int) -> int:
        """Forget ended jobs that have expired, but for those of which the operator is told; return how many."""
        ...

    def unknown(self, limit: int) -> Sequence[Job]:
        """List jobs that ended as `SubmissionUnknown`, newest first."""
        ...
