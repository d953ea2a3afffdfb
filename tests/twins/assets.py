"""The store of files in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from modelport.assets.archive import Archive
from modelport.assets.links import Links
from modelport.assets.names import Shares
from modelport.core.clock import DAY_MS, Clock
from modelport.core.ids import IdSource

PIECE_BYTES = 1000
SECRETS = [(1, b"a secret of the server, 32 bytes.")]


@dataclass
class TwinAssets:
    """Keeps files in a dictionary."""

    files: dict[str, bytes] = field(default_factory=dict)
    read_bytes: int = 0

    async def put(self, name: str, content: bytes | AsyncIterator[bytes]) -> None:
        self.files[name] = content if isinstance(content, bytes) else b"".join([piece async for piece in content])

    async def move(self, name: str, to: str) -> None:
        self.files[to] = self.files.pop(name)

    async def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        for begin in range(start, end, PIECE_BYTES):
            piece = self.files[name][begin : min(begin + PIECE_BYTES, end)]
            self.read_bytes += len(piece)
            yield piece

    async def parts(self, below: str = "") -> list[str]:
        start = f"{below}/" if below else ""
        deeper = [name[len(start) :] for name in self.files if name.startswith(start)]
        return sorted({name.partition("/")[0] for name in deeper if "/" in name})

    async def delete_all(self, below: str) -> int:
        gone = [name for name in self.files if name.startswith(f"{below}/")]
        for name in gone:
            del self.files[name]
        return len(gone)


def twin_archive(clock: Clock, store: TwinAssets | None = None, limit_bytes: int = 1_000_000) -> Archive:
    """Make an archive over files in memory, whose links last a day."""
    links, shares = Links(SECRETS, DAY_MS), Shares(SECRETS)
    return Archive(TwinAssets() if store is None else store, links, shares, clock, IdSource(), limit_bytes)
