"""The caller's end of one exchange, over ASGI: what serving sends an answer to."""

from collections.abc import Callable, Sequence

from modelport.api.errors import Refusal, error_headers
from modelport.api.request import Request
from modelport.core.errors import Problem

Headers = tuple[tuple[bytes, bytes], ...]
Render = Callable[[Problem], tuple[Refusal, bytes]]


_BODILESS = frozenset({204, 304})


class AsgiClient:
    """Implements `serving.ports.Client`. The head goes out with the first piece; a whole answer gets its length."""

    __slots__ = ("_always", "_head", "_render", "_request", "has_started", "status")

    def __init__(self, request: Request, cors: Headers, render: Render) -> None:
        self._request = request
        self._always = cors
        self._render = render
        self._head: list[tuple[bytes, bytes]] | None = None
        self.status = 0
        self.has_started = False
        """Whether anything was sent, so that no other answer can be given any more."""

    @property
    def has_left(self) -> bool:
        """Whether the connection is gone."""
        return self._request.connection.is_gone

    def on_leave(self, callback: Callable[[], None]) -> None:
        """Run `callback` once when the caller leaves; at once if it has left."""
        self._request.connection.on_gone(callback)

    def mark(self, name: bytes, value: bytes) -> None:
        """Have the answer carry a header, whatever it becomes."""
        self._always = (*self._always, (name, value))

    async def start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Set status and headers; they are sent with the first piece (`send(b"")` sends them alone)."""
        self.status = status
        self._head = [*headers, *self._always]

    async def send(self, data: bytes) -> None:
        """Send a piece; waits while the caller reads slowly, does nothing once it has left."""
        if self._head is not None:
            await self._begin(self._head)
        await self._request.send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the last piece and end the answer."""
        head = self._head
        if head is not None:
            if self.status not in _BODILESS:
                head.append((b"content-length", b"%d" % len(data)))
            await self._begin(head)
        await self._request.send({"type": "http.response.body", "body": data, "more_body": False})

    async def fail(self, problem: Problem, framed: Callable[[bytes], bytes]) -> None:
        """End a stream with an error event; one of which nothing was sent yet becomes a plain error answer."""
        refusal, body = self._render(problem)
        if self._head is None:
            await self.finish(framed(body))
            return
        kept = [header for header in self._head if header[0] not in (b"content-type", b"cache-control")]
        self.status = refusal.status
        self._head = [*error_headers(refusal), *kept]
        await self.finish(body)

    async def _begin(self, head: list[tuple[bytes, bytes]]) -> None:
        self._head = None
        self.has_started = True
        await self._request.send({"type": "http.response.start", "status": self.status, "headers": head})
