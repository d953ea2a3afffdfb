"""An account with money, a catalogue that is the fake's, and what takes jobs in and drives them."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelport.api.errors import code_of, refusal, status_of
from modelport.catalogue.load import load
from modelport.core.clock import SystemClock
from modelport.core.counters import Counters
from modelport.core.credits import Credits
from modelport.core.errors import Problem, Secret
from modelport.core.ids import IdSource
from modelport.dialects.media import addresses
from modelport.dialects.media.addresses import Met
from modelport.jobs.job import Job
from modelport.keys.key import Key
from modelport.keys.store import KeyTerms, NewKey
from modelport.ledger.book import Book
from modelport.limits.limiter import Limiter
from modelport.operations.made import File
from modelport.routing.router import Router
from modelport.serving.jobs.driving import Driver
from modelport.serving.jobs.ordering import OrderJobs
from modelport.serving.jobs.webhooks import CheckWebhook
from modelport.serving.media import MediaRequest
from modelport.serving.pacing import Pacing
from modelport.serving.ports import ConnectFailed
from modelport.storage.accounts import Accounts
from modelport.storage.books import check_books
from modelport.storage.database import Database
from modelport.storage.jobs import StoredJobs
from modelport.storage.keys import Keys
from modelport.storage.ledger import Ledger
from modelport.storage.writer import Writer
from modelport.upstream.providers import Providers
from tests.fake.media.files import MP3
from tests.fake.server import FakeUpstream
from tests.jobs.receiver import TwinCallbacks
from tests.serving.stage import NotingClient, Routes, key_of
from tests.twins.database import fresh_database
from tests.twins.files import TwinFiles

CREDIT = 1_000_000_000
SOUND = "https://files.example.org/talk.mp3"
SAY = {"model": "scribe", "url": SOUND}
DRAW = {"model": "painter", "prompt": "a cat", "num_images": 2}
CATALOGUE = """
name     = "{name}"
base_url = "{base_url}"
auth     = {{ scheme = "{scheme}", env = "FAKE_API_KEY" }}
speaks   = {{ {speaks} }}
"""
SCRIBE = """
[[models]]
id          = "fake/scribe"
name        = "Scribe"
maker       = "fake"
operation   = "transcription"
description = "Plays a part in tests."
aliases     = ["scribe"]
endpoints   = ["/v1/stt/create"]

[[offers]]
model    = "fake/scribe"
upstream = "whisper-1"
rates    = [{ from = 2026-01-01, per = "second", price = "0.01" }]
"""
"""Answers at once."""
PAINTER = """
[[models]]
id          = "fake/painter"
name        = "Painter"
maker       = "fake"
operation   = "images"
description = "Plays a part in tests."
aliases     = ["painter"]
endpoints   = ["/v1/images/generations"]
parameters  = { prompt = { type = "string", required = true }, num_images = { type = "integer" } }

