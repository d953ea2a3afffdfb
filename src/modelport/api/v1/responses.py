"""Responses that were kept: `GET` and `DELETE /v1/responses/{id}`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from modelport.api.request import Answer, Request, json_answer
from modelport.core.clock import Clock
from modelport.serving.remembered import Remembered, Responses, UnknownResponse


@dataclass(frozen=True, slots=True)
class ResponseRoutes:
    """What can be done with a response after its call; every key of the account may."""

    kept: Responses
    clock: Clock
    in_thread: Callable[..., Awaitable[object]]
    """Runs work that waits for the disk, as `asyncio.to_thread` does."""

    async def show(self, request: Request) -> Answer:
        """Answer a kept response as its caller got it; raises `UnknownResponse`."""
        found = await self.in_thread(self.kept.find, request.tail, request.caller.account_id, self.clock.now_ms())
        if not isinstance(found, Remembered):
            raise UnknownResponse(request.tail)
        return Answer(200, found.response)

    async def delete(self, request: Request) -> Answer:
        """Forget a response; raises `UnknownResponse`."""
        if not await self.in_thread(self.kept.delete, request.tail, request.caller.account_id, self.clock.now_ms()):
            raise UnknownResponse(request.tail)
        return json_answer({"id": request.tail, "object": "response", "deleted": True})
