"""Small things that the tests of Responses are built from."""

import json
from collections.abc import Sequence
from typing import Any

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.dialects.wire import Ending, Identity, Target
from modelport.operations.content import Foreign, Part, Refusal, Text, Thinking, ToolUse
from modelport.operations.usage import Usage

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
IDENTITY = Identity("0001ours", 1777550000, "acme/small")
USAGE = Usage({"input": 5, "output": 3}, "counted")
ENDING = Ending(USAGE, 156)
META = {"usage": {"credits_used": 156, "usd_spent": 0.000078}}


def identity() -> Identity:
    return IDENTITY


def target(quirks: dict[str, Any] | None = None, capabilities: Sequence[str] = (), **more: Any) -> Target:
    given = {name: frozenset(value) if isinstance(value, list) else value for name, value in (quirks or {}).items()}
    provider = Provider(id="p", name="P", base_url="https://p.example", speaks={"chat": ("openai_responses",)})
    offer = Offer(model_id="m", provider=provider, upstream="upstream-name", quirks=Quirks(**given))
    inputs = more.pop("inputs", ("text",))
    model = Model("m", "M", "acme", "chat", "", inputs=inputs, capabilities=frozenset(capabilities))
    return Target(offer, model, **more)


def events_in(written: bytes) -> list[dict[str, Any]]:
    """Read a stream, holding each event to what the SDK says of it and to the next number."""
    events = []
    for block in written.split(b"\n\n"):
        if not block:
            continue
        name, data = block.split(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == len(events)
        EVENT.validate_python(event)
        events.append(event)
    return events


def followed(events: Sequence[dict[str, Any]]) -> None:
    """Follow a stream as the SDK's own helper does; raises where events contradict each other."""
    state: Any = ResponseStreamState(input_tools=[], text_format=omit)
    for event in events:
        state.handle_event(EVENT.validate_python(event))


def shown(part: Part) -> list[Any]:
    """Print a part of an answer the way the cases do."""
    match part:
        case Text(text=text, citations=citations):
            return ["text", text, *([c.url, c.title, c.start, c.end] for c in citations)]
        case Refusal(text=text):
            return ["refusal", text]
        case Thinking():
            return ["thinking", part.text, part.encrypted, part.id, part.is_summary]
        case ToolUse():
            return ["call", part.id, part.name, part.arguments]
        case Foreign():
            return ["foreign", part.kind]
        case _:
            raise AssertionError(part)
