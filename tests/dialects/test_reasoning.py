"""The controls of reasoning: five that are read, and the one of each provider that is written."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Model, Offer, Provider, Quirks, ReasoningForm
from modelport.dialects import openai_chat, reasoning
from modelport.dialects.wire import Target
from modelport.operations.conversation import Reasoning

MODEL = Model(id="m", name="M", maker="acme", operation="chat", description="")


def target(**quirks: Any) -> Target:
    provider = Provider(id="p", name="Acme", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Target(Offer(model_id="m", provider=provider, upstream="u", quirks=Quirks(**quirks)), MODEL)


def relayed(fields: str, **quirks: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    call = openai_chat.parse(f'{{"model":"m","messages":[{{"content":"a"}}],{fields}}}'.encode())
    request = openai_chat.relay_request(call, target(**quirks))
    body = json.loads(request.body)
    return {name: value for name, value in body.items() if name not in ("model", "messages")}, request.dropped


READ: list[tuple[dict[str, str], Reasoning | None]] = [
    ({}, None),
    ({"reasoning_effort": '"high"'}, Reasoning(effort="high")),
    ({"reasoning_effort": '"none"'}, Reasoning(effort="none", is_on=False)),
    ({"reasoning": '{"effort":"low","exclude":true}'}, Reasoning(effort="low", is_hidden=True)),
    ({"reasoning": '{"max_tokens":500}'}, Reasoning(budget_tokens=500)),
    ({"enable_thinking": "true", "thinking_budget": "700"}, Reasoning(is_on=True, budget_tokens=700)),
    ({"enable_thinking": "false"}, Reasoning(is_on=False)),
    ({"thinking": '{"type":"enabled","budget_tokens":2048}'}, Reasoning(is_on=True, budget_tokens=2048)),
    ({"thinking": '{"type":"adaptive"}'}, Reasoning(is_on=True, is_adaptive=True)),
    ({"thinking": '{"type":"disabled"}'}, Reasoning(is_on=False)),
]


@pytest.mark.parametrize(("fields", "told"), READ)
def test_each_control_is_read(fields: dict[str, str], told: Reasoning | None) -> None:
    assert reasoning.read({name: raw.encode() for name, raw in fields.items()}) == told


WRITTEN: list[tuple[ReasoningForm, Reasoning, str, bool]] = [
    ("effort", Reasoning(effort="high"), '{"reasoning_effort":"high"}', True),
    ("effort", Reasoning(budget_tokens=2048), '{"reasoning_effort":"low"}', True),
    ("effort", Reasoning(budget_tokens=8192), '{"reasoning_effort":"medium"}', True),
    ("effort", Reasoning(budget_tokens=8193), '{"reasoning_effort":"high"}', True),
    ("effort", Reasoning(is_on=False), '{"reasoning_effort":"none"}', True),
    ("effort", Reasoning(is_on=True), '{"reasoning_effort":"medium"}', True),
    ("effort", Reasoning(is_on=True, is_adaptive=True), "{}", False),
    ("reasoning", Reasoning(effort="low", is_hidden=True), '{"reasoning":{"effort":"low","exclude":true}}', True),
    ("reasoning", Reasoning(is_on=True, budget_tokens=3000), '{"reasoning":{"max_tokens":3000}}', True),
    ("reasoning", Reasoning(is_on=False), '{"reasoning":{"effort":"none"}}', True),
    ("enable_thinking", Reasoning(effort="high"), '{"enable_thinking":true,"thinking_budget":16384}', True),
    ("enable_thinking", Reasoning(effort="none"), '{"enable_thinking":false}', True),
    ("enable_thinking", Reasoning(is_on=True), '{"enable_thinking":true}', True),
    ("thinking", Reasoning(is_on=True), '{"thinking":{"type":"enabled"}}', True),
    ("thinking", Reasoning(effort="high"), '{"thinking":{"type":"enabled"}}', False),
    ("thinking", Reasoning(effort="none", is_on=False), '{"thinking":{"type":"disabled"}}', True),
    ("budget", Reasoning(effort="medium"), '{"thinking":{"type":"enabled","budget_tokens":4096}}', True),
    ("budget", Reasoning(budget_tokens=5), '{"thinking":{"type":"enabled","budget_tokens":1024}}', True),
    ("budget", Reasoning(is_on=False), '{"thinking":{"type":"disabled"}}', True),
    ("none", Reasoning(effort="low"), "{}", False),
    ("none", Reasoning(is_hidden=True), "{}", True),
]


@pytest.mark.parametrize(("form", "told", "fields", "is_all"), WRITTEN)
def test_each_form_is_written(form: ReasoningForm, told: Reasoning, fields: str, is_all: bool) -> None:
    written, complete = reasoning.written(told, form)
    assert {name: json.loads(raw) for name, raw in written.items()} == json.loads(fields)
    assert complete is is_all


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_an_effort_survives_the_way_through_a_budget(effort: str) -> None:
    assert reasoning.effort_for(reasoning.budget_for(effort)) == effort


RELAYED: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ('"reasoning_effort":"high"', {}, {"reasoning_effort": "high"}, ()),
    ('"reasoning_effort":"high"', {"drop": frozenset({"reasoning_effort"})}, {}, ("reasoning_effort",)),
    ('"reasoning_effort":"high"', {"reasoning": "none"}, {}, ("reasoning_effort",)),
    ('"thinking":{"type":"disabled"}', {}, {"reasoning_effort": "none"}, ()),
    ('"enable_thinking":true', {"accept": frozenset({"enable_thinking"})}, {"enable_thinking": True}, ()),
    ('"enable_thinking":false', {"reasoning": "enable_thinking"}, {"enable_thinking": False}, ()),
    ('"reasoning_effort":"low"', {"reasoning": "enable_thinking"},
     {"enable_thinking": True, "thinking_budget": 1024}, ()),
    ('"thinking":{"type":"enabled"}', {"reasoning": "thinking"}, {"thinking": {"type": "enabled"}}, ()),
    ('"thinking":{"type":"enabled","budget_tokens":2000}', {"reasoning": "thinking"}, {"thinking": {"type": "enabled"}},
     ("thinking",)),
    ('"thinking":{"type":"enabled","budget_tokens":2000}', {"reasoning": "budget"},
     {"thinking": {"type": "enabled", "budget_tokens": 2000}}, ()),
    ('"reasoning":{"max_tokens":9000}', {}, {"reasoning_effort": "high"}, ()),
    ('"reasoning":{"effort":"low"}', {"accept": frozenset({"reasoning"})}, {"reasoning": {"effort": "low"}}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "quirks", "sent", "dropped"), RELAYED)
def test_a_relayed_call_is_changed_only_where_its_control_is_not_the_providers(
    fields: str, quirks: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    assert relayed(fields, **quirks) == (sent, dropped)


def test_fields_that_a_provider_wants_otherwise_are_set_unless_the_caller_sent_them() -> None:
    quirks = {"reasoning": "enable_thinking", "set": {"enable_thinking": "false"}}
    assert relayed('"n":1', **quirks)[0] == {"n": 1, "enable_thinking": False}
    assert relayed('"reasoning_effort":"low"', **quirks)[0]["enable_thinking"] is True


def test_a_provider_that_only_streams_is_asked_for_a_stream() -> None:
    quirks = {"reasoning": "enable_thinking", "stream_only": {"enable_thinking": "true"}}
    sent, _ = relayed('"reasoning_effort":"low","stream":false', **quirks)
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}
    assert "stream" not in relayed('"n":1', **quirks)[0]
    assert relayed('"n":1', stream_only={"always": ""})[0]["stream"] is True
