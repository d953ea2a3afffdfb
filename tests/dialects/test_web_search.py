"""Searching the web: what callers ask with, and the form that each provider takes."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.dialects import openai_chat
from modelport.dialects.wire import NotExpressible, Target, UpstreamRequest
from modelport.operations.content import Text, Turn
from modelport.operations.conversation import Conversation, WebSearch

MODEL = Model(id="m", name="M", maker="acme", operation="chat", description="")
DOLLAR = '"tools":[{"type":"builtin_function","function":{"name":"$web_search"}}]'
GLM = '"tools":[{"type":"web_search","web_search":{"enable":true,"search_engine":"search_pro_jina","count":5}}]'
OPTIONS = '"web_search_options":{"search_context_size":"high"}'


def target(**quirks: Any) -> Target:
    provider = Provider(id="p", name="Acme", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Target(Offer(model_id="m", provider=provider, upstream="u", quirks=Quirks(**quirks)), MODEL)


def request(fields: str, **quirks: Any) -> UpstreamRequest:
    call = openai_chat.parse(f'{{"model":"m","messages":[{{"content":"a"}}],{fields}}}'.encode())
    if not call.is_mixed:
        return openai_chat.relay_request(call, target(**quirks))
    return openai_chat.CALLED.encode(openai_chat.SERVED.read(call), target(**quirks), is_streaming=False)


def sent(fields: str, **quirks: Any) -> dict[str, Any]:
    body = json.loads(request(fields, **quirks).body)
    return {name: value for name, value in body.items() if name not in ("model", "messages")}


BUILTIN = {"type": "builtin_function", "function": {"name": "$web_search"}}
CASES: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    (OPTIONS, {"search": "options"}, {"web_search_options": {"search_context_size": "high"}}, ()),
    (OPTIONS, {}, {"web_search_options": {"search_context_size": "high"}}, ()),
    (OPTIONS, {"drop": frozenset({"web_search_options"})}, {}, ("web_search_options",)),
    (OPTIONS, {"search": "enable_search"}, {"enable_search": True}, ("web_search_options",)),
    ('"web_search_options":{}', {"search": "enable_search"}, {"enable_search": True}, ()),
    (OPTIONS, {"search": "builtin"}, {}, ("web_search_options",)),
    ('"enable_search":true', {"search": "always"}, {"web_search_options": {}}, ()),
    ('"enable_search":true,"search_options":{"forced_search":true}', {"search": "enable_search"},
     {"enable_search": True, "search_options": {"forced_search": True}}, ()),
    (DOLLAR, {"search": "builtin"}, {"tools": [BUILTIN]}, ()),
    (DOLLAR.replace("builtin_function", "function"), {"search": "builtin"}, {"tools": [BUILTIN]}, ()),
    (DOLLAR, {"search": "always"}, {"web_search_options": {}}, ()),
    (DOLLAR, {"search": "enable_search"}, {"enable_search": True}, ()),
    (GLM, {"search": "always"}, {"web_search_options": {}}, ("tools.web_search",)),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "quirks", "body", "dropped"), CASES)
def test_a_search_is_asked_for_in_the_providers_form(
    fields: str, quirks: dict[str, Any], body: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    assert sent(fields, **quirks) == body
    assert request(fields, **quirks).dropped == dropped


def test_zhipus_tool_keeps_its_settings_at_zhipu() -> None:
    assert sent(GLM, search="web_search_tool") == json.loads("{" + GLM + "}")
    tools = sent(DOLLAR, search="web_search_tool")["tools"]
    assert [tool["type"] for tool in tools] == ["web_search"]
    assert tools[0]["web_search"]["enable"] is True


def test_a_model_that_searches_by_itself_is_not_sent_what_it_refuses() -> None:
    quirks = {"search": "always", "drop": frozenset({"temperature", "top_p", "web_search_options"})}
    asked = request(DOLLAR + ',"tool_choice":"auto","temperature":0.5,"parallel_tool_calls":true', **quirks)
    body = json.loads(asked.body)
    assert body.keys() == {"model", "messages", "web_search_options"}
    assert asked.dropped == ("temperature",)


def test_other_tools_stay_beside_a_search() -> None:
    tools = DOLLAR[:-1] + ',{"type":"function","function":{"name":"f"}}]'
    assert sent(tools, search="always")["tools"] == [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize("fields", [DOLLAR, GLM])
def test_a_model_that_cannot_search_refuses_the_tool(fields: str) -> None:
    with pytest.raises(NotExpressible, match="'tools': Acme cannot search the web with this model"):
        request(fields)


def test_a_caller_of_another_format_is_refused_rather_than_answered_without_a_search() -> None:
    talk = Conversation(
        turns=(Turn("user", (Text("a"),)),), search=WebSearch(allowed_domains=("a.example",)),
        spelled={"search": "tools"}, dialect="anthropic_messages",
    )  # fmt: skip
    with pytest.raises(NotExpressible, match="'tools'"):
        openai_chat.CALLED.encode(talk, target(), is_streaming=False)
    perplexity = target(search="always", accept=frozenset({"search_domain_filter"}))
    body = json.loads(openai_chat.CALLED.encode(talk, perplexity, is_streaming=False).body)
    assert body["search_domain_filter"] == ["a.example"]
    assert openai_chat.CALLED.encode(talk, target(search="options"), is_streaming=False).dropped == ("tools",)
