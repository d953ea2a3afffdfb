"""Which path is which operation: exact paths by one look-up, ids behind a fixed part, and what is not built yet."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from modelport.api.access import ACCESS, Access
from modelport.api.problems import NotBuilt, UnknownRoute, WrongMethod
from modelport.api.request import Answer, Request

Handler = Callable[[Request], Awaitable[Answer | None]]
"""Answers a request; returns None when it has sent the answer itself."""

PREFIXES = ("/v1", "/api/v1", "/v2", "")
"""Every inference path answers under each of them."""
_SLASHES = re.compile("/{2,}")


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of a path does, and who may ask for it."""

    name: str
    handler: Handler
    access: Access


@dataclass(frozen=True, slots=True)
class Route:
    """Paths that mean the same, and what each method does there."""

    paths: tuple[str, ...]
    methods: Mapping[str, tuple[str, Handler]]
    """Method to name of the operation (a line of `access.ACCESS`) and handler."""
    has_tail: bool = False
    """Whether the paths go on with an id; they then end in a slash."""


class Found(Struct, frozen=True):
    """The operation of a request, and what followed the route's fixed part."""

    operation: Operation
    tail: str


_Methods = dict[str, Operation]


@dataclass(slots=True)
class Router:
    """Finds the operation of a method and path; paths are compared without trailing and doubled slashes."""

    routes: Sequence[Route]
    _exact: dict[str, _Methods] = field(default_factory=dict[str, _Methods], init=False)
    _tails: dict[str, _Methods] = field(default_factory=dict[str, _Methods], init=False)

    def __post_init__(self) -> None:
        for route in self.routes:
            methods = {
                method: Operation(name, handler, ACCESS[name]) for method, (name, handler) in route.methods.items()
            }
            for path in route.paths:
                (self._tails if route.has_tail else self._exact)[path] = methods

    def find(self, method: str, path: str) -> Found:
        """Return the operation; raises `UnknownRoute`, `NotBuilt` or `WrongMethod`."""
        methods = self._exact.get(path)
        tail = ""
        if methods is None:
            methods, tail = self._search(normal(path))
        operation = methods.get(method)
        if operation is None and method == "HEAD":
            operation = methods.get("GET")
        if operation is None:
            raise WrongMethod(method, _allowed(methods))
        return Found(operation, tail)

    def _search(self, path: str) -> tuple[_Methods, str]:
        methods = self._exact.get(path)
        if methods is not None:
            return methods, ""
        for fixed, found in self._tails.items():
            if path.startswith(fixed):
                return found, path[len(fixed) :]
        check_built(path)
        raise UnknownRoute(f"there is nothing at {path[:200]}")

    def allowed(self, path: str) -> tuple[str, ...]:
        """Return the methods of a path, `OPTIONS` among them; none when there is no such path."""
        try:
            return _allowed(self._search(normal(path))[0])
        except (UnknownRoute, NotBuilt):
            return ()


def _allowed(methods: _Methods) -> tuple[str, ...]:
    return (*methods, "HEAD", "OPTIONS") if "GET" in methods else (*methods, "OPTIONS")


def normal(path: str) -> str:
    """Drop trailing and doubled slashes."""
    if "//" in path:
        path = _SLASHES.sub("/", path)
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def inference(path: str) -> tuple[str, ...]:
    """Spread an inference path over all prefixes."""
    return tuple(prefix + path for prefix in PREFIXES)


def is_messages(path: str) -> bool:
    """Whether clients of this path expect the error form of the Messages API as well."""
    return "/messages" in path or "/batches" in path


_CHAT = "use POST /v1/chat/completions"
_MEDIA = "use the media provider's own API for now"
NOT_BUILT: Mapping[str, str] = {
    "batches": f"{_CHAT}, one call for each request",
    "bagoodex": "use a model that searches the web, through POST /v1/chat/completions",
    "assistants": _CHAT,
    "threads": _CHAT,
    "mcp": _CHAT,
    "images": _MEDIA,
    "generate": _MEDIA,
    "audio": _MEDIA,
    "files": f"{_CHAT} with the file's content in a message",
}
"""First segments of documented inference routes that this version does not have, and what to use instead."""


def check_built(path: str) -> None:
    """Raise `NotBuilt` for an inference route that is documented but that this version does not have."""
    rest = next(path[len(prefix) :] for prefix in PREFIXES if path.startswith(f"{prefix}/"))
    instead = NOT_BUILT.get(rest[1:].partition("/")[0])
    if instead is not None:
        raise NotBuilt(f"{path[:200]} is documented but not part of this version: {instead}")
