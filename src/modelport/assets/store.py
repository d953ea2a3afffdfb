"""Where files are kept, as the rest of the code sees it."""

from collections.abc import AsyncIterator
from typing import Protocol

from modelport.core.errors import Problem


class AssetsUnavailable(Problem):
    """The store of files cannot be reached, read or written (503)."""


class TooLarge(Problem):
    """A file that is larger than files may be (413)."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the file is larger than {limit_bytes} bytes, which is the most that is kept (`assets.max_bytes`)"
        )


class AssetStore(Protocol):
    """Files by name, a name being a path of parts. All of it raises `AssetsUnavailable`."""

    async def put(self, name: str, content: bytes | AsyncIterator[bytes]) -> None:
        """Store a file, whole or not at all; what is there under this name is replaced."""
        ...

    async def move(self, name: str, to: str) -> None:
        """Give a file another name."""
        ...

    async def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""
        ...

    def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Read the bytes from `start` up to and without `end`, a piece at a time; a file that is gone has none."""
        ...

    async def parts(self, below: str = "") -> list[str]:
        """List what names go on with below a part: the first parts of all of them, when there is none."""
        ...

    async def delete_all(self, below: str) -> int:
        """Delete every file below a part; return how many there were."""
        ...
