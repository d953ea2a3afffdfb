"""PostgreSQL goes away under a gateway: what ended is charged once, what did not is refused, and calls work again."""

from pathlib import Path

import pytest

from tests.acceptance.traffic import TOKEN_CREDITS, town
from tests.twins.postgres import fresh_postgres

pytestmark = pytest.mark.debian("postgresql")


async def test_a_gateway_on_postgres_serves_and_its_books_are_read_there(tmp_path: Path) -> None:
    async with town(tmp_path, database_url=fresh_postgres()) as place:
        account, key = place.customer("shared", 100 * TOKEN_CREDITS)
        assert (await place.call(key, max_tokens=7)).status == 200
        assert place.balance(account) == 93 * TOKEN_CREDITS
        assert len(place.requests(account)) == 1
        assert place.problems() == []
