"""Each test of a port runs on the twin and on the real store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.twins.worlds import KINDS, World, open_world


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(request.param, tmp_path) as opened:
        yield opened
