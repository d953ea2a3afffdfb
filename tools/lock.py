"""Resolve `requirements/*.txt` for every platform, with the hashes of every file that the public index lists."""

from __future__ import annotations

import os
import subprocess
import sys

from environment import LOCKS, ROOT, CannotInstall, find_uv, pip_configuration, pip_settings, uv_settings

# Where packages come from on this machine must not decide what is in a lock that everybody installs from. Certificates
# and proxies are not among these: they are how the public index is reached.
FROM_THIS_MACHINE = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")


def main() -> int:
    """Write the locks: uv, a bare install, what `make run` installs (also `WITH=all`), development; versions agree."""
    run_lock = str(LOCKS / "run.txt")
    upgrade = [argument for argument in sys.argv[1:] if argument == "--upgrade"]
    try:
        uv = find_uv()
        if uv is None:
            raise CannotInstall("locks are made with uv, which has no build for this machine: use another one")
        resolve(uv, "uv", "-", *upgrade)
        resolve(uv, "core", "pyproject.toml", *upgrade)
        run = ["--group", "build", "--extra", "embeddings"]
        resolve(uv, "run", "pyproject.toml", *run, "--constraints", str(LOCKS / "core.txt"), *upgrade)
        everything = [*run, "--extra", "audio", "--extra", "ocr"]
        resolve(uv, "all", "pyproject.toml", *everything, "--constraints", run_lock, *upgrade)
        dev = [*everything, "--extra", "stripe", "--group", "dev", "--constraints", str(LOCKS / "all.txt")]
        resolve(uv, "dev", "pyproject.toml", *dev, *upgrade)
    except CannotInstall as problem:
        print(f"lock: {problem}", file=sys.stderr)
        return 1
    return 0


def resolve(uv: str, lock: str, source: str, *arguments: str) -> None:
    """Write one lock, keeping the versions that it has unless told to upgrade; `-` locks uv itself."""
    command = [uv, "pip", "compile", source, *arguments, "--no-config", "--python-version", "3.11", "--universal"]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--quiet"]
    command += [
        "--custom-compile-command",
        "make lock",
        "--output-file",
        str((LOCKS / f"{lock}.txt").relative_to(ROOT)),
    ]
    settings, _ = uv_settings(pip_settings(pip_configuration()), os.environ)
    kept = {name: value for name, value in (os.environ | settings).items() if name not in FROM_THIS_MACHINE}
    done = subprocess.run(command, check=False, cwd=ROOT, env=kept, input="uv", text=True)
    if done.returncode != 0:
        raise CannotInstall(f"requirements/{lock}.txt could not be resolved: see the lines above")


if __name__ == "__main__":
    raise SystemExit(main())
