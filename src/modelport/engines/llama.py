"""The child process of a chat engine: `python -m modelport.engines.llama`, on a unix socket, until stdin closes."""

import argparse
import importlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelport.engines.front import Front
from modelport.engines.inner import Inner
from modelport.engines.listening import listen, settle_in

BATCH_TOKENS = 128
"""A prompt is read in pieces of this many, so that other slots go on and a caller who left is noticed."""
PROMPT_CACHE_MIB = 256


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the weights, then serve until the pipe on stdin closes."""
    asked = _read(arguments)
    inner_socket = asked.socket.with_suffix(".in.sock")  # another ending would be taken for a host name
    settle_in((asked.socket, inner_socket), asked.nice)
    secret = secrets.token_urlsafe()
    server = _load(asked, inner_socket, secret)
    listen(Front(Inner(str(inner_socket), secret), asked.output), asked.socket)
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
    params.prefill_assistant = False  # only where a call says `prefix`
    params.warmup = False
    params.offline = True
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.verbosity = 0
    params.sampling.temp = asked.temperature
    params.sampling.top_p = asked.top_p
    params.sampling.top_k = asked.top_k
    params.sampling.penalty_repeat = asked.repeat_penalty
    return native.Server(params)


if __name__ == "__main__":
    main()
