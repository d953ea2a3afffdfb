"""Responses that callers may continue or fetch again, kept here whatever provider made them."""

from typing import Protocol

from msgspec import Struct

from modelport.core.errors import Problem

MAX_REMEMBERED_BYTES = 16 * 1024 * 1024
"""Of input, output and response together: a conversation is kept whole with each response that continues it."""


class UnknownResponse(Problem):
    """No such response is kept for the account, or it has expired."""

    def __init__(self, response_id: str) -> None:
        shown = response_id if len(response_id) <= 100 else response_id[:97] + "..."
        super().__init__(
            f"no response '{shown}' is stored for this account, or it has expired: "
            "only responses to calls with 'store': true can be fetched"
        )
        self.response_id = response_id


class Remembered(Struct, frozen=True):
    """A response, with all that a call needs which continues it."""

    id: str
    """As its caller knows it: `resp_…`."""
    account_id: int
    created_at_ms: int
    expires_at_ms: int
    input: bytes
    """A JSON list of input items, those of the responses that it continued included."""
    output: bytes
    """A JSON list of output items."""
    response: bytes
    """The whole response object, as its caller got it."""

    @property
    def size_bytes(self) -> int:
        """How much is kept."""
        return len(self.input) + len(self.output) + len(self.response)


class Responses(Protocol):
    """Keeps responses. Calls block; the serving process makes them in a thread."""

    def save(self, remembered: Remembered) -> bool:
        """Keep a response; False when it is larger than `MAX_REMEMBERED_BYTES`, and so is not kept."""
        ...

    def find(self, response_id: str, account_id: int, now_ms: int) -> Remembered | None:
        """Return a response of the account; None when there is none or it has expired."""
        ...

    def delete(self, response_id: str, account_id: int, now_ms: int) -> bool:
        """Forget a response of the account; False when there was none or it had expired."""
        ...

    def sweep(self, now_ms: int, limit: int) -> int:
        """Forget at most so many responses that have expired, and return how many they were."""
        ...
