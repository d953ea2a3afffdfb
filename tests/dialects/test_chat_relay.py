"""Chat from chat: bytes pass, and only what a provider says otherwise is rewritten."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.dialects import openai_chat
from modelport.dialects.translated import Translated
from modelport.dialects.wire import Ending, Identity, NotExpressible, Target, UpstreamFault
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage

MODEL = Model(id="m", name="M", maker="acme", operation="chat", description="")
USED = Usage({"input": 5, "output": 2}, "provider")
BODY = (
    b'{"id":"1", "object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Four."},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}'
)
CHUNK = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"Four."}}]}\n\n'
)


def target(**quirks: Any) -> Target:
    provider = Provider(id="p", name="Acme", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Target(Offer(model_id="m", provider=provider, upstream="u", quirks=Quirks(**quirks)), MODEL)


def call(fields: str = "", messages: str = '[{"role":"user","content":"a"}]') -> ChatCall:
    return openai_chat.parse(f'{{"model":"m","messages":{messages}{fields}}}'.encode())


def identity() -> Identity:
    return Identity("ours", 7, "acme/small")


def relayed(to: Target, asked: ChatCall | None = None) -> openai_chat.Relay:
    _, passage = openai_chat.relay(asked or call(), to, identity)
    assert isinstance(passage, openai_chat.Relay)
    return passage


def test_a_whole_answer_passes_and_gains_its_cost() -> None:
    relay = relayed(target())
    relay.take(BODY)
    assert relay.usage() == USED
    assert relay.said_bytes() == 5
    assert relay.whole(Ending(USED, 3)).startswith(BODY[:-1])
    assert json.loads(relay.whole(Ending(USED, 3, notice="no credit")))["meta"]["notice"] == "no credit"
    with pytest.raises(UpstreamFault):
        relay.take(b'{"error":{"message":"no"}}')


def test_a_stream_passes_and_ends_with_its_cost() -> None:
    relay = relayed(target(), call(',"stream":true,"n":2'))
    assert relay.feed(CHUNK) == CHUNK
    assert relay.events == 1
    ending = relay.ending(Ending(USED, 3, is_stopped=True))
    assert ending.count(b'"finish_reason":"length"') == 2
    assert ending.endswith(b"data: [DONE]\n\n")
    assert relay.failing(b"{}") == b"data: {}\n\n"
    assert relay.final() is None


def test_an_answer_with_tags_of_thought_is_taken_apart() -> None:
    request, passage = openai_chat.relay(call(), target(reasoning_field="think_tags"), identity)
    assert isinstance(passage, Translated)
    assert json.loads(request.body)["messages"] == [{"role": "user", "content": "a"}]
    passage.take(BODY.replace(b"Four.", b"<think>so</think>Four."))
    message = json.loads(passage.whole(Ending(USED, 3)))["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("so", "Four.")


def test_a_stream_that_the_caller_did_not_ask_for_becomes_a_whole_answer() -> None:
    request, passage = openai_chat.relay(call(), target(stream_only={"always": ""}), identity)
    assert request.is_streaming
    assert isinstance(passage, Translated)
    passage.feed(CHUNK + b"data: [DONE]\n\n")
    passage.assemble()
    assert json.loads(passage.whole(Ending(USED, 3)))["choices"][0]["message"]["content"] == "Four."


def test_what_an_offer_cannot_do_is_refused() -> None:
    for asked, quirks in (
        (call(',"n":2'), {"choices": False}),
        (call(messages='[{"content":"a"},{"role":"assistant","content":"b","prefix":true}]'), {}),
    ):
        with pytest.raises(NotExpressible):
            openai_chat.relay_request(asked, target(**quirks))


def test_a_model_in_the_path_takes_the_place_of_the_bodys() -> None:
    body = b'{"messages":[{"content":"a"}]}'
    assert openai_chat.SERVED.parse(body, "acme/small").model == "acme/small"
    assert openai_chat.SERVED.parse(b'{"model":"x",' + body[1:], "acme/small").model == "acme/small"


SCHEMA = ',"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}'


@pytest.mark.parametrize("first", ['"be brief"', '[{"type":"text","text":"be brief"}]', None])
def test_a_schema_that_a_provider_does_not_know_is_asked_for_in_words(first: str | None) -> None:
    system = f'{{"role":"system","content":{first}}},' if first else ""
    asked = call(SCHEMA, f'[{system}{{"role":"user","content":"a"}}]')
    body = json.loads(openai_chat.relay_request(asked, target(schema_as="json_object")).body)
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["role"] == "system"
    assert '{"type":"object"}' in json.dumps(body["messages"][0]).replace('\\"', '"')
    assert len(body["messages"]) == 2
    assert "response_format" not in json.loads(openai_chat.relay_request(asked, target(schema_as="prompt")).body)
    untouched = call(',"response_format":{"type":"json_object"}')
    sent = json.loads(openai_chat.relay_request(untouched, target(schema_as="json_object")).body)
    assert len(sent["messages"]) == 1
    sent = json.loads(openai_chat.relay_request(untouched, target(schema_as="prompt")).body)
    assert sent.keys() == {"model", "messages"}


def test_schemas_of_tools_are_rewritten_where_a_provider_wants_so() -> None:
    tools = (
        ',"tools":[{"type":"function","function":{"name":"f","parameters":'
        '{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}}}]'
        ',"normalize_tool_schemas":true'
    )
    request = openai_chat.relay_request(call(tools), target(tool_schemas="plain"))
    assert b"$ref" not in request.body
    assert request.dropped == ()
    assert b"$ref" in openai_chat.relay_request(call(tools), target()).body
    broken = tools.replace("#/$defs/x", "#/$defs/y")
    with pytest.raises(NotExpressible, match=r"tools\[0\].function.parameters"):
        openai_chat.relay_request(call(broken), target(tool_schemas="plain"))


def test_reasoning_that_a_provider_refuses_is_left_out_of_what_comes_back() -> None:
    asked = call(messages='[{"role":"assistant","content":"a","reasoning_content":"so"},{"content":"b"}]')
    request = openai_chat.relay_request(asked, target(drop=frozenset({"reasoning_content"})))
    assert b"so" not in request.body
    assert request.dropped == ("messages.reasoning_content",)
