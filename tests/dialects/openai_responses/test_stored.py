"""Continuing stored responses."""

import json
from typing import Any

import pytest

from modelport.core.errors import InvalidBody
from modelport.dialects.openai_responses import SERVED, continued, items_of, not_remembered
from modelport.dialects.openai_responses.stored import MAX_JOINED_BYTES, named_items, resolved, wants_recalling
from modelport.operations.chat import ChatCall
from modelport.operations.content import Text

OUTPUT = b'[{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Ho","annotations":[]}]}]'  # fmt: skip  # noqa: E501


def call(**fields: Any) -> ChatCall:
    return SERVED.parse(json.dumps({"model": "m", **fields}).encode())


def test_a_call_goes_on_from_what_was_said() -> None:
    first = call(input="Hi", instructions="Be brief.")
    second = continued(call(input="And then?", previous_response_id="resp_1"), items_of(first), OUTPUT)
    talk = SERVED.read(second)
    assert [turn.role for turn in talk.turns] == ["user", "assistant", "user"]
    assert [turn.parts[0] for turn in talk.turns] == [Text("Hi"), Text("Ho"), Text("And then?")]
    assert second.options["previous_response_id"] == b'"resp_1"'
    assert (second.messages, second.roles) == (3, {"user": 0, "assistant": 1})
    assert second.text_bytes > call(input="And then?").text_bytes
    third = continued(call(input="More"), items_of(second), b"[]")
    assert len(json.loads(items_of(third))) == 4


def test_a_call_may_go_on_without_saying_anything() -> None:
    again = continued(call(previous_response_id="resp_1"), items_of(call(input="Hi")), OUTPUT)
    assert len(json.loads(again.fields["input"])) == 2


def test_items_are_kept_to_the_byte() -> None:
    body = b'{"model":"m","input":[{"role": "user",  "content": "a"}]}'
    assert items_of(SERVED.parse(body)) == b'[{"role": "user",  "content": "a"}]'


def test_references_are_replaced_by_what_they_name() -> None:
    asked = call(input=[{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Why?"}])
    assert asked.is_mixed
    found = continued(asked, b"[]", OUTPUT)
    assert not found.is_mixed
    assert json.loads(found.fields["input"])[1] == json.loads(OUTPUT)[0]
    with pytest.raises(InvalidBody, match=r"'input\[0\]\.id': no item 'msg_1' is known here: .* 'store': true"):
        continued(asked, b"[]", b"[]")


def test_references_to_items_of_answers_that_are_not_stored_are_replaced_too() -> None:
    known = dict(named_items(b'{"output":%b}' % OUTPUT))
    asked = call(input=[{"role": "user", "content": "Hi"}, {"id": "msg_1"}, {"role": "user", "content": "Why?"}])
    found = resolved(asked, known.get)
    assert (found.is_mixed, found.messages, found.roles) == (False, 3, {"user": 0, "assistant": 1})
    assert json.loads(found.fields["input"])[1] == json.loads(OUTPUT)[0]
    elsewhere = continued(asked, b'[{"role":"user","content":"Before"}]', b"[]", known.get)
    assert json.loads(elsewhere.fields["input"])[2] == json.loads(OUTPUT)[0]
    with pytest.raises(InvalidBody) as refused:
        resolved(asked, {}.get)
    assert refused.value.param == "input[1].id"


def test_a_call_without_references_stays_as_it_came() -> None:
    for fields in ({"input": "Hi"}, {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}):
        asked = call(**fields)
        assert resolved(asked, {}.get) is asked


def test_one_large_item_is_not_named_again_and_again() -> None:
    large = b'{"type":"message","id":"m","role":"user","content":"%b"}' % (b"a" * 1_000_000)
    asked = call(input=[{"type": "item_reference", "id": "m"}] * (MAX_JOINED_BYTES // len(large) + 1))
    with pytest.raises(InvalidBody, match="'input': Expected references to at most 33554432 bytes of items"):
        resolved(asked, {"m": large}.get)


def test_what_has_no_name_is_not_among_the_named_items() -> None:
    body = b'{"output":[{"type":"message","content":[]},{"type":"x","id":7},{"type":"y","id":"y_1"}]}'
    assert list(named_items(body)) == [("y_1", b'{"type":"y","id":"y_1"}')]
    assert list(named_items(b'{"output":null}')) == []


@pytest.mark.parametrize(("fields", "is_wanted"), [({}, True), ({"store": True}, True), ({"store": False}, False)])
def test_only_who_says_so_is_not_remembered(fields: dict[str, bool], is_wanted: bool) -> None:
    assert wants_recalling(call(input="a", **fields)) is is_wanted


def test_sealed_reasoning_that_was_stored_is_noticed() -> None:
    sealed = b'[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"mp1.google_gemini.signature..S"}]'
    assert continued(call(input="a"), b"[]", sealed).is_mixed


def test_an_unknown_response_is_named_as_the_caller_wrote_it() -> None:
    problem = not_remembered("resp_x" * 100)
    assert problem.param == "previous_response_id"
    assert len(problem.message) < 500
