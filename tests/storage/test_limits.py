"""The port of limits, in memory and on Redis: the same questions get the same answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from modelport.limits.memory import MemoryLimits
from modelport.limits.store import SECOND_US, Grant, LimitStore, LimitsUnavailable, Take
from modelport.storage.limits import RedisLimits
from tests.limits.takes import granted, refusal, take
from tests.redis_server import RedisServer
from tests.twins.clock import StoppedClock

PATIENT_S = 30.0
"""For tests that are not about time: the machine may be busy."""
LEASE_S = 6.0
SPAN_MS = 60_000
REAL = pytest.mark.debian("redis-server")
KINDS = ("memory", pytest.param("redis", marks=REAL))
PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass
class Place:
    """Where a test counts: a store at a stopped clock."""

    kind: str
    server: RedisServer | None

    @asynccontextmanager
    async def store(self, clock: StoppedClock, process: str = "here") -> AsyncIterator[LimitStore]:
        """Open the store, as it is if it is shared."""
        if self.server is None:
            yield MemoryLimits(clock)
            return
        async with shared(self.server, process, clock) as opened:
            yield opened

    def clear(self) -> None:
        """Forget everything."""
        if self.server is not None:
            with Redis.from_url(self.server.url) as client:
                client.flushall()


@asynccontextmanager
async def shared(
    server: RedisServer, process: str, clock: StoppedClock | None = None, timeout_s: float = PATIENT_S
) -> AsyncIterator[RedisLimits]:
    """Open the store on Redis, at a stopped clock or the server's own."""
    opened = RedisLimits(
        server.secret,
        process,
        timeout_s=timeout_s,
        lease_s=LEASE_S,
        now_us=(lambda: clock.at_ms * 1000) if clock else lambda: -1,
    )
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with RedisServer() as started:
        yield started


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Place:
    opened = Place(request.param, request.getfixturevalue("server") if request.param == "redis" else None)
    opened.clear()
    return opened


@pytest.fixture
def fresh(server: RedisServer) -> RedisServer:
    """The server with nothing in it."""
    Place("redis", server).clear()
    return server


def play(place: Place, work: Callable[[LimitStore, StoppedClock], Coroutine[object, object, None]]) -> None:
    """Run one example of a property on an empty store."""

    async def run() -> None:
        clock = StoppedClock()
        async with place.store(clock) as store:
            await work(store, clock)

    place.clear()
    asyncio.run(run())


GAPS_MS = st.one_of(st.integers(0, 3), st.integers(0, 1500), st.sampled_from([999, 1000, 1001, 30_000, 59_999, 60_000]))


@PROPERTY
@given(gaps_ms=st.lists(GAPS_MS, min_size=10, max_size=60), most=st.integers(1, 5))
def test_no_span_of_a_minute_has_more_requests_than_the_limit(place: Place, gaps_ms: list[int], most: int) -> None:
    async def work(store: LimitStore, clock: StoppedClock) -> None:
        let_in: list[int] = []
        for gap_ms in gaps_ms:
            clock.at_ms += gap_ms
            if isinstance(await store.take([take(most)], "one"), Grant):
                let_in.append(clock.at_ms)
        for first, beyond in zip(let_in, let_in[most:], strict=False):
            assert beyond - first >= SPAN_MS

    play(place, work)


@PROPERTY
@given(asked=st.lists(st.tuples(GAPS_MS, st.integers(0, 120)), min_size=10, max_size=60))
def test_no_span_of_a_minute_has_more_tokens_than_the_limit(place: Place, asked: list[tuple[int, int]]) -> None:
    async def work(store: LimitStore, clock: StoppedClock) -> None:
        let_in: list[tuple[int, int]] = []
        for gap_ms, tokens in asked:
            clock.at_ms += gap_ms
            if isinstance(await store.take([take(tokens=100, asks=tokens)], "one"), Grant):
                let_in.append((clock.at_ms, min(tokens, 100)))
        for at_ms, _ in let_in:
            assert sum(tokens for then_ms, tokens in let_in if at_ms <= then_ms < at_ms + SPAN_MS) <= 100

    play(place, work)


