"""The catalogue with the operator's folder on top, and the newest that could be loaded."""

import contextlib
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid
from modelport.routing.router import Router, configured_by
from modelport.settings import Settings

_log = logging.getLogger(__name__)


def load_catalogue(settings: Settings) -> Catalogue:
    """Load the catalogue with the operator's folder on top; raises `CatalogueInvalid`."""
    return load(settings.data_dir / "catalogue", settings.data_dir / "cache", environ=os.environ)


def router_for(catalogue: Catalogue) -> Router:
    """Plan over a catalogue for the providers whose credentials are set."""
    return Router(catalogue, configured_by(catalogue.providers(), os.environ))


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
