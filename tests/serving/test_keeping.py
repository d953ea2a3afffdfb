"""What is remembered of answers: for a while and in memory, or stored where the call says so."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelport.core.errors import InvalidBody
from modelport.dialects.openai_responses import SERVED
from modelport.keys.key import Key
from modelport.operations.chat import ChatCall
from modelport.serving.keeping import MAX_RECENT_BYTES, Keeping, RecentItems
from tests.twins.responses import TwinResponses

ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]}
ANSWER = json.dumps({"id": "resp_1", "output": [ITEM]}).encode()
NAMING = [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Why?"}]


def key_of(account_id: int) -> Key:
    return Key(1, account_id, "0123abcd", None, False, False, None, None, "drain_and_bill", 0, 0)


def call(**fields: Any) -> ChatCall:
    return SERVED.parse(json.dumps({"model": "m", "input": "Hi"} | fields).encode())


async def run_at_once(work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments)


def keeping() -> Keeping:
    return Keeping(TwinResponses(), 1, run_at_once)


async def test_an_item_of_an_answer_that_is_not_stored_may_be_named_by_its_account() -> None:
    memory = keeping()
    await memory.keep(call(), key_of(1), 0, ANSWER)
    found = await memory.recall(call(input=NAMING), key_of(1), 1)
    assert json.loads(found.fields["input"]) == [ITEM, NAMING[1]]
    with pytest.raises(InvalidBody, match="no item 'msg_1' is known here"):
        await memory.recall(call(input=NAMING), key_of(2), 1)
    with pytest.raises(InvalidBody, match="no response 'resp_1' is stored"):
        await memory.recall(call(previous_response_id="resp_1"), key_of(1), 1)


async def test_one_of_an_answer_that_must_not_be_stored_is_forgotten_at_once() -> None:
    memory = keeping()
    await memory.keep(call(store=False), key_of(1), 0, ANSWER)
    assert memory.recent.held_bytes == 0
    with pytest.raises(InvalidBody):
        await memory.recall(call(input=NAMING), key_of(1), 1)


async def test_items_of_a_stored_answer_may_be_named_alone_or_beside_it() -> None:
    memory = keeping()
    await memory.keep(call(store=True), key_of(1), 0, ANSWER)
    other = json.dumps({"id": "resp_2", "output": [ITEM | {"id": "msg_2"}]}).encode()
    await memory.keep(call(), key_of(1), 0, other)
    assert json.loads((await memory.recall(call(input=NAMING), key_of(1), 1)).fields["input"])[0] == ITEM
    asked = call(input=[{"type": "item_reference", "id": "msg_2"}], previous_response_id="resp_1")
    told = json.loads((await memory.recall(asked, key_of(1), 1)).fields["input"])
    assert [item.get("id") for item in told] == [None, "msg_1", "msg_2"]


def test_what_was_not_named_for_the_longest_time_is_forgotten_first() -> None:
    recent = RecentItems(most_bytes=10_000)
    recent.put(1, "named", b"x" * 200)
    recent.put(1, "not named", b"x" * 200)
    for number in range(100):
        recent.put(1, f"item_{number}", b"x" * 200)
        assert recent.find(1, "named") == b"x" * 200
    assert recent.find(1, "not named") is None
    assert recent.find(1, "item_99") is not None


def test_what_is_remembered_is_bounded_whatever_comes() -> None:
    recent = RecentItems(most_bytes=10_000)
    for number in range(500):
        recent.put(number % 3, f"item_{number % 40}", b"x" * (number % 900))
        assert recent.held_bytes <= 10_000
    recent.put(1, "large", b"x" * 5_000)
    assert recent.find(1, "large") is None
    assert RecentItems().held_bytes == 0 < MAX_RECENT_BYTES


def test_an_item_that_comes_again_takes_the_place_of_the_earlier_one() -> None:
    recent = RecentItems()
    recent.put(1, "a", b"one")
    size = recent.held_bytes
    recent.put(1, "a", b"two")
    assert (recent.find(1, "a"), recent.held_bytes) == (b"two", size)
