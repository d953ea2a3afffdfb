"""Records of searches, when a conversation that has some goes on elsewhere."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Dialect, Model, Offer, Provider
from modelport.core.errors import InvalidBody
from modelport.dialects.table import RESPONSES, Asked, opened
from modelport.dialects.wire import Target, UpstreamRequest
from tests.dialects.openai_responses.making import identity

SEARCHED = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
SAID = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]}
MORE = {"role": "user", "content": "And now?"}
ELSEWHERE: tuple[Dialect, ...] = ("openai_chat", "anthropic_messages", "google_gemini")


def request_to(dialect: Dialect, *items: Any) -> UpstreamRequest:
    body = {"model": "m", "input": [{"role": "user", "content": "?"}, *items]}
    call = RESPONSES.served.parse(json.dumps(body).encode())
    provider = Provider(id="p", name="P", base_url="https://p.example", speaks={"chat": (dialect,)})
    target = Target(Offer(model_id="m", provider=provider, upstream="u"), Model("m", "M", "acme", "chat", ""))
    return opened(Asked(call, RESPONSES), target, identity).request


@pytest.mark.parametrize("dialect", ELSEWHERE)
def test_the_record_of_a_search_is_left_out_where_nobody_knows_it_and_that_is_told(dialect: Dialect) -> None:
    request = request_to(dialect, SEARCHED, SAID, MORE)
    assert b"It rains." in request.body
    assert b"web_search_call" not in request.body
    assert "input.web_search_call" in request.dropped
    assert "input.web_search_call" not in request_to(dialect, SAID, MORE).dropped


@pytest.mark.parametrize("dialect", ELSEWHERE)
def test_a_record_that_stands_alone_is_refused(dialect: Dialect) -> None:
    with pytest.raises(InvalidBody, match="web_search_call"):
        request_to(dialect, SEARCHED, MORE)


def test_openai_gets_the_record_back() -> None:
    assert json.loads(request_to("openai_responses", SEARCHED, SAID, MORE).body)["input"][1] == SEARCHED
