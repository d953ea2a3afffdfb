"""A real gateway in a process of its own, and the commands that are run beside it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Self

import psycopg
from psycopg.rows import dict_row

from tests.fake.overlay import KEY_ENV, write_formats, write_overlay, write_redirects

ROOT = Path(__file__).resolve().parent.parent.parent
MODELPORT = str(Path(sys.executable).parent / "modelport")
START_WITHIN_S = 30.0
STOP_WITHIN_S = 40.0
COMMAND_WITHIN_S = 60.0
FAKE_KEY = "sk-fake-acceptance"
SECRETS = dict.fromkeys(
    (
        KEY_ENV,
        "ANTHROPIC_API_KEY",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AZURE_OPENAI_API_KEY",
        "COHERE_API_KEY",
        "DASHSCOPE_API_KEY",
        "DEEPINFRA_API_KEY",
        "DEEPSEEK_API_KEY",
        "FIREWORKS_API_KEY",
        "GEMINI_API_KEY",
        "GROQ_API_KEY",
        "HF_TOKEN",
        "MINIMAX_API_KEY",
        "MISTRAL_API_KEY",
        "MOONSHOT_API_KEY",
        "NVIDIA_API_KEY",
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "PERPLEXITY_API_KEY",
        "QIANFAN_API_KEY",
        "TOGETHER_API_KEY",
        "XAI_API_KEY",
        "ZAI_API_KEY",
        "ARK_API_KEY",
    ),
    FAKE_KEY,
)
"""The providers' keys, as the fake takes them."""
SHARED_SECRET = {"MODELPORT_SECRET": "acceptance-" + "0" * 53}
"""What every gateway on one PostgreSQL database hashes keys under."""
PLAYED = {
    name: name
    for name in (
        "anthropic", "ark", "azure", "bedrock", "cohere", "dashscope", "deepinfra", "deepseek", "fireworks", "groq",
        "huggingface", "minimax", "mistral", "moonshot", "nvidia", "openai", "openrouter", "perplexity", "together",
        "xai",
    )
} | {"google": "gemini", "qianfan": "baidu", "zai": "zhipu"}  # fmt: skip
"""The providers of the catalogue that the fake stands in for, and the vendor that it plays for each."""

QWEN = """
priority = 20

[[offers]]
model = "alibaba/qwen3-32b"
rates = [{ from = 2026-01-01, input = "0.7", output = "8.4" }]
"""
"""A price for what DashScope sells at one that differs by region, and the first place for it."""

_LISTENS = re.compile(r"Modelport listens on (http://\S+)")


