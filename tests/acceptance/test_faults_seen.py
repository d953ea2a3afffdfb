"""Everything a provider may do wrong: what the caller sees, how soon, at what cost, and what comes after."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio

from tests.acceptance.fault_grid import TIMED, Grid, Outcome, call, call_all, grid_town, model_of, said_in
from tests.acceptance.faults_page import (
    CLOSING,
    CUT,
    ERRORS,
    FAULTS,
    GOOD,
    PAGE,
    SERVED,
    STREAM_ONLY,
    WHOLE_ONLY,
    Cell,
    Ending,
    Way,
    expected,
    grid,
    is_shown,
    page,
    usage_source,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOUND_S = 15.0
"""By when every call has ended: the time-outs of two providers, and room for hundreds of others on a busy machine."""
CREDIT = 100_000_000
SHOWN = [
    (fault, is_streaming)
    for fault in FAULTS
    for is_streaming in (False, True)
    if is_shown(fault, is_streaming=is_streaming)
]


@dataclass(frozen=True, slots=True)
class Watched:
    """Every call of the grid, and what it did to the books."""

    account: int
    key: str
    outcomes: dict[tuple[str, bool], list[Outcome]]
    """By fault, and whether it came in a stream."""
    rows: dict[str, dict[str, Any]]
    paid: dict[str, list[int]]
    """What was taken from the account, by the call."""

    def row(self, outcome: Outcome) -> dict[str, Any]:
        return self.rows[outcome.reply.inference_id]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A gateway whose first provider of each format does everything wrong, and whose second answers properly."""
    async with grid_town(tmp_path_factory.mktemp("faults")) as built:
        yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(place: Grid) -> Watched:
    """Make every call of the grid."""
    account, key = place.customer("grid", CREDIT)
    outcomes: dict[tuple[str, bool], list[Outcome]] = {}
    for outcome in await call_all(place, key, grid()):
        outcomes.setdefault((outcome.cell.fault, outcome.cell.is_streaming), []).append(outcome)
    rows = {row["inference_id"]: row for row in place.requests(account)}
    taken = "SELECT reference_id, credits FROM entries WHERE from_account = ?"
    paid: dict[str, list[int]] = {}
    for entry in place.gateway.rows(taken, account):
        paid.setdefault(entry["reference_id"], []).append(entry["credits"])
    return Watched(account, key, outcomes, rows, paid)


def alone(fault: str, served: str = "chat", *, is_streaming: bool = False) -> Cell:
    """A call that no other provider may answer, relayed."""
    return Cell(fault, Way(served, served), is_streaming, has_spare=False)


def ending(outcome: Outcome, row: dict[str, Any]) -> Ending:
    """How a call ended, and which providers it went to."""
    kinds = [attempt["provider"].partition("-")[0] for attempt in json.loads(row["attempts"])]
    return Ending(outcome.seen, tuple("spare" if kind == "spare" else "first" for kind in kinds))


@pytest.mark.parametrize(("fault", "is_streaming"), SHOWN)
async def test_a_fault_gives_what_the_page_says(watched: Watched, fault: str, is_streaming: bool) -> None:
    outcomes = watched.outcomes[fault, is_streaming]
    told = {outcome.cell: ending(outcome, watched.row(outcome)) for outcome in outcomes}
    assert {cell: seen for cell, seen in told.items() if seen not in expected(cell)} == {}
    assert max(outcome.took_s for outcome in outcomes) < BOUND_S


@pytest.mark.parametrize(("fault", "is_streaming"), SHOWN)
async def test_an_answer_is_charged_once_and_a_failure_is_free(
    watched: Watched, fault: str, is_streaming: bool
) -> None:
    for outcome in watched.outcomes[fault, is_streaming]:
        seen, row = outcome.seen, watched.row(outcome)
        last = json.loads(row["attempts"])[-1]["provider"]
        assert row["provider"] == last
        paid = watched.paid.get(row["inference_id"], [])
        if seen.is_good:
            source = "provider" if "spare" in last else usage_source(fault, is_streaming=is_streaming)
            assert (row["status"], row["billing_status"], row["usage_source"]) == ("succeeded", "charged", source)
            assert paid == [row["charged_credits"]]
            continue
        billing = "house" if seen.is_cut else "none"
        told = (row["status"], row["http_status"], row["error"], row["billing_status"], row["charged_credits"])
        assert told == ("failed", seen.status, seen.code, billing, 0), outcome.cell
        assert paid == []
        assert (row["house_credits"] > 0) == seen.is_cut


@pytest.mark.parametrize(("fault", "is_streaming"), SHOWN)
async def test_what_is_good_is_whole_and_what_failed_never_looks_so(
    watched: Watched, fault: str, is_streaming: bool
) -> None:
    for outcome in watched.outcomes[fault, is_streaming]:
        body = outcome.reply.body
        if outcome.is_complete:
            assert outcome.text == _answer(outcome.cell, watched.row(outcome)["provider"]), outcome.cell
            assert b"credits_used" in body
            continue
        assert b"[DONE]" not in body
        assert b"credits_used" not in body
        assert outcome.error["message"]
        assert b"requestId" in body
        if outcome.seen.is_cut:
            assert outcome.is_cut_rightly, (outcome.cell, body)
        else:
            assert outcome.reply.headers["content-type"] == "application/json"
            assert (outcome.reply.json.get("type") == "error") == (outcome.cell.way.served == "messages")


