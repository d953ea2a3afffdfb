"""Chat completions: body in, answer through serving."""

from dataclasses import dataclass
from typing import Protocol

from modelport.api.request import Request
from modelport.keys.key import Key
from modelport.serving.exchange import ChatRequest
from modelport.serving.ports import Client

ENDPOINT = "/v1/chat/completions"


class ServeChat(Protocol):
    """Serves one call from start to finish; raises what goes wrong before its answer begins."""

    async def __call__(self, request: ChatRequest, key: Key, client: Client) -> None: ...


@dataclass(frozen=True, slots=True)
class ChatRoutes:
    """`POST /v1/chat/completions` and its twins."""

    serve: ServeChat

    async def complete(self, request: Request) -> None:
        """Serve one chat call."""
        body = await request.json_body()
        call = ChatRequest(body, ENDPOINT, request.request_id, request.client_request_id)
        await self.serve(call, request.caller, request.client)
