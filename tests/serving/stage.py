"""The parts around serving, in memory: providers that follow a script, a caller that notes what reaches it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from modelport.api.errors import code_of, status_of
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.compile import Facts
from modelport.catalogue.facts import RATE_UNITS, Dialect, Model, Offer, Provider, Quirks, Rates
from modelport.core.clock import SystemClock
from modelport.core.counters import Counters
from modelport.core.credits import Credits
from modelport.core.errors import Problem
from modelport.core.ids import IdSource
from modelport.core.pace import FREE_PACE, Pace
from modelport.dialects.table import CHAT, Format
from modelport.dialects.wire import UpstreamRequest
from modelport.keys.key import DisconnectPolicy, Key, Limit
from modelport.ledger.book import Book
from modelport.ledger.records import CallRecord, Receipt
from modelport.ledger.store import Fund
from modelport.limits.limiter import Limiter
from modelport.operations.usage import TEXT_METERS
from modelport.routing.router import Router
from modelport.serving.calls import ServeCalls
from modelport.serving.estimate import Estimator
from modelport.serving.exchange import CallRequest
from modelport.serving.health import Health
from modelport.serving.pacing import Pacing
from tests.twins.ledger import Vault, VaultLedger

ACCOUNT = 3
MODEL = Model(id="acme/talk", name="Talk", maker="acme", operation="chat", description="Talks.")
JSON_TYPE = {b"content-type": b"application/json"}
STREAM_TYPE = {b"content-type": b"text/event-stream; charset=utf-8"}

Piece = bytes | Problem | asyncio.Event


@dataclass(slots=True)
class Script:
    """One answer of a provider; a problem in `pieces` is raised, an event is waited for."""

    pieces: Sequence[Piece] = ()
    status: int = 200
    headers: Mapping[bytes, bytes] = field(default_factory=lambda: JSON_TYPE)
    refusal: Problem | None = None
    """Raised instead of an answer."""
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the provider has the request."""
    entered: int = 0
    left: int = 0
    stopped: int = 0
    """How often its connection was to be closed at once."""


class _Answer:
    def __init__(self, script: Script) -> None:
        self.status = script.status
        self._script = script
        self._headers = script.headers
        self._pieces = iter(script.pieces)

    def header(self, name: bytes) -> bytes | None:
        return self._headers.get(name)

    async def some(self) -> bytes:
        for piece in self._pieces:
            await asyncio.sleep(0)
            if isinstance(piece, Problem):
                raise piece
            if isinstance(piece, bytes):
                return piece
            await piece.wait()
        return b""

    async def body(self, limit_bytes: int) -> bytes:
        body = b""
        while piece := await self.some():
            body += piece
        return body

    def stop(self) -> None:
        self._script.stopped += 1


class ScriptedUpstream:
    """Plays the scripts of each provider in turn; the last one again and again."""

    def __init__(self, scripts: Mapping[str, Sequence[Script]]) -> None:
        self._scripts = {provider: list(of) for provider, of in scripts.items()}
        self.sent: list[tuple[str, UpstreamRequest]] = []

    @asynccontextmanager
    async def send(self, offer: Offer, request: UpstreamRequest) -> AsyncGenerator[_Answer]:
        name = offer.provider.id
        self.sent.append((name, request))
        scripts = self._scripts[name]
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        if script.refusal is not None:
            raise script.refusal
        script.entered += 1
        script.is_asked.set()
        try:
            yield _Answer(script)
        finally:
            script.left += 1

    @property
    def asked(self) -> list[str]:
        """The providers that were asked, in order."""
        return [name for name, _ in self.sent]

    def body(self, index: int = -1) -> Any:
        """The JSON that was sent with a request."""
        return json.loads(self.sent[index][1].body)


class NotingClient:
    """A caller that keeps what it was sent, and can leave."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.marks: dict[bytes, bytes] = {}
        """Headers that the answer carries whatever becomes of it."""
        self.pieces: list[bytes] = []
        self.is_finished = False
        self.problem: Problem | None = None
        self.last_event = b""
        """How the problem was told."""
        self.has_left = False
        self.got = asyncio.Event()
        """Set when the first piece has come."""
        self._on_leave: list[Callable[[], None]] = []

    def on_leave(self, callback: Callable[[], None]) -> None:
        if self.has_left:
            callback()
        self._on_leave.append(callback)

    def mark(self, name: bytes, value: bytes) -> None:
        self.marks[name] = value

    async def start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.status, self.headers = status, dict(headers)

    async def send(self, data: bytes) -> None:
        await asyncio.sleep(0)
        if not self.has_left:
            self.pieces.append(data)
            self.got.set()

    async def finish(self, data: bytes = b"") -> None:
        await self.send(data)
        self.is_finished = not self.has_left

    async def fail(self, problem: Problem, framed: Callable[[bytes], bytes]) -> None:
        self.problem = problem
        self.last_event = framed(b"{}")

    def leave(self) -> None:
        """Close the connection."""
        self.has_left = True
        for callback in self._on_leave:
            callback()

    @property
    def text(self) -> str:
        """All that came."""
        return b"".join(self.pieces).decode()


def usage(output: int, prompt: int = 3) -> dict[str, int]:
    """What a provider reports."""
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}


def whole(output: int | None = 5) -> Script:
    """A whole answer that used so many output tokens, or that reports nothing."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    body: dict[str, object] = {"id": "one", "object": "chat.completion", "choices": [choice]}
    return Script([json.dumps(body if output is None else body | {"usage": usage(output)}).encode()])


