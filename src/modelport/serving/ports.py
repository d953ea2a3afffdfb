"""What serving needs from the outside: the caller's end, and providers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from modelport.catalogue.facts import Offer
from modelport.core.errors import Problem
from modelport.dialects.wire import UpstreamRequest


class Client(Protocol):
    """The caller's end of one exchange. `start` once, `send` any number of times, `finish` once.

    After the caller has left, sending is a no-op.
    """

    @property
    def has_left(self) -> bool:
        """Whether the connection is gone."""
        ...

    def on_leave(self, callback: Callable[[], None]) -> None:
        """Have `callback` run once when the caller leaves (at once if already gone)."""
        ...

    def mark(self, name: bytes, value: bytes) -> None:
        """Have the answer carry a header, whatever it becomes."""
        ...

    async def start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Send status and headers."""
        ...

    async def send(self, data: bytes) -> None:
        """Send a piece of the body; waits while the caller reads slowly."""
        ...

    async def finish(self, data: bytes = b"") -> None:
        """Send the last piece and end the answer."""
        ...

    async def fail(self, problem: Problem, framed: Callable[[bytes], bytes]) -> None:
        """End a stream that has begun with an error event, so that it never looks complete.

        `framed` makes the event of an error body, in the form of the stream.
        """
        ...


class UpstreamAnswer(Protocol):
    """A provider's answer, from its headers on."""

    @property
    def status(self) -> int: ...

    def header(self, name: bytes) -> bytes | None:
        """Return a header by its lower-case name."""
        ...

    async def body(self, limit_bytes: int) -> bytes:
        """Read all that is left; raises `AnswerTooLarge`, `CutShort`, `IdleTimeout`."""
        ...

    async def some(self) -> bytes:
        """Read what has come, at least a byte; empty at a proper end. Raises `CutShort`, `IdleTimeout`."""
        ...

    def stop(self) -> None:
        """Have leaving close the connection at once."""
        ...


class Upstream(Protocol):
    """Sends requests to providers.

    Leaving the context early by an exception, or after `stop`, closes the connection at once and so stops the provider.
    Leaving it early otherwise says that the rest is not needed: it has a moment to come in, so that the connection can
    be used again.
    """

    def send(self, offer: Offer, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Send; enter to wait for the answer's headers. Raises the problems below."""
        ...


class Taken(Protocol):
    """What an address answered to what it was sent."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[bytes, bytes]: ...


class Callbacks(Protocol):
    """Calls addresses that callers gave, if the egress guard lets it."""

    async def check(self, url: str, timeout_s: float) -> None:
        """Judge an address that is called later; raises `AddressRefused`, `UpstreamProblem`."""
        ...

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, total_s: float) -> Taken:
        """POST to an address, judged anew; a redirect is an answer. Raises `AddressRefused`, `UpstreamProblem`."""
        ...


class UpstreamProblem(Problem):
    """A provider could not be reached or did not answer properly. `was_sent` says whether it may have acted."""

    was_sent = True


class ConnectFailed(UpstreamProblem):
    """No connection: refused, unreachable, unresolved, TLS failed, or no answer within `connect_s`."""

    was_sent = False


class FirstByteTimeout(UpstreamProblem):
    """No answer within `first_byte_s`."""


class IdleTimeout(UpstreamProblem):
    """The answer stalled for `idle_s`."""


class CutShort(UpstreamProblem):
    """The connection ended before the answer did."""


class MalformedAnswer(UpstreamProblem):
    """Not HTTP, or not what the dialect promises."""


class AnswerBroken(Problem):
    """An answer came, and costs what it costs, but is not what was asked for and what its provider does not enforce."""

    def __init__(self, provider: str, breach: str) -> None:
        super().__init__(
            f"the answer of {provider} is not what was asked for: {breach}. Its tokens are charged; ask again"
        )


class AnswerTooLarge(UpstreamProblem):
    """Header or body beyond the bound."""


class ProviderBusy(UpstreamProblem):
    """Our own bound on calls to this provider or engine is reached."""

    was_sent = False

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ProviderUnavailable(UpstreamProblem):
    """The provider or engine cannot serve on this machine; the message says which setting or command provides it."""

    was_sent = False
