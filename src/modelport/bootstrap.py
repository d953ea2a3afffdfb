"""The one place that knows every other: builds the gateway, and the desk that commands work at, from settings."""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import random
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeVar

from modelport.api.app import App
from modelport.api.cors import Cors
from modelport.api.errors import code_of, status_of
from modelport.api.links import Links, Network
from modelport.api.protocol import Limits
from modelport.api.request import Bodies
from modelport.api.server import serve
from modelport.api.table import all_routes
from modelport.api.v1.about import AboutRoutes
from modelport.api.v1.billing import BillingRoutes
from modelport.api.v1.calls import CallRoutes
from modelport.api.v1.health import HealthRoutes
from modelport.api.v1.keys import KeyRoutes
from modelport.api.v1.models import ModelRoutes
from modelport.api.v1.responses import ResponseRoutes
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid
from modelport.core.clock import Clock, SystemClock
from modelport.core.credits import Credits
from modelport.core.errors import Problem, Secret
from modelport.core.ids import IdSource
from modelport.engines.engine import EngineSettings
from modelport.engines.hub import HubFile
from modelport.engines.supervisor import Engines
from modelport.engines.weights import WeightsStore
from modelport.keys.issue import KeyHasher, KeyIssuer
from modelport.keys.ring import KeyRing
from modelport.ledger.book import Book
from modelport.ledger.records import WORLD_ACCOUNT
from modelport.routing.router import Router, configured_by
from modelport.serving.calls import ServeCalls
from modelport.serving.counting import CountTokens
from modelport.serving.estimate import Estimator
from modelport.serving.health import Health
from modelport.serving.keeping import Keeping
from modelport.settings import Settings, SettingsInvalid, provider_secret
from modelport.storage.accounts import Accounts
from modelport.storage.changes import Changes
from modelport.storage.database import Database, sqlite_url
from modelport.storage.folder import locked_folder
from modelport.storage.keys import Keys
from modelport.storage.ledger import Ledger, open_writer, reclaim_all
from modelport.storage.migrate import migrate
from modelport.storage.moves import balance_of as stored_balance
from modelport.storage.moves import top_up
from modelport.storage.responses import StoredResponses
from modelport.storage.secret import server_secrets
from modelport.upstream.dial import Tls
from modelport.upstream.providers import Providers
from modelport.upstream.proxies import Proxies, parse_proxies

_log = logging.getLogger(__name__)
WEIGHTS_FOLDER = "weights"
_FOLLOW_S = 0.1
_WATCH_S = 0.5
_LOOK_S = 5.0
_SWEEP_S = 3600.0

T = TypeVar("T")


def weights_store(settings: Settings) -> WeightsStore:
    """Open the store of local weights, able to fetch them."""
    egress = settings.egress
    hub = HubFile(Tls(egress.ca_file).context(), egress.https_proxy)
    return WeightsStore(settings.data_dir / WEIGHTS_FOLDER, hub=hub)


def load_catalogue(settings: Settings) -> Catalogue:
    """Load the catalogue with the operator's folder on top; raises `CatalogueInvalid`."""
    return load(settings.data_dir / "catalogue", settings.data_dir / "cache", environ=os.environ)


def router_for(catalogue: Catalogue) -> Router:
    """Plan over a catalogue for the providers whose credentials are set."""
    return Router(catalogue, configured_by(catalogue.providers(), os.environ))


@dataclass(frozen=True, slots=True)
class Office:
    """What commands work with, beside a running server."""

    database: Database
    accounts: Accounts
    keys: Keys
    issuer: KeyIssuer

    def now_ms(self) -> int:
        """Tell the time on the database's clock."""
        return self.database.now_ms()

    def balance(self, account_id: int) -> Credits:
        """Return the sum of an account's entries."""
        with self.database.read() as connection:
            return stored_balance(connection, account_id)

    def grant(self, account_id: int, amount: Credits) -> None:
        """Enter a bonus."""
        now_ms = self.now_ms()
        with self.database.write() as connection:
            top_up(connection, account_id, amount, "BONUS", None, now_ms)


class FolderUnusable(Problem):
    """The data folder, or a file in it, cannot be made, read or written."""

    def __init__(self, folder: Path, error: OSError) -> None:
        where = f" ({error.filename})" if error.filename and str(error.filename) != str(folder) else ""
        super().__init__(
            f"the data folder '{folder}' cannot be used: {error.strerror or error}{where}; let this user write there, "
            "or choose another folder with --data-dir"
        )


