"""Why jobs end in error, and what goes wrong around them."""

from modelport.core.errors import Problem


class UnknownJob(Problem):
    """The account has no such job, or its time is over."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job '{job_id[:64]}': it never was, it is another account's, or it has expired")


class SubmissionUnknown(Problem):
    """The process died, or the answer was lost, between sending the work and learning whether the provider took it.

    It is never sent again, since the provider may be at it.
    """

    def __init__(self, provider: str) -> None:
        super().__init__(
            f"the work was sent to {provider} and its answer was lost, so that nobody knows whether it is being done; "
            "nothing is charged, send it again"
        )


class Cancelled(Problem):
    """Its caller did not want it any more."""

    def __init__(self) -> None:
        super().__init__("the job was cancelled")


class DeadlineExceeded(Problem):
    """It did not end within its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the job has not ended within {seconds:g} s; nothing is charged, send it again")


class NoOffer(Problem):
    """No provider of those that were planned is there any more."""

    def __init__(self, model: str) -> None:
        super().__init__(f"no provider that could make this with '{model}' is configured any more; send it again")


class InternalError(Problem):
    """Something that nobody expected; what it was is in the log."""

    def __init__(self) -> None:
        super().__init__("Internal server error")
