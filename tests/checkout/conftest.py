"""A shop on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.checkout.shop import Shop, open_shop
from tests.twins.worlds import DATABASES


@pytest.fixture(params=DATABASES)
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(request.param, tmp_path) as opened:
        yield opened
