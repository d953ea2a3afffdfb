"""Debian packages that some tests need: which are missing here, and the line that installs them.

`python3 tests/packages.py` prints the missing ones; `.ci/run` installs what it prints.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

# The command by which each package is recognised, so that a part installed in another way counts too. Every package
# that a test names in `@pytest.mark.debian(...)` is here.
COMMANDS = {
    "curl": "curl",
    "gcc": "gcc",
    "nginx": "nginx",
    "nodejs": "node",
    "npm": "npm",
    "redis-server": "redis-server",
}


def missing(packages: Iterable[str]) -> list[str]:
    """List those of `packages` whose command is not on PATH; raises `KeyError` for one without an entry above."""
    return sorted(package for package in packages if shutil.which(COMMANDS[package]) is None)


def apt_line(packages: Iterable[str]) -> str:
    """Spell the one line that installs `packages`."""
    return f"apt-get install --no-install-recommends {' '.join(sorted(packages))}"


if __name__ == "__main__":
    sys.stdout.write(" ".join(missing(COMMANDS)) + "\n")
