"""Whether the server is alive, and whether it can serve."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from modelport.api.problems import NotReady
from modelport.api.request import Answer, Request, json_answer


async def _always() -> str | None:
    return None


def _nothing() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class HealthRoutes:
    """`/healthz` and `/readyz`."""

    reason_not_ready: Callable[[], Awaitable[str | None]] = _always
    """Says why calls cannot be served now; None when they can."""

    reason_stale: Callable[[], str | None] = _nothing
    """Says why the catalogue in force is not the newest one that was written; None when it is."""

    worker: int | None = None
    """The number of this process, where several serve."""

    async def alive(self, request: Request) -> Answer:
        """Answer that the process runs."""
        return json_answer({"status": "ok"} if self.worker is None else {"status": "ok", "worker": self.worker})

    async def ready(self, request: Request) -> Answer:
        """Answer that calls can be served; else 503 with the reason."""
        reason = await self.reason_not_ready()
        if reason is not None:
            raise NotReady(reason)
        stale = self.reason_stale()
        return json_answer({"status": "ready"} if stale is None else {"status": "ready", "catalogue": stale})