def event(content: str | None = "word ", finish: str | None = None) -> bytes:
    """An event of a stream."""
    delta = {} if content is None else {"content": content}
    chunk = {"id": "one", "object": "chat.completion.chunk", "created": 1, "model": "talk-1"}
    return (
        b"data: %b\n\n"
        % json.dumps(chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode()
    )


def ending(output: int | None) -> Iterator[bytes]:
    """The end of a stream: why it ended, what it used, and that it is complete."""
    yield event(None, "stop")
    if output is not None:
        yield b"data: %b\n\n" % json.dumps({"choices": [], "usage": usage(output)}).encode()
    yield b"data: [DONE]\n\n"


def stream(*pieces: Piece, output: int | None = 5, ends: bool = True) -> Script:
    """A streamed answer; its pieces, then a good end unless it has none."""
    return Script([*(pieces or (event(),)), *(ending(output) if ends else ())], headers=STREAM_TYPE)


def refused(status: int, message: str = "no") -> Script:
    """An answer that is an error."""
    return Script([json.dumps({"error": {"message": message}}).encode()], status=status)


def offer_of(
    provider: str,
    *,
    output_credits: int = 1,
    priority: int = 100,
    quirks: Quirks = Quirks(),  # noqa: B008 - frozen
    dialect: Dialect = "openai_chat",
) -> Offer:
    """An offer of the model at one credit per output token; input costs nothing."""
    sold_by = Provider(
        provider,
        provider.title(),
        f"https://{provider}.example/v1",
        {"chat": (dialect,)},
        "none",
        priority=priority,
    )
    rates = dict.fromkeys(TEXT_METERS, 0) | dict.fromkeys(("output", "reasoning"), output_credits * RATE_UNITS)
    return Offer(MODEL.id, sold_by, "talk-1", (Rates(0, rates),), quirks=quirks)


@dataclass(slots=True)
class Routes:
    """A catalogue that does not change."""

    router: Router

    def current(self) -> Router:
        return self.router


@dataclass(slots=True)
class Stage:
    """Serving with all it needs."""

    serve: ServeCalls
    upstream: ScriptedUpstream
    vault: Vault
    book: Book

    async def call(
        self, client: NotingClient | None = None, key: Key | None = None, met: Format = CHAT, **fields: object
    ) -> NotingClient:
        """Make a call and return what its caller got; raises what it was refused with."""
        client = client or NotingClient()
        body = {"model": MODEL.id, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100} | fields
        request = CallRequest(json.dumps(body).encode(), met, "request-1", None)
        key = key or key_of()
        if key.limit is not None:
            self.vault.thresholds[key.id] = key.limit.threshold
        await self.serve(request, key, client)
        return client

    @property
    def balance(self) -> int:
        return self.vault.balance(ACCOUNT)

    @property
    def rows(self) -> list[tuple[CallRecord, Receipt]]:
        """What was written, in order."""
        return list(self.vault.requests.values())

    @property
    def row(self) -> CallRecord:
        """The one row."""
        [(record, _)] = self.rows
        return record

    @property
    def receipt(self) -> Receipt:
        """Who paid for the one call."""
        [(_, paid)] = self.rows
        return paid

    def is_all_free(self) -> bool:
        """Whether nothing is held of what the account has, as far as this process knows."""
        purse = self.book.purses.get(ACCOUNT)
        lent = self.vault.lent(Fund(ACCOUNT))
        return purse is None or (purse.open == 0 and purse.free == lent)


def key_of(
    *,
    on_disconnect: DisconnectPolicy = "drain_and_bill",
    limit: Limit | None = None,
    pace: Pace = FREE_PACE,
    account_pace: Pace = FREE_PACE,
) -> Key:
    """A key of the account."""
    bare = Key(1, ACCOUNT, "0123abcd", None, False, False, None, limit, on_disconnect, 0, 0)
    return replace(bare, pace=pace, account_pace=account_pace)


@asynccontextmanager
async def on_stage(
    scripts: Mapping[str, Sequence[Script]],
    *,
    credit: int = 1000,
    offers: Sequence[Offer] | None = None,
    drain_s: float = 5.0,
    hold_wait_s: float = 0.2,
    limits: Limiter | None = None,
    model: Model | None = None,
) -> AsyncGenerator[Stage]:
    """Serve one model, sold by each provider that has scripts, in the order of their names."""
    sold = tuple(offers or (offer_of(provider) for provider in scripts))
    facts = Facts((model or MODEL,), (), tuple(offer.provider for offer in sold), sold)
    vault = Vault()
    vault.entries.append(("BONUS", 1, ACCOUNT, credit))
    upstream = ScriptedUpstream(scripts)
    limits = limits or Limiter(SystemClock(), Counters())
    async with Book(VaultLedger(vault, "here"), hold_wait_s=hold_wait_s) as book, limits as limiter:
        serve = ServeCalls(
            routes=Routes(Router(Catalogue(facts, "digest"), frozenset())),
            pacing=Pacing(limiter),
            ledger=book,
            upstream=upstream,
            estimator=Estimator(),
            health=Health(SystemClock().monotonic_s),
            clock=SystemClock(),
            jitter=lambda: 0.0,
            new_id=IdSource(),
            status_of=status_of,
            code_of=code_of,
            drain_s=drain_s,
        )
        yield Stage(serve, upstream, vault, book)


def limit_of(amount: int) -> Limit:
    """A limit that never starts afresh."""
    return Limit("no_reset", Credits(amount))