def _answer(cell: Cell, provider: str) -> str:
    if "spare" in provider:
        return said_in(cell)
    if cell.fault == "long":
        return "".join(f"word{number} " for number in range(2000))
    return f"You said: {said_in(cell)}"


@pytest.mark.parametrize("served", SERVED)
async def test_a_rate_limit_passes_on_how_long_to_wait(watched: Watched, served: str) -> None:
    for fault, told in (("429", "7"), ("429-after-1", "1")):
        [outcome] = [one for one in watched.outcomes[fault, False] if one.cell == alone(fault, served)]
        assert outcome.reply.headers["retry-after"] == told


async def test_good_answers_are_served_right_after_each_fault(place: Grid) -> None:
    key = place.customer("after", CREDIT)[1]
    quick = [case for case in SHOWN if case[0] not in TIMED | CLOSING | {"huge-body", "429-after-1", "503-after-1"}]
    dials = place.fake.dials
    for fault, is_streaming in quick:
        await call(place, key, alone(fault, is_streaming=is_streaming))
        replies = [await place.call(key, "good/echo") for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 200], fault
        assert {reply.json["choices"][0]["message"]["content"] for reply in replies} == {"hi"}, fault
    # each call dials at most once anew, and the good ones after it keep the connection
    assert place.fake.dials - dials <= 2 * len(quick)


@pytest.mark.parametrize("fault", ["idle-close", "connection-close-body", "close-keepalive"])
async def test_no_call_is_made_twice_by_a_provider_that_closes_its_connections(place: Grid, fault: str) -> None:
    account, key = place.customer(f"closing-{fault}", CREDIT)
    served = place.fake_of(fault).served_of(f"fault/{fault}")
    completed = served.completed

    async def call_often(number: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for index in range(8):
            outcomes.append(await call(place, key, alone(fault, is_streaming=bool((number + index) % 2))))
            await asyncio.sleep(0.045 + 0.001 * number)  # about when an idle connection closes
        return outcomes

    outcomes = [outcome for some in await asyncio.gather(*map(call_often, range(12))) for outcome in some]
    good = sum(outcome.is_complete for outcome in outcomes)
    assert served.completed == completed + good
    assert sum(row["charged_credits"] > 0 for row in place.requests(account)) == good
    if fault == "connection-close-body":
        assert good == len(outcomes)
    else:  # the request may cross the goodbye, and what was sent is not sent again
        assert {outcome.seen for outcome in outcomes} <= {GOOD, CUT}
        assert good > 0


async def test_answers_without_an_end_are_not_kept_in_memory(place: Grid, watched: Watched) -> None:
    assert place.most_memory_kb < 240 * 1024  # many of 256 MB were sent; one of 64 MB would have been served
    assert place.memory_kb < 200 * 1024


async def test_no_balance_stays_held_after_all_the_faults(place: Grid, watched: Watched) -> None:
    left = place.balance(watched.account)
    assert left == CREDIT - sum(map(sum, watched.paid.values()))
    spending = [place.call(watched.key, "good/meter", max_tokens=left // 1000 // 2) for _ in range(2)]
    assert Counter(reply.status for reply in await asyncio.gather(*spending)) == {200: 2}
    assert place.balance(watched.account) < 2000
    assert place.problems() == []


def _streams_that_fail() -> list[str]:
    return [fault for fault in ERRORS if is_shown(fault, is_streaming=True) and fault != "huge-body"]


async def test_the_official_clients_raise_on_every_stream_that_failed(place: Grid) -> None:
    url, key = place.gateway.base_url, place.customer("clients", CREDIT)[1]
    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as open_client,
        anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0) as messages_client,
    ):

        async def read(cell: Cell) -> None:
            model, text = model_of(cell), said_in(cell)
            said: list[Any] = [{"role": "user", "content": text}]
            if cell.way.served == "messages":
                async with messages_client.messages.stream(model=model, messages=said, max_tokens=100) as stream:
                    async for _ in stream:
                        pass
            elif cell.way.served == "responses":
                async for _ in await open_client.responses.create(model=model, input=text, stream=True):
                    pass
            else:
                async for _ in await open_client.chat.completions.create(model=model, messages=said, stream=True):
                    pass

        cells = [alone(fault, served, is_streaming=True) for fault in _streams_that_fail() for served in SERVED]
        ends = await asyncio.gather(*map(read, cells), return_exceptions=True)
    unhappy = openai.APIError | anthropic.APIError
    assert [cell for cell, end in zip(cells, ends, strict=True) if not isinstance(end, unhappy)] == []


async def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.acceptance.faults_page"
    assert ERRORS.keys() <= FAULTS.keys()
    assert not STREAM_ONLY & WHOLE_ONLY