[[offers]]
model    = "fake/painter"
upstream = "fal-ai/flux/dev"
rates    = [{ from = 2026-01-01, per = "image", price = "0.01" }]
"""
"""Works in a queue, and gives links."""


def write_catalogue(folder: Path, base_url: str) -> None:
    """Write the two providers."""
    folder.mkdir(parents=True, exist_ok=True)
    scribe = CATALOGUE.format(
        name="Fake sound", base_url=f"{base_url}/openai/v1", scheme="bearer", speaks='transcription = "openai_audio"'
    )
    painter = CATALOGUE.format(
        name="Fake queue", base_url=f"{base_url}/fal", scheme="key", speaks='images = "fal_queue"'
    )
    (folder / "fake-sound.toml").write_text(scribe + SCRIBE, encoding="utf-8")
    (folder / "fake-queue.toml").write_text(painter + PAINTER, encoding="utf-8")


@dataclass(slots=True)
class ShopFiles(TwinFiles):
    """Files that fetch from the fake what it has made."""

    fake: FakeUpstream | None = None
    troubles: int = 0
    """How many fetches fail next."""

    async def fetch(self, link: str) -> File:
        assert self.fake is not None
        if self.troubles > 0:
            self.troubles -= 1
            raise ConnectFailed("the line is dead")
        place = link.removeprefix(f"{self.fake.studio.base_url}/_files/")
        data, kind = self.fake.studio.files[place]
        self.fake.studio.fetched[place] += 1
        return File(data=data, content_type=kind)


async def hurried(seconds: float) -> None:
    """Wait a thousandth of the time."""
    await asyncio.sleep(seconds / 1000)


def tell(problem: Problem) -> tuple[int, str, str]:
    """Say what a problem is told with."""
    return status_of(problem), code_of(problem), refusal(problem, "").message


@dataclass(slots=True)
class Shop:
    """What takes jobs in, and what drives them."""

    database: Database
    jobs: StoredJobs
    files: ShopFiles
    routes: Routes
    fake: FakeUpstream
    providers: Providers
    orders: OrderJobs
    key: Key
    callbacks: TwinCallbacks
    woken: list[None] = field(default_factory=list[None])

    async def order(self, body: Mapping[str, object], met: Met | None = None) -> Job:
        """Order something."""
        met = met or (addresses.TRANSCRIPTION if body["model"] == "scribe" else addresses.IMAGES)
        request = MediaRequest(json.dumps(body).encode(), "", met, "request-1", "mine")
        return await self.orders.order(request, self.key, NotingClient())

    def driver(self, passed: Callable[[str, str], None] = lambda _, __: None) -> Driver:
        """Make a driver, as a process does that starts."""
        return Driver(
            store=self.jobs,
            routes=self.routes,
            upstream=self.providers,
            files=lambda root, account_id: self.files,
            clock=SystemClock(),
            run=asyncio.to_thread,
            tell=tell,
            sleep=hurried,
            passed=passed,
        )

    def found(self, job: Job) -> Job:
        """Look at a job."""
        found = self.jobs.find(job.id)
        assert found is not None
        return found

    @property
    def made(self) -> int:
        """How often work was taken on."""
        return self.fake.studio.made.total()

    def problems(self) -> list[str]:
        """Say what does not add up in the books."""
        return check_books(self.database)


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncGenerator[Shop]:
    """Open a shop over a new database in a folder."""
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(FakeUpstream())
        fake.studio.base_url = fake.base_url
        write_catalogue(folder / "catalogue", fake.base_url)
        (folder / "none").mkdir()
        catalogue = load(folder / "catalogue", data=folder / "none")
        database = fresh_database(folder)
        stack.callback(database.close)
        account = Accounts(database).create("ann", "", Credits(CREDIT), 0)
        made = Keys(database).add(NewKey(account.id, "0123abcd", b"digest", False, KeyTerms()), 0)
        assert made is not None
        jobs = StoredJobs(database)
        stack.callback(jobs.close)
        writer = await stack.enter_async_context(Writer(database))
        book = await stack.enter_async_context(Book(Ledger(database, writer, "here"), hold_wait_s=0.2))
        limiter = await stack.enter_async_context(Limiter(SystemClock(), Counters()))
        secrets = {"fake-sound": Secret("sk-fake-shop"), "fake-queue": Secret("sk-fake-shop")}
        providers = await stack.enter_async_context(Providers(secrets))
        routes = Routes(Router(catalogue, frozenset(secrets)))
        files = ShopFiles({SOUND: File(data=MP3, content_type="audio/mpeg")}, fake=fake)
        woken: list[None] = []
        callbacks = TwinCallbacks()
        orders = OrderJobs(
            routes=routes,
            pacing=Pacing(limiter),
            ledger=book,
            files=lambda root, account_id: files,
            store=jobs,
            run=asyncio.to_thread,
            wake=lambda: woken.append(None),
            clock=SystemClock(),
            new_id=IdSource(),
            status_of=status_of,
            code_of=code_of,
            check_webhook=CheckWebhook(callbacks),
        )
        key = replace(key_of(), id=made.id, account_id=account.id, prefix="0123abcd")
        yield Shop(database, jobs, files, routes, fake, providers, orders, key, callbacks, woken)
