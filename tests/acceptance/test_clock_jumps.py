"""The machine's clock jumps under a gateway: no money is lent twice or stuck, and what has a date follows the clock."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelport.core.pace import Pace
from tests.acceptance.outages import CREDIT, MAX_TOKENS, PRICE, check, load
from tests.acceptance.traffic import Town, town

pytestmark = pytest.mark.debian("faketime")

JUMPS_H = (26, -50, 0)
"""Where the clock is put, one after the other: a day ahead, two days behind, and right again."""
LIBRARY = "faketime/libfaketimeMT.so.1"


def library() -> str:
    """Find what `faketime` preloads."""
    return str(next(Path("/usr/lib").glob(f"*/{LIBRARY}")))


@dataclass(frozen=True, slots=True)
class WallClock:
    """The clock of the gateway and its commands, which is this machine's moved by some hours."""

    file: Path

    def put(self, hours: int) -> None:
        moved = self.file.with_suffix(".new")
        moved.write_text(f"{hours:+d}h\n")
        moved.rename(self.file)


@asynccontextmanager
async def clocked(tmp_path: Path, latency_ms: int = 0, **settings: object) -> AsyncGenerator[tuple[Town, WallClock]]:
    clock = WallClock(tmp_path / "clock")
    clock.put(0)
    faked = {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(clock.file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    async with town(tmp_path, more=faked, latency_ms=latency_ms, **settings) as place:
        yield place, clock


async def test_calls_under_way_and_their_books_do_not_mind_a_clock_that_jumps(tmp_path: Path) -> None:
    async with clocked(tmp_path, latency_ms=20) as (place, clock):
        account, key = place.customer("jumping", CREDIT)
        async with load(place, account, key, callers=4) as under:
            await under.until_answered(10)
            for hours in JUMPS_H:
                clock.put(hours)
                await under.until_answered(20)
        assert under.refused == []
        check(under)
        days = {row["created_at_ms"] // 3_600_000 for row in place.requests(account)}
        assert max(days) - min(days) >= 75  # the jumps were seen


@pytest.mark.parametrize("hours", [26, -50])
async def test_money_that_calls_hold_is_not_lent_again_when_the_clock_jumps(tmp_path: Path, hours: int) -> None:
    async with clocked(tmp_path, latency_ms=5000, money_hold_wait_s=60) as (place, clock):
        account, key = place.customer("exact", 10 * PRICE)
        calls = [asyncio.create_task(place.call(key, max_tokens=MAX_TOKENS)) for _ in range(10)]
        await place.fake.until(lambda: place.fake.answering == 10)
        clock.put(hours)
        calls += [asyncio.create_task(place.call(key, max_tokens=MAX_TOKENS)) for _ in range(5)]
        replies = await asyncio.gather(*calls)
        assert [reply.status for reply in replies] == [200] * 10 + [403] * 5
        assert place.balance(account) == 0
        assert place.gateway.rows("SELECT * FROM requests WHERE house_credits > 0") == []
        assert place.problems() == []


async def test_what_has_a_date_follows_the_clock_and_rate_limits_do_not(tmp_path: Path) -> None:
    async with clocked(tmp_path) as (place, clock):
        place.account("dated", CREDIT)
        made = await asyncio.to_thread(place.gateway.run, "keys", "create", "--account", "dated", "--expires", "25h")
        key = made.stdout.strip()
        paced_account = place.account("paced", CREDIT)
        place.desk.accounts.limit(paced_account, Pace(requests_per_minute=1), place.desk.now_ms())
        paced = place.key(paced_account)
        assert (await place.call(paced)).status == 200
        for hours, status in zip((*JUMPS_H, 26), (401, 200, 200, 401), strict=True):
            clock.put(hours)
            assert (await place.call(key, max_tokens=MAX_TOKENS)).status == status
            refused = await place.call(paced)
            assert (refused.status, 1 <= int(refused.headers["retry-after"]) <= 60) == (429, True)
