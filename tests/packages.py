"""Debian packages that some tests need: which are missing here, and the line that installs them.

`python3 tests/packages.py` prints the missing ones; `.ci/run` installs what it prints.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

# The command by which each package is recognised, so that a part installed in another way counts too. Every package
# that a test names in `@pytest.mark.debian(...)` is here.
COMMANDS = {
    "chromium": "chromium",
    "curl": "curl",
    "faketime": "faketime",
    "gcc": "gcc",
    "nginx": "nginx",
    "nodejs": "node",
    "npm": "npm",
    "postgresql": "postgres",
    "redis-server": "redis-server",
}
HIDDEN = "usr/lib/postgresql/*/bin"
"""Where Debian puts programs that are not on PATH."""


def missing(packages: Iterable[str]) -> list[str]:
    """List those of `packages` whose command is not on PATH; raises `KeyError` for one without an entry above."""
    return sorted(package for package in packages if found(COMMANDS[package]) is None)


def found(command: str) -> str | None:
    """Say where a command is; None when it is missing."""
    folders = sorted(Path("/").glob(HIDDEN), reverse=True)
    hidden = (place for folder in folders if (place := str(folder / command)))
    return shutil.which(command) or next((place for place in hidden if os.access(place, os.X_OK)), None)


def find(command: str) -> str:
    """Say where a command is; raises `FileNotFoundError`."""
    place = found(command)
    if place is None:
        raise FileNotFoundError(f"{command} is missing: see tests/packages.py")
    return place


def apt_line(packages: Iterable[str]) -> str:
    """Spell the one line that installs `packages`."""
    return f"apt-get install --no-install-recommends {' '.join(sorted(packages))}"


if __name__ == "__main__":
    sys.stdout.write(" ".join(missing(COMMANDS)) + "\n")