@PROPERTY
@given(gaps_ms=st.lists(GAPS_MS, min_size=1, max_size=30), most=st.integers(1, 4))
def test_who_waits_as_long_as_told_is_let_in_and_not_before(place: Place, gaps_ms: list[int], most: int) -> None:
    async def work(store: LimitStore, clock: StoppedClock) -> None:
        for gap_ms in gaps_ms:
            clock.at_ms += gap_ms
            outcome = await store.take([take(most)], "one")
            if isinstance(outcome, Grant):
                continue
            assert 1 <= outcome.retry_after_s <= 60
            wait_ms = outcome.wait_us // 1000
            clock.at_ms += wait_ms - 1
            assert (await refusal(store, take(most))).wait_us == 1000
            clock.at_ms += 1
            await granted(store, take(most))

    play(place, work)


@PROPERTY
@given(
    steps=st.lists(st.tuples(st.sampled_from(["join", "leave"]), st.integers(0, 20)), max_size=60),
    most=st.integers(1, 4),
)
def test_there_are_never_more_concurrent_calls_than_the_limit(
    place: Place, steps: list[tuple[str, int]], most: int
) -> None:
    async def work(store: LimitStore, clock: StoppedClock) -> None:
        inside: list[Grant] = []
        for number, (step, which) in enumerate(steps):
            if step == "join":
                outcome = await store.take([take(calls=most)], f"call {number}")
                assert isinstance(outcome, Grant) is (len(inside) < most)
                if isinstance(outcome, Grant):
                    inside.append(outcome)
                else:
                    assert (outcome.measure, outcome.retry_after_s) == ("concurrent", 1)
            elif inside:
                await store.end(inside.pop(which % len(inside)), 0)
            assert len(inside) <= most

    play(place, work)


@REAL
@PROPERTY
@given(
    steps=st.lists(
        st.tuples(GAPS_MS, st.integers(0, 150), st.booleans(), st.integers(0, 150)), min_size=5, max_size=40
    ),
    limits=st.tuples(st.integers(1, 9), st.integers(1, 300), st.integers(1, 4)),
)
def test_memory_and_redis_decide_alike(
    server: RedisServer, steps: list[tuple[int, int, bool, int]], limits: tuple[int, int, int]
) -> None:
    async def run() -> None:
        clock = StoppedClock()
        memory = MemoryLimits(clock)
        open_calls: list[tuple[Grant, Grant]] = []
        async with shared(server, "here", clock) as redis:
            for number, (gap_ms, asks, ends, used) in enumerate(steps):
                clock.at_ms += gap_ms
                takes = [take(*limits, asks=asks), take(7, 400, 9, asks=asks, subject="account:1")]
                here, there = await memory.take(takes, f"{number}"), await redis.take(takes, f"{number}")
                if isinstance(here, Grant) and isinstance(there, Grant):
                    assert here.seconds == there.seconds
                    open_calls.append((here, there))
                else:
                    assert here == there
                if ends and open_calls:
                    here, there = open_calls.pop(0)
                    await memory.end(here, used)
                    await redis.end(there, used)
                # a call may last for longer than the lease of one whose process is gone
                await redis.beat([("key:1", one.permit) for one, _ in open_calls], is_back=True)
                await redis.beat([("account:1", one.permit) for one, _ in open_calls], is_back=True)

    Place("redis", server).clear()
    asyncio.run(run())


async def test_a_refusal_says_which_limit_is_in_the_way_for_the_longest(place: Place) -> None:
    clock = StoppedClock()
    async with place.store(clock) as store:
        first = take(5, 100, 9, asks=90)
        await granted(store, first, take(9, subject="account:1"))
        clock.pass_s(10)
        for _ in range(4):
            await granted(store, take(5, 100, 9, asks=1), permit="two")
        found = await refusal(store, take(5, 100, 9, asks=60))
        assert (found.measure, found.wait_us, found.retry_after_s) == ("requests", 50 * SECOND_US, 50)
        assert found.take.subject == "key:1"
        clock.pass_s(49.5)
        assert (await refusal(store, take(5, 100, 9, asks=60))).retry_after_s == 1


async def test_all_limits_of_a_call_are_taken_or_none(place: Place) -> None:
    async with place.store(StoppedClock()) as store:
        key, account = take(2, 100, 2, asks=60), take(1, 100, 2, asks=60, subject="account:1")
        await granted(store, account, permit="another key's")
        for _ in range(5):
            assert (await refusal(store, key, account)).take == account
        await granted(store, key, permit="later")  # what was refused took nothing of the key
        assert (await refusal(store, key)).measure == "tokens"


