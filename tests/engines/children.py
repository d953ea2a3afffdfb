"""Engines that need no more than their weights, as processes of a test."""

import json
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelport.engines.child import Launch, plain_command
from modelport.engines.weights import WeightsStore
from tests.engines.test_llama import END_S, Connection, answers, until

ANSWER_S = 300.0
THREADS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said."""

    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> Any:
        """Read it."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class PlainEngine:
    """A running engine."""

    socket: Path
    process: "subprocess.Popen[bytes]"

    def ask(self, path: str, fields: Mapping[str, object]) -> Answer:
        """Post JSON."""
        return self.post(path, json.dumps(fields).encode(), "application/json")

    def post(self, path: str, body: bytes, kind: str) -> Answer:
        """Post anything."""
        with closing(Connection(self.socket)) as connection:
            connection.timeout = ANSWER_S
            connection.connect()
            assert connection.sock is not None
            connection.sock.settimeout(ANSWER_S)
            connection.request("POST", path, body, {"content-type": kind})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers.get("content-type", ""), answer.read())

    def memory_mib(self, field: str = "VmRSS") -> float:
        """Tell how much memory the process has, or with `VmHWM` had at most."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


@contextmanager
def plain_engine(store: WeightsStore, weights_id: str) -> Generator[PlainEngine]:
    """Run an engine; afterwards it and its socket are gone."""
    folder = Path(tempfile.mkdtemp(prefix="modelport-"))
    file = store.path(weights_id)
    assert file is not None
    socket = folder / "e.sock"
    launch = Launch(store.entry(weights_id), file, socket, 0, 0, slots=2, threads=THREADS, nice=0)
    process = subprocess.Popen([*plain_command(launch)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until(lambda: answers(socket) or process.poll() is not None)
        yield PlainEngine(socket, process)
    finally:
        said = process.communicate(timeout=END_S)[1]  # closes stdin
    assert process.returncode == 0, said.decode()
    assert not folder.exists()


def form(fields: Mapping[str, str | list[str]], file: bytes, name: str = "sound.wav") -> tuple[bytes, str]:
    """Write a form with a file; a list becomes several fields."""
    mark = b"--------modelport-test"
    flat = [(key, one) for key, value in fields.items() for one in ([value] if isinstance(value, str) else value)]
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{one}'.encode() for key, one in flat]
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
    parts.append(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + file)
    body = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"
    return body, f"multipart/form-data; boundary={mark.decode()}"
