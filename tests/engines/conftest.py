"""The small real models, fetched once for all runs."""

import os
from pathlib import Path

import pytest

from modelport.engines.entries import CHAT, EMBEDDINGS
from modelport.engines.machine import this_machine
from modelport.engines.weights import WeightsStore

SMALL = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"


@pytest.fixture(scope="session")
def real_store() -> WeightsStore:
    """A store that holds the small model; it outlives the run."""
    return filled_store(CHAT, SMALL)


@pytest.fixture(scope="session")
def embedding_store() -> WeightsStore:
    """A store that holds the model for embeddings; it outlives the run."""
    return filled_store(EMBEDDINGS, EMBEDDER)


def filled_store(engine: str, weights_id: str) -> WeightsStore:
    """Fetch weights unless the machine cannot run them: then the test is left out."""
    if (obstacle := this_machine().obstacle(engine)) is not None:
        if os.environ.get("MODELPORT_TEST_ALL") == "1":
            pytest.fail(obstacle, pytrace=False)
        pytest.skip(obstacle)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "modelport-tests" / "weights"
    store = WeightsStore(Path(os.environ.get("MODELPORT_TEST_WEIGHTS", cache)))
    store.pull(weights_id)
    return store
