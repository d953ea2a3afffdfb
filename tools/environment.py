"""Make the virtual environment what a lock in `requirements/` says: `python3 tools/environment.py run|all|dev`.

Needs Python 3.11 and pip, nothing else. It installs with uv, which it takes from PATH or fetches with pip; where uv has
no build for the machine, with the standard library's venv and pip. When nothing changed it does nothing, in no time.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
BOOTSTRAP = ROOT / ".bootstrap"
OLDEST_PYTHON = (3, 11)

# Each lock, and those that hold all of it.
LARGER = {"run": ("all", "dev"), "all": ("dev",), "dev": ()}

# What pip calls a setting, and the names under which uv may already have been given it; the first is the one we set.
SAME_SETTING = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE", "SSL_CERT_DIR"),
    "client-cert": ("SSL_CLIENT_CERT",),
    "timeout": ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
    "retries": ("UV_HTTP_RETRIES",),
}
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


class CannotInstall(Exception):
    """The environment cannot be made; the text says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Bring the environment in step with a lock, or say on stderr what stands in the way."""
    options = parsed(arguments)
    try:
        if sys.version_info < OLDEST_PYTHON:
            raise CannotInstall(
                f"Modelport needs Python 3.11 or newer and this is {platform.python_version()} ({sys.executable}): "
                "name another one, as in `make run PYTHON=python3.12`"
            )
        install(options.lock, Path(options.venv).absolute())
    except CannotInstall as problem:
        print(f"environment: {problem}", file=sys.stderr)
        return 1
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Bring the virtual environment in step with its lock.")
    parser.add_argument(
        "lock", choices=[*LARGER], help="run: what serving needs; all: every local model; dev: tests too"
    )
    parser.add_argument("--venv", default=str(ROOT / ".venv"), help="where the environment is (default: .venv)")
    return parser.parse_args(arguments)


def install(lock: str, venv: Path) -> None:
    """Install `lock` and the project into `venv` unless its stamp says that this was done."""
    stamp = venv / "installed-locks"
    if stamp_line(lock) in lines_of(stamp) and interpreter(venv).exists():
        return
    lock = kept_lock(lock, lines_of(stamp))
    uv = find_uv()
    environment = dict(os.environ)
    flags: list[str] = []
    if uv is not None:
        settings, flags = uv_settings(pip_settings(pip_configuration()), os.environ)
        environment.update(settings)
    make_venv(uv, venv, environment)
    stamp.unlink(missing_ok=True)
    requirements = venv / f"{lock}-here.txt"
    text = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8")
    requirements.write_text(for_machine(text, sys.platform, platform.libc_ver()[0]), encoding="utf-8")
    for command in install_commands(uv, venv, requirements, flags):
        run(command, environment)
    held = [name for name, larger in LARGER.items() if lock in (name, *larger)]
    stamp.write_text("".join(f"{stamp_line(name)}\n" for name in held), encoding="utf-8")


def kept_lock(lock: str, stamp_lines: list[str]) -> str:
    """Say which lock to install, so that an environment with the tools, or with every local model, keeps them."""
    here = {line.partition(" ")[0] for line in stamp_lines}
    return next((larger for larger in reversed(LARGER[lock]) if larger in here), lock)


def stamp_line(lock: str) -> str:
    """Name a lock and what its installation depends on: the lock's text and the project's own metadata."""
    digest = hashlib.sha256()
    for path in (LOCKS / f"{lock}.txt", ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return f"{lock} {digest.hexdigest()}"


def lines_of(path: Path) -> list[str]:
    """Read the lines of a file; one that is not there has none."""
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def interpreter(venv: Path) -> Path:
    """Say where the Python of `venv` is."""
    return venv / "bin" / "python"


def find_uv() -> str | None:
    """Find uv on PATH or in `.bootstrap`, else fetch it there; None where it has no build for this machine."""
    if found := shutil.which("uv"):
        return found
    local = BOOTSTRAP / "bin" / "uv"
    if starts(local):
        return str(local)
    print("environment: fetching uv, the installer", flush=True)
    arguments = ["--quiet", "--disable-pip-version-check", "--upgrade", "--target", str(BOOTSTRAP)]
    fetch = pip_command("install", *arguments, *hashed(LOCKS / "uv.txt"))
    fetched = subprocess.run(fetch, check=False, stdout=subprocess.DEVNULL, env=as_any_user())
    return str(local) if fetched.returncode == 0 and starts(local) else None


def starts(program: Path) -> bool:
    """Say whether a program is there and made for this machine."""
    try:
        return subprocess.run([str(program), "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def pip_command(*arguments: str) -> list[str]:
    """Spell a command for the pip of the Python that runs this."""
    return [sys.executable, "-m", "pip", *arguments]


def hashed(requirements: Path) -> list[str]:
    """Spell the arguments with which pip and uv install a lock: known files only, and nothing built from source."""
    return ["--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]


def as_any_user() -> dict[str, str]:
    """Give pip our environment, without its lecture to root: it writes to folders of the project only."""
    return {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}


def pip_configuration() -> str:
    """Ask pip how it is configured."""
    answer = subprocess.run(pip_command("config", "list"), capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else ""


def pip_settings(listing: str) -> dict[str, str]:
    """Read what `pip config list` prints; for one setting the environment wins over [install], that over [global]."""
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        found = re.fullmatch(r"(global|install|:env:)\.([a-z-]+)=(['\"].*['\"])", line.strip())
        if found:
            name = found[2].removeprefix("default-")
            sections[found[1]][name] = str(ast.literal_eval(found[3]))
    return {**sections["global"], **sections["install"], **sections[":env:"]}


def uv_settings(pip: Mapping[str, str], caller: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Translate pip's settings to variables and flags for uv; what the caller has set for uv itself stays."""
    settings: dict[str, str] = {}
    for name, variables in SAME_SETTING.items():
        if pip.get(name) and not any(caller.get(variable) for variable in variables):
            separator = "," if name == "find-links" else " "
            settings[variables[0]] = separator.join(pip[name].split())
    if pip.get("proxy") and not any(caller.get(variable) for variable in PROXIES):
        proxy = pip["proxy"] if "://" in pip["proxy"] else f"http://{pip['proxy']}"
        settings.update(HTTPS_PROXY=proxy, HTTP_PROXY=proxy)
    if not caller.get("UV_INDEX_STRATEGY"):
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does; safe, for hashes decide what is installed
    no_index = pip.get("no-index", "").lower() in {"1", "true", "yes", "on", "y", "t"}
    return settings, ["--no-index"] if no_index else []


