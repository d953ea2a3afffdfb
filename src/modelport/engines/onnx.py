"""onnxruntime as our engines use it. Only child processes import it."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray


class Session(Protocol):
    """A loaded graph."""

    def run(self, names: None, feeds: Mapping[str, object]) -> Sequence[NDArray[np.float32]]:
        """Compute all outputs."""
        ...


def session(weights: Path, threads: int) -> Session:
    """Load a graph."""
    native = importlib.import_module("onnxruntime")
    options = native.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # else idle threads burn a processor
    return cast("Session", native.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"]))
