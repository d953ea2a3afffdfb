"""The public lists of models: what there is, what it can do, what it costs. No key is needed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from modelport.api.etags import tagged
from modelport.api.links import Links
from modelport.api.problems import MalformedRequest
from modelport.api.request import Answer, Request
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model, Rates
from modelport.catalogue.listing import ListQuery, Rendered, Shelf, render_list, render_model, render_seed
from modelport.core.clock import Clock
from modelport.serving.retiring import retiring

_VARY = (b"vary", b"x-stainless-lang")
_QUERY_FIELDS_MAX = 100
_KEPT = 64
_KEPT_MS = 10_000

_Name = tuple[str, str, ListQuery]


@dataclass(slots=True)
class ModelRoutes:
    """`/models` in its two shapes, `/v1/models`, and single models; rendered lists are kept for a few seconds."""

    catalogue: Callable[[], Catalogue]
    shown_rates: Callable[[Model], Rates | None]
    links: Links
    clock: Clock
    _kept: dict[_Name, tuple[Catalogue, int, Rendered]] = field(
        default_factory=dict["_Name", "tuple[Catalogue, int, Rendered]"], init=False
    )

    async def bare(self, request: Request) -> Answer:
        """Answer `/models`: the seed's array, or the list where the caller knows of it."""
        query = list_query(request)
        if query.asks_for_list or b"x-stainless-lang" in request.headers:
            return self._list(request, query, (_VARY,))
        return tagged(request, self._rendered("array", request, query, lambda shelf: render_seed(shelf)), (_VARY,))

    async def index(self, request: Request) -> Answer:
        """Answer `/v1/models`: the list."""
        return self._list(request, list_query(request), ())

    async def show(self, request: Request) -> Answer:
        """Answer `/model/{id}`: one model in an envelope."""
        return self._one(request, is_bare=False)

    async def retrieve(self, request: Request) -> Answer:
        """Answer `/v1/models/{id}`: one model as the OpenAI SDK reads it."""
        return self._one(request, is_bare=True)

    def _list(self, request: Request, query: ListQuery, vary: tuple[tuple[bytes, bytes], ...]) -> Answer:
        return tagged(request, self._rendered("list", request, query, lambda shelf: render_list(shelf, query)), vary)

    def _one(self, request: Request, *, is_bare: bool) -> Answer:
        shelf = self._shelf(self.catalogue(), request)
        rendered = render_model(shelf, request.tail, list_query(request), is_bare=is_bare)
        on = shelf.catalogue.find(request.tail).retires_on
        return tagged(request, rendered, () if on is None else retiring(on))

    def _shelf(self, catalogue: Catalogue, request: Request) -> Shelf:
        return Shelf(catalogue, self.shown_rates, self.links.root(request.scope, request.headers))

    def _rendered(self, kind: str, request: Request, query: ListQuery, render: Callable[[Shelf], Rendered]) -> Rendered:
        catalogue = self.catalogue()
        shelf = self._shelf(catalogue, request)
        name = (kind, shelf.public_url, query)
        now_ms = self.clock.now_ms()
        kept = self._kept.get(name)
        if kept is not None and kept[0] is catalogue and now_ms < kept[1]:
            return kept[2]
        rendered = render(shelf)
        self._kept.pop(name, None)
        if len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = (catalogue, now_ms + _KEPT_MS, rendered)
        return rendered


def list_query(request: Request) -> ListQuery:
    """Read what a caller asked to see; raises `MalformedRequest`."""
    try:
        text = request.query_string.decode("utf-8", "replace")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        raise MalformedRequest(f"the query has more than {_QUERY_FIELDS_MAX} parameters: send fewer") from None
    return ListQuery.parse(pairs)
