"""A request as handlers see it, and the answer they give."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from modelport.api.connection import Connection, connection_of
from modelport.api.cycle import Receive, Scope, Send
from modelport.api.problems import BodyTooLarge, CallerLeft, Overloaded, UnsupportedContent
from modelport.keys.key import Key
from modelport.serving.ports import Client

Headers = Sequence[tuple[bytes, bytes]]

SMALL_BYTES = 65_536
"""A body up to this size is not counted: connections are bounded too."""
_CLIENT_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_JSON = b"application/json"
_TAKEN_FOR_JSON = frozenset({b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/octet-stream"})
"""Types that clients send with JSON because they were told nothing else; curl's `-d` is the best known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; length and cross-origin headers are added when it is sent."""

    status: int
    body: bytes = b""
    headers: Headers = ((b"content-type", b"application/json"),)


def json_answer(content: object, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(status, msgspec.json.encode(content))


@dataclass(slots=True)
class Bodies:
    """Bounds request bodies: one by one, and all that are in memory at the same time."""

    max_bytes: int = 32 * 1024 * 1024
    memory_bytes: int = 512 * 1024 * 1024
    held_bytes: int = field(default=0, init=False)

    def hold(self, size: int) -> None:
        """Count bytes that a request keeps; raises `Overloaded` when there is no room."""
        if self.held_bytes + size > self.memory_bytes:
            raise Overloaded("too many large requests are under way: try again in a second")
        self.held_bytes += size

    def release(self, size: int) -> None:
        """Count bytes as gone."""
        self.held_bytes -= size


class Request:
    """One HTTP request: its parts as they came, its id, and who sent it once that is known."""

    __slots__ = (
        "bodies",
        "client",
        "connection",
        "headers",
        "held_bytes",
        "key",
        "method",
        "path",
        "receive",
        "request_id",
        "scope",
        "send",
        "tail",
    )
    client: Client
    """Where an answer goes that a handler sends piece by piece."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str, bodies: Bodies) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = request_id
        self.bodies = bodies
        self.held_bytes = 0
        """How much of `bodies` this request takes up, to be released when it is answered."""
        self.connection: Connection = connection_of(scope)
        self.tail = ""
        """What follows the route's fixed part: an id, slashes included."""
        self.key: Key | None = None

    @property
    def caller(self) -> Key:
        """Return the verified key; only routes that ask for one may use it."""
        if self.key is None:
            raise RuntimeError(f"{self.path} reads the caller of a route that asks for no key")
        return self.key

    @property
    def client_request_id(self) -> str | None:
        """Return the caller's own id of this request, if it sent a valid one."""
        value = self.headers.get(b"x-client-request-id")
        if value is None or not _CLIENT_REQUEST_ID.fullmatch(value):
            return None
        return value.decode("ascii")

    @property
    def query_string(self) -> bytes:
        """Return what follows the question mark."""
        return self.scope.get("query_string", b"")

    @property
    def credential(self) -> bytes | None:
        """Return the secret that was sent, in any of the three headers; None when there is none."""
        headers = self.headers
        value = headers.get(b"authorization")
        if value:
            secret = value[7:].strip() if value[:7].lower() == b"bearer " else value.strip()
            if secret:
                return secret
        return (headers.get(b"x-api-key") or headers.get(b"api-key") or b"").strip() or None

    def hold(self, size: int) -> None:
        """Count bytes that this request keeps until it is answered; raises `Overloaded` when there is no room."""
        self.bodies.hold(size)
        self.held_bytes += size

    async def json_body(self, limit_bytes: int | None = None) -> bytes:
        """Read the whole body, which must be called JSON or look like it; whether it is JSON is not checked here."""
        headers = self.headers
        kind = headers.get(b"content-type", b"")
        is_json = kind == _JSON or self._is_called_json(kind)
        self._check_plain()
        body = await self._body(limit_bytes or self.bodies.max_bytes)
        if not is_json and body and body.lstrip()[:1] != b"{":
            raise UnsupportedContent("the body is not JSON: send JSON with 'Content-Type: application/json'")
        return body

    async def form_body(self) -> bytes:
        """Read the whole body of a form; whether it is one is not checked here."""
        self._check_plain()
        return await self._body(self.bodies.max_bytes)

    async def raw_body(self, limit_bytes: int) -> bytes:
        """Read the whole body as it came, whatever it is called."""
        return await self._body(limit_bytes)

    def _check_plain(self) -> None:
        if self.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise UnsupportedContent("the body is compressed: send it without Content-Encoding")

    def _is_called_json(self, kind: bytes) -> bool:
        """Say whether the type is one of JSON; refuse it when it cannot be."""
        kind = kind.partition(b";")[0].strip().lower()
        if kind == _JSON or kind.endswith(b"+json"):
            return True
        if kind in _TAKEN_FOR_JSON:
            return False
        raise UnsupportedContent(
            f"the body is {kind.decode('latin-1')[:100]}: send JSON with 'Content-Type: application/json'"
        )

    async def _body(self, limit_bytes: int) -> bytes:
        length = self.headers.get(b"content-length")
        if length is not None and int(length) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        pieces: list[bytes] = []
        size = 0
        while (message := await self.receive())["type"] == "http.request":
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > limit_bytes:
                raise BodyTooLarge(limit_bytes)
            if size > SMALL_BYTES:
                self.hold(len(piece))
            if not message.get("more_body", False):
                return b"".join((*pieces, piece)) if pieces else piece
            pieces.append(piece)
        raise CallerLeft