@contextlib.contextmanager
def usable_folder(folder: Path) -> Generator[None]:
    """Make the folder if it is missing; what the system refuses there is told as `FolderUnusable`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        yield
    except OSError as error:
        raise FolderUnusable(folder, error) from error


@contextlib.contextmanager
def office(settings: Settings) -> Generator[Office]:
    """Open the data folder for a command; the schema is brought up to date first. Raises `FolderUnusable`."""
    with usable_folder(settings.data_dir):
        server = server_secrets(settings.data_dir, settings.secret)
    url = sqlite_url(settings.data_dir)
    migrate(url)
    database = Database(url, settings.storage.durability)
    try:
        keys = Keys(database)
        hasher = KeyHasher(server)
        yield Office(database, Accounts(database), keys, KeyIssuer(keys, hasher))
    finally:
        database.close()


@dataclass(slots=True)
class CatalogueInForce:
    """The newest catalogue that could be loaded, and the router over it. A broken overlay leaves the old one."""

    settings: Settings
    catalogue: Catalogue
    router: Router
    rejected: str | None = field(default=None, init=False)
    """Why the newest files are not in force, if they are not."""
    _seen: tuple[tuple[str, int, int], ...] = field(default=(), init=False)

    def current(self) -> Router:
        """Return the router over the newest catalogue."""
        return self.router

    def look(self) -> None:
        """Load the overlay again if its files changed."""
        seen = _signature(self.settings.data_dir / "catalogue")
        if seen == self._seen:
            return
        is_first, self._seen = not self._seen, seen
        if is_first and not seen:
            return
        try:
            catalogue = load_catalogue(self.settings)
        except CatalogueInvalid as problem:
            self.rejected = f"rejected: {problem.faults[0]}" if problem.faults else f"rejected: {problem.message}"
            _log.error("the catalogue was not reloaded, the old one stays in force: %s", problem.message)
            return
        self.rejected = None
        if catalogue.hash != self.catalogue.hash:
            self.catalogue, self.router = catalogue, router_for(catalogue)
            _log.info("the catalogue was reloaded: %d models", len(catalogue.models()))


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    found: list[tuple[str, int, int]] = []
    for path in sorted(folder.rglob("*.toml")):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


@contextlib.asynccontextmanager
async def gateway(settings: Settings) -> AsyncGenerator[App]:
    """Build the gateway over its data folder, which it holds alone; on the way out everything is closed and returned.

    Raises `FolderUnusable`, `FolderInUse`, `MigrationFailed`, `CatalogueInvalid`, `SettingsInvalid`.
    """
    async with AsyncExitStack() as stack:
        with usable_folder(settings.data_dir):
            stack.enter_context(locked_folder(settings.data_dir))
        desk = stack.enter_context(office(settings))
        reclaim_all(desk.database)
        catalogue = load_catalogue(settings)
        in_force = CatalogueInForce(settings, catalogue, router_for(catalogue))
        clock = SystemClock()
        writer = await stack.enter_async_context(open_writer(desk.database))
        store = Ledger(desk.database, writer, secrets.token_hex(8))
        book = await stack.enter_async_context(Book(store, clock, settings.money.hold_wait_s))
        engines = await stack.enter_async_context(_engines(settings))
        providers = Providers(
            _secrets(catalogue), engines=engines, proxies=_proxies(settings), tls=Tls(settings.egress.ca_file)
        )
        await stack.enter_async_context(providers)
        changes = Changes(desk.database)
        stack.callback(changes.close)
        ring = KeyRing(desk.keys, desk.issuer.hasher, refresh=lambda: follower.poll())
        follower = _Follower(changes, ring, book)
        await stack.enter_async_context(_background(follower.follow(), _watch(in_force, providers)))
        keeping = Keeping(StoredResponses(desk.database), settings.storage.response_days, asyncio.to_thread)
        await stack.enter_async_context(_background(_sweep(keeping, clock)))
        if settings.engine.preload:
            await engines.preload(settings.engine.default_model)
        new_id = IdSource()
        calls = ServeCalls(
            routes=in_force,
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
        yield _app(settings, desk, ring, store, in_force, calls, keeping, clock)


def _app(
    settings: Settings,
    desk: Office,
    ring: KeyRing,
    store: Ledger,
    in_force: CatalogueInForce,
    calls: ServeCalls,
    keeping: Keeping,
    clock: Clock,
) -> App:
    links = Links(settings.public_url, _networks(settings.trusted_proxies))
    routes = all_routes(
        about=AboutRoutes(links),
        calls=CallRoutes(calls, CountTokens(in_force, calls.upstream, clock), keeping),
        responses=ResponseRoutes(keeping.responses, clock, asyncio.to_thread),
        models=ModelRoutes(
            lambda: in_force.catalogue,
            lambda model: in_force.router.shown_rates(model, clock.now_ms()),
            links,
            clock,
        ),
        keys=KeyRoutes(desk.keys, desk.issuer, ring, clock, asyncio.to_thread),
        billing=BillingRoutes(store, desk.accounts, clock, asyncio.to_thread),
        health=HealthRoutes(_Readiness(desk.database).reason, lambda: in_force.rejected),
    )
    return App(
        routes,
        ring.authenticate,
        cors=Cors(settings.server.cors_origin, is_loopback=_is_loopback(settings.host)),
        links=links,
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


def _secrets(catalogue: Catalogue) -> dict[str, Secret]:
    """Read the credentials of all providers from the environment, by provider id."""
    named = {one.id: one.secret_env for one in catalogue.providers() if one.secret_env is not None}
    return {name: secret for name, variable in named.items() if (secret := provider_secret(variable)) is not None}


@dataclass(slots=True)
class _Readiness:
    """Says whether the database can be read; at most one look is under way, however many ask."""

    database: Database
    _looking: asyncio.Task[str | None] | None = field(default=None, init=False)

    async def reason(self) -> str | None:
        """Say why calls cannot be served now; None when they can."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
        try:
            async with asyncio.timeout(_LOOK_S):
                return await asyncio.shield(self._looking)
        except TimeoutError:
            return f"the database did not answer within {_LOOK_S:g} s: check the disk of the data folder"

    def _look(self) -> str | None:
        try:
            with self.database.read() as connection:
                stored_balance(connection, WORLD_ACCOUNT)
        except Problem as problem:
            return f"the database cannot be read: {problem.message}"
        return None


