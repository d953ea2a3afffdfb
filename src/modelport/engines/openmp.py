"""The OpenMP runtime that llama.cpp's builds for Linux expect of the system; a small Debian or container has none."""

import ctypes
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

LIBRARY = "libgomp.so.1"
_CARRIER = "simsimd"
"""A dependency whose wheels for Linux bring the library along; nothing else of it is used."""


def system_has_it() -> bool:
    """Whether the dynamic loader finds the library, or does not need it (macOS)."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def carried() -> Path | None:
    """Return the copy that a dependency carries, if there is one."""
    try:
        files = metadata.files(_CARRIER) or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.name.startswith("libgomp-"))
    return next((path for path in found if path.exists()), None)


def offer(folder: Path, *, has_it: Callable[[], bool] = system_has_it) -> Path | None:
    """Link the carried copy into `folder` under the name that is looked for; None where the system has its own."""
    copy = None if has_it() else carried()
    if copy is None:
        return None
    link = folder / LIBRARY
    if not link.is_symlink():
        link.symlink_to(copy)
    return folder
