"""Callers by the hundred, over raw sockets, and a gateway whose money they spend."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelport.api.server import raise_file_limit
from modelport.bootstrap.office import Office, office
from modelport.core.credits import Credits
from modelport.core.errors import Secret
from modelport.keys.key import DisconnectPolicy
from modelport.keys.store import KeyTerms
from modelport.settings import Settings
from modelport.storage.books import check_books
from tests.acceptance.gateway import SECRETS, SHARED_SECRET, Gateway
from tests.fake import FakeUpstream
from tests.fake.overlay import MODELS, write_overlay

CHAT = "/v1/chat/completions"
ANSWER_WITHIN_S = 60.0
TOKEN_CREDITS = 1000
"""What an output token of `fake/meter` and `fake/meter-half` costs; input is free."""


@dataclass(slots=True)
class Reply:
    """What came back, as far as it came."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    is_framed: bool = False
    """Whether the last byte that HTTP promises has come."""

    @property
    def is_complete(self) -> bool:
        """Whether a caller would take it for a finished answer."""
        is_stream = self.headers.get("content-type", "").startswith("text/event-stream")
        return self.is_framed and self.status == 200 and (b"data: [DONE]\n\n" in self.body or not is_stream)

    @property
    def inference_id(self) -> str:
        return self.headers["x-inference-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The events of a stream; `[DONE]` is None."""
        payloads = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: ")]
        return [None if payload == b"[DONE]" else json.loads(payload) for payload in payloads]

    @property
    def error(self) -> dict[str, Any]:
        """The error that was told, in an answer of its own or at the end of a stream."""
        told = self.events[-1] if self.headers.get("content-type", "").startswith("text/event") else self.json
        return {**told["error"], "status": told["statusCode"]}


def chat(model: str, *, text: str = "hi", **fields: object) -> bytes:
    """The body of a call."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()


def request(key: str, body: bytes, *headers: str, path: str = CHAT, method: str = "POST") -> bytes:
    """A whole request, as bytes."""
    lines = (f"{method} {path} HTTP/1.1", "host: gateway", f"authorization: Bearer {key}", *headers)
    about = ("content-type: application/json", f"content-length: {len(body)}")
    return "\r\n".join((*lines, *about, "", "")).encode("latin-1") + body


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """Read one answer, or as much of it as comes."""
    reply = Reply()
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        reply.status = int(first.split(" ")[1])
        reply.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" in reply.headers:
            await _read_to(reader, reply, int(reply.headers["content-length"]))
        elif reply.headers.get("transfer-encoding") == "chunked":
            await _read_chunks(reader, reply)
        reply.is_framed = True
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    return reply


async def _read_to(reader: asyncio.StreamReader, reply: Reply, length: int) -> None:
    while (missing := length - len(reply.body)) > 0:
        data = await reader.read(missing)
        if not data:
            raise asyncio.IncompleteReadError(b"", missing)
        reply.body += data


async def _read_chunks(reader: asyncio.StreamReader, reply: Reply) -> None:
    pieces: list[bytes] = []
    try:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            pieces.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
    finally:
        reply.body = b"".join(pieces)


@asynccontextmanager
async def connection(base_url: str) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of one's own."""
    address = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=64 * 1024 * 1024)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(base_url: str, payload: bytes) -> Reply:
    """Send bytes on a new connection and read what comes back; a lost connection is an unfinished reply."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S), connection(base_url) as (reader, writer):
            writer.write(payload)
            return await read_reply(reader)
    except ConnectionError:
        return Reply()


@dataclass(slots=True)
class Town:
    """A gateway, its provider, and accounts with money."""

    gateway: Gateway
    fake: FakeUpstream
    desk: Office
    """Works on the same database, beside the server."""

    def account(self, name: str, credit: int) -> int:
        """Make an account that has so much."""
        return self.desk.accounts.create(name, "", Credits(credit), self.desk.now_ms()).id

    def key(
        self, account_id: int, *, is_management: bool = False, on_disconnect: DisconnectPolicy | None = None
    ) -> str:
        """Make a key of an account."""
        terms = KeyTerms(on_disconnect=on_disconnect or "drain_and_bill")
        _, secret = self.desk.issuer.issue(account_id, self.desk.now_ms(), terms, is_management=is_management)
        return secret.reveal()

    def customer(self, name: str, credit: int) -> tuple[int, str]:
        """Make an account and a key of it."""
        account_id = self.account(name, credit)
        return account_id, self.key(account_id)

    def balance(self, account_id: int) -> int:
        """Sum up the entries of an account."""
        query = (
            "SELECT COALESCE(SUM(CASE WHEN to_account = ? THEN credits ELSE -credits END), 0) AS credits "
            "FROM entries WHERE ? IN (to_account, from_account)"
        )
        return self.gateway.rows(query, account_id, account_id)[0]["credits"]

    def requests(self, account_id: int) -> list[dict[str, Any]]:
        """The request rows of an account, oldest first."""
        return self.gateway.rows("SELECT * FROM requests WHERE account_id = ? ORDER BY inference_id", account_id)

    def row(self, inference_id: str) -> dict[str, Any]:
        """The one row of a call."""
        [row] = self.gateway.rows("SELECT * FROM requests WHERE inference_id = ?", inference_id)
        return row

    def problems(self) -> list[str]:
        """Say what does not add up in the books."""
        return check_books(self.desk.database)

    async def call(self, key: str, model: str = "fake/meter", *, text: str = "hi", **fields: object) -> Reply:
        """Make one call on a connection of its own."""
        return await exchange(self.gateway.base_url, request(key, chat(model, text=text, **fields)))

    async def ask(self, method: str, path: str, key: str, content: object = None) -> Any:
        """Make a request of another kind, which must succeed; returns its JSON."""
        body = b"" if content is None else json.dumps(content).encode()
        reply = await exchange(self.gateway.base_url, request(key, body, path=path, method=method))
        assert reply.status == 200, reply.body
        return reply.json

    @property
    def memory_kb(self) -> int:
        """What the server has in memory now."""
        return self._memory("VmRSS:")

    @property
    def most_memory_kb(self) -> int:
        """What the server ever had in memory."""
        return self._memory("VmHWM:")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.gateway.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1])


@asynccontextmanager
async def town(
    folder: Path,
    *,
    latency_ms: int = 0,
    piece_interval_ms: int = 0,
    models: Iterable[str] = (),
    timeouts: Mapping[str, float] | None = None,
    database_url: str | None = None,
    more: Mapping[str, str] | None = None,
    **settings: object,
) -> AsyncGenerator[Town]:
    """Run a gateway over a fake in this process.

    `models` are more of the fake's, `timeouts` those of the provider, `settings` variables in lower case;
    `database_url` is that of a PostgreSQL database in place of the file, `more` are other
    variables of its environment.
    """
    raise_file_limit()
    chosen = {"server_drain_s": 2, **settings}
    variables = {f"MODELPORT_{name.upper()}": str(value) for name, value in chosen.items()}
    gateway = Gateway(
        folder / "data", secrets=SECRETS, settings={**variables, **(more or {})}, database_url=database_url
    )
    async with FakeUpstream(latency_ms=latency_ms, piece_interval_ms=piece_interval_ms) as fake:
        waits = ", ".join(f"{name} = {seconds}" for name, seconds in (timeouts or {}).items())
        offered = MODELS | dict.fromkeys(models, ("0.5", "1.5"))
        write_overlay(
            gateway.catalogue, fake.base_url, models=offered, extra=f"timeouts = {{ {waits} }}" if waits else ""
        )
        with gateway, office(_beside(gateway)) as desk:
            yield Town(gateway, fake, desk)


@contextmanager
def replica(place: Town, data_dir: Path) -> Generator[Gateway]:
    """Run one more gateway on the database of a town, with the same settings and provider and a folder of its own."""
    first = place.gateway
    gateway = Gateway(data_dir, settings=first.settings, secrets=SECRETS, database_url=first.database_url)
    shutil.copytree(first.catalogue, gateway.catalogue)
    with gateway:
        yield gateway


def _beside(gateway: Gateway) -> Settings:
    if gateway.database_url is None:
        return Settings(data_dir=gateway.data_dir)
    [secret] = SHARED_SECRET.values()
    return Settings(data_dir=gateway.data_dir, database_url=Secret(gateway.database_url), secret=Secret(secret))
