"""The child process of a chat engine: `python -m modelport.engines.llama`, on a unix socket, until stdin closes."""

import argparse
import asyncio
import contextlib
import importlib
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from modelport.engines.front import Front
from modelport.engines.inner import Inner

BATCH_TOKENS = 128
"""A prompt is read in pieces of this many, so that other slots go on and a caller who left is noticed."""
PROMPT_CACHE_MIB = 256
KEEP_ALIVE_S = 3600


@dataclass(frozen=True, slots=True)
class _Asked:
    socket: Path
    weights: Path
    alias: str
    context: int
    output: int
    slots: int
    threads: int
    nice: int
    temperature: float
    top_p: float
    top_k: int
    repeat_penalty: float


class _Server(uvicorn.Server):
    """Leaves signals alone: Ctrl-C is for the parent, and whoever ends us means it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing."""
        yield


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the weights, then serve until the pipe on stdin closes."""
    asked = _read(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o177)
    if asked.nice:
        os.nice(asked.nice)
    inner_socket = asked.socket.with_suffix(".in.sock")  # another ending would be taken for a host name
    sockets = (asked.socket, inner_socket)
    threading.Thread(target=_end_with_parent, args=(sockets,), daemon=True).start()
    for stale in sockets:
        stale.unlink(missing_ok=True)
    secret = secrets.token_urlsafe()
    server = _load(asked, inner_socket, secret)
    front = Front(Inner(str(inner_socket), secret), asked.output)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(asked.socket))
        asyncio.run(_server(front).serve(sockets=[listener]))
    del server


def _read(arguments: Sequence[str] | None) -> _Asked:
    parser = argparse.ArgumentParser("modelport.engines.llama")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--alias", required=True, help="the name that answers carry")
    parser.add_argument("--context", type=int, default=8192, help="tokens of prompt and answer, for each slot")
    parser.add_argument("--output", type=int, default=1024, help="tokens of an answer to a call that names no bound")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--top-k", type=int, default=40)
    parser.add_argument("--repeat-penalty", type=float, default=1.0)
    return _Asked(**vars(parser.parse_args(arguments)))


def _end_with_parent(sockets: Sequence[Path]) -> None:
    """Wait for stdin to close, then leave at once, whatever is running."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    for path in sockets:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        sockets[0].parent.rmdir()  # others may still live in it, or our parent may have been first
    os._exit(0)


def _load(asked: _Asked, inner_socket: Path, secret: str) -> object:
    """Start the server inside, on its own socket only: its default is an open TCP port."""
    native: Any = importlib.import_module("xllamacpp")  # 100 MB, without types
    params = native.CommonParams()
    params.model.path = str(asked.weights)
    params.model_alias = {asked.alias}  # else answers name the file
    params.hostnames = [str(inner_socket)]
    params.api_keys = [secret]
    params.n_ctx = asked.context * asked.slots
    params.n_parallel = asked.slots
    params.n_predict = asked.output
    params.n_batch = BATCH_TOKENS
    params.n_threads_http = asked.slots + 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked.threads
    params.cache_ram_mib = PROMPT_CACHE_MIB  # its default is 8 GiB
    params.use_jinja = True
    params.warmup = False
    params.offline = True
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.verbosity = 0
    params.sampling.temp = asked.temperature
    params.sampling.top_p = asked.top_p
    params.sampling.top_k = asked.top_k
    params.sampling.penalty_repeat = asked.repeat_penalty
    return native.Server(params)


def _server(front: Front) -> _Server:
    return _Server(
        uvicorn.Config(
            front,
            http="httptools",
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    )


if __name__ == "__main__":
    main()
