"""Builds the gateway from settings, and runs it."""

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from decimal import Decimal

from modelport.api.app import App
from modelport.api.cors import Cors
from modelport.api.errors import code_of, status_of
from modelport.api.links import Links
from modelport.api.peers import Peers
from modelport.api.protocol import Limits
from modelport.api.request import Bodies
from modelport.api.server import serve
from modelport.api.table import all_routes
from modelport.api.v1.about import AboutRoutes
from modelport.api.v1.assets import AssetRoutes
from modelport.api.v1.billing import BillingRoutes, no_top_up
from modelport.api.v1.calls import CallRoutes
from modelport.api.v1.documents import DocumentRoutes
from modelport.api.v1.exports import ExportRoutes
from modelport.api.v1.health import HealthRoutes
from modelport.api.v1.jobs import JobRoutes
from modelport.api.v1.keys import KeyRoutes
from modelport.api.v1.media import MediaRoutes
from modelport.api.v1.metrics import MetricsRoutes
from modelport.api.v1.models import ModelRoutes
from modelport.api.v1.pages import PageRoutes
from modelport.api.v1.payments import PaymentRoutes
from modelport.api.v1.plans import PlanRoutes
from modelport.api.v1.reports import ReportRoutes
from modelport.api.v1.responses import ResponseRoutes
from modelport.api.v1.speeds import SpeedRoutes
from modelport.api.v1.webhooks import WebhookRoutes
from modelport.assets.archive import Archive
from modelport.bootstrap.assets import guarded_of, inputs_of, sweep_assets
from modelport.bootstrap.background import Follower, Readiness, background, publish, sweep, sweep_rows, tidying, watch
from modelport.bootstrap.catalogue import CatalogueInForce, load_in_force
from modelport.bootstrap.keeper import keeper
from modelport.bootstrap.limits import limiter_of
from modelport.bootstrap.memory import settle, share_heap
from modelport.bootstrap.office import Office, held_office, office
from modelport.bootstrap.parts import engines_of, is_loopback, networks, obstacles_of, proxies, secrets_of
from modelport.bootstrap.payments import money_duties, payments
from modelport.catalogue.catalogue import Catalogue
from modelport.checkout.desk import PaymentDesk
from modelport.console.site import Console
from modelport.core.clock import Clock, SystemClock
from modelport.core.counters import Counters
from modelport.core.credits import from_usd
from modelport.core.ids import IdSource
from modelport.engines.supervisor import Engines
from modelport.keys.ring import KeyRing
from modelport.ledger.book import Book
from modelport.ledger.counted import CountedLedger
from modelport.reports.speeds import Speeds
from modelport.reports.traffic import Traffic
from modelport.serving.calls import ServeCalls
from modelport.serving.counting import CountTokens
from modelport.serving.estimate import Estimator
from modelport.serving.health import Health
from modelport.serving.inlining import Inlining
from modelport.serving.inputs import Inputs
from modelport.serving.jobs.ordering import OrderJobs
from modelport.serving.jobs.webhooks import CheckWebhook
from modelport.serving.keeping import Keeping
from modelport.serving.media import ServeMedia
from modelport.serving.pacing import Pacing
from modelport.serving.stored import StoredFiles
from modelport.settings import Settings
from modelport.storage.catalogues import AppliedCatalogues
from modelport.storage.changes import open_changes
from modelport.storage.exports import StoredExports
from modelport.storage.jobs import StoredJobs
from modelport.storage.ledger import Ledger
from modelport.storage.reports import Reports
from modelport.storage.responses import StoredResponses
from modelport.storage.traffic import StoredTraffic
from modelport.storage.writer import Writer
from modelport.upstream.dial import Tls
from modelport.upstream.providers import EngineSockets, Providers


@dataclass(frozen=True, slots=True)
class Membership:
    """The place of a gateway among those that a supervisor started; it holds the data folder for all of them."""

    number: int
    owner: str
    """The name under which it borrows money."""
    engines: EngineSockets
    """Those that all of them share."""
    wake: Callable[[], None] = lambda: None
    """Has the one that drives jobs look for new ones."""


