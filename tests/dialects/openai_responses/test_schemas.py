"""Offers of Responses that take schemas in another form than the format's own."""

import json
from typing import Any

import pytest

from modelport.dialects.openai_responses import CALLED, SERVED, relay
from modelport.dialects.wire import NotExpressible, UpstreamRequest
from tests.dialects.openai_responses.making import identity, target

SCHEMA = {"type": "object", "required": ["a"]}
FORMAT = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}
TOOL = {
    "type": "function",
    "name": "look",
    "parameters": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}},
}
WAYS = pytest.mark.parametrize("is_relayed", [True, False])


def sent(quirks: dict[str, Any], *, is_relayed: bool, **fields: Any) -> UpstreamRequest:
    call = SERVED.parse(json.dumps({"model": "m", "input": "hi", **fields}).encode())
    if is_relayed:
        return relay(call, target(quirks), identity)[0]
    return CALLED.encode(SERVED.read(call), target(quirks), is_streaming=False)


@WAYS
@pytest.mark.parametrize(
    ("form", "left"), [("prompt", None), ("json_object", {"format": {"type": "json_object"}, "verbosity": "low"})]
)
def test_a_form_that_an_offer_does_not_know_is_asked_for_in_words(
    form: str, left: dict[str, Any] | None, is_relayed: bool
) -> None:
    asked = {"text": {**FORMAT, "verbosity": "low"}, "instructions": "Be brief."}
    body = json.loads(sent({"schema_as": form}, is_relayed=is_relayed, **asked).body)
    assert body["text"] == (left or {"verbosity": "low"})
    assert body["instructions"].startswith("Be brief.\n\n")
    assert json.dumps(SCHEMA) in body["instructions"]


@WAYS
def test_a_plain_object_is_asked_for_by_its_name_where_an_offer_knows_it(is_relayed: bool) -> None:
    asked = {"text": {"format": {"type": "json_object"}}}
    body = json.loads(sent({"schema_as": "json_object"}, is_relayed=is_relayed, **asked).body)
    assert (body["text"], "instructions" in body) == (asked["text"], False)
    told = json.loads(sent({"schema_as": "prompt"}, is_relayed=is_relayed, **asked).body)
    assert ("text" in told, "JSON" in told["instructions"]) == (False, True)


@WAYS
def test_schemas_of_tools_are_rewritten_for_an_offer_that_takes_less(is_relayed: bool) -> None:
    asked = {"tools": [TOOL], "normalize_tool_schemas": True}
    request = sent({"tool_schemas": "plain"}, is_relayed=is_relayed, **asked)
    [tool] = json.loads(request.body)["tools"]
    assert tool["parameters"] == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert request.dropped == ()
    plain = sent({"accept_unknown": True}, is_relayed=is_relayed, **asked)
    assert (json.loads(plain.body)["tools"], plain.dropped) == ([TOOL], ())
    assert b"normalize_tool_schemas" not in plain.body


@WAYS
def test_one_that_cannot_be_rewritten_is_refused_by_its_name(is_relayed: bool) -> None:
    endless = {**TOOL, "parameters": {"type": "object", "properties": {"a": {"$ref": "#"}}}}
    with pytest.raises(NotExpressible) as refused:
        sent({"tool_schemas": "plain"}, is_relayed=is_relayed, tools=[endless])
    assert refused.value.param == "tools[0].parameters"
