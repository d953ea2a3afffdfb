"""The limiter: shared while it can be, by itself while it cannot, and never waiting for what is down."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from modelport.core.counters import Counters
from modelport.core.pace import Pace
from modelport.limits.limiter import ALL_OPEN, Limiter, OnFailure, Permit
from modelport.limits.problems import LimiterUnreachable, RateLimited
from modelport.limits.store import Measure
from tests.limits.takes import take
from tests.twins.clock import StoppedClock
from tests.twins.limits import TwinLimits

ALL_CLOSED: Mapping[Measure, OnFailure] = {"requests": "closed", "tokens": "closed", "concurrent": "closed"}
NEVER_S = 3600.0


@dataclass
class Scene:
    """A limiter at a stopped clock; tests send its beats."""

    clock: StoppedClock
    shared: TwinLimits
    counters: Counters
    limiter: Limiter

    def counted(self, name: str) -> int:
        """Read a number without labels as an operator would."""
        [line] = [line for line in self.counters.text("1").splitlines() if line.startswith(f"{name}{{")]
        return int(line.rpartition(" ")[2])

    async def let_in(self, most: int, **limits: int) -> int:
        """Call until it is refused, at most so often; return how many calls were let in."""
        for number in range(most):
            try:
                await self.limiter.admit([take(**limits)])  # type: ignore[arg-type]
            except RateLimited:
                return number
        return most


@asynccontextmanager
async def scene(processes: int = 1, on_failure: Mapping[Measure, OnFailure] = ALL_OPEN) -> AsyncIterator[Scene]:
    clock, counters = StoppedClock(), Counters()
    shared = TwinLimits(clock, processes)
    async with Limiter(clock, counters, shared=shared, on_failure=on_failure, beat_s=NEVER_S) as limiter:
        yield Scene(clock, shared, counters, limiter)


async def test_while_the_store_is_down_each_process_lets_in_its_part() -> None:
    async with scene(processes=3) as here:
        here.shared.is_down = True
        assert await here.let_in(10, requests=7) == 2
        with pytest.raises(RateLimited, match=r"the key:1 is 2 requests per minute \(this process's part of it\)"):
            await here.limiter.admit([take(7)])
        assert await here.let_in(10, requests=2, subject="key:2") == 1, "at least one"  # type: ignore[arg-type]
        here.clock.pass_s(60)
        assert await here.let_in(10, requests=7) == 2


async def test_what_this_process_let_in_before_an_outage_counts_in_it() -> None:
    async with scene(processes=2) as here:
        assert await here.let_in(3, requests=8) == 3
        here.shared.is_down = True
        assert await here.let_in(10, requests=8) == 1


async def test_a_closed_limit_is_refused_while_the_store_is_down_and_says_why() -> None:
    async with scene(on_failure={**ALL_OPEN, "tokens": "closed"}) as here:
        here.shared.is_down = True
        with pytest.raises(LimiterUnreachable, match=r"^Too Many Requests: .* the limiter .* is unreachable") as told:
            await here.limiter.admit([take(5), take(5, 100, subject="account:1")])
        assert told.value.retry_after_s == 1
        assert await here.let_in(9, requests=5) == 5, "nothing was taken of the key"
    assert 'limit="unreachable"} 1' in here.counters.text("1")


async def test_limits_that_are_not_set_are_not_closed() -> None:
    async with scene(on_failure={**ALL_CLOSED, "requests": "open"}) as here:
        here.shared.is_down = True
        assert await here.let_in(9, requests=5) == 5


async def test_an_outage_is_logged_once_at_its_start_and_once_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    async with scene(processes=2) as here:
        with caplog.at_level(logging.INFO):
            here.shared.is_down = True
            for _ in range(5):
                await here.let_in(1, requests=100)
                await here.limiter.beat()
            [line] = caplog.records
            assert line.levelno == logging.WARNING
            assert "connection refused" in line.getMessage()
            assert "divided by 2" in line.getMessage()
            assert (here.limiter.is_degraded, here.counted("modelport_rate_limit_degraded")) == (True, 1)
            here.clock.pass_s(12)
            here.shared.is_down = False
            await here.limiter.beat()
            await here.limiter.beat()
            [_, line] = caplog.records
            assert "is back after 12 s" in line.getMessage()
        assert (here.limiter.is_degraded, here.counted("modelport_rate_limit_degraded")) == (False, 0)
        assert here.counted("modelport_rate_limit_degraded_calls_total") == 5
        assert here.counted("modelport_rate_limit_store_failures_total") == 6


async def test_no_call_asks_a_store_that_is_down() -> None:
    async with scene() as here:
        here.shared.is_down = True
        await here.let_in(1, requests=100)
        asked = here.shared.asked
        await here.let_in(50, requests=100)
        assert here.shared.asked == asked


async def test_a_minute_after_an_outage_has_no_more_than_the_limit_although_the_store_forgot_everything() -> None:
    async with scene(processes=1) as here:
        assert await here.let_in(3, requests=5) == 3
        here.shared.is_down = True
        assert await here.let_in(1, requests=5) == 1
        here.shared.start()
        await here.limiter.beat()
        assert await here.let_in(9, requests=5) == 1
        here.clock.pass_s(59)
        assert await here.let_in(9, requests=5) == 0
        here.clock.pass_s(1)
        assert await here.let_in(9, requests=5) == 5


async def test_what_the_store_refuses_after_an_outage_takes_nothing_of_this_process() -> None:
    async with scene() as here:
        here.shared.is_down = True
        await here.limiter.beat()
        here.shared.is_down = False
        await here.limiter.beat()
        for number in range(3):  # elsewhere
            await here.shared.take([take(3)], f"there:{number}")
        assert await here.let_in(9, requests=3) == 0
        here.shared.start()
        assert await here.let_in(9, requests=3) == 3


async def test_an_outage_at_the_start_is_one_like_another() -> None:
    clock, counters = StoppedClock(), Counters()
    shared = TwinLimits(clock, is_down=False)
    shared.is_down = True
    async with Limiter(clock, counters, shared=shared, processes=4, beat_s=NEVER_S) as limiter:
        here = Scene(clock, shared, counters, limiter)
        assert await here.let_in(9, requests=8) == 2


async def test_the_keeper_notices_by_itself_that_the_store_is_back() -> None:
    clock, shared = StoppedClock(), TwinLimits(StoppedClock())
    async with Limiter(clock, Counters(), shared=shared, beat_s=0.001) as limiter:
        for is_down in (True, False, True, False):
            shared.is_down = is_down
            async with asyncio.timeout(10):
                while limiter.is_degraded is not is_down:
                    shared.is_asked.clear()
                    await shared.is_asked.wait()
    assert shared.has_left


async def test_calls_that_began_without_the_store_are_told_to_it_when_it_is_back() -> None:
    async with scene() as here:
        before = await here.limiter.admit([take(calls=5)])
        here.shared.is_down = True
        during = await here.limiter.admit([take(calls=5), take(3, subject="account:1")])
        here.shared.is_down = False
        await here.limiter.beat()
        assert sorted(here.shared.known.values()) == ["key:1", "key:1"]
        await before.end()
        await during.end()
        await here.limiter.beat()
        assert here.shared.known == {}


async def test_places_are_free_again_although_the_store_could_not_be_told() -> None:
    async with scene() as here:
        permit = await here.limiter.admit([take(calls=1)])
        here.shared.is_down = True
        await permit.end()
        assert here.limiter.is_degraded
        await (await here.limiter.admit([take(calls=1)])).end()


async def test_a_permit_ends_once() -> None:
    async with scene() as here:
        first = await here.limiter.admit([take(tokens=100, calls=2, asks=50)])
        await here.limiter.admit([take(tokens=100, calls=2, asks=50)])
        for _ in range(3):
            await first.end(50)
        await here.limiter.admit([take(calls=2)])
        with pytest.raises(RateLimited, match=r"2 concurrent calls\. Try again when one of them has ended"):
            await here.limiter.admit([take(calls=2)])


async def test_without_a_store_the_limits_are_divided_by_the_processes_that_serve() -> None:
    clock, counters = StoppedClock(), Counters()
    async with Limiter(clock, counters, processes=2) as limiter:
        assert await Scene(clock, TwinLimits(clock), counters, limiter).let_in(9, requests=9) == 4
        assert limiter.is_degraded is False


async def test_each_refusal_is_counted_by_its_limit() -> None:
    async with scene() as here:
        for limits in ({"requests": 1}, {"tokens": 10, "asks": 10}, {"calls": 1}):
            for _ in range(3):
                await here.let_in(2, **limits)
    text = here.counters.text("7")
    assert 'modelport_rate_limit_refusals_total{process="7",limit="requests"} 3' in text
    assert 'modelport_rate_limit_refusals_total{process="7",limit="tokens"} 3' in text
    assert 'modelport_rate_limit_refusals_total{process="7",limit="concurrent"} 3' in text


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("is_shared", [True, False])
async def test_concurrent_calls_never_exceed_the_limit_whoever_joins_leaves_or_is_cancelled(
    seed: int, is_shared: bool
) -> None:
    chance = random.Random(seed)
    clock = StoppedClock()
    shared = TwinLimits(clock) if is_shared else None
    inside = most_inside = let_in = 0
    async with Limiter(clock, Counters(), shared=shared, beat_s=NEVER_S) as limiter:

        async def call() -> None:
            nonlocal inside, most_inside, let_in
            permit: Permit = await limiter.admit([take(calls=3), take(calls=5, subject="account:1")])
            try:
                inside += 1
                let_in += 1
                most_inside = max(most_inside, inside)
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                if chance.random() < 0.2:
                    raise ValueError
            finally:
                inside -= 1
                await permit.end()

        tasks: list[asyncio.Task[None]] = []
        for _ in range(300):
            tasks.append(asyncio.create_task(call()))
            if chance.random() < 0.5:
                await asyncio.sleep(0)
            if chance.random() < 0.2:
                chance.choice(tasks).cancel()
            if shared is not None and chance.random() < 0.05:
                shared.is_down = not shared.is_down
                await limiter.beat()
        await asyncio.gather(*tasks, return_exceptions=True)
        if shared is not None:
            shared.is_down = False
            shared.start()  # what an outage kept it from hearing has run out
            await limiter.beat()
        assert (inside, most_inside) == (0, 3)
        assert let_in > 20
        for _ in range(3):
            await limiter.admit([take(calls=3), take(calls=5, subject="account:1")])


def test_a_free_pace_is_told_from_one_that_bounds() -> None:
    assert Pace().is_free
    assert not Pace(concurrent_calls=1).is_free
