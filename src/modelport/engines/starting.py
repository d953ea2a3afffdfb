"""What the child process of an engine is told on its command line, where it needs no more than its weights."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Told:
    """The command line, read."""

    socket: Path
    weights: Path
    alias: str
    threads: int
    nice: int


def read_command_line(module: str, arguments: Sequence[str] | None) -> Told:
    """Read what `child.plain_command` writes."""
    parser = argparse.ArgumentParser(module)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--alias", required=True, help="the name that answers carry")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0)
    return Told(**vars(parser.parse_args(arguments)))
