"""What passes between a dialect and the socket below it."""

from msgspec import Struct

from modelport.core.errors import Problem

Headers = tuple[tuple[bytes, bytes], ...]


class UpstreamRequest(Struct, frozen=True):
    """A request to a provider, relative to its base URL; credentials are added by the transport."""

    path: str
    """Below the provider's base URL, with a leading slash: `/chat/completions`."""
    headers: Headers
    body: bytes
    is_streaming: bool
    dropped: tuple[str, ...] = ()
    """Fields of the call that this provider does not take and that were left out."""


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
