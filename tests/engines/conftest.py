"""The small real model, fetched once for all runs."""

import os
from pathlib import Path

import pytest

from modelport.engines.machine import this_machine
from modelport.engines.weights import WeightsStore

SMALL = "smollm2-135m-instruct"


@pytest.fixture(scope="session")
def real_store() -> WeightsStore:
    """A store that holds the small model; it outlives the run."""
    if (obstacle := this_machine().obstacle()) is not None:
        if os.environ.get("MODELPORT_TEST_ALL") == "1":
            pytest.fail(obstacle, pytrace=False)
        pytest.skip(obstacle)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "modelport-tests" / "weights"
    store = WeightsStore(Path(os.environ.get("MODELPORT_TEST_WEIGHTS", cache)))
    store.pull(SMALL)
    return store
