"""The pages by their addresses. Pages are kept for a few seconds, so that one that many read is made once."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from modelport.catalogue.facts import Category, Model, Retired
from modelport.catalogue.problems import RetiredModel, UnknownModel
from modelport.console.live import MINUTES, Live, Measure, live
from modelport.console.page import HTML, Page, page
from modelport.console.shelf import CONTEXTS, PAGE, PRICES, SORTS, Entry, Shelf, Wanted, shelf_of
from modelport.console.views import model_view
from modelport.console.wording import TASKS
from modelport.core.clock import Clock
from modelport.ledger.problems import StoreUnavailable
from modelport.routing.router import Router

if TYPE_CHECKING:
    from modelport.console.rendering import Templates

_KEPT = 32
_KEPT_MS = 30_000
_TEXT = "text/plain; charset=utf-8"
_STATIC = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_NEWEST = 8
_MAKERS = 24

_Name = tuple[object, ...]


@dataclass(slots=True)
class _Kept:
    """What was made of one router, and until when it is good."""

    router: Router
    until_ms: int
    shelf: Shelf
    pages: dict[_Name, tuple[Live | None, Page]] = field(default_factory=dict["_Name", "tuple[Live | None, Page]"])
    """Each with what it tells of the last minutes: when that is another, the page is made anew."""


class Console:
    """Makes every page; may be asked from any thread."""

    def __init__(self, router: Callable[[], Router], clock: Clock, measure: Measure | None = None) -> None:
        self._router = router
        self._clock = clock
        self._measure = measure
        self._kept: _Kept | None = None

    @cached_property
    def _templates(self) -> "Templates":
        from modelport.console.rendering import Templates

        return Templates()

    @cached_property
    def _static(self) -> dict[str, Page]:
        from modelport.console.rendering import static_files

        return {
            name: page(body, _STATIC[name.rpartition(".")[2]], is_lasting=True) for name, body in static_files().items()
        }

    @cached_property
    def _version(self) -> str:
        """Changes with every static file; part of their addresses."""
        digest = hashlib.sha256()
        for name in sorted(self._static):
            digest.update(self._static[name].body)
        return digest.hexdigest()[:12]

    def home(self, root: str) -> Page:
        """Make `/`: what this is, and the ways into the catalogue."""

        def make(kept: _Kept) -> Page:
            ready = sum(entry.is_ready for entry in kept.shelf.entries)
            newest = kept.shelf.select(Wanted())[:_NEWEST]
            first = _first(kept.shelf)
            view = None if first is None else model_view(first, kept.router, self._clock.now_ms(), root, None)
            makers = list(kept.shelf.makers.items())[:_MAKERS]
            values = {"shelf": kept.shelf, "ready": ready, "newest": newest, "first": view, "makers": makers}
            return self._page("home.html", root, {**values, "CONTEXTS": CONTEXTS})

        return self._keep(("home", root), make)

    def models(self, root: str, pairs: Iterable[tuple[str, str]]) -> Page:
        """Make `/models`: every model that fits what was asked for."""
        wanted = Wanted.parse(pairs)

        def make(kept: _Kept) -> Page:
            found = kept.shelf.select(wanted)
            pages = max(1, -(-len(found) // PAGE))
            number = min(max(1, wanted.page), pages)
            values = {
                "shelf": kept.shelf,
                "wanted": wanted,
                "count": len(found),
                "entries": found[(number - 1) * PAGE : number * PAGE],
                "number": number,
                "pages": pages,
                "retired": kept.shelf.retired_like(wanted.q),
                "choices": {"contexts": CONTEXTS, "prices": PRICES, "sorts": SORTS},
            }
            return self._page("models.html", root, values)

        return self._keep(("models", root, wanted), make)

    def ids(self, root: str) -> Page:
        """Make `/models/ids`: every id on its shelf, retired ones apart."""

        def make(kept: _Kept) -> Page:
            by_task: dict[Category, list[Entry]] = {name: [] for name in TASKS}
            for entry in sorted(kept.shelf.entries, key=lambda entry: entry.model.id.casefold()):
                by_task[entry.model.category].append(entry)
            count = sum(1 + len(entry.model.aliases) for entry in kept.shelf.entries)
            return self._page("ids.html", root, {"by_task": by_task, "retired": kept.shelf.retired, "count": count})

        return self._keep(("ids", root), make)

    def model(self, root: str, name: str) -> Page:
        """Make `/models/{id}`; of an id that is retired or unknown, a page that leads on, with status 404."""

        now = self._live(name)

        def make(kept: _Kept) -> Page:
            catalogue = kept.router.catalogue
            try:
                model = catalogue.find(name)
            except RetiredModel as retired:
                gone = Retired(retired.model_id, retired.replacement)
                return self._page("missing.html", root, {"name": name, "retired": gone, "nearest": ()}, 404)
            except UnknownModel as unknown:
                nearest = tuple(catalogue.find(one) for one in unknown.nearest)
                return self._page("missing.html", root, {"name": name, "retired": None, "nearest": nearest}, 404)
            view = model_view(model, kept.router, self._clock.now_ms(), root, now)
            return self._page("model.html", root, {"view": view, "model": model, "name": name, "MINUTES": MINUTES})

        return self._keep(("model", root, name), make, now)

    def _live(self, name: str) -> Live | None:
        """Look at what was measured of a model; the page does without where that cannot be read."""
        if self._measure is None:
            return None
        catalogue = self._router().catalogue
        try:
            model = catalogue.find(name)
            return live(self._measure(model.id), catalogue.offers(model.id))
        except (RetiredModel, UnknownModel, StoreUnavailable):
            return None

    def llms(self, root: str) -> Page:
        """Make `/llms.txt`: what a language model needs to know to write programs for this gateway."""

        def make(kept: _Kept) -> Page:
            return self._page("llms.txt", root, {"shelf": kept.shelf}, kind=_TEXT)

        return self._keep(("llms", root), make)

    def static(self, name: str) -> Page | None:
        """Return a static file, if there is one of this name."""
        return self._static.get(name)

    def _page(
        self, template: str, root: str, values: Mapping[str, object], status: int = 200, kind: str = HTML
    ) -> Page:
        given = {**values, "root": root, "version": self._version}
        return page(self._templates.render(template, given), kind, status)

    def _keep(self, name: _Name, make: Callable[[_Kept], Page], now: Live | None = None) -> Page:
        kept = self._current()
        found = kept.pages.get(name)
        if found is not None and found[0] == now:
            return found[1]
        made = make(kept)
        if found is None and len(kept.pages) >= _KEPT:
            kept.pages.pop(next(iter(kept.pages)), None)
        kept.pages[name] = (now, made)
        return made

    def _current(self) -> _Kept:
        router, now_ms = self._router(), self._clock.now_ms()
        kept = self._kept
        if kept is None or kept.router is not router or now_ms >= kept.until_ms:
            kept = _Kept(router, now_ms + _KEPT_MS, shelf_of(router.catalogue, router, now_ms))
            self._kept = kept
        return kept


def _first(shelf: Shelf) -> Model | None:
    """Choose the model for a first call: one for text that is served here, free ones first."""
    chats = [entry for entry in shelf.entries if entry.model.operation == "chat"]
    chats.sort(key=lambda entry: (not entry.is_ready, not entry.is_free))
    return chats[0].model if chats else None
