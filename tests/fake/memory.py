"""What the fake remembers from one call to the next: prompts in the cache, and answers that a vendor stores."""

from dataclasses import dataclass, field
from typing import Any

_LIMIT = 10_000


@dataclass(slots=True)
class Memory:
    """Prefixes of prompts, and stored answers by their id; the oldest go first."""

    prefixes: dict[bytes, str] = field(default_factory=dict[bytes, str])
    """The digests of prefixes that are in the cache of prompts, and how long they are kept."""
    responses: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    """The conversation up to the end of each stored response."""
    items: dict[str, Any] = field(default_factory=dict[str, Any])
    """The output items of stored responses."""

    def cache(self, digest: bytes, ttl: str) -> None:
        """Put a prefix into the cache of prompts."""
        self.prefixes[digest] = ttl
        _shorten(self.prefixes)

    def store(self, response_id: str, conversation: list[Any], output: list[Any]) -> None:
        """Store a response with the conversation before it."""
        self.responses[response_id] = conversation + output
        self.items.update({item["id"]: item for item in output if "id" in item})
        _shorten(self.responses)
        _shorten(self.items)

    def clear(self) -> None:
        """Forget everything."""
        self.prefixes.clear()
        self.responses.clear()
        self.items.clear()


def _shorten(kept: dict[Any, Any]) -> None:
    while len(kept) > _LIMIT:
        del kept[next(iter(kept))]
