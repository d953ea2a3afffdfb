"""A whole API over in-memory parts, served by the real server on a free port."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import httpx

from modelport.accounts.account import Account, UnknownAccount
from modelport.api.app import App
from modelport.api.cors import Cors
from modelport.api.links import Links
from modelport.api.peers import Peers
from modelport.api.protocol import Limits
from modelport.api.request import Bodies
from modelport.api.server import listening
from modelport.api.table import all_routes
from modelport.api.v1.about import AboutRoutes
from modelport.api.v1.assets import AssetRoutes
from modelport.api.v1.billing import BillingRoutes, no_top_up
from modelport.api.v1.calls import CallRoutes, Inline, as_it_came
from modelport.api.v1.documents import DocumentRoutes
from modelport.api.v1.exports import ExportRoutes
from modelport.api.v1.health import HealthRoutes
from modelport.api.v1.jobs import JobRoutes
from modelport.api.v1.keys import KeyRoutes
from modelport.api.v1.media import MediaRoutes
from modelport.api.v1.metrics import MetricsRoutes
from modelport.api.v1.models import ModelRoutes
from modelport.api.v1.pages import PageRoutes
from modelport.api.v1.payments import PaymentRoutes, Payments
from modelport.api.v1.plans import PlanRoutes
from modelport.api.v1.reports import Admit, ReportRoutes, admit_all
from modelport.api.v1.responses import ResponseRoutes
from modelport.api.v1.speeds import SpeedRoutes
from modelport.api.v1.webhooks import WebhookRoutes
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.compile import Facts
from modelport.catalogue.facts import Model, Provider, Retired
from modelport.console.site import Console
from modelport.core.counters import Counters
from modelport.core.credits import Credits
from modelport.core.errors import Secret
from modelport.core.pace import Pace
from modelport.jobs.signing import WebhookSecrets
from modelport.keys.issue import KeyHasher, KeyIssuer
from modelport.keys.key import Key, Scope
from modelport.keys.ring import KeyRing
from modelport.keys.store import NO_TERMS, KeyTerms
from modelport.ledger.exports import Exports
from modelport.reports.speeds import Speeds
from modelport.reports.store import ReportStore
from modelport.reports.traffic import Traffic
from modelport.reports.transactions import Cursors
from modelport.routing.router import Router
from modelport.serving.exchange import CallRequest
from modelport.serving.jobs.webhooks import CheckWebhook
from modelport.serving.keeping import Keeping
from modelport.serving.media import MediaRequest
from modelport.serving.ports import Client
from tests.jobs.receiver import TwinCallbacks, TwinSeeds
from tests.keys.twin import TwinKeys
from tests.twins.assets import TwinAssets, twin_archive
from tests.twins.exports import TwinExports
from tests.twins.orders import TwinOrders
from tests.twins.payments import TwinPayments
from tests.twins.reports import TwinReports
from tests.twins.responses import TwinResponses
from tests.twins.traffic import TwinTraffic

ACCOUNT = 7
NOW_MS = 1_777_716_000_123
CURSORS = Cursors([(1, b"a secret of the server, 32 bytes.")])
REPLY = b'{"object":"chat.completion"}'
CATALOGUE = Catalogue(
    Facts(
        models=(
            Model(id="acme/talk", name="Talk", maker="acme", operation="chat", description="Talks.", aliases=("talk",)),
            Model(
                id="other/think",
                name="Think",
                maker="other",
                operation="chat",
                description="Thinks.",
                retires_on=date(2027, 2, 3),
            ),
        ),
        retired=(Retired("acme/old", "acme/talk"),),
        providers=(
            Provider(
                "acme-cloud", "Acme Cloud", "https://acme.example/v1", {"chat": ("openai_chat",)}, aliases=("ac",)
            ),
            Provider("other-cloud", "Other Cloud", "https://other.example/v1", {"chat": ("openai_chat",)}),
        ),
        offers=(),
    ),
    "digest",
)

ROUTER = Router(CATALOGUE, frozenset())

Serve = Callable[[CallRequest, Key, Client], Awaitable[None]]


class FixedClock:
    """Stands still, unless it is set."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000


