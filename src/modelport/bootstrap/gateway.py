"""Builds the gateway from settings, and runs it."""

import asyncio
import contextlib
import gc
import random
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
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
from modelport.api.v1.billing import BillingRoutes
from modelport.api.v1.calls import CallRoutes
from modelport.api.v1.exports import ExportRoutes
from modelport.api.v1.health import HealthRoutes
from modelport.api.v1.keys import KeyRoutes
from modelport.api.v1.metrics import MetricsRoutes
from modelport.api.v1.models import ModelRoutes
from modelport.api.v1.responses import ResponseRoutes
from modelport.bootstrap.background import Follower, Readiness, background, sweep, sweep_rows, watch
from modelport.bootstrap.catalogue import CatalogueInForce, load_catalogue, router_for
from modelport.bootstrap.limits import limiter_of
from modelport.bootstrap.office import Office, office, usable_folder
from modelport.bootstrap.parts import engines_of, is_loopback, networks, proxies, secrets_of
from modelport.core.clock import Clock, SystemClock
from modelport.core.counters import Counters
from modelport.core.credits import from_usd
from modelport.core.ids import IdSource
from modelport.keys.ring import KeyRing
from modelport.ledger.book import Book
from modelport.ledger.counted import CountedLedger
from modelport.serving.calls import ServeCalls
from modelport.serving.counting import CountTokens
from modelport.serving.estimate import Estimator
from modelport.serving.health import Health
from modelport.serving.keeping import Keeping
from modelport.serving.pacing import Pacing
from modelport.settings import Settings
from modelport.storage.changes import open_changes
from modelport.storage.exports import StoredExports
from modelport.storage.folder import locked_folder
from modelport.storage.ledger import Ledger, reclaim_all
from modelport.storage.responses import StoredResponses
from modelport.storage.writer import Writer
from modelport.upstream.dial import Tls
from modelport.upstream.providers import Providers


@contextlib.asynccontextmanager
async def gateway(settings: Settings) -> AsyncGenerator[App]:
    """Build the gateway over its data folder, which it holds alone; on the way out everything is closed and returned.

    Raises `FolderUnusable`, `FolderInUse`, `MigrationFailed`, `CatalogueInvalid`, `SettingsInvalid`.
    """
    async with AsyncExitStack() as stack:
        with usable_folder(settings.data_dir):
            stack.enter_context(locked_folder(settings.data_dir))
        desk = stack.enter_context(office(settings))
        if not desk.database.is_shared:
            reclaim_all(desk.database)
        catalogue = load_catalogue(settings)
        in_force = CatalogueInForce(settings, catalogue, router_for(catalogue))
        clock, counters = SystemClock(), Counters()
        writer = await stack.enter_async_context(Writer(desk.database, retry_s=settings.storage.retry_s))
        free_per_hour = from_usd(Decimal(settings.money.free_usd_per_hour))
        store = Ledger(desk.database, writer, secrets.token_hex(8), free_per_hour=free_per_hour)
        book = await stack.enter_async_context(Book(CountedLedger(store, counters), clock, settings.money.hold_wait_s))
        limiter = await stack.enter_async_context(limiter_of(settings, clock, counters))
        engines = await stack.enter_async_context(engines_of(settings))
        providers = Providers(
            secrets_of(catalogue), engines=engines, proxies=proxies(settings), tls=Tls(settings.egress.ca_file)
        )
        await stack.enter_async_context(providers)
        changes = open_changes(desk.database)
        stack.callback(changes.close)
        ring = KeyRing(desk.keys, desk.issuer.hasher, refresh=lambda: follower.poll(), clock=clock)
        follower = Follower(changes, ring, book)
        await stack.enter_async_context(background(follower.follow(), watch(in_force, providers)))
        keeping = Keeping(StoredResponses(desk.database), settings.storage.response_days, asyncio.to_thread)
        sweeps = (sweep(keeping, clock), sweep_rows(desk.database, settings.storage.log_days))
        await stack.enter_async_context(background(*sweeps))
        if settings.engine.preload:
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
        yield _app(settings, desk, ring, store, in_force, calls, keeping, clock, counters)


def _app(
    settings: Settings,
    desk: Office,
    ring: KeyRing,
    store: Ledger,
    in_force: CatalogueInForce,
    calls: ServeCalls,
    keeping: Keeping,
    clock: Clock,
    counters: Counters,
) -> App:
    token = settings.server.metrics_token
    trusted = networks(settings.trusted_proxies)
    links = Links(settings.public_url, trusted)
    routes = all_routes(
        about=AboutRoutes(links),
        calls=CallRoutes(calls, CountTokens(in_force, calls.upstream, calls.pacing, clock), keeping),
        responses=ResponseRoutes(keeping.responses, clock, asyncio.to_thread),
        models=ModelRoutes(
            lambda: in_force.catalogue,
            lambda model: in_force.router.shown_rates(model, clock.now_ms()),
            links,
            clock,
        ),
        keys=KeyRoutes(desk.keys, desk.issuer, ring, clock, asyncio.to_thread, lambda: in_force.catalogue),
        billing=BillingRoutes(store, desk.accounts, clock, asyncio.to_thread),
        exports=ExportRoutes(StoredExports(desk.database), clock, asyncio.to_thread),
        health=HealthRoutes(Readiness(desk.database).reason, lambda: in_force.rejected),
        metrics=None if token is None else MetricsRoutes(counters, token),
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


def _calm_collector() -> None:
    """Have the cycle collector leave alone what was made at start, and look less often at what calls leave behind.

    Hardly any of it is in cycles, and looking took a tenth of the CPU of a call; `make soak` shows that memory is flat.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def run(settings: Settings, greet: Callable[[str], None]) -> None:
    """Serve until a signal; `greet` is told the address that is listened on. Raises `CannotListen` and as `gateway`."""
    async with gateway(settings) as app:
        _calm_collector()
        limits = Limits(
            header_s=settings.server.header_timeout_s,
            body_idle_s=settings.server.body_timeout_s,
            body_s=settings.server.body_total_s,
            write_stall_s=settings.server.write_stall_s,
            keep_alive_s=settings.server.keep_alive_s,
        )

        def started(host: str, port: int) -> None:
            shown = f"[{host}]" if ":" in host else host
            greet(f"http://{shown}:{port}")

        await serve(
            app,
            settings.host,
            settings.port,
            stop=asyncio.Event(),
            on_started=started,
            limits=limits,
            drain_s=settings.server.drain_s,
        )
