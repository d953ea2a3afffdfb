"""What the application may know about the connection that a request came on."""

from collections.abc import Callable, Mapping
from typing import Protocol, cast

EXTENSION = "modelport.connection"


class Connection(Protocol):
    """The caller's connection; tells when it is gone without a task that waits for it."""

    @property
    def is_gone(self) -> bool: ...

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Run `callback` once when the connection is lost during this request; at once if it is lost already."""
        ...

    def abort(self) -> None:
        """Cut the connection, so that an unfinished answer cannot look complete."""
        ...


class UnwatchedConnection:
    """Stands in where the server tells nothing about its connections."""

    is_gone = False

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Never runs the callback."""

    def abort(self) -> None:
        """Can do nothing."""


_UNWATCHED = UnwatchedConnection()


def connection_of(scope: Mapping[str, object]) -> Connection:
    """Return the connection that the server put into the scope."""
    extensions = cast("Mapping[str, object]", scope.get("extensions") or {})
    return cast("Connection", extensions.get(EXTENSION, _UNWATCHED))
