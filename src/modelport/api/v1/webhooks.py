"""What proves to an account's webhooks that it is us who call them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from modelport.api.request import Answer, Request, json_answer
from modelport.core.clock import Clock
from modelport.jobs.signing import SigningSecret, told


class Secrets(Protocol):
    """Keeps what signs. Calls block."""

    def of(self, account_id: int, now_ms: int) -> Sequence[SigningSecret]: ...

    def rotate(self, account_id: int, now_ms: int) -> Sequence[SigningSecret]: ...


@dataclass(frozen=True, slots=True)
class WebhookRoutes:
    """`/v1/webhooks/secret`, for management keys."""

    secrets: Secrets
    clock: Clock
    run: Callable[..., Awaitable[Any]]

    async def show(self, request: Request) -> Answer:
        """`GET`: the secret of the account, made when it is first asked for."""
        found = await self.run(self.secrets.of, request.caller.account_id, self.clock.now_ms())
        return json_answer({"data": told(found)})

    async def rotate(self, request: Request) -> Answer:
        """`POST`: another secret; the one before signs beside it for a day."""
        found = await self.run(self.secrets.rotate, request.caller.account_id, self.clock.now_ms())
        return json_answer({"data": told(found)})