def make_venv(uv: str | None, venv: Path, environment: Mapping[str, str]) -> None:
    """Make the virtual environment unless it is there and has a Python that starts."""
    if starts(interpreter(venv)):
        return
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise CannotInstall(f"{venv} is in the way: it is not a virtual environment; move it, or name another VENV")
    if uv is not None:
        run([uv, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, str(venv)], environment)
    else:
        run([sys.executable, "-m", "venv", "--clear", str(venv)], environment)


def install_commands(uv: str | None, venv: Path, requirements: Path, flags: list[str]) -> list[list[str]]:
    """Spell the commands that install a lock, and then the project itself with the build tools the lock brought."""
    project = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    python = str(interpreter(venv))
    compiled = [python, "-m", "compileall", "-q", str(ROOT / "src")]  # the second start has no time for it
    if uv is None:
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install"]
        return [[*pip, *hashed(requirements)], [*pip, "--quiet", *project], compiled]
    target = ["--python", python]
    return [
        [uv, "pip", "sync", "--compile-bytecode", *target, *flags, *hashed(requirements)[:-2], str(requirements)],
        [uv, "pip", "install", "--quiet", *target, *flags, *project],
        compiled,
    ]


def for_machine(lock: str, system: str, libc: str) -> str:
    """Leave out of a lock what has no wheel there and can be done without: the local engine, on Linux without glibc."""
    if system != "linux" or libc == "glibc":
        return lock
    return re.sub(r"^xllamacpp==.*\n(?:[ ].*\n)*", "", lock, flags=re.MULTILINE)


def run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run one step of the installation in the project's folder; raises `CannotInstall` when it fails."""
    done = subprocess.run(command, check=False, cwd=ROOT, env=dict(environment))
    if done.returncode != 0:
        raise CannotInstall(
            f"`{' '.join(command)}` failed ({done.returncode}): see the lines above. It needs a package index with the "
            "files that the lock names; pip's settings (`pip config list`) and UV_* variables say which one is asked"
        )


if __name__ == "__main__":
    raise SystemExit(main())