class Accounts:
    """One account."""

    def by_id(self, account_id: int) -> Account:
        if account_id != ACCOUNT:
            raise UnknownAccount(str(account_id))
        return Account(ACCOUNT, "dev", "dev@example.org", NOW_MS)

    def by_name(self, name: str) -> Account:
        return self.by_id(ACCOUNT)

    def create(self, name: str, email: str, at_ms: int) -> Account:
        raise NotImplementedError

    def limit(self, account_id: int, bounds: Pace, at_ms: int) -> Account:
        raise NotImplementedError

    def all(self) -> list[Account]:
        return [self.by_id(ACCOUNT)]


@dataclass
class Balances:
    """One balance for all."""

    credits: Credits = field(default_factory=lambda: Credits(4_200_000))

    async def balance(self, account_id: int) -> Credits:
        return self.credits


async def answer_at_once(request: CallRequest, key: Key, client: Client) -> None:
    """The shortest chat there is."""
    await client.start(200, [(b"content-type", b"application/json"), (b"x-inference-id", b"i" * 21)])
    await client.finish(REPLY)


async def run_at_once(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call the store without a thread: the twins do not block."""
    return call(*arguments)


@dataclass
class Site:
    """The parts of a running API, for tests to look at and change."""

    keys: TwinKeys = field(default_factory=TwinKeys)
    balances: Balances = field(default_factory=Balances)
    clock: FixedClock = field(default_factory=FixedClock)
    serve_chat: Serve = answer_at_once
    chats: list[CallRequest] = field(default_factory=list)
    media: list[MediaRequest] = field(default_factory=list)
    jobs: TwinOrders = field(default_factory=TwinOrders)
    jobs_open_ms: int = 0
    """How long who asks after a young job is kept waiting."""
    links: Links = field(default_factory=Links)
    cors: Cors = field(default_factory=Cors)
    peers: Peers = field(default_factory=Peers)
    bodies: Bodies = field(default_factory=Bodies)
    kept: TwinResponses = field(default_factory=TwinResponses)
    exports: Exports = field(default_factory=TwinExports)
    traffic: Traffic = field(default_factory=Traffic)
    published: TwinTraffic = field(default_factory=TwinTraffic)
    inline: Inline = as_it_came
    files: TwinAssets = field(default_factory=TwinAssets)
    counters: Counters = field(default_factory=Counters)
    metrics_token: str | None = "a token"
    reports: ReportStore | None = None
    admit_report: Admit = admit_all
    payments: Payments | None = field(default_factory=TwinPayments)
    callbacks: TwinCallbacks = field(default_factory=TwinCallbacks)
    seeds: TwinSeeds = field(default_factory=TwinSeeds)
    not_ready: str | None = None
    stale: str | None = None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    host: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        hasher = KeyHasher([(1, b"a secret of the server, 32 bytes.")])
        self.issuer = KeyIssuer(self.keys, hasher)
        self.ring = KeyRing(self.keys, hasher, run=run_at_once, clock=self.clock)
        self.secrets = WebhookSecrets(self.seeds, [(1, b"a secret of the server, 32 bytes.")])
        self.archive = twin_archive(self.clock, self.files)
        self.regular = self.make_key()
        self.management = self.make_key(is_management=True)

    def make_key(
        self,
        terms: KeyTerms = NO_TERMS,
        *,
        is_management: bool = False,
        scopes: frozenset[Scope] | None = None,
    ) -> str:
        if scopes is not None:
            terms = replace(terms, scopes=scopes)
        _, secret = self.issuer.issue(ACCOUNT, NOW_MS, terms, is_management=is_management)
        return secret.reveal()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def key_routes(self) -> KeyRoutes:
        """Build the routes of keys over the parts."""
        judge = CheckWebhook(self.callbacks)
        return KeyRoutes(self.keys, self.issuer, self.ring, self.clock, run_at_once, lambda: CATALOGUE, judge)

    def app(self) -> App:
        """Build the application over the parts."""

        async def serve(request: CallRequest, key: Key, client: Client) -> None:
            self.chats.append(request)
            await self.serve_chat(request, key, client)

        async def make(request: MediaRequest, key: Key, client: Client) -> None:
            self.media.append(request)
            await client.start(200, [(b"content-type", b"application/json"), (b"x-inference-id", b"i" * 21)])
            await client.finish(REPLY)

        async def count(request: CallRequest, key: Key) -> int:
            self.chats.append(request)
            return 7

        async def reason() -> str | None:
            return self.not_ready

        speeds = Speeds(self.traffic, self.published, self.clock)
        models = ModelRoutes(lambda: CATALOGUE, lambda model: None, self.links, self.clock)
        routes = all_routes(
            calls=CallRoutes(serve, count, Keeping(self.kept, 1, run_at_once), self.inline, self.links),
            media=MediaRoutes(make, self.links),
            jobs=JobRoutes(self.jobs, self.clock, self.jobs_open_ms),
            responses=ResponseRoutes(self.kept, self.clock, run_at_once),
            models=models,
            pages=PageRoutes(
                Console(lambda: ROUTER, self.clock, speeds.of), AboutRoutes(self.links), models, self.links, run_at_once
            ),
            plans=PlanRoutes(lambda: Router(CATALOGUE, frozenset()), self.clock, run_at_once, dict),
            speeds=SpeedRoutes(lambda: CATALOGUE, speeds.all, self.clock, run_at_once),
            documents=DocumentRoutes(lambda: CATALOGUE, self.links),
            keys=self.key_routes(),
            webhooks=WebhookRoutes(self.secrets, self.clock, run_at_once),
            billing=BillingRoutes(
                self.balances,
                Accounts(),
                self.clock,
                run_at_once,
                no_top_up if self.payments is None else self.payments.auto_top_up,
            ),
            exports=ExportRoutes(self.exports, self.clock, run_at_once),
            reports=ReportRoutes(
                self.reports or TwinReports(keys=self.keys), CURSORS, self.clock, run_at_once, self.admit_report
            ),
            assets=AssetRoutes(self.archive),
            health=HealthRoutes(reason, lambda: self.stale),
            metrics=None if self.metrics_token is None else MetricsRoutes(self.counters, Secret(self.metrics_token)),
            payments=None if self.payments is None else PaymentRoutes(self.payments),
        )
        return App(
            routes,
            self.ring.authenticate,
            cors=self.cors,
            links=self.links,
            peers=self.peers,
            clock=self.clock,
            bodies=self.bodies,
        )

    @asynccontextmanager
    async def running(self, limits: Limits | None = None) -> AsyncGenerator[httpx.AsyncClient]:
        """Serve on a free port; yields a client that sends no key by itself."""
        async with AsyncExitStack() as stack:
            served = listening(self.app(), limits=limits, drain_s=0.5)
            self.host, self.port = await stack.enter_async_context(served)
            stack.push_async_callback(self.hang_up)
            client = httpx.AsyncClient(base_url=self.url, timeout=10, trust_env=False, verify=False)
            yield await stack.enter_async_context(client)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a bare connection, closed with the site at the latest."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        self.writers.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        """Close all bare connections."""
        for writer in self.writers:
            writer.close()
        for writer in self.writers:
            with suppress(ConnectionError):
                await writer.wait_closed()


def bearer(secret: str) -> dict[str, str]:
    """Make the usual credential header."""
    return {"authorization": f"Bearer {secret}"}


def head(method: str, path: str, headers: Sequence[str] = ()) -> bytes:
    """Make a request's head by hand."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "host: here.example", *headers, "", "")).encode()