class Gateway:
    """`modelport serve` on a free port: `with Gateway(data_dir) as gateway`, then call `gateway.base_url`.

    `secrets` are the providers' keys in its environment, which has no other keys; `settings` are more variables;
    `database_url` is that of a PostgreSQL database which it uses in place of the file in its folder.
    `base_url` is another one after each restart.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        secrets: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        database_url: str | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.database_url = database_url
        self.settings = dict(settings or {})
        shared = {} if database_url is None else {"MODELPORT_DATABASE_URL": database_url, **SHARED_SECRET}
        self.environment = environment(data_dir, {**shared, **(secrets or {}), **(settings or {})})
        self.base_url = ""
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._said: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._listens = threading.Event()
        self._heard = threading.Condition()

    def __enter__(self) -> Self:
        """Start, and return once it listens."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop it, by force if it does not go."""
        self.stop()

    @property
    def catalogue(self) -> Path:
        """The operator's folder of catalogue files."""
        return self.data_dir / "catalogue"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._running().pid

    @property
    def stdout(self) -> str:
        """What it wrote to standard output since its last start."""
        return "".join(self._said["stdout"])

    @property
    def stderr(self) -> str:
        """What it wrote to standard error since its last start."""
        return "".join(self._said["stderr"])

    def start(self) -> None:
        """Start it; fails with what it wrote when it does not listen in time."""
        self._listens.clear()
        self._said = {"stdout": [], "stderr": []}
        self._process = subprocess.Popen(
            [MODELPORT, "serve", "--port", "0", *self._arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [self._reader("stdout", self._process.stdout), self._reader("stderr", self._process.stderr)]
        if not self._listens.wait(START_WITHIN_S) or not self.base_url:
            self.kill9()
            raise AssertionError(f"the gateway did not start:\n{self.stdout}\n{self.stderr}")

    def _reader(self, name: str, stream: IO[str] | None) -> threading.Thread:
        assert stream is not None
        thread = threading.Thread(target=self._read, args=(stream, self._said[name]), daemon=True)
        thread.start()
        return thread

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._heard:
                    lines.append(line)
                    self._heard.notify_all()
                if found := _LISTENS.search(line):
                    self.base_url = found[1]
                    self._listens.set()
        if lines is self._said["stderr"]:
            self._listens.set()

    def until_said(self, text: str, within_s: float = START_WITHIN_S) -> None:
        """Wait until it has written something, to either output."""
        with self._heard:
            said = self._heard.wait_for(lambda: text in self.stdout + self.stderr, within_s)
        assert said, f"'{text}' was not written:\n{self.stdout}\n{self.stderr}"

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the gateway was not started"
        return self._process

    def stop(self) -> int:
        """Ask it to stop as Ctrl-C does, and return how it ended."""
        process = self._running()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
        return self._ended()

    def wait(self) -> int:
        """Wait until it has ended as it was told to, and return how it ended."""
        return self._ended()

    def kill9(self) -> int:
        """End it at once, without a chance to clean up; returns once what it had started has ended too."""
        self.kill_process()
        return self._ended()

    def kill_process(self) -> None:
        """End its own process at once, whatever becomes of those that it had started."""
        self._running().kill()
        self._running().wait(STOP_WITHIN_S)

    def _ended(self) -> int:
        status = self._running().wait(STOP_WITHIN_S)
        for thread in self._readers:
            thread.join(STOP_WITHIN_S)
        self.base_url = ""
        return status

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same data."""
        self.stop()
        self.start()

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of Modelport beside the server."""
        return command(self.environment, *arguments, check=check)

    def create_account(self, name: str, credit: str) -> dict[str, Any]:
        """Make an account with so many dollars."""
        return json.loads(self.run("accounts", "create", name, "--credit", credit, "--json").stdout)

    def create_key(self, account: str, *, management: bool = False) -> str:
        """Make a key of an account, and return it."""
        kind = ["--management"] if management else []
        return json.loads(self.run("keys", "create", "--account", account, *kind, "--json").stdout)["key"]

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Read the database, as a reader beside the server; `?` stands for each of the values."""
        if self.database_url is not None:
            with psycopg.connect(self.database_url, row_factory=dict_row) as database:
                return database.execute(query.replace("?", "%s").encode(), values).fetchall()
        path = self.data_dir / "modelport.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]


def environment(data_dir: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Return our own environment without settings of Modelport, keys of providers and proxies."""
    dropped = ("MODELPORT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(dropped) and not name.endswith("_API_KEY")
    }
    return {**kept, "PYTHONUNBUFFERED": "1", "MODELPORT_DATA_DIR": str(data_dir), **more}


def command(env: Mapping[str, str], *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of Modelport; fails with what it wrote unless it may fail."""
    done = subprocess.run(
        [MODELPORT, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_WITHIN_S,
        check=False,
    )
    assert not check or done.returncode == 0, f"modelport {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done


@contextmanager
def fake_provider() -> Generator[str]:
    """Run the fake in a process of its own, and say at which address; it ends with the block."""
    told = [sys.executable, "-m", "tests.fake", "--port", "0"]
    with subprocess.Popen(told, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert line.startswith("listening on "), "the fake did not start"
            yield line.removeprefix("listening on ").strip()
        finally:
            process.terminate()


def point_to(fake: str, catalogue: Path) -> None:
    """Write catalogue files: the vendors are at the fake, and so are its own models, `fake/echo` and the rest."""
    write_redirects(catalogue, fake, PLAYED)
    write_overlay(catalogue, fake)
    write_formats(catalogue, fake)
    with (catalogue / "dashscope.toml").open("a", encoding="utf-8") as file:
        file.write(QWEN)


@contextmanager
def gateway_with_fake(data_dir: Path, **settings: str) -> Generator[Gateway]:
    """Run the gateway with the fake in place of every vendor; `settings` are its variables in lower case."""
    variables = {f"MODELPORT_{name.upper()}": value for name, value in settings.items()}
    with fake_provider() as address:
        gateway = Gateway(data_dir, secrets=SECRETS, settings=variables)
        point_to(address, gateway.catalogue)
        with gateway:
            yield gateway
