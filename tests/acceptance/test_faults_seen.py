"""Everything a provider may do wrong: what the caller sees, how soon, at what cost, and what comes after."""

import asyncio
import time
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from tests.acceptance.faults_page import CUT, ERRORS, GOOD, NO_FALLBACK, PAGE, Seen, expected, page, usage_source
from tests.acceptance.traffic import Reply, Town, town
from tests.fake.faults import FAULTS, STREAM_ONLY, WHOLE_ONLY

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUTS = {"connect_s": 1.0, "first_byte_s": 1.5, "idle_s": 0.5}
BOUND_S = 6.0
"""By when every fault has ended: the time-outs, and some room on a busy machine."""
TIMED = frozenset({"no-answer", "stall-headers", "stall-after-2", "slow-first"})
CASES = [(fault, is_streaming) for fault in FAULTS for is_streaming in (False, True)]
FAILING = [
    (fault, is_streaming)
    for fault in ERRORS
    for is_streaming in (False, True)
    if not expected(fault, is_streaming=is_streaming).is_good
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A gateway whose first provider does everything wrong, and whose second answers properly."""
    async with town(tmp_path_factory.mktemp("faults"), timeouts=TIMEOUTS, has_spare=True) as built:
        yield built


class Watched:
    """One call of an account of its own, and what it did to the books."""

    def __init__(self, place: Town, fault: str, is_streaming: bool) -> None:
        self._place = place
        self.fault = fault
        self.is_streaming = is_streaming
        self.account, self.key = place.customer(f"{fault}-{is_streaming}-{time.monotonic_ns()}", 1_000_000)

    async def call(self, **fields: object) -> Reply:
        """Call, and note what came of it."""
        begun_s = time.monotonic()
        reply = await self._place.call(self.key, f"fault/{self.fault}", stream=self.is_streaming, **fields)
        self.took_s = time.monotonic() - begun_s
        self.row = self._place.row(reply.inference_id)
        self.spent = 1_000_000 - self._place.balance(self.account)
        return reply

    async def again(self) -> Reply:
        """Make a call of which nothing should go wrong."""
        return await self._place.call(self.key, "fake/echo")


def seen(reply: Reply) -> Seen:
    """What a caller sees."""
    assert reply.is_framed
    if reply.is_complete:
        return Seen(200)
    error = reply.error
    return Seen(reply.status, error["code"], error["origin"], error["status"] if reply.status == 200 else None)


async def pinned(place: Town, cases: list[tuple[str, bool]]) -> list[tuple[Watched, Reply]]:
    """Make calls that no other provider may answer: those that wait at once, the others one after another."""
    calls = [Watched(place, *case) for case in cases]
    slow = [call for call in calls if call.fault in TIMED]
    waiting = [asyncio.create_task(call.call(provider="fake")) for call in slow]
    quick = [(call, await call.call(provider="fake")) for call in calls if call.fault not in TIMED]
    return [*quick, *zip(slow, await asyncio.gather(*waiting), strict=True)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(place: Town) -> dict[tuple[str, bool], tuple[Watched, Reply]]:
    """Every fault once, with and without a stream."""
    return {(call.fault, call.is_streaming): (call, reply) for call, reply in await pinned(place, CASES)}


@pytest.mark.parametrize(("fault", "is_streaming"), CASES)
async def test_a_fault_gives_what_the_page_says(
    watched: dict[tuple[str, bool], tuple[Watched, Reply]], fault: str, is_streaming: bool
) -> None:
    call, reply = watched[fault, is_streaming]
    wanted = expected(fault, is_streaming=is_streaming)
    assert seen(reply) == wanted
    assert call.took_s < BOUND_S
    row = call.row
    assert row["charged_credits"] == call.spent
    if wanted.is_good:
        source = usage_source(fault, is_streaming=is_streaming)
        assert (row["status"], row["billing_status"], row["usage_source"]) == ("succeeded", "charged", source)
        assert call.spent > 0
        return
    assert call.spent == 0
    assert row["status"] == "failed"
    assert row["http_status"] == wanted.status
    assert row["billing_status"] == ("house" if wanted.is_cut else "none")


@pytest.mark.parametrize(("fault", "is_streaming"), FAILING)
async def test_what_failed_never_looks_complete(
    watched: dict[tuple[str, bool], tuple[Watched, Reply]], fault: str, is_streaming: bool
) -> None:
    _, reply = watched[fault, is_streaming]
    assert b"[DONE]" not in reply.body
    assert b"credits_used" not in reply.body
    assert reply.error["message"]
    assert "requestId" in reply.body.decode()


async def test_a_rate_limit_passes_on_how_long_to_wait(
    watched: dict[tuple[str, bool], tuple[Watched, Reply]],
) -> None:
    assert watched["429", False][1].headers["retry-after"] == "7"


async def test_good_answers_are_served_right_after_each_fault(place: Town) -> None:
    quick = [case for case in CASES if case[0] not in TIMED and case[0] != "huge-body"]
    dials = place.fake.dials
    for fault, is_streaming in quick:
        call = Watched(place, fault, is_streaming)
        await call.call(provider="fake")
        replies = [await call.again() for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 200], fault
        assert {reply.json["choices"][0]["message"]["content"] for reply in replies} == {"hi"}, fault
    # each call dials at most once anew, and the good ones after it keep the connection
    assert place.fake.dials - dials <= 2 * len(quick)


@pytest.mark.parametrize("fault", ["idle-close", "connection-close-body", "close-keepalive"])
async def test_no_call_is_made_twice_by_a_provider_that_closes_its_connections(place: Town, fault: str) -> None:
    account, key = place.customer(f"closing-{fault}", 1_000_000)
    served = place.fake.served_of(f"fault/{fault}").completed

    async def call_often(number: int) -> list[Reply]:
        replies: list[Reply] = []
        for index in range(8):
            is_streaming = bool((number + index) % 2)
            replies.append(await place.call(key, f"fault/{fault}", provider="fake", stream=is_streaming))
            await asyncio.sleep(0.045 + 0.001 * number)  # about when an idle connection closes
        return replies

    replies = [reply for some in await asyncio.gather(*map(call_often, range(12))) for reply in some]
    good = sum(reply.is_complete for reply in replies)
    assert place.fake.served_of(f"fault/{fault}").completed == served + good
    assert sum(row["charged_credits"] > 0 for row in place.requests(account)) == good
    if fault == "connection-close-body":
        assert good == len(replies)
    else:  # the request may cross the goodbye, and what was sent is not sent again
        assert {seen(reply) for reply in replies} <= {GOOD, CUT}
        assert good > 0


async def test_answers_without_an_end_are_not_kept_in_memory(
    place: Town, watched: dict[tuple[str, bool], tuple[Watched, Reply]]
) -> None:
    assert place.most_memory_kb < 300 * 1024  # two of 256 MB were sent; one of 64 MB would have been served
    assert place.memory_kb < 160 * 1024


async def test_no_balance_stays_held_after_all_the_faults(
    place: Town, watched: dict[tuple[str, bool], tuple[Watched, Reply]]
) -> None:
    for call, _ in list(watched.values())[::8]:
        left = place.balance(call.account) // 1000
        assert (await place.call(call.key, "fake/meter", max_tokens=left)).status == 200
        assert place.balance(call.account) < 1000
    assert place.problems() == []


@pytest.mark.parametrize(("fault", "is_streaming"), [case for case in FAILING if case[0] not in TIMED])
async def test_another_provider_answers_where_nothing_was_delivered(
    place: Town, fault: str, is_streaming: bool
) -> None:
    await _falls_back(place, fault, is_streaming)


async def test_another_provider_answers_after_silence(place: Town) -> None:
    silent = [case for case in FAILING if case[0] in TIMED]
    await asyncio.gather(*(_falls_back(place, *case) for case in silent))


async def _falls_back(place: Town, fault: str, is_streaming: bool) -> None:
    call = Watched(place, fault, is_streaming)
    reply = await call.call()
    wanted = expected(fault, is_streaming=is_streaming)
    if fault in NO_FALLBACK or wanted.is_cut:
        assert seen(reply) == wanted
        assert call.spent == 0
        return
    assert reply.is_complete
    assert call.row["provider"] == "spare"
    assert call.spent == call.row["charged_credits"] > 0
    assert call.took_s < BOUND_S


@pytest.mark.parametrize("fault", [fault for fault, is_streaming in FAILING if is_streaming and fault not in TIMED])
async def test_the_official_client_raises_on_a_stream_that_failed(place: Town, fault: str) -> None:
    key = place.customer(f"sdk-{fault}", 1_000_000)[1]
    async with openai.AsyncOpenAI(base_url=f"{place.gateway.base_url}/v1", api_key=key, max_retries=0) as client:
        with pytest.raises(openai.APIError):
            await _read_all(client, f"fault/{fault}")


async def test_the_official_client_raises_on_a_stream_that_stalled(place: Town) -> None:
    key = place.customer("sdk-stalled", 1_000_000)[1]
    async with openai.AsyncOpenAI(base_url=f"{place.gateway.base_url}/v1", api_key=key, max_retries=0) as client:
        with pytest.raises(openai.APIError):
            await _read_all(client, "fault/stall-after-2")


async def _read_all(client: openai.AsyncOpenAI, model: str) -> None:
    stream = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        extra_body={"provider": "fake"},
    )
    async for _ in stream:
        pass


async def test_a_provider_that_cannot_be_reached_is_told_as_such(place: Town) -> None:
    provider = place.gateway.catalogue / "spare.toml"
    gone = provider.read_text(encoding="utf-8").replace(str(place.fake.port), "1").replace("fault/", "gone/")
    models = "".join(
        f'\n[[models]]\nid = "gone/{name}"\nname = "{name}"\nmaker = "gone"\noperation = "chat"\ndescription = "-"\n'
        for name in FAULTS
    )
    (place.gateway.catalogue / "gone.toml").write_text(gone.replace('"spare"', '"gone"') + models, encoding="utf-8")
    account, key = place.customer("gone", 1_000_000)
    for _ in range(100):  # until the catalogue is read again
        reply = await place.call(key, "gone/500")
        if reply.status != 404:
            break
        await asyncio.sleep(0.1)
    assert seen(reply) == Seen(503, "provider_unreachable")
    assert place.balance(account) == 1_000_000


async def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.acceptance.faults_page"
    assert ERRORS.keys() <= FAULTS.keys()
    assert not STREAM_ONLY & WHOLE_ONLY
