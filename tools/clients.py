"""Make the environments of the clients in `tests/clients/`, one folder a family, or resolve their locks again.

`python3 tools/clients.py install [family ...]` makes what is missing, several at a time, under `.clients/`, and prints
where each is; an environment is kept until its lock changes. `python3 tools/clients.py lock [family ...] [--upgrade]`
writes the locks: for Python with the hashes of every file that the public index lists, for Node without the addresses
that npm would add.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lock import FROM_THIS_MACHINE

from environment import (
    ROOT,
    CannotInstall,
    find_uv,
    hashed,
    interpreter,
    pip_configuration,
    pip_settings,
    uv_settings,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

CLIENTS = ROOT / "tests" / "clients"
INSTALLED = ROOT / ".clients"
STAMP = "installed"
AT_A_TIME = 4  # most of an installation is waiting
STEP_WITHIN_S = 600
OFFLINE_NPM = ("--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error")


@dataclass(frozen=True, slots=True)
class Family:
    """The clients of one folder of `tests/clients/`, and what they are installed from."""

    name: str
    folder: Path
    is_node: bool

    @property
    def lock(self) -> Path:
        """The file that names every package that is installed."""
        return self.folder / ("package-lock.json" if self.is_node else "requirements.txt")

    @property
    def sources(self) -> tuple[Path, ...]:
        """What the installation depends on."""
        return (self.folder / "package.json", self.lock) if self.is_node else (self.lock,)

    @property
    def home(self) -> Path:
        """Where the environment is: a name that changes with its lock."""
        digest = hashlib.sha256()
        for path in self.sources:
            digest.update(path.read_bytes())
        if not self.is_node:
            digest.update(f"{platform.python_version()} {sys.base_prefix}".encode())
        return INSTALLED / f"{self.name}-{digest.hexdigest()[:12]}"


def families(names: Iterable[str] = ()) -> list[Family]:
    """List the families of `tests/clients/`, or those that are named; raises `CannotInstall` for one that is not."""
    found = {path.parent.name: Family(path.parent.name, path.parent, False) for path in CLIENTS.glob("*/*.in")}
    found |= {path.parent.name: Family(path.parent.name, path.parent, True) for path in CLIENTS.glob("*/package.json")}
    wanted = sorted(set(names)) or sorted(found)
    if unknown := set(wanted) - found.keys():
        raise CannotInstall(f"no clients are called {', '.join(sorted(unknown))}; there are {', '.join(sorted(found))}")
    return [found[name] for name in wanted]


def install(names: Iterable[str] = ()) -> list[Family]:
    """Make the environments that are missing or out of step; raises `CannotInstall` with what the installer said."""
    with alone():
        wanted = families(names)
        missing = [family for family in wanted if not (family.home / STAMP).is_file()]
        if missing:
            uv = find_uv() if not all(family.is_node for family in missing) else None
            each(missing, lambda family: make(family, uv))
        return wanted


@contextmanager
def alone() -> Generator[None]:
    """Keep two runs from making the same environment at once."""
    INSTALLED.mkdir(exist_ok=True)
    (INSTALLED / ".gitignore").write_text("*\n", encoding="utf-8")
    with (INSTALLED / "lock").open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def each(wanted: Iterable[Family], work: Callable[[Family], None]) -> None:
    """Do the same for several families at a time; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in [pool.submit(work, family) for family in wanted]:
            done.result()


def make(family: Family, uv: str | None) -> None:
    """Make one environment from nothing, and remove those that it takes the place of."""
    for old in INSTALLED.glob(f"{family.name}-*"):
        shutil.rmtree(old)
    home = family.home
    (make_node if family.is_node else make_python)(family, home, uv)
    (home / STAMP).write_text("", encoding="utf-8")


def make_python(family: Family, home: Path, uv: str | None) -> None:
    """Install a lock of Python packages: known files only, and nothing built from source."""
    if uv is None:
        run([sys.executable, "-m", "venv", str(home)], os.environ)
        pip = [str(interpreter(home)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run([*pip, *hashed(family.lock)], os.environ)
        return
    settings, flags = uv_settings(pip_settings(pip_configuration()), os.environ)
    env = {**os.environ, **settings}
    run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(home)], env)
    target = ["--python", str(interpreter(home)), *flags, *hashed(family.lock)]
    run([uv, "pip", "install", "--quiet", "--no-config", *target], env)


def make_node(family: Family, home: Path, _uv: str | None) -> None:
    """Install a lock of Node packages, without running what they bring."""
    if shutil.which("npm") is None:
        raise CannotInstall(f"{family.name} needs npm, which is not here")
    home.mkdir(parents=True)
    for path in family.sources:
        shutil.copy(path, home)
    run(["npm", "ci", *OFFLINE_NPM], os.environ, home)


def lock(names: Iterable[str], *, upgrade: bool) -> None:
    """Write the locks, keeping the versions that they have unless told to upgrade."""
    uv = find_uv()
    if uv is None:
        raise CannotInstall("locks are made with uv, which has no build for this machine: use another one")
    each(families(names), lambda family: resolve(family, uv, upgrade=upgrade))


def resolve(family: Family, uv: str, *, upgrade: bool) -> None:
    """Write one lock."""
    if family.is_node:
        if upgrade:
            family.lock.unlink(missing_ok=True)
        command = ["npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved", *OFFLINE_NPM]
        run(command, os.environ, family.folder)
        return
    settings, _ = uv_settings(pip_settings(pip_configuration()), os.environ)
    kept = {name: value for name, value in (os.environ | settings).items() if name not in FROM_THIS_MACHINE}
    source, target = (str((family.folder / name).relative_to(ROOT)) for name in ("requirements.in", "requirements.txt"))
    command = [uv, "pip", "compile", source, "--output-file", target, "--no-config", "--python-version", "3.11"]
    command += ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    command += ["--quiet", "--custom-compile-command", "python3 tools/clients.py lock"]
    run([*command, "--upgrade"] if upgrade else command, kept)


def run(command: list[str], env: Mapping[str, str], folder: Path = ROOT) -> None:
    """Run one step; raises `CannotInstall` with what it wrote when it fails."""
    try:
        done = subprocess.run(
            command, check=False, cwd=folder, env=dict(env), capture_output=True, text=True, timeout=STEP_WITHIN_S
        )
    except subprocess.TimeoutExpired as late:
        raise CannotInstall(f"`{' '.join(command)}` did not end within {STEP_WITHIN_S} s") from late
    if done.returncode != 0:
        raise CannotInstall(f"`{' '.join(command)}` failed ({done.returncode}):\n{done.stdout}{done.stderr}")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says, or say on stderr what stands in the way."""
    parser = argparse.ArgumentParser(description="The environments of the clients that the tests run.")
    parser.add_argument("work", choices=["install", "lock"], help="install: make what is missing; lock: resolve again")
    parser.add_argument("family", nargs="*", help="a folder of tests/clients (default: all)")
    parser.add_argument("--upgrade", action="store_true", help="with lock: take the newest versions")
    options = parser.parse_args(arguments)
    try:
        if options.work == "lock":
            lock(options.family, upgrade=options.upgrade)
        else:
            for family in install(options.family):
                print(f"{family.name}\t{family.home}")
    except CannotInstall as problem:
        print(f"clients: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