async def test_tokens_that_were_not_used_are_free_again_when_the_call_ends(place: Place) -> None:
    clock = StoppedClock()
    async with place.store(clock) as store:
        call = await granted(store, take(tokens=100, asks=100))
        assert (await refusal(store, take(tokens=100, asks=1))).measure == "tokens"
        clock.pass_s(5)
        await store.end(call, 30)
        await granted(store, take(tokens=100, asks=70))
        assert (await refusal(store, take(tokens=100, asks=1))).retry_after_s == 55


async def test_tokens_beyond_those_reserved_count_from_when_they_are_known(place: Place) -> None:
    clock = StoppedClock()
    async with place.store(clock) as store:
        call = await granted(store, take(tokens=100, asks=10))
        clock.pass_s(90)
        await store.end(call, 250)
        assert (await refusal(store, take(tokens=100, asks=1))).retry_after_s == 60
        clock.pass_s(60)
        await granted(store, take(tokens=100, asks=100))


async def test_tokens_of_a_call_that_lasted_longer_than_a_minute_are_not_given_back_twice(place: Place) -> None:
    clock = StoppedClock()
    async with place.store(clock) as store:
        old = await granted(store, take(tokens=100, asks=100))
        clock.pass_s(61)
        await granted(store, take(tokens=100, asks=80), permit="two")
        await store.end(old, 0)
        assert (await refusal(store, take(tokens=100, asks=21))).measure == "tokens"
        await granted(store, take(tokens=100, asks=20), permit="three")


async def test_a_call_larger_than_the_limit_is_let_in_when_nothing_else_counts(place: Place) -> None:
    clock = StoppedClock()
    async with place.store(clock) as store:
        await granted(store, take(tokens=100, asks=1))
        assert (await refusal(store, take(tokens=100, asks=5000))).retry_after_s == 60
        clock.pass_s(60)
        call = await granted(store, take(tokens=100, asks=5000))
        await store.end(call, 5000)
        assert (await refusal(store, take(tokens=100, asks=1))).measure == "tokens"


async def test_subjects_do_not_share_what_they_may_use(place: Place) -> None:
    async with place.store(StoppedClock()) as store:
        for subject in ("key:1", "key:11", "account:1", "reports:1"):
            await granted(store, take(1, subject=subject))


@REAL
@pytest.mark.parametrize("limits", [(7, None, None), (None, 70, None), (None, None, 7)])
async def test_of_many_calls_that_race_through_two_processes_exactly_the_limit_is_let_in(
    fresh: RedisServer, limits: tuple[int | None, int | None, int | None]
) -> None:
    async with shared(fresh, "here") as here, shared(fresh, "there") as there:
        outcomes = await asyncio.gather(
            *(
                store.take([take(*limits, asks=10)], f"{name}:{number}")
                for number in range(100)
                for name, store in (("here", here), ("there", there))
            )
        )
    assert sum(isinstance(outcome, Grant) for outcome in outcomes) == 7


@REAL
async def test_the_servers_own_clock_counts(fresh: RedisServer) -> None:
    async with shared(fresh, "here") as store:
        before_s = int(time.time())
        call = await granted(store, take(1))
        assert before_s <= call.seconds[0] <= time.time()
        assert 59 <= (await refusal(store, take(1))).retry_after_s <= 60


@REAL
async def test_a_clock_that_goes_back_bars_nobody_for_longer_than_a_minute(fresh: RedisServer) -> None:
    clock = StoppedClock()
    async with shared(fresh, "here", clock) as store:
        await granted(store, take(1))
        clock.pass_s(-86_400)
        assert (await refusal(store, take(1))).retry_after_s == 60
        await store.end(await granted(store, take(9)), 0)  # looks at the window, and so takes note of the new time
        clock.pass_s(60)
        await granted(store, take(1))


