"""Carrying a provider's opaque proofs of reasoning through a wire format that has no place for their origin."""

from msgspec import Struct

_MARK = "mp1"
SEALED_MARK = b'"mp1.'
"""Found in the raw body of a call that brings back something sealed."""


class Sealed(Struct, frozen=True):
    """An opaque value of a provider."""

    origin: str
    """The dialect of the provider that made it."""
    kind: str
    """What it is: `signature` or `encrypted` of reasoning, `tool` for the signature of a call of a tool."""
    value: str
    id: str = ""
    """The id of the item that it came with, where the provider wants it back."""


def seal(sealed: Sealed) -> str:
    """Write a value as one opaque string that says where it came from."""
    return f"{_MARK}.{sealed.origin}.{sealed.kind}.{sealed.id}.{sealed.value}"


def unseal(text: str) -> Sealed | None:
    """Read what `seal` wrote; None for anything else, which is then the format's own."""
    parts = text.split(".", 4)
    return Sealed(parts[1], parts[2], parts[4], parts[3]) if len(parts) == 5 and parts[0] == _MARK else None
