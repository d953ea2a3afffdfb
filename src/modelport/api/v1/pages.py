"""Pages for browsers, where the same address answers programs with JSON: the page, packed, or that it is unchanged."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from modelport.api.links import Links
from modelport.api.problems import MalformedRequest, UnknownRoute
from modelport.api.request import Answer, Request
from modelport.api.v1.about import AboutRoutes
from modelport.api.v1.models import ModelRoutes, list_query

_QUERY_FIELDS_MAX = 100
_NAME_MOST = 300
_POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    b"frame-ancestors 'none'"
)
_GUARDS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_LASTING = b"public, max-age=31536000, immutable"
_VARY = b"accept, accept-encoding, x-stainless-lang"
VARY_ACCEPT = (b"vary", b"accept")
"""Goes with what a browser would have got as a page."""


class Page(Protocol):
    """One answer for a browser."""

    @property
    def body(self) -> bytes:
        """Return its bytes."""
        ...

    @property
    def packed(self) -> bytes:
        """Return its bytes by gzip."""
        ...

    @property
    def etag(self) -> str:
        """Return a weak tag, of either form."""
        ...

    @property
    def kind(self) -> str:
        """Return its content type."""
        ...

    @property
    def status(self) -> int:
        """Return its status."""
        ...

    @property
    def is_lasting(self) -> bool:
        """Whether it never has to be asked for again."""
        ...


class Pages(Protocol):
    """Makes pages; `root` is the address of the gateway as the reader knows it."""

    def home(self, root: str) -> Page:
        """Make `/`."""
        ...

    def models(self, root: str, pairs: Iterable[tuple[str, str]]) -> Page:
        """Make `/models`, of what the query asks for."""
        ...

    def ids(self, root: str) -> Page:
        """Make `/models/ids`."""
        ...

    def model(self, root: str, name: str) -> Page:
        """Make `/models/{id}`, also of an id that is retired or unknown."""
        ...

    def llms(self, root: str) -> Page:
        """Make `/llms.txt`."""
        ...

    def static(self, name: str) -> Page | None:
        """Return a static file."""
        ...


Run = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class PageRoutes:
    """The addresses that answer browsers with pages; programs get what `about` and `listed` say."""

    pages: Pages
    about: AboutRoutes
    listed: ModelRoutes
    links: Links
    run: Run
    """Calls a function in a thread: the first page loads the templates."""

    async def home(self, request: Request) -> Answer:
        """Answer `/`: the map of models, or where to go on as JSON."""
        if not prefers_html(request.headers.get(b"accept")):
            return _varied(await self.about.show(request))
        return _answer(request, await self.run(self.pages.home, self._root(request)))

    async def models(self, request: Request) -> Answer:
        """Answer `/models`: the list as a page, unless it is asked for in one of its shapes of JSON."""
        is_list = b"x-stainless-lang" in request.headers or list_query(request).asks_for_list
        if is_list or not prefers_html(request.headers.get(b"accept")):
            return _varied(await self.listed.bare(request))
        return _answer(request, await self.run(self.pages.models, self._root(request), _pairs(request)))

    async def model(self, request: Request) -> Answer:
        """Answer `/models/{id}`: its page, or the model as the OpenAI SDK reads it."""
        if not prefers_html(request.headers.get(b"accept")):
            return _varied(await self.listed.retrieve(request))
        return _answer(request, await self.run(self.pages.model, self._root(request), request.tail[:_NAME_MOST]))

    async def ids(self, request: Request) -> Answer:
        """Answer `/models/ids`."""
        return _answer(request, await self.run(self.pages.ids, self._root(request)))

    async def llms(self, request: Request) -> Answer:
        """Answer `/llms.txt`."""
        return _answer(request, await self.run(self.pages.llms, self._root(request)))

    async def static(self, request: Request) -> Answer:
        """Answer `/static/{name}`."""
        found: Page | None = await self.run(self.pages.static, request.tail)
        if found is None:
            raise UnknownRoute(f"there is no file /static/{request.tail[:200]}")
        return _answer(request, found)

    def _root(self, request: Request) -> str:
        return self.links.root(request.scope, request.headers)


def prefers_html(accept: bytes | None) -> bool:
    """Whether a page is wanted rather than JSON: browsers say so, programs that take anything do not."""
    weights: dict[str, float] = {}
    for part in (accept or b"").decode("latin-1").split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights[kind] = max(weights.get(kind, 0.0), _weight(parameters))
    html = weights.get("text/html", 0.0)
    json = weights.get("application/json", weights.get("application/*", weights.get("*/*", 0.0)))
    return html > json


def _weight(parameters: Sequence[str]) -> float:
    value = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return float(value)
    except ValueError:
        return 0.0


def _pairs(request: Request) -> list[tuple[str, str]]:
    try:
        text = request.query_string.decode("utf-8", "replace")
        return parse_qsl(text, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        raise MalformedRequest(f"the query has more than {_QUERY_FIELDS_MAX} parameters: send fewer") from None


def _varied(answer: Answer) -> Answer:
    """Say that browsers get something else here."""
    return Answer(answer.status, answer.body, (*answer.headers, VARY_ACCEPT))


def _answer(request: Request, page: Page) -> Answer:
    etag = page.etag.encode()
    cache = _LASTING if page.is_lasting and request.query_string else b"no-cache"
    headers = [(b"etag", etag), (b"cache-control", cache), (b"vary", _VARY), *_GUARDS]
    if page.status == 200 and is_match(request.headers.get(b"if-none-match"), etag):
        return Answer(304, b"", headers)
    headers.append((b"content-type", page.kind.encode()))
    if not _takes_gzip(request.headers.get(b"accept-encoding", b"")):
        return Answer(page.status, page.body, headers)
    return Answer(page.status, page.packed, [*headers, (b"content-encoding", b"gzip")])


def is_match(asked: bytes | None, etag: bytes) -> bool:
    """Whether a browser has this already; tags are compared weakly."""
    if asked is None:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in asked.split(b",")]
    return etag.removeprefix(b"W/") in tags or b"*" in tags


def _takes_gzip(accepted: bytes) -> bool:
    for part in accepted.decode("latin-1").lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if coding in ("gzip", "*"):
            return _weight(parameters) > 0
    return False