@contextlib.asynccontextmanager
async def gateway(settings: Settings, member: Membership | None = None) -> AsyncGenerator[App]:
    """Build the gateway over its data folder; on the way out everything is closed and returned.

    It holds the folder alone unless it is a member of several. Raises `FolderUnusable`, `FolderInUse`,
    `MigrationFailed`, `CatalogueInvalid`, `SettingsInvalid`.
    """
    async with AsyncExitStack() as stack:
        desk, lock = stack.enter_context(held_office(settings) if member is None else _shared_office(settings))
        in_force = load_in_force(settings, AppliedCatalogues(desk.database))
        clock, counters, traffic = SystemClock(), Counters(), Traffic()
        writer = await stack.enter_async_context(Writer(desk.database, retry_s=settings.storage.retry_s))
        owner = secrets.token_hex(8) if member is None else member.owner
        free_per_hour = from_usd(Decimal(settings.money.free_usd_per_hour))
        store = Ledger(desk.database, writer, owner, free_per_hour=free_per_hour)
        measured = StoredTraffic(desk.database)
        await stack.enter_async_context(background(publish(traffic, measured)))
        counted = CountedLedger(store, counters, traffic.record)
        book = await stack.enter_async_context(Book(counted, clock, settings.money.hold_wait_s))
        limiter = await stack.enter_async_context(limiter_of(settings, clock, counters))
        engines = await stack.enter_async_context(engines_of(settings)) if member is None else member.engines
        providers = await stack.enter_async_context(_providers(settings, in_force.catalogue, engines))
        changes = open_changes(desk.database)
        stack.callback(changes.close)
        ring = KeyRing(desk.keys, desk.issuer.hasher, refresh=lambda: follower.poll(), clock=clock)
        follower = Follower(changes, ring, book, in_force)
        await stack.enter_async_context(background(follower.follow(), watch(in_force, providers)))
        keeping = Keeping(StoredResponses(desk.database), settings.storage.response_days, asyncio.to_thread)
        await stack.enter_async_context(background(*_sweeps(settings, desk, keeping, owner, clock)))
        paying = stack.enter_context(payments(settings, desk.database))
        await stack.enter_async_context(money_duties(desk.database, owner, paying))
        if settings.engine.preload and isinstance(engines, Engines):
            await engines.preload(settings.engine.default_model)
        new_id = IdSource()
        calls = ServeCalls(
            routes=in_force,
            pacing=Pacing(limiter),
            ledger=book,
            upstream=providers,
            estimator=Estimator(),
            health=Health(clock.monotonic_s),
            clock=clock,
            jitter=random.random,
            new_id=new_id,
            status_of=status_of,
            code_of=code_of,
            drain_s=settings.money.drain_s,
        )
        wake = _unheard if member is None else member.wake
        if isinstance(engines, Engines):
            wake = (await stack.enter_async_context(keeper(settings, desk.database, engines, lock))).wake
        jobs = stack.enter_context(closing(StoredJobs(desk.database, settings.storage.retry_s)))
        guarded = guarded_of(settings, providers.pool)
        media = _media(
            calls, inputs_of(settings, desk.archive, guarded), desk.archive, jobs, wake, CheckWebhook(guarded)
        )
        number, speeds = None if member is None else member.number, Speeds(traffic, measured, clock)
        yield _app(settings, desk, ring, store, in_force, calls, media, keeping, paying, speeds, counters, number)


def _sweeps(
    settings: Settings, desk: Office, keeping: Keeping, owner: str, clock: Clock
) -> tuple[Coroutine[object, object, None], ...]:
    """Forget what was kept for long enough."""
    return (
        sweep(keeping, clock),
        sweep_rows(desk.database, owner, settings.storage.log_days),
        tidying(desk.database, owner),
        sweep_assets(desk.archive, desk.database, owner, is_shared=settings.assets.url is not None),
    )


@contextlib.contextmanager
def _shared_office(settings: Settings) -> Generator[tuple[Office, int]]:
    """Open the data folder that a supervisor holds."""
    with office(settings) as desk:
        yield desk, 0


def _unheard() -> None:
    """Tell nobody of a job."""


def _providers(settings: Settings, catalogue: Catalogue, engines: EngineSockets) -> Providers:
    tls = Tls(settings.egress.ca_file)
    return Providers(secrets_of(catalogue), engines=engines, proxies=proxies(settings), tls=tls)


@dataclass(frozen=True, slots=True)
class _Media:
    """Calls for media, whether they are answered at once or later, and the files of all calls."""

    serve: ServeMedia
    orders: OrderJobs
    inputs: Inputs
    check_webhook: CheckWebhook


def _media(
    calls: ServeCalls,
    inputs: Inputs,
    archive: Archive,
    jobs: StoredJobs,
    wake: Callable[[], None],
    check_webhook: CheckWebhook,
) -> _Media:
    """Serve media with what serves calls, and with files."""

    def files(root: str, account_id: int) -> StoredFiles:
        return StoredFiles(inputs, archive, root, account_id)

    serve = ServeMedia(
        routes=calls.routes,
        pacing=calls.pacing,
        ledger=calls.ledger,
        upstream=calls.upstream,
        health=calls.health,
        files=files,
        clock=calls.clock,
        new_id=calls.new_id,
        status_of=calls.status_of,
        code_of=calls.code_of,
        drain_s=calls.drain_s,
    )
    orders = OrderJobs(
        routes=calls.routes,
        pacing=calls.pacing,
        ledger=calls.ledger,
        files=files,
        store=jobs,
        run=asyncio.to_thread,
        wake=wake,
        clock=calls.clock,
        new_id=calls.new_id,
        status_of=calls.status_of,
        code_of=calls.code_of,
        check_webhook=check_webhook,
    )
    return _Media(serve, orders, inputs, check_webhook)


