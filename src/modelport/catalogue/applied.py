"""Files of the operator that hold for every replica, and who applied them when."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from modelport.catalogue.problems import CatalogueInvalid, Fault
from modelport.catalogue.sources import Source

MAX_APPLIED_BYTES = 16_000_000
"""How large all files together may be."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied once; the newest is in force. Without files nothing is."""

    number: int
    at_ms: int
    by: str
    note: str
    files: Mapping[str, bytes]

    @property
    def sources(self) -> tuple[Source, ...]:
        """The files, to lie on our own."""
        return tuple(Source("applied", name, self.files[name]) for name in sorted(self.files))

    @property
    def digest(self) -> str:
        """Tells one set of files from another, in twelve characters."""
        return hashlib.sha256(msgspec.msgpack.encode(dict(self.files), order="sorted")).hexdigest()[:12]


NOTHING_APPLIED = Applied(0, 0, "", "", {})


def packed(sources: Sequence[Source]) -> bytes:
    """Write files in few bytes; raises `CatalogueInvalid` when they are too large."""
    if sum(len(source.data) for source in sources) > MAX_APPLIED_BYTES:
        problem = f"all files together are larger than {MAX_APPLIED_BYTES:,} bytes"
        raise CatalogueInvalid((Fault("catalogue", "", problem, "leave out what our own files say already"),))
    return zlib.compress(msgspec.msgpack.encode({source.name: source.data for source in sources}))


def unpacked(data: bytes) -> dict[str, bytes]:
    """Read what `packed` wrote."""
    return msgspec.msgpack.decode(zlib.decompress(data), type=dict[str, bytes])