@REAL
async def test_the_calls_of_a_killed_process_are_free_after_its_lease_and_those_of_a_living_one_are_not(
    fresh: RedisServer,
) -> None:
    clock = StoppedClock()
    one = take(calls=2)
    async with shared(fresh, "killed", clock) as killed, shared(fresh, "living", clock) as living:
        await killed.beat([], is_back=False)
        assert await living.beat([], is_back=False) == 2
        await granted(killed, one, permit="killed:1")
        await granted(living, one, permit="living:1")
        for _ in range(2):
            clock.pass_s(LEASE_S / 2)
            await refusal(living, one)
            processes = await living.beat([("key:1", "living:1")], is_back=False)
        assert processes == 1
        await granted(living, one, permit="living:2")
        await refusal(living, one)


@REAL
async def test_a_call_that_ended_is_not_brought_back_by_a_beat_that_was_under_way(fresh: RedisServer) -> None:
    clock = StoppedClock()
    async with shared(fresh, "here", clock) as store:
        await store.beat([], is_back=False)
        await store.end(await granted(store, take(calls=1), permit="here:1"), 0)
        await store.beat([("key:1", "here:1")], is_back=False)
        await granted(store, take(calls=1), permit="here:2")


@REAL
async def test_open_calls_are_known_again_after_redis_lost_everything(fresh: RedisServer) -> None:
    async with shared(fresh, "here") as store:
        await store.beat([], is_back=False)
        calls = [("key:1", (await granted(store, take(calls=600), permit=f"{n}")).permit) for n in range(600)]
        Place("redis", fresh).clear()
        await store.beat(calls, is_back=False)
        assert (await refusal(store, take(calls=600))).measure == "concurrent"


@REAL
async def test_all_that_is_kept_in_redis_expires_by_itself(fresh: RedisServer) -> None:
    async with shared(fresh, "here") as store:
        await store.beat([], is_back=False)
        await store.end(await granted(store, take(5, 100, 2, asks=10)), 20)
        await granted(store, take(5, 100, 2, asks=10), permit="open")
        await store.beat([("key:1", "open")], is_back=False)
    with Redis.from_url(fresh.url) as client:
        keys: list[bytes] = client.keys()  # type: ignore[assignment]
        assert len(keys) == 3
        assert all(0 < client.pttl(key) <= 61_000 for key in keys)  # type: ignore[operator]


@REAL
async def test_a_process_that_leaves_is_not_counted_any_more(fresh: RedisServer) -> None:
    async with shared(fresh, "here") as here, shared(fresh, "there") as there:
        await here.beat([], is_back=False)
        assert await there.beat([], is_back=False) == 2
        await here.leave()
        assert await there.beat([], is_back=False) == 1


@REAL
async def test_a_redis_that_is_gone_or_hangs_is_told_in_time_and_works_again_when_it_is_back() -> None:
    with RedisServer() as server:
        async with shared(server, "here", timeout_s=0.25) as store:

            async def is_told(*questions: Coroutine[object, object, object]) -> None:
                for question in questions:
                    began_s = time.monotonic()
                    with pytest.raises(LimitsUnavailable):
                        await question
                    assert time.monotonic() - began_s < 2

            async def asks_all(call: Grant) -> None:
                await is_told(store.take([take(3)], "two"), store.end(call, 1), store.beat([], is_back=False))

            call = await granted(store, take(3))
            server.hang()
            await asks_all(call)
            await is_told(store.leave())
            server.go_on()
            await until_back(store)
            server.kill()
            await asks_all(call)
            server.start()
            await until_back(store)
            for name in "abc":  # what was counted went with it
                await granted(store, take(3), permit=name)
            await refusal(store, take(3))


async def until_back(store: RedisLimits) -> None:
    """Ask until it answers: a busy machine may need longer than a call would wait."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                await store.beat([], is_back=True)
            except LimitsUnavailable:
                continue
            return


async def test_memory_forgets_who_uses_nothing() -> None:
    clock = StoppedClock()
    limits = MemoryLimits(clock)
    kept = await granted(limits, take(calls=1, subject="open"))
    for number in range(5000):
        clock.at_ms += 100
        await granted(limits, take(9, 90, asks=1, subject=f"key:{number}"))
    assert len(limits) < 2 * 600
    assert (await refusal(limits, take(calls=1, subject="open"))).measure == "concurrent"
    await limits.end(kept, 0)


async def test_what_is_taken_back_leaves_nothing() -> None:
    limits = MemoryLimits(StoppedClock())
    one: Take = take(1, 10, 1, asks=10)
    for _ in range(3):
        limits.undo(await granted(limits, one))
    await granted(limits, one)
