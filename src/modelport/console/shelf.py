"""The models as the lists show them: found by words, narrowed by task, maker, capability, price and context."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model, Rates, Retired
from modelport.console.prices import blended, is_free, short_price
from modelport.console.wording import CAPABILITIES, FACETS, TASKS, TOLD, capability, tokens
from modelport.routing.router import Router

PAGE = 100
"""How many models a page of the list shows."""
_LONG_AGO = date(1970, 1, 1)
_DEAREST = Fraction(10**9)
_WORDS = 8
_PUNCTUATION = re.compile(r"[^0-9a-z]+")
CONTEXTS = {"32k": 32_000, "128k": 128_000, "200k": 200_000, "1m": 1_000_000}
PRICES = {"free": Fraction(0), "1": Fraction(1), "5": Fraction(5), "20": Fraction(20)}
SORTS = {"newest": "Newest first", "name": "Name", "price": "Cheapest first", "context": "Largest context first"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model in a list."""

    model: Model
    price: str
    is_free: bool
    blended: Fraction | None
    is_ready: bool
    """Whether this gateway serves it as it is configured now."""
    closed: str
    """What callers are told while it is in maintenance; empty where it is not."""
    words: str
    """What a search looks at: names, ids and aliases without punctuation."""

    @property
    def context(self) -> str:
        """How much fits in, shortly."""
        return tokens(self.model.context_tokens)

    @property
    def told(self) -> tuple[str, ...]:
        """What is told of what it can do."""
        return tuple(capability(name) for name in CAPABILITIES if name in self.model.capabilities & TOLD)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader asked for; empty for anything."""

    q: str = ""
    task: str = ""
    maker: str = ""
    can: tuple[str, ...] = ()
    context: str = ""
    price: str = ""
    here: bool = False
    sort: str = "newest"
    page: int = 1

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> "Wanted":
        """Read a query; what is not understood is left aside."""
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value.strip()[:200])

        def one(name: str, allowed: Iterable[str] | None = None) -> str:
            value = values.get(name, [""])[-1]
            return value if allowed is None or value in set(allowed) else ""

        page = one("page")
        return cls(
            q=one("q"),
            task=one("task", TASKS),
            maker=one("maker"),
            can=tuple(name for name in FACETS if name in values.get("can", ())),
            context=one("context", CONTEXTS),
            price=one("price", PRICES),
            here=one("here") == "1",
            sort=one("sort", SORTS) or "newest",
            page=int(page) if page.isdecimal() and len(page) < 5 else 1,
        )

    def query(self, page: int = 1) -> list[tuple[str, str]]:
        """Write what was asked for as a query, of another page."""
        pairs = [("q", self.q), ("task", self.task), ("maker", self.maker), *(("can", name) for name in self.can)]
        pairs += [("context", self.context), ("price", self.price), ("here", "1" if self.here else "")]
        pairs += [("sort", self.sort if self.sort != "newest" else ""), ("page", str(page) if page > 1 else "")]
        return [(name, value) for name, value in pairs if value]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every model, and what there is to choose by."""

    entries: tuple[Entry, ...]
    retired: tuple[Retired, ...]
    tasks: dict[str, int]
    makers: dict[str, int]
    capabilities: dict[str, int]

    def select(self, wanted: Wanted) -> tuple[Entry, ...]:
        """Return the models that fit, in the order that was asked for."""
        terms = plain(wanted.q).split()[:_WORDS]
        found = [entry for entry in self.entries if _fits(entry, wanted, terms)]
        found.sort(key=_orders(wanted.sort))
        if wanted.q:
            found.sort(key=lambda entry: -_likeness(entry, plain(wanted.q)))
        return tuple(found)

    def retired_like(self, q: str) -> tuple[Retired, ...]:
        """Return the retired ids that a search means; none when nothing is searched for."""
        terms = plain(q).split()[:_WORDS]
        if not terms:
            return ()
        return tuple(one for one in self.retired if all(term in plain(one.id) for term in terms))


def shelf_of(catalogue: Catalogue, router: Router, now_ms: int) -> Shelf:
    """Put every model of the catalogue on the shelf."""
    entries = tuple(_entry(model, router, now_ms) for model in catalogue.models())
    tasks = Counter(entry.model.category for entry in entries)
    able = Counter(name for entry in entries for name in entry.model.capabilities)
    makers = Counter(entry.model.maker for entry in entries)
    return Shelf(
        entries,
        catalogue.retired(),
        {name: tasks[name] for name in TASKS if tasks[name]},
        dict(sorted(makers.items(), key=lambda pair: (-pair[1], pair[0].casefold()))),
        {name: able[name] for name in FACETS if able[name]},
    )


def plain(text: str) -> str:
    """Drop case and punctuation, which nobody remembers of an id."""
    return _PUNCTUATION.sub(" ", text.casefold()).strip()


def _entry(model: Model, router: Router, now_ms: int) -> Entry:
    steps = router.explain(model, None, now_ms).steps
    rates: Rates | None = next((step.rates for step in steps if step.rates is not None), None)
    price = short_price(rates, model.operation)
    words = " ".join(plain(text) for text in (model.name, model.maker, model.id, *model.aliases))
    is_ready = any(step.verdict == "serves" for step in steps)
    return Entry(model, price, is_free(rates), blended(rates), is_ready, router.closed(model), words)


def _fits(entry: Entry, wanted: Wanted, terms: Sequence[str]) -> bool:
    model = entry.model
    return (
        all(term in entry.words for term in terms)
        and wanted.task in ("", model.category)
        and wanted.maker.casefold() in ("", model.maker.casefold())
        and model.capabilities.issuperset(wanted.can)
        and (not wanted.here or entry.is_ready)
        and (not wanted.context or (model.context_tokens or 0) >= CONTEXTS[wanted.context])
        and _costs_at_most(entry, wanted.price)
    )


def _likeness(entry: Entry, q: str) -> int:
    """Rank what is searched for by its own name above what only holds its words."""
    names = {plain(name) for name in (entry.model.id, *entry.model.aliases, entry.model.name)}
    ends = {plain(name.rpartition("/")[2]) for name in (entry.model.id, *entry.model.aliases)}
    if q in names | ends:
        return 2
    return int(any(name.startswith(q) for name in names | ends))


def _costs_at_most(entry: Entry, price: str) -> bool:
    if not price or entry.is_free:
        return True
    return price != "free" and entry.blended is not None and entry.blended <= PRICES[price]


def _orders(sort: str) -> Callable[[Entry], tuple[object, ...]]:
    match sort:
        case "newest":
            return lambda entry: (-(entry.model.released_on or _LONG_AGO).toordinal(), entry.model.id.casefold())
        case "price":
            return lambda entry: (_paid(entry), entry.model.id.casefold())
        case "context":
            return lambda entry: (-(entry.model.context_tokens or 0), entry.model.id.casefold())
        case _:
            return lambda entry: (entry.model.name.casefold(), entry.model.id)


def _paid(entry: Entry) -> Fraction:
    if entry.is_free:
        return Fraction(0)
    return _DEAREST if entry.blended is None else entry.blended
