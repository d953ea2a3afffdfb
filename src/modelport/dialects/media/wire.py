"""What passes between a wire format of media and serving: a call as one step or several, each a request of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from modelport.catalogue.facts import Operation
from modelport.dialects.wire import Target, UpstreamFault, UpstreamRequest
from modelport.operations.made import Made, Piece
from modelport.operations.media import MediaCall

Carriage = Literal["inline", "link"]
"""How a provider takes a file: inside the request or an upload that is a step before it, or as an address."""


class Order(Struct, frozen=True):
    """A call on its way to one offer. Files among its fields are uploads, or links where the format takes those."""

    call: MediaCall
    target: Target
    operation: Operation
    is_edit: bool = False
    id: str = ""
    """The inference id, where a provider wants a name for the request."""


class Ticket(Struct, frozen=True):
    """Where a call stands at its provider. All that goes on after a pause, or in another process, is in it."""

    stage: str = ""
    """Which request comes next; empty for the first."""
    facts: Mapping[str, str] = {}
    """What the provider said that later requests need: the id of its job."""
    after_s: float = 0.0
    """How long to wait before that request."""
    is_taken: bool = False
    """Whether the provider has taken the work on: it is never sent again."""


class Told(Struct, frozen=True):
    """One answer of a provider, read to its end."""

    body: bytes
    content_type: str = ""
    header: Callable[[bytes], bytes | None] = lambda _: None
    """Finds a header by its lower-case name."""


class SoundReader(Protocol):
    """Reads one sound that comes as it is made."""

    @property
    def content_type(self) -> str:
        """What the sound is."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere and return the sound in them; raises `UpstreamFault`, `MalformedReply`."""
        ...

    def end(self) -> None:
        """Take the end of the answer; raises `MalformedReply` where something is missing."""
        ...


class PieceReader(Protocol):
    """Reads one answer that comes in pieces as it is made."""

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Take bytes cut anywhere and return the pieces that became whole; raises `UpstreamFault`, `MalformedReply`."""
        ...

    def end(self) -> Made:
        """Take the end of the answer and return what was made; raises `MalformedReply` where something is missing."""
        ...


class MediaDialect(Protocol):
    """A wire format of media. Pure: no socket, clock or environment."""

    takes: frozenset[Carriage]
    """How files get to the provider, if at all."""

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write the request of a step. Raises `NotExpressible` for what must not be left out."""
        ...

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the answer to it: what was made, or what to ask next. Raises `MalformedReply`, `UpstreamFault`."""
        ...

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Begin to read a sound while it is made; None where it comes whole."""
        ...

    def pieces(self, order: Order, content_type: str) -> PieceReader | None:
        """Begin to read pieces of what is made; None where it comes whole."""
        ...

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal, and whether another offer is worth trying."""
        ...
