"""Write a file of known size and hash, piece by piece, and let nothing else through."""

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from modelport.engines.entries import BundledFile, File, Tarball, WrongHash

CHUNK_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Told the bytes that are there and the bytes that there will be."""
Known = File | Tarball | BundledFile
"""What has a name, a size and a hash."""


class Joined:
    """A file being written and hashed at once; refuses a byte too many."""

    def __init__(self, out: IO[bytes], entry: Known, what: str) -> None:
        self._out = out
        self._entry = entry
        self._what = what
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write_all(self, source: IO[bytes]) -> None:
        """Append everything that `source` has left."""
        while chunk := source.read(CHUNK_BYTES):
            self.size_bytes += len(chunk)
            if self.size_bytes > self._entry.size_bytes:
                raise WrongHash(self._what, self._entry.sha256, f"that of more than {self._entry.size_bytes} bytes")
            self._hash.update(chunk)
            self._out.write(chunk)

    def check(self) -> None:
        """Raise `WrongHash` unless what was written is the entry's file."""
        if (found := self._hash.hexdigest()) != self._entry.sha256:
            raise WrongHash(self._what, self._entry.sha256, found)


@contextmanager
def joined_file(target: Path, entry: Known, what: str) -> Generator[Joined]:
    """Open `target` for writing; on a clean exit it is checked and synced, on any other it is removed."""
    try:
        with target.open("wb") as out:
            joined = Joined(out, entry, what)
            yield joined
            joined.check()
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_checked(source: Path, target: Path, entry: Known, progress: Progress) -> None:
    """Copy an operator's own file to `target` if it is the entry's."""
    with source.open("rb") as file, joined_file(target, entry, f"'{source}'") as joined:
        joined.write_all(file)
        progress(joined.size_bytes, entry.size_bytes)
