"""Serve beside a fake provider, and start again whenever the source changes: `make dev`.

Its data lies in a folder of its own, so that playing here never touches the books of `make run`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WATCHED = ROOT / "src"
VENDORS = ROOT / "src" / "modelport" / "catalogue" / "data" / "providers"
LOOK_EVERY_S = 1.0
STOP_WITHIN_S = 10.0
ACCOUNT = "dev"
SECRET_VARIABLE = "FAKE_API_KEY"
SECRET = "sk-fake-dev"

# Providers that the fake plays under another name.
PLAYED_AS = {"google": "gemini", "qianfan": "baidu", "zai": "zhipu"}

# Models that only the fake has; it says in tests/fake/models.py what each does.
MADE_UP = {
    "fake/echo": "echo",
    "fake/thinker": "thinker",
    "fake/slow": "slow-50-pieces-100",
}


def main() -> None:
    """Run until interrupted."""
    options = parsed()
    data_dir = Path(options.data_dir)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment = {**os.environ, SECRET_VARIABLE: SECRET, "PYTHONUNBUFFERED": "1"}
    with suppress(KeyboardInterrupt), fake_provider() as address:
        write_overlay(data_dir / "catalogue", address)
        key = key_for(data_dir, environment)
        print(f"dev: the fake provider is at {address}; it stands in for the vendors and has {', '.join(MADE_UP)}")
        print(f"dev: key {key}; data in {data_dir}; watching {WATCHED.relative_to(ROOT)}", flush=True)
        serve = modelport("serve", "--port", str(options.port), "--data-dir", str(data_dir))
        keep_serving(serve, environment)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Serve beside a fake provider; start again when the source changes.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--data-dir", default=str(ROOT / "data" / "dev"))
    return parser.parse_args()


def modelport(*arguments: str) -> list[str]:
    """Spell a command of Modelport for this environment."""
    return [str(Path(sys.executable).parent / "modelport"), *arguments]


@contextmanager
def fake_provider() -> Generator[str]:
    """Run the fake on a free port and say at which address; it ends with the block."""
    command = [sys.executable, "-m", "tests.fake", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("listening on "):
                raise SystemExit("dev: the fake provider did not start: see the lines above")
            yield line.removeprefix("listening on ").strip()
        finally:
            stop(process)


def write_overlay(folder: Path, address: str) -> None:
    """Point the vendors that the fake plays to it, and add the models that only it has."""
    from tests.fake.vendors import VENDORS as PLAYED

    folder.mkdir(parents=True, exist_ok=True)
    for path in VENDORS.glob("*.toml"):
        vendor = PLAYED.get(PLAYED_AS.get(path.stem, path.stem))
        auth = tomllib.loads(path.read_text(encoding="utf-8")).get("auth", {})
        if vendor is not None and "env" in auth:
            scheme = auth["scheme"]
            text = f'base_url = "{address}{vendor.prefix}"\n{_auth(scheme)}'
            (folder / path.name).write_text(text, encoding="utf-8")
    address_of_fake = f'base_url = "{address}{PLAYED["engine"].prefix}"\n'
    engine = f'name = "Fake"\n{address_of_fake}{_auth("bearer")}speaks = {{ chat = "openai_chat" }}\n'
    models, offers = "", ""
    for model, upstream in MADE_UP.items():
        facts = f'operation = "chat"\nmaker = "fake"\nname = "{model}"\ndescription = "Made up for development."\n'
        models += f'\n[[models]]\nid = "{model}"\n{facts}'
        rates = 'rates = [{ from = 2026-01-01, input = "1", output = "2" }]'
        offers += f'\n[[offers]]\nmodel = "{model}"\nupstream = "{upstream}"\n{rates}\n'
    (folder / "fake.toml").write_text(engine + models + offers, encoding="utf-8")


def _auth(scheme: str) -> str:
    return f'auth = {{ scheme = "{scheme}", env = "{SECRET_VARIABLE}" }}\n'


def key_for(data_dir: Path, environment: dict[str, str]) -> str:
    """Return the key that an earlier run made, else make an account with credit and a key for it."""
    kept = data_dir / "dev-key"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    told = {**environment, "MODELPORT_DATA_DIR": str(data_dir)}
    for command in (
        modelport("accounts", "create", ACCOUNT, "--credit", "100", "--json"),
        modelport("keys", "create", "--account", ACCOUNT, "--json"),
    ):
        done = subprocess.run(command, env=told, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(
                f"dev: `{' '.join(command)}` failed: see the lines above; `rm -r {data_dir}` starts afresh"
            )
    key = str(json.loads(done.stdout)["key"])
    kept.touch(mode=0o600)
    kept.write_text(key, encoding="utf-8")
    return key


def keep_serving(command: list[str], environment: dict[str, str]) -> None:
    """Run the server, and run it again after each change of the source; one that failed waits for a change."""
    while True:
        before = source_state(WATCHED)
        with subprocess.Popen(command, env=environment) as process:
            try:
                wait_for_change(before, process)
            finally:
                stop(process)
        print("dev: the source changed; starting again", flush=True)


def wait_for_change(before: dict[str, int], process: subprocess.Popen[bytes]) -> None:
    """Return when a file was changed, added or removed; say once when the server has ended meanwhile."""
    told = False
    while source_state(WATCHED) == before:
        if process.poll() is not None and not told:
            print(f"dev: the server ended ({process.returncode}); waiting for a change of the source", flush=True)
            told = True
        time.sleep(LOOK_EVERY_S)


def source_state(folder: Path) -> dict[str, int]:
    """Say when each source file below `folder` was last changed."""
    state: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.suffix in {".py", ".toml", ".sql"}:
            with suppress(FileNotFoundError):  # removed while we look
                state[str(path)] = path.stat().st_mtime_ns
    return state


def stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a process: first by asking, then by force."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    main()
