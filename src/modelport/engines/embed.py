"""The child process of the engine of embeddings: `python -m modelport.engines.embed`, until stdin closes."""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from modelport.engines.embed_front import EmbedFront
from modelport.engines.listening import listen, settle_in
from modelport.engines.minilm import DIMENSIONS, WINDOW, MiniLm


@dataclass(frozen=True, slots=True)
class _Asked:
    socket: Path
    weights: Path
    alias: str
    threads: int
    nice: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the weights, then serve until the pipe on stdin closes."""
    asked = _read(arguments)
    settle_in((asked.socket,), asked.nice)
    model = MiniLm(asked.weights, asked.threads)
    with ThreadPoolExecutor(max_workers=1) as worker:
        listen(EmbedFront(model, asked.alias, WINDOW, DIMENSIONS, worker), asked.socket)


def _read(arguments: Sequence[str] | None) -> _Asked:
    parser = argparse.ArgumentParser("modelport.engines.embed")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--alias", required=True, help="the name that answers carry")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0)
    return _Asked(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