@dataclass(slots=True)
class _Follower:
    """Drops what is remembered about things that changed."""

    changes: Changes
    ring: KeyRing
    book: Book

    async def poll(self) -> None:
        """Look for changes now: microseconds when there are none."""
        for change in self.changes.poll():
            if change.kind == "key":
                self.ring.forget(int(change.subject))
            elif change.kind == "credits":
                self.book.money_came(int(change.subject))

    async def follow(self) -> None:
        """Look for changes ten times a second, for ever."""
        while True:
            await asyncio.sleep(_FOLLOW_S)
            try:
                await self.poll()
            except Problem as problem:
                _log.error("changes could not be read: %s", problem.message)


async def _watch(in_force: CatalogueInForce, providers: Providers) -> None:
    while True:
        catalogue = in_force.catalogue
        await asyncio.to_thread(in_force.look)
        if in_force.catalogue is not catalogue:
            providers.replace_secrets(_secrets(in_force.catalogue))
        await asyncio.sleep(_WATCH_S)


async def _sweep(keeping: Keeping, clock: Clock) -> None:
    while True:
        try:
            await keeping.sweep(clock.now_ms())
        except Problem as problem:
            _log.error("kept responses could not be swept: %s", problem.message)
        await asyncio.sleep(_SWEEP_S)


@contextlib.asynccontextmanager
async def _background(*works: Coroutine[object, object, None]) -> AsyncGenerator[None]:
    """Run work beside the body; it is cancelled on the way out, and a failure of it is logged."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("background work failed", exc_info=outcome)


def _engines(settings: Settings) -> Engines:
    engine = settings.engine
    chosen = EngineSettings(
        slots=engine.slots,
        queue=engine.queue,
        threads=engine.threads,
        context_tokens=engine.context_tokens,
        resident=engine.resident,
        idle_s=engine.idle_s,
    )
    return Engines(WeightsStore(settings.data_dir / WEIGHTS_FOLDER), chosen)


def _proxies(settings: Settings) -> Proxies:
    egress = settings.egress
    try:
        return parse_proxies(egress.http_proxy, egress.https_proxy, egress.no_proxy)
    except ValueError as error:
        raise SettingsInvalid(f"setting 'egress': {error}; see docs/configuration.md") from error


def _networks(ranges: tuple[str, ...]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(item, strict=False) for item in ranges)
    except ValueError as error:
        raise SettingsInvalid(f"setting 'trusted_proxies' (MODELPORT_TRUSTED_PROXIES): {error}") from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
