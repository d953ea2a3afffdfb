"""The header that switches on what is not part of the format yet, and offers that take schemas in another form."""

import json
from typing import Any

import pytest

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages import CALLED, SERVED, WithBetas, count_request, relay_request
from modelport.dialects.wire import NotExpressible, UpstreamRequest
from modelport.operations.chat import ChatCall
from tests.dialects.anthropic_messages.factories import body, target

HEADER = b"anthropic-beta"
NEW = {"mcp_servers": [{"type": "url", "name": "x", "url": "https://x.example"}], "speed": "fast"}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}}
TOOL["input_schema"]["$defs"] = {"a": {"type": "string"}}  # type: ignore[index]
SCHEMA = {"type": "json_schema", "schema": {"type": "object", "required": ["a"]}}


def asked(header: bytes, **fields: Any) -> ChatCall:
    return WithBetas(header).parse(body(**fields))


def beta_of(request: UpstreamRequest) -> bytes | None:
    return dict(request.headers).get(HEADER)


def test_the_header_goes_on_with_the_fields_that_it_brings() -> None:
    request = relay_request(asked(b"mcp-client-2025-11-20, fast-mode-2026-02-01", **NEW), target())
    assert beta_of(request) == b"mcp-client-2025-11-20,fast-mode-2026-02-01"
    assert json.loads(request.body).items() >= NEW.items()
    assert request.dropped == ()


def test_without_it_such_fields_are_left_out_and_named() -> None:
    for call in (SERVED.parse(body(**NEW)), asked(b" , ", **NEW)):
        request = relay_request(call, target())
        assert (beta_of(request), request.dropped) == (None, ("mcp_servers", "speed"))


def test_what_an_offer_switches_on_itself_comes_first_and_nothing_twice() -> None:
    offer = target(headers={"Anthropic-Beta": "a, b"})
    assert beta_of(relay_request(asked(b"c, a"), offer)) == b"a, b,c"
    assert beta_of(relay_request(asked(b"a"), offer)) == b"a, b"
    assert beta_of(relay_request(SERVED.parse(body()), offer)) is None  # The transport adds the offer's own.


def test_what_an_offer_never_takes_stays_out_with_it_too() -> None:
    request = relay_request(asked(b"a", **NEW, plugins=[]), target(drop=frozenset({"speed"})))
    assert "mcp_servers" in json.loads(request.body)
    assert set(request.dropped) == {"speed", "plugins"}


@pytest.mark.parametrize("header", [b"a b", b"a;b", b"a\xe9", b"a" * 1025, b"a,,b", b'"a"', b"a\x00"])
def test_a_header_that_is_no_list_of_names_is_refused(header: bytes) -> None:
    with pytest.raises(InvalidBody, match="'anthropic-beta': Expected names with commas between them") as refused:
        asked(header)
    assert refused.value.param == "anthropic-beta"


def test_counting_goes_by_it_too() -> None:
    request = count_request(asked(b"a", **NEW, temperature=1), target())
    assert beta_of(request) == b"a"
    assert json.loads(request.body).keys() == {"model", "messages", "mcp_servers", "speed"}
    assert beta_of(count_request(SERVED.parse(body(**NEW)), target())) is None


def test_a_call_that_is_translated_brings_nothing_of_it() -> None:
    call = asked(b"a", **NEW)
    request = CALLED.encode(SERVED.read(call), target(), is_streaming=False)
    assert (beta_of(request), request.dropped) == (None, ("mcp_servers", "speed"))


def test_tools_of_the_provider_may_have_no_name() -> None:
    toolset = {"type": "mcp_toolset", "mcp_server_name": "x"}
    assert json.loads(relay_request(asked(b"a", tools=[toolset], **NEW), target()).body)["tools"] == [toolset]


@pytest.mark.parametrize("is_relayed", [True, False])
def test_schemas_of_tools_are_rewritten_for_an_offer_that_takes_less(is_relayed: bool) -> None:
    call, offer = asked(b"a", tools=[TOOL], normalize_tool_schemas=True), target(tool_schemas="plain")
    request = relay_request(call, offer) if is_relayed else CALLED.encode(SERVED.read(call), offer, is_streaming=False)
    assert json.loads(request.body)["tools"][0]["input_schema"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
    }
    assert request.dropped == ()
    assert beta_of(request) == (b"a" if is_relayed else None)


def test_and_pass_as_they_came_otherwise() -> None:
    request = relay_request(SERVED.parse(body(tools=[TOOL], normalize_tool_schemas=True)), target())
    assert (json.loads(request.body)["tools"], request.dropped) == ([TOOL], ())


def test_one_that_cannot_be_rewritten_is_refused_by_its_name() -> None:
    endless = {"name": "look", "input_schema": {"type": "object", "properties": {"a": {"$ref": "#"}}}}
    with pytest.raises(NotExpressible) as refused:
        relay_request(SERVED.parse(body(tools=[endless])), target(tool_schemas="plain"))
    assert refused.value.param == "tools[0].input_schema"


@pytest.mark.parametrize("asked_as", [{"output_format": SCHEMA}, {"output_config": {"format": SCHEMA}}])
def test_a_form_of_the_answer_that_an_offer_does_not_know_is_asked_for_in_words(asked_as: dict[str, Any]) -> None:
    sent = json.loads(relay_request(SERVED.parse(body(**asked_as)), target(schema_as="prompt")).body)
    assert not {"output_config", "output_format"} & sent.keys()
    assert '"required":["a"]' in sent["system"][-1]["text"].replace(" ", "")
    plain = json.loads(relay_request(SERVED.parse(body(**asked_as)), target()).body)
    assert (plain["output_config"], "system" in plain) == ({"format": SCHEMA}, False)
