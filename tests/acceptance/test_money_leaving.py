"""Callers who leave before the end, and callers who read slowly: what is sent on, what is charged, what is kept."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.traffic import TOKEN_CREDITS, Town, chat, connection, read_reply, request, town
from tests.fake.faults import PREFIX

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = "slow-20-pieces-50"
"""A second of answer."""
ENDLESS = "slow-20-pieces-5000"
PIECES = 40_000
BULKY = f"pieces-{PIECES}"
"""About ten megabytes of events: more than the kernel keeps for a connection."""
READERS = 3
TOKEN = 3
"""Credits for an output token of these."""
DRAIN_S = 2.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("leaving")
    models = (SLOW, ENDLESS, BULKY, "late-600")
    stalls = {"idle_s": 0.8}  # shorter than a slow reader takes: his slowness is not the provider's
    async with town(folder, models=models, timeouts=stalls, money_drain_s=DRAIN_S, money_hold_wait_s=20) as built:
        yield built


async def leave_after(place: Town, key: str, events: int, model: str) -> str:
    """Start a stream, read some of it, and close the connection; returns the id of the call."""
    async with connection(place.gateway.base_url) as (reader, writer):
        writer.write(request(key, chat(f"fake/{model}", stream=True)))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        for _ in range(events):
            await reader.readuntil(b"\n\n")
    return next(line for line in head.splitlines() if line.startswith("x-inference-id"))


async def settled(place: Town, account: int, rows: int = 1) -> dict[str, Any]:
    """Wait for so many rows of an account; returns the last."""
    for _ in range(400):
        if len(found := place.requests(account)) >= rows:
            assert len(found) == rows
            return found[-1]
        await asyncio.sleep(0.02)
    raise AssertionError("the call was not settled")


async def test_a_caller_who_leaves_pays_for_the_whole_answer_as_the_provider_counts_it(place: Town) -> None:
    account, key = place.customer("leaves", 1_000_000)
    await leave_after(place, key, 3, SLOW)
    row = await settled(place, account)
    assert (row["usage_source"], row["billing_status"], row["status"]) == ("provider", "charged", "succeeded")
    assert row["charged_credits"] == 1_000_000 - place.balance(account) == 50 * TOKEN + 4


async def test_reading_on_after_the_caller_has_left_is_bounded(place: Town) -> None:
    account, key = place.customer("endless", 1_000_000)
    await leave_after(place, key, 3, ENDLESS)
    await place.fake.until(lambda: place.fake.served_of(ENDLESS).left == 1, timeout_s=DRAIN_S + 3)
    row = await settled(place, account)
    assert (row["usage_source"], row["http_status"], row["error"]) == ("counted", 499, "client_left")
    assert 3 * TOKEN <= row["charged_credits"] <= 200 * TOKEN
    assert place.balance(account) == 1_000_000 - row["charged_credits"]


async def test_a_key_may_have_the_provider_stopped_and_pays_for_what_was_delivered(place: Town) -> None:
    left = place.fake.served_of(ENDLESS).left
    account = place.account("cancels", 1_000_000)
    key = place.key(account, on_disconnect="cancel_and_bill_delivered")
    await leave_after(place, key, 6, ENDLESS)
    await place.fake.until(lambda: place.fake.served_of(ENDLESS).left == left + 1, timeout_s=DRAIN_S - 0.5)
    row = await settled(place, account)
    assert (row["usage_source"], row["billing_status"]) == ("counted", "charged")
    assert 5 * TOKEN <= row["charged_credits"] <= 40 * TOKEN
    assert place.balance(account) == 1_000_000 - row["charged_credits"]


async def test_the_policy_is_set_through_the_api_and_holds_from_the_next_call_on(place: Town) -> None:
    account = place.account("policy", 1_000_000)
    management = place.key(account, is_management=True)
    made = (await place.ask("POST", "/v1/keys", management, {"on_disconnect": "cancel_and_bill_delivered"}))["data"]
    assert made["on_disconnect"] == "cancel_and_bill_delivered"
    key, path = made["key"], f"/v1/keys/{made['prefix']}"
    left = place.fake.served_of(ENDLESS).left
    await leave_after(place, key, 6, ENDLESS)
    await place.fake.until(lambda: place.fake.served_of(ENDLESS).left == left + 1, timeout_s=DRAIN_S - 0.5)
    first = await settled(place, account)
    assert (first["usage_source"], first["billing_status"]) == ("counted", "charged")
    assert 5 * TOKEN <= first["charged_credits"] <= 40 * TOKEN

    shown = (await place.ask("PATCH", path, management, {"on_disconnect": "drain_and_bill"}))["data"]
    assert "on_disconnect" not in shown
    await leave_after(place, key, 3, SLOW)
    drained = await settled(place, account, rows=2)
    assert (drained["usage_source"], drained["charged_credits"]) == ("provider", 50 * TOKEN + 4)
    assert place.balance(account) == 1_000_000 - first["charged_credits"] - drained["charged_credits"]


async def test_the_policy_is_set_by_command_beside_the_running_server(place: Town) -> None:
    place.account("commanded", 1_000_000)
    options = ("--account", "commanded", "--on-disconnect", "cancel_and_bill_delivered", "--json")
    made = json.loads(place.gateway.run("keys", "create", *options).stdout)
    left = place.fake.served_of(ENDLESS).left
    await leave_after(place, made["key"], 3, ENDLESS)
    await place.fake.until(lambda: place.fake.served_of(ENDLESS).left == left + 1, timeout_s=DRAIN_S - 0.5)
    row = await settled(place, place.desk.accounts.by_name("commanded").id)
    assert (row["usage_source"], row["key_prefix"]) == ("counted", made["prefix"])


async def test_a_caller_who_leaves_before_a_whole_answer_pays_for_it(place: Town) -> None:
    account, key = place.customer("impatient", 1_000_000)
    async with connection(place.gateway.base_url) as (_, writer):
        writer.write(request(key, chat("fake/late-600")))
        await place.fake.until(lambda: place.fake.answering == 1)
    row = await settled(place, account)
    assert (row["usage_source"], row["billing_status"]) == ("provider", "charged")
    assert place.balance(account) == 1_000_000 - row["charged_credits"] < 1_000_000


async def test_a_caller_who_leaves_while_waiting_for_money_costs_nothing(place: Town) -> None:
    account, key = place.customer("waits", 100 * TOKEN + 80)
    asked = len(place.fake.requests)
    first = asyncio.create_task(place.call(key, "fake/late-600", max_tokens=90))
    await place.fake.until(lambda: len(place.fake.requests) > asked)
    async with connection(place.gateway.base_url) as (_, writer):
        writer.write(request(key, chat("fake/late-600", max_tokens=90)))
        await writer.drain()
        await asyncio.sleep(0.1)
    reply = await first
    paid = reply.json["meta"]["usage"]["credits_used"]
    for _ in range(100):
        if len(rows := place.requests(account)) == 2:
            break
        await asyncio.sleep(0.02)
    assert [(row["status"], row["charged_credits"]) for row in rows] == [("succeeded", paid), ("failed", 0)]
    assert len(place.fake.requests) == asked + 1
    assert place.balance(account) == 100 * TOKEN + 80 - paid


async def test_many_who_leave_at_once_leave_nothing_held(place: Town) -> None:
    account = place.account("crowd", 40 * 100 * TOKEN_CREDITS)
    keys = [place.key(account), place.key(account, on_disconnect="cancel_and_bill_delivered")]
    await asyncio.gather(*(leave_after(place, keys[number % 2], 2, SLOW) for number in range(40)))
    for _ in range(200):
        if len(rows := place.requests(account)) == 40:
            break
        await asyncio.sleep(0.05)
    assert {row["billing_status"] for row in rows} == {"charged"}
    balance = place.balance(account)
    assert balance == 40 * 100 * TOKEN_CREDITS - sum(row["charged_credits"] for row in rows)
    assert (await place.call(key=keys[0], max_tokens=balance // TOKEN_CREDITS)).status == 200
    assert place.balance(account) < TOKEN_CREDITS
    assert place.problems() == []


async def test_a_caller_who_reads_slowly_gets_all_and_memory_does_not_grow(place: Town) -> None:
    account, key = place.customer("slow", 10_000_000)
    await place.call(key, f"fake/{BULKY}", stream=True)  # what it takes once
    before_kb = place.memory_kb
    address = (place.gateway.base_url.split("/")[2].split(":")[0], int(place.gateway.base_url.rsplit(":", 1)[1]))
    sockets = [socket.socket() for _ in range(READERS)]
    loop = asyncio.get_running_loop()
    for one in sockets:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)
        await loop.sock_connect(one, address)
        await loop.sock_sendall(one, request(key, chat(f"fake/{BULKY}", stream=True)))
    await asyncio.sleep(1.5)
    assert place.memory_kb - before_kb < 8 * 1024
    assert len(place.requests(account)) == 1  # none of these has ended
    readers = [await asyncio.open_connection(sock=one, limit=1 << 20) for one in sockets]
    replies = await asyncio.gather(*(read_reply(reader) for reader, _ in readers))
    for _, writer in readers:
        writer.close()
        await writer.wait_closed()
    assert all(reply.is_complete for reply in replies)
    rows = place.requests(account)
    assert {(row["charged_credits"], row["usage_source"]) for row in rows} == {(PIECES * TOKEN + 4, "provider")}
    assert place.balance(account) == 10_000_000 - (1 + READERS) * (PIECES * TOKEN + 4)
    assert place.memory_kb - before_kb < 8 * 1024


async def test_leaving_after_the_last_byte_changes_nothing(place: Town) -> None:
    account, key = place.customer("done", 1_000_000)
    reply = await place.call(key, f"{PREFIX}long", stream=True)
    [row] = place.requests(account)
    assert reply.is_complete
    assert (row["status"], row["charged_credits"]) == ("succeeded", 1_000_000 - place.balance(account))
