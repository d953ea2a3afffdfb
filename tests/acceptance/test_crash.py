"""The server dies at any instant under load: finished answers are charged once, others not, and nothing is stuck."""

import asyncio
import json
import os
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.traffic import TOKEN_CREDITS, Reply, Town, chat, connection, read_reply, request, town

CALLERS = 200
MAX_TOKENS = 7
PRICE = MAX_TOKENS * TOKEN_CREDITS
CREDIT = 100_000 * PRICE
WHOLE = chat("fake/meter", max_tokens=MAX_TOKENS)
STREAM = chat("fake/meter-half", max_tokens=2 * MAX_TOKENS, stream=True)
"""Costs half of what is held for it, and so as much as the other."""


@dataclass(slots=True)
class Crowd:
    """Callers who call again and again until their connection is lost."""

    place: Town
    key: str
    complete: list[str] = field(default_factory=list[str])
    """The answers whose last byte was received."""
    made: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when so many answers were received that calls are under way everywhere."""

    async def call_until_lost(self, number: int) -> None:
        """Call by turns with and without streaming, on one connection."""
        try:
            async with connection(self.place.gateway.base_url) as (reader, writer):
                is_streaming = bool(number % 2)
                while True:
                    writer.write(request(self.key, STREAM if is_streaming else WHOLE))
                    self.made += 1
                    if not self._note(await read_reply(reader)):
                        return
                    is_streaming = not is_streaming
        except ConnectionError:
            return

    def _note(self, reply: Reply) -> bool:
        if not reply.is_complete:
            assert reply.status in (0, 200), reply
            return False
        assert costs(reply) == PRICE
        self.complete.append(reply.inference_id)
        if len(self.complete) >= CALLERS:
            self.enough.set()
        return True


def costs(reply: Reply) -> int:
    """What an answer says that it cost."""
    told = [event for event in reply.events if event][-1] if reply.body.startswith(b"data:") else reply.json
    return told["meta"]["usage"]["credits_used"]


async def kill_under_load(place: Town, key: str, after_s: float) -> Crowd:
    """Let all call at once, kill the server some time after the answers flow, and start it again."""
    crowd = Crowd(place, key)
    callers = [asyncio.create_task(crowd.call_until_lost(number)) for number in range(CALLERS)]
    async with asyncio.timeout(30):
        await crowd.enough.wait()
    await asyncio.sleep(after_s)
    place.gateway.kill9()
    await asyncio.gather(*callers)
    await place.fake.until(lambda: place.fake.answering == 0)
    place.gateway.start()
    return crowd


def check(place: Town, account: int, crowds: list[Crowd]) -> None:
    """See that every complete answer is charged once, that no more than was served is charged, and that it adds up."""
    assert place.problems() == []
    rows = place.requests(account)
    charged = {row["inference_id"]: row["charged_credits"] for row in rows if row["charged_credits"]}
    received = [name for crowd in crowds for name in crowd.complete]
    assert Counter(received).most_common(1)[0][1] == 1
    assert [name for name in received if charged.get(name) != PRICE] == []
    assert set(charged.values()) == {PRICE}
    entries = place.gateway.rows("SELECT reference_id FROM entries WHERE from_account = ?", account)
    assert Counter(entry["reference_id"] for entry in entries) == dict.fromkeys(charged, 1)
    # What was charged was seen whole by the server: it has the provider's own figures, which come last.
    assert {row["usage_source"] for row in rows if row["charged_credits"]} == {"provider"}
    whole = sum(not row["is_streaming"] for row in rows if row["charged_credits"])
    assert whole <= place.fake.served["meter"].completed
    assert len(charged) - len(received) <= CALLERS * len(crowds)  # at most what was on its way at the kill
    assert place.balance(account) == CREDIT - PRICE * len(charged)
    assert place.gateway.rows("SELECT * FROM allotments WHERE credits > 0") == []


@pytest.mark.parametrize("kills", [pytest.param(2), pytest.param(20, marks=pytest.mark.long)])
async def test_a_server_killed_under_load_charges_every_finished_answer_once(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    async with town(tmp_path, latency_ms=10, piece_interval_ms=5) as place:
        account, key = place.customer("crash", CREDIT)
        crowds: list[Crowd] = []
        for _ in range(kills):
            crowds.append(await kill_under_load(place, key, chance.uniform(0, 0.3)))
            check(place, account, crowds)
        doctor = json.loads(place.gateway.run("doctor", "--json").stdout)
        [books] = [finding for finding in doctor["findings"] if finding["name"] == "database"]
        assert books["state"] == "ok"
        left = place.balance(account)
        assert (await place.call(key, max_tokens=left // TOKEN_CREDITS)).status == 200
        assert place.balance(account) == 0
        assert place.problems() == []


async def test_a_server_that_is_told_to_stop_finishes_and_charges_what_it_began(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=300, server_drain_s=20) as place:
        account, key = place.customer("stop", 100 * PRICE)
        calls = [asyncio.create_task(place.call(key, max_tokens=MAX_TOKENS, stream=bool(n % 2))) for n in range(50)]
        await place.fake.until(lambda: place.fake.answering == 50)
        assert await asyncio.to_thread(place.gateway.stop) == 0
        replies = await asyncio.gather(*calls)
        assert all(reply.is_complete for reply in replies)
        assert place.balance(account) == 50 * PRICE
        place.gateway.start()
        assert (await place.call(key, max_tokens=50 * MAX_TOKENS)).status == 200
        assert place.balance(account) == 0
        assert place.problems() == []


async def test_answers_that_outlast_the_patience_of_a_stop_never_look_complete_and_cost_nothing(tmp_path: Path) -> None:
    endless = "slow-20-pieces-5000"
    async with town(tmp_path, models=[endless, "late-60000"], server_drain_s=0.5) as place:
        account, key = place.customer("stop", 10_000_000)
        calls = [
            asyncio.create_task(place.call(key, f"fake/{endless}", stream=True)),
            asyncio.create_task(place.call(key, "fake/late-60000")),
        ]
        await place.fake.until(lambda: place.fake.answering == 2)
        await asyncio.to_thread(place.gateway.stop)
        stream, whole = await asyncio.gather(*calls)
        assert not stream.is_complete
        assert b"[DONE]" not in stream.body
        assert not whole.is_complete
        assert place.balance(account) == 10_000_000
        place.gateway.start()
        assert place.problems() == []
        assert place.gateway.rows("SELECT * FROM allotments WHERE credits > 0") == []


@pytest.mark.long
async def test_a_server_that_stood_still_past_its_leases_charges_what_it_had_begun(tmp_path: Path) -> None:
    async with town(tmp_path, latency_ms=500) as place:
        account, key = place.customer("still", 50 * PRICE)
        calls = [asyncio.create_task(place.call(key, max_tokens=MAX_TOKENS, stream=bool(n % 2))) for n in range(50)]
        await place.fake.until(lambda: place.fake.answering == 50)
        os.kill(place.gateway.pid, signal.SIGSTOP)
        await asyncio.sleep(7)  # a lease is five seconds
        os.kill(place.gateway.pid, signal.SIGCONT)
        replies = await asyncio.gather(*calls)
        assert all(reply.is_complete for reply in replies)
        assert place.balance(account) == 0
        assert (await place.call(key, max_tokens=1)).status == 403
        assert place.problems() == []