def _app(
    settings: Settings,
    desk: Office,
    ring: KeyRing,
    store: Ledger,
    in_force: CatalogueInForce,
    calls: ServeCalls,
    media: _Media,
    keeping: Keeping,
    paying: PaymentDesk | None,
    speeds: Speeds,
    counters: Counters,
    number: int | None,
) -> App:
    clock = calls.clock
    token = settings.server.metrics_token
    trusted = networks(settings.trusted_proxies)
    links = Links(settings.public_url, trusted)
    models = ModelRoutes(
        lambda: in_force.catalogue, lambda model: in_force.router.shown_rates(model, clock.now_ms()), links, clock
    )
    counting = CountTokens(in_force, calls.upstream, calls.pacing, clock)
    routes = all_routes(
        calls=CallRoutes(calls, counting, keeping, Inlining(media.inputs), links),
        media=MediaRoutes(media.serve, links),
        jobs=JobRoutes(media.orders, clock),
        responses=ResponseRoutes(keeping.responses, clock, asyncio.to_thread),
        models=models,
        pages=PageRoutes(
            Console(in_force.current, clock, speeds.of), AboutRoutes(links), models, links, asyncio.to_thread
        ),
        plans=PlanRoutes(in_force.current, clock, asyncio.to_thread, lambda: obstacles_of(settings)),
        speeds=SpeedRoutes(lambda: in_force.catalogue, speeds.all, clock, asyncio.to_thread),
        documents=DocumentRoutes(lambda: in_force.catalogue, links),
        keys=KeyRoutes(
            desk.keys, desk.issuer, ring, clock, asyncio.to_thread, lambda: in_force.catalogue, media.check_webhook
        ),
        webhooks=WebhookRoutes(desk.webhook_secrets, clock, asyncio.to_thread),
        billing=BillingRoutes(
            store, desk.accounts, clock, asyncio.to_thread, paying.auto_top_up if paying else no_top_up
        ),
        exports=ExportRoutes(StoredExports(desk.database), clock, asyncio.to_thread),
        reports=ReportRoutes(Reports(desk.database), desk.cursors, clock, asyncio.to_thread, calls.pacing.admit_report),
        assets=AssetRoutes(desk.archive),
        health=HealthRoutes(Readiness(desk.database, store).reason, lambda: in_force.rejected, number),
        metrics=None if token is None else MetricsRoutes(counters, token),
        payments=None if paying is None else PaymentRoutes(paying),
    )
    return App(
        routes,
        ring.authenticate,
        cors=Cors(settings.server.cors_origin, is_loopback=is_loopback(settings.host)),
        links=links,
        peers=Peers(trusted),
        clock=clock,
        bodies=Bodies(settings.server.max_body_bytes),
        new_inference_id=calls.new_id,
    )


def write_log(settings: Settings, number: int | None = None, kind: str = "worker") -> None:
    """Have what happens written to standard error, with the worker that it happened in."""
    who = "" if number is None else f"{kind} {number}: "
    logging.basicConfig(
        level=settings.log_level.upper(), format=f"%(asctime)s %(levelname)s {who}%(name)s: %(message)s"
    )
    logging.getLogger("alembic").setLevel(max(logging.WARNING, logging.getLogger().level))


def limits(settings: Settings) -> Limits:
    """Return what connections are kept to."""
    server = settings.server
    return Limits(
        header_s=server.header_timeout_s,
        body_idle_s=server.body_timeout_s,
        body_s=server.body_total_s,
        write_stall_s=server.write_stall_s,
        keep_alive_s=server.keep_alive_s,
    )


def address(host: str, port: int) -> str:
    """Write where something listens as a URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def run(settings: Settings, greet: Callable[[str], None]) -> None:
    """Serve until a signal; `greet` is told the address that is listened on. Raises `CannotListen` and as `gateway`."""
    share_heap()
    async with gateway(settings) as app:
        settle()

        def started(host: str, port: int) -> None:
            greet(address(host, port))

        await serve(
            app,
            settings.host,
            settings.port,
            stop=asyncio.Event(),
            on_started=started,
            limits=limits(settings),
            drain_s=settings.server.drain_s,
        )
