"""What is started: the upstream, nginx and Modelport. Each is stopped when its context is left."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.bodies import CHUNK_INTERVAL_US, CHUNKS, MODEL
from bench.machine import Cores
from bench.tools import BUILD, require_nginx

_START_TIMEOUT_S = 30.0

_NGINX = """
worker_processes 1;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 3600s;
    }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://provider; }}
    }}
    server {{
        listen 127.0.0.1:{stream_port};
        location / {{ proxy_pass http://provider; proxy_buffering off; }}
    }}
}}
"""

_OVERLAY = """
name     = "Bench"
base_url = "http://127.0.0.1:{upstream}/v1"
auth     = {{ scheme = "bearer", env = "BENCH_API_KEY" }}
speaks   = {{ chat = "openai_chat" }}

[[models]]
id          = "{model}"
name        = "Echo"
maker       = "bench"
operation   = "chat"
description = "Answers the same to everything."

[[offers]]
model    = "{model}"
upstream = "echo"
rates    = [{{ from = 2026-01-01, input = "0.05", output = "0.15" }}]
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that answers chat calls."""

    name: str
    pid: int
    port: int
    stream_port: int
    key: str = "bench"


@contextmanager
def upstream(folder: Path, cores: Cores) -> Generator[int]:
    """Run the provider; yields its port."""
    command = [str(BUILD / "upstream"), str(folder / "answer.json"), str(folder / "chunk.sse")]
    command += [str(CHUNKS), str(CHUNK_INTERVAL_US)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=cores.pin_others()) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            _stop(process)


@contextmanager
def nginx(folder: Path, upstream_port: int, cores: Cores) -> Generator[Target]:
    """Run nginx as a reverse proxy on the measured core."""
    port, stream_port = free_port(), free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream_port, port=port, stream_port=stream_port))
    command = [require_nginx(), "-p", str(folder), "-c", str(config)]
    with subprocess.Popen(command, preexec_fn=cores.pin_measured()) as process:
        try:
            wait_for_port(port, process)
            yield Target("nginx", process.pid, port, stream_port)
        finally:
            _stop(process)


class Modelport:
    """An installation in a folder of its own, with an account, a key and the benchmark's model."""

    def __init__(self, folder: Path, upstream_port: int, database_url: str | None = None) -> None:
        self.data = folder / "data"
        catalogue = self.data / "catalogue"
        catalogue.mkdir(parents=True)
        (catalogue / "bench.toml").write_text(_OVERLAY.format(upstream=upstream_port, model=MODEL))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELPORT_")}
        self.environment |= {"MODELPORT_DATA_DIR": str(self.data), "BENCH_API_KEY": "bench"}
        if database_url is not None:
            self.environment |= {"MODELPORT_DATABASE_URL": database_url, "MODELPORT_SECRET": secrets.token_hex(32)}
        self._run("accounts", "create", "bench", "--credit", "100000", "--json")
        self.key = str(json.loads(self._run("keys", "create", "--account", "bench", "--json"))["key"])

    def _run(self, *arguments: str) -> str:
        command = [modelport_command(), *arguments]
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        if result.returncode != 0:
            sys.exit(f"bench: `modelport {' '.join(arguments)}` failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    @contextmanager
    def serve(self, cores: Cores, wrapper: Sequence[str] = ()) -> Generator[Target]:
        """Run the server on the measured core, under `wrapper` if there is one."""
        port = free_port()
        command = [*wrapper, modelport_command(), "serve", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--data-dir", str(self.data)]
        log = (self.data.parent / "modelport.log").open("ab")
        with (
            log,
            subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, preexec_fn=cores.pin_measured()
            ) as process,
        ):
            try:
                wait_for_port(port, process)
                yield Target("modelport", process.pid, port, port, self.key)
            finally:
                _stop(process, signal.SIGINT if wrapper else signal.SIGTERM)


def modelport_command() -> str:
    """Find the command that is installed beside this Python."""
    beside = Path(sys.executable).parent / "modelport"
    found = str(beside) if beside.exists() else shutil.which("modelport")
    if found is None:
        sys.exit("bench: the command `modelport` is not installed; run `pip install -e .` in the checkout")
    return found


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers `GET /healthz` with anything at all."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"bench: {process.args} ended with {process.returncode} before it answered")
        if answers(port):
            return
        time.sleep(0.002)
    sys.exit(f"bench: nothing answered on port {port} within {_START_TIMEOUT_S:.0f} s")


def answers(port: int, request: bytes = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> bytes:
    """Send a request and return the first bytes of the answer; nothing when there is no server."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_START_TIMEOUT_S) as connection:
            connection.sendall(request)
            return connection.recv(4096)
    except ConnectionError:
        return b""


def _stop(process: subprocess.Popen[bytes] | subprocess.Popen[str], how: signal.Signals = signal.SIGTERM) -> None:
    process.send_signal(how)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
