"""What passes between a dialect, serving above it and the socket below it."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from modelport.catalogue.facts import Model, Offer
from modelport.core.errors import InvalidBody, Problem
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Event, Reply
from modelport.operations.usage import Usage

Headers = tuple[tuple[bytes, bytes], ...]
JSON_HEADERS: Headers = ((b"content-type", b"application/json"), (b"accept", b"application/json"))
STREAM_HEADERS: Headers = ((b"content-type", b"application/json"), (b"accept", b"text/event-stream"))


class UpstreamRequest(Struct, frozen=True):
    """A request to a provider, relative to its base URL; credentials are added by the transport."""

    path: str
    """Below the provider's base URL, with a leading slash: `/chat/completions`."""
    headers: Headers
    body: bytes
    is_streaming: bool
    """Whether a stream is asked for, which the caller may not have done."""
    dropped: tuple[str, ...] = ()
    """Fields of the call that this provider does not take and that were left out."""
    method: str = "POST"
    beside: str = ""
    """The end of the provider's base URL that gives way to `path`, where another of its APIs lies beside it."""
    is_making: bool = False
    """Whether something is made of it that may take minutes, and of which nothing is heard meanwhile."""


class MalformedReply(Problem):
    """A provider's answer is not what the wire format promises."""


class UpstreamFault(Problem):
    """A provider's refusal or failure, read from its answer."""

    def __init__(self, status: int, message: str, *, retryable: bool, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The provider's own HTTP status; 200 when the fault came inside a stream."""
        self.retryable = retryable
        """Whether another offer is worth trying."""
        self.retry_after_s = retry_after_s


class NotExpressible(InvalidBody):
    """Something in a call that cannot be said in a provider's wire format, and that must not be left out."""

    def __init__(self, place: str, provider: str, what: str) -> None:
        """Say of `place`, in the caller's words, what `provider` cannot do: `takes no video`."""
        super().__init__((f"'{place}': {provider} {what}",), place)


class CannotSearch(NotExpressible):
    """A search of the web was asked of a model that cannot do it there."""

    def __init__(self, place: str, provider: str) -> None:
        super().__init__(place, provider, "cannot search the web with this model")


class Identity(Struct, frozen=True):
    """What an answer is called where its provider does not say, or where the wire formats differ."""

    id: str
    """The inference id, without a prefix."""
    created: int
    """Unix seconds."""
    model: str
    """The catalogue's id of the model."""


NewIdentity = Callable[[], Identity]


class Target(Struct, frozen=True):
    """Where a call goes."""

    offer: Offer
    model: Model
    output_bound: int | None = None
    """Lowers (or sets) the caller's bound on output tokens per choice."""

    def max_tokens(self, asked: int | None) -> int | None:
        """Return the bound to send: the smaller of what the caller asked for and of what there is money for."""
        bounds = [bound for bound in (asked, self.output_bound) if bound is not None]
        return min(bounds) if bounds else None


class StreamReader(Protocol):
    """Reads one streamed answer of a provider; fresh for each."""

    @property
    def has_finish(self) -> bool:
        """Whether some choice said why it ended."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the provider said that the stream is complete."""
        ...

    @property
    def problem(self) -> UpstreamFault | MalformedReply | None:
        """Why no more can come."""
        ...

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes cut anywhere and return what they tell; empty once `is_done` or after a `problem`."""
        ...

    def usage(self) -> Usage | None:
        """Return what the provider reported so far; None when it reported nothing to trust."""
        ...


class Called(Protocol):
    """A wire format that providers speak: from the canonical call to it, and back from its answers. Pure."""

    def encode(self, talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
        """Write a call. Raises `NotExpressible` for what must not be left out; the rest goes into `dropped`."""
        ...

    def decode(self, body: bytes) -> Reply:
        """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        ...

    def reader(self) -> StreamReader:
        """Begin to read a streamed answer."""
        ...

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal, and whether another offer is worth trying."""
        ...


class Ending(Struct, frozen=True):
    """What the end of an answer says about its cost."""

    usage: Usage
    charged: int
    """Credits."""
    notice: str | None = None
    wants_usage: bool = True
    """False when the caller of a chat stream asked for none."""
    is_stopped: bool = False
    """Whether the gateway ends the answer here for lack of money: open parts are closed, the reason is `length`."""


class StreamWriter(Protocol):
    """Writes one streamed answer for a caller; fresh for each."""

    @property
    def events(self) -> int:
        """Pieces written that say something: about one token each, for usage that must be counted."""
        ...

    def write(self, events: Sequence[Event]) -> bytes:
        """Write events; what only the end may say (usage, the mark of completion) is kept back."""
        ...

    def ending(self, ending: Ending) -> bytes:
        """Write the end, with usage and `meta.usage`."""
        ...

    def failing(self, error: bytes) -> bytes:
        """Wrap an error body (JSON) as the event that ends a stream which cannot go on."""
        ...


class Served(Protocol):
    """A wire format that callers speak: from it to the canonical call, and back from canonical answers. Pure."""

    @property
    def is_divisible(self) -> bool:
        """Whether a written stream may be cut between any two of its events, since none depends on another."""
        ...

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request; raises `InvalidBody` naming every field that does not fit.

        A `model` from the request's path takes the place of the body's.
        """
        ...

    def read(self, call: ChatCall) -> Conversation:
        """Read a parsed call into the canonical form; raises `InvalidBody`."""
        ...

    def whole(self, call: ChatCall, reply: Reply, ending: Ending, identity: Identity) -> bytes:
        """Write a whole answer with `meta.usage`."""
        ...

    def writer(self, call: ChatCall, identity: Identity) -> StreamWriter:
        """Begin to write a streamed answer."""
        ...

    def said_bytes(self, passed: bytes) -> int:
        """Measure what a piece of a written stream says, as the base of a count of its tokens."""
        ...


class Passage(Protocol):
    """The way of one answer from a provider to the caller; fresh for each attempt.

    Relayed where both speak one format, otherwise read into events and written anew.
    """

    @property
    def events(self) -> int:
        """Pieces passed on that say something: about one token each."""
        ...

    @property
    def has_finish(self) -> bool:
        """Whether some choice said why it ended."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the provider said that the stream is complete."""
        ...

    @property
    def problem(self) -> UpstreamFault | MalformedReply | None:
        """Why no more can come."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take bytes of a stream cut anywhere and return what to pass on, in whole events of the caller's format."""
        ...

    def take(self, body: bytes) -> None:
        """Take a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        ...

    def usage(self) -> Usage | None:
        """Return what the provider reported so far; None when it reported nothing to trust."""
        ...

    def said_bytes(self) -> int:
        """Measure what a whole answer says, as the base of a guess at its tokens."""
        ...

    def whole(self, ending: Ending) -> bytes:
        """Write the whole answer with `meta.usage`."""
        ...

    def ending(self, ending: Ending) -> bytes:
        """Write the end of a stream."""
        ...

    def failing(self, error: bytes) -> bytes:
        """Wrap an error body (JSON) as the event that ends a stream which cannot go on."""
        ...


@runtime_checkable
class Keepable(Protocol):
    """A way or a writer of a format whose answers are kept for later calls."""

    def final(self) -> bytes | None:
        """Return the whole answer after its `ending`; None before."""
        ...
