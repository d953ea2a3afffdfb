"""Calls of models: which wire format is met at which address, and the way into serving."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from modelport.api.access import ACCESS, check_access
from modelport.api.links import Links
from modelport.api.problems import UnknownRoute
from modelport.api.request import Answer, Request, json_answer
from modelport.dialects.table import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Format, Parser
from modelport.keys.key import Key
from modelport.serving.exchange import CallRequest, Memory
from modelport.serving.inlining import MARK
from modelport.serving.ports import Client


class Serve(Protocol):
    """Serves one call from start to finish; raises what goes wrong before its answer begins."""

    async def __call__(self, request: CallRequest, key: Key, client: Client) -> None: ...


class Count(Protocol):
    """Says how many tokens a call would send."""

    async def __call__(self, request: CallRequest, key: Key) -> int: ...


Inline = Callable[[bytes, str], Awaitable[bytes]]
"""Puts our own files into a body in place of their links; the second argument is our address as the caller knows it."""


async def as_it_came(body: bytes, root: str) -> bytes:
    """Leave a body alone."""
    return body


@dataclass(frozen=True, slots=True)
class CallRoutes:
    """The addresses under which models are called."""

    serve: Serve
    count: Count
    memory: Memory
    inline: Inline = as_it_came
    links: Links = field(default_factory=Links)

    async def chat(self, request: Request) -> None:
        """`POST /v1/chat/completions`."""
        await self._call(request, CHAT)

    async def completions(self, request: Request) -> None:
        """`POST /v1/completions`."""
        await self._call(request, COMPLETIONS)

    async def messages(self, request: Request) -> None:
        """`POST /v1/messages`."""
        await self._call(request, _messages(request))

    async def responses(self, request: Request) -> None:
        """`POST /v1/responses`."""
        await self._call(request, RESPONSES)

    async def embeddings(self, request: Request) -> None:
        """`POST /v1/embeddings`."""
        await self._call(request, EMBEDDINGS)

    async def count_tokens(self, request: Request) -> Answer:
        """`POST /v1/messages/count_tokens`."""
        tokens = await self.count(await self._read(request, _messages(request)), request.caller)
        return json_answer({"input_tokens": tokens})

    async def deployment(self, request: Request) -> None:
        """`POST /openai/deployments/{model}` and what Azure's clients put behind it."""
        model, met = _deployed(request.tail)
        if met is EMBEDDINGS:
            check_access(ACCESS["embeddings"], request.caller)
        await self._call(request, met, model)

    async def _call(self, request: Request, met: Format, model: str | None = None) -> None:
        await self.serve(await self._read(request, met, model), request.caller, request.client)

    async def _read(self, request: Request, met: Format, model: str | None = None) -> CallRequest:
        memory = self.memory if met is RESPONSES else None
        body = await request.json_body()
        if MARK in body:
            came_bytes = len(body)
            body = await self.inline(body, self.links.root(request.scope, request.headers))
            request.hold(len(body) - came_bytes)
        return CallRequest(body, met, request.request_id, request.client_request_id, model, memory)


_BEHIND: Sequence[tuple[str, Format]] = (
    ("/chat/completions", CHAT),
    ("/completions", COMPLETIONS),
    ("/embeddings", EMBEDDINGS),
)


class _Trial(Format, frozen=True):
    """Messages, with what a header of the caller switches on."""

    betas: bytes = b""

    @property
    def parser(self) -> Parser:
        """What reads its requests, and the header."""
        from modelport.dialects import anthropic_messages

        return anthropic_messages.WithBetas(self.betas)


def _messages(request: Request) -> Format:
    """Return the format of Messages, with what the caller's header switches on in it."""
    betas = b",".join(value for name, value in request.scope["headers"] if name == b"anthropic-beta")
    return _Trial(MESSAGES.dialect, MESSAGES.operation, MESSAGES.endpoint, betas) if betas else MESSAGES


def _deployed(tail: str) -> tuple[str, Format]:
    """Split what follows `/openai/deployments/` into the model, slashes included, and the operation."""
    path = f"/{tail}"
    end, met = next(((end, met) for end, met in _BEHIND if path.endswith(end)), ("", CHAT))
    model = path.removesuffix(end)[1:]
    if not model:
        raise UnknownRoute("there is no model in the path: use /openai/deployments/{model}/chat/completions")
    return model, met
