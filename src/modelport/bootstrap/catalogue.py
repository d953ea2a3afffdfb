"""The catalogue with what operators decided on top, and the newest that could be loaded."""

import contextlib
import logging
import os
import subprocess
import sys
from asyncio import Event
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from modelport.bootstrap.office import database_url
from modelport.catalogue.applied import NOTHING_APPLIED, Applied
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid
from modelport.catalogue.sources import Source
from modelport.core.errors import Problem
from modelport.routing.router import Router, configured_by
from modelport.settings import Settings
from modelport.storage.catalogues import SINCE, AppliedCatalogues
from modelport.storage.database import FILE_NAME, Database
from modelport.storage.migrate import standing

_log = logging.getLogger(__name__)

_COMPILING_S = 60.0


def overlay_folder(settings: Settings) -> Path:
    """Name the folder of the operator's own files."""
    return settings.data_dir / "catalogue"


def load_catalogue(settings: Settings, applied: Sequence[Source] | None = None) -> Catalogue:
    """Load the catalogue with what was applied and the operator's folder on top; raises `CatalogueInvalid`.

    What was applied is read from the database unless it is given.
    """
    above = applied_to(settings).sources if applied is None else applied
    return load(overlay_folder(settings), settings.data_dir / "cache", environ=os.environ, applied=above)


def load_lean(settings: Settings, applied: Sequence[Source]) -> Catalogue:
    """Load as `load_catalogue` does, for a process that stays: another one compiles, where there is something to."""
    overlay, cache = overlay_folder(settings), settings.data_dir / "cache"

    def compile_apart() -> None:
        command = [sys.executable, "-m", "modelport.catalogue", str(overlay), str(cache)]
        given = msgspec.msgpack.encode(tuple(applied))
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # then it is compiled here
            subprocess.run(command, input=given, capture_output=True, timeout=_COMPILING_S, check=False)

    return load(overlay, cache, environ=os.environ, applied=applied, prepare=compile_apart)


def applied_to(settings: Settings) -> Applied:
    """Read what was applied to the database, where there is one that knows of such; it is not brought up to date."""
    if settings.database_url is None and not (settings.data_dir / FILE_NAME).exists():
        return NOTHING_APPLIED
    database = Database(database_url(settings), settings.storage.durability)
    try:
        return NOTHING_APPLIED if standing(database).is_older(SINCE) else AppliedCatalogues(database).newest()
    finally:
        database.close()


def router_for(catalogue: Catalogue) -> Router:
    """Plan over a catalogue for the providers whose credentials are set."""
    return Router(catalogue, configured_by(catalogue.providers(), os.environ))


class AppliedStore(Protocol):
    """Knows what was applied for all replicas."""

    def number(self) -> int:
        """Return the number of what is in force."""
        ...

    def newest(self) -> Applied:
        """Return what is in force."""
        ...


Seen = tuple[tuple[tuple[str, int, int, int], ...], int]
"""State of each file, and the number of what was applied."""


@dataclass(slots=True)
class CatalogueInForce:
    """The newest catalogue that could be loaded, and the router over it. Broken files leave the old one."""

    settings: Settings
    store: AppliedStore
    applied: Applied
    catalogue: Catalogue
    router: Router
    seen: Seen
    """What the newest files were, looked at before they were loaded."""
    rejected: str | None = field(default=None, init=False)
    """Why the newest files are not in force, if they are not."""
    changed: Event = field(default_factory=Event, init=False)
    """Set when it is worth to look at once."""
    _has_heard: bool = field(default=True, init=False)
    _is_store_away: bool = field(default=False, init=False)

    def current(self) -> Router:
        """Return the router over the newest catalogue."""
        return self.router

    def hear(self) -> None:
        """Take in that something else was applied."""
        self._has_heard = True
        self.changed.set()

    def look(self) -> None:
        """Load the catalogue again if files of the operator changed, in the folder or in the database."""
        self._look_at_store()
        seen = _signature(overlay_folder(self.settings)), self.applied.number
        if seen == self.seen:
            return
        self.seen = seen
        try:
            catalogue = load_lean(self.settings, self.applied.sources)
        except CatalogueInvalid as problem:
            self.rejected = f"rejected: {problem.faults[0]}" if problem.faults else f"rejected: {problem.message}"
            _log.error("the catalogue was not reloaded, the old one stays in force: %s", problem.message)
            return
        self.rejected = None
        if catalogue.hash != self.catalogue.hash:
            self.catalogue, self.router = catalogue, router_for(catalogue)
            _log.info("the catalogue was reloaded: %d models", len(catalogue.models()))

    def _look_at_store(self) -> None:
        if not self._has_heard:
            return
        self._has_heard = False
        try:
            if self.store.number() != self.applied.number:
                self.applied = self.store.newest()
        except Problem as problem:
            if not self._is_store_away:
                _log.warning("what was applied to the catalogue could not be read: %s", problem.message)
            self._has_heard = self._is_store_away = True  # what was missed is read as soon as the database is back
        else:
            self._is_store_away = False


def load_in_force(settings: Settings, store: AppliedStore) -> CatalogueInForce:
    """Load what is in force now; raises `CatalogueInvalid`."""
    applied = store.newest()
    # Before they are loaded: what changes from here on is looked at again.
    seen = _signature(overlay_folder(settings)), applied.number
    catalogue = load_lean(settings, applied.sources)
    return CatalogueInForce(settings, store, applied, catalogue, router_for(catalogue), seen)


def _signature(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    found: list[tuple[str, int, int, int]] = []
    for path in sorted(folder.rglob("*.toml")):
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
