"""What `doctor` finds about the database, Redis and the store of files."""

import asyncio
import shutil
from collections.abc import Generator, Iterator
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

from modelport.assets.store import AssetsUnavailable
from modelport.bootstrap.office import SecretMissing, database_url
from modelport.bootstrap.parts import ASSETS_FOLDER, archive_of
from modelport.core.errors import Problem, Secret
from modelport.limits.store import LimitsUnavailable
from modelport.settings import Settings
from modelport.storage.books import check_books
from modelport.storage.database import CONNECTIONS, FILE_NAME, Database
from modelport.storage.jobs import SINCE as JOBS_SINCE
from modelport.storage.jobs import StoredJobs
from modelport.storage.migrate import HEAD, SchemaTooNew, Standing, standing

_LEAST_BYTES = 100_000_000
"""Less free space than that is told as a fault: writes will fail soon."""
_NEEDED_CONNECTIONS = CONNECTIONS + 1
"""What a process opens at most: its pool, and the one on which it hears of changes."""
_REDIS_WITHIN_S = 5.0
_NO_SECRETS: list[tuple[int, bytes]] = []
"""Looking needs none."""
_SHOWN = 1000


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    topic: str
    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str


def examine_stores(settings: Settings) -> Iterator[Finding]:
    """Look at the database, at the store of files and, where there is one, at Redis."""
    if settings.database_url is not None and settings.secret is None:
        yield _found("secret", "broken", SecretMissing().message)
    yield from _database(settings)
    yield _files(settings)
    if settings.redis_url is not None:
        yield _redis(settings.redis_url)


def _found(name: str, state: Literal["ok", "missing", "broken"], detail: str) -> Finding:
    return Finding("system", name, state, detail)


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None and not (settings.data_dir / FILE_NAME).exists():
        yield _found("database", "missing", f"none in {settings.data_dir} yet; `modelport serve` makes it")
        return
    database = Database(database_url(settings), settings.storage.durability)
    try:
        found = standing(database)
        where = str(settings.data_dir / FILE_NAME)
        if settings.database_url is not None:
            where = yield from _server(database)
        else:
            yield _disk(settings)
        yield _content(database, found, where)
        if not found.is_older(JOBS_SINCE):
            yield _jobs(database)
    except Problem as problem:
        hidden = () if settings.database_url is None else _passwords(settings.database_url)
        yield _found("database", "broken", _without(problem.message, hidden))
    finally:
        database.close()


def _server(database: Database) -> Generator[Finding, None, str]:
    """Look at the server; returns what it is called."""
    from modelport.storage.postgres.server import server_of

    server = server_of(database)
    if server.is_read_only:
        yield _found("room", "broken", f"{server.place} takes no writes: name the primary server, not a standby")
    elif server.free_connections < _NEEDED_CONNECTIONS:
        yield _found(
            "room",
            "broken",
            f"{server.free_connections} more connections fit on {server.place}, a server process opens up to "
            f"{_NEEDED_CONNECTIONS}: raise max_connections there",
        )
    else:
        room = f"{_shown(server.size_bytes)} used, {server.free_connections} more connections fit"
        yield _found("room", "ok", room)
    return f"PostgreSQL {server.version} at {server.place}"


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free
    if free < _LEAST_BYTES:
        return _found("room", "broken", f"only {_shown(free)} are free in {settings.data_dir}: make room there")
    return _found("room", "ok", f"{_shown(free)} are free in {settings.data_dir}")


def _shown(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:,.1f} GB" if size_bytes >= 10**9 else f"{size_bytes / 1e6:,.1f} MB"


def _content(database: Database, found: Standing, where: str) -> Finding:
    if found.is_older():
        return _found("database", "missing", f"{where}, at {_reached(found)}; the next start brings it to {HEAD}")
    if not found.serves():
        return _found("database", "broken", SchemaTooNew(found.revision or "", found.oldest, HEAD).message)
    if problems := check_books(database):
        return _found("database", "broken", "the books do not balance: " + "; ".join(problems))
    newer = "" if found.revision == HEAD else f", newer than this version's {HEAD}, which it still serves"
    return _found("database", "ok", f"{where}, at {_reached(found)}{newer}; the books balance")


def _jobs(database: Database) -> Finding:
    unknown = len(StoredJobs(database).unknown(_SHOWN))
    if not unknown:
        return _found("jobs", "ok", "of every job it is known whether its provider took it")
    told = f"of {unknown} it is not known whether their provider made them: `modelport jobs unknown` lists them"
    return _found("jobs", "missing", told)


def _reached(found: Standing) -> str:
    return "no revision yet" if found.revision is None else f"revision {found.revision}"


def _files(settings: Settings) -> Finding:
    """Look into the store; nothing is written there."""
    where = settings.assets.url or str(settings.data_dir / ASSETS_FOLDER)
    try:
        asyncio.run(archive_of(settings, _NO_SECRETS).store.parts())
    except AssetsUnavailable as problem:
        return _found("files", "broken", f"{where}: {problem.message}")
    if settings.database_url is not None and settings.assets.url is None:
        return _found("files", "ok", f"{where}, of this machine alone: replicas share files by `assets.url`")
    return _found("files", "ok", where)


def _redis(url: Secret) -> Finding:
    from modelport.storage.limits import RedisLimits  # the client of Redis is loaded where it is used

    async def ask() -> None:
        limits = RedisLimits(url, "doctor", timeout_s=_REDIS_WITHIN_S)
        try:
            await limits.ping()
        finally:
            await limits.close()

    parts = urlsplit(url.reveal())
    where = parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    try:
        asyncio.run(ask())
    except (LimitsUnavailable, ValueError) as error:
        return _found("redis", "broken", f"{where}: {_without(str(error), _passwords(url))}")
    return _found("redis", "ok", f"{where} answers")


def _passwords(url: Secret) -> tuple[str, ...]:
    """List what of an address must not be shown, as it is written there and as it is meant."""
    parts = urlsplit(url.reveal())
    members = (member.partition("=") for member in parts.query.split("&"))
    written = [parts.password, *(value for name, _, value in members if "password" in name.lower())]
    return tuple({form for one in written if one for form in (one, unquote(one))})


def _without(told: str, passwords: tuple[str, ...]) -> str:
    for password in sorted(passwords, key=len, reverse=True):
        told = told.replace(password, "***")
    return told
