"""The load generator and the upstream, built from C."""

import subprocess
import sys
from pathlib import Path

from bench.machine import find

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"


def build_tools() -> None:
    """Compile what is missing or older than its source; exits with what to install when it cannot."""
    compiler = find("cc") or find("gcc") or find("clang")
    if compiler is None:
        sys.exit("bench: no C compiler; install one: apt-get install -y gcc libc6-dev")
    BUILD.mkdir(exist_ok=True)
    for name in ("load", "upstream"):
        source, target = FOLDER / f"{name}.c", BUILD / name
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(target), str(source)], check=True)


def require_nginx() -> str:
    """Return the path of nginx; ends the program with the line that installs it when it is missing."""
    nginx = find("nginx")
    if nginx is None:
        sys.stderr.write("bench: nginx is the yardstick and is missing: apt-get install -y nginx-light\n")
        raise SystemExit(2)
    return nginx
