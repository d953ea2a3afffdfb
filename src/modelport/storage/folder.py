"""The data folder: made private, and held by one server at a time."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from modelport.core.errors import Problem

LOCK_NAME = "server.lock"


class FolderInUse(Problem):
    """Another server holds the data folder."""

    def __init__(self, folder: Path, pid: str) -> None:
        holder = f"process {pid}" if pid else "another process"
        advice = "stop that server first"
        if pid.isdecimal() and not _is_alive(int(pid)):
            holder = f"the workers of process {pid}, which has died"
            advice = "they let their calls end and stop by themselves, so try again in a moment"
        super().__init__(
            f"the data folder '{folder}' is in use by {holder}: {advice}, or choose another folder with --data-dir"
        )
        self.folder = folder
        self.pid = pid


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def locked_folder(folder: Path) -> Generator[int]:
    """Hold the folder for this process, making it if it is missing; raises `FolderInUse`.

    Yields the descriptor that holds it. The lock ends with the last process that has it open, however that ends.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(folder, os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)
