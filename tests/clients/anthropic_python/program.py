"""Anthropic's own client for Python: messages, thinking, tools, counting, against providers of every format."""

from typing import Any

import anthropic
from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel
from scenarios import (
    BOTH_TOOLS,
    DOT,
    HELLO,
    KEY,
    LONG,
    LOOK,
    MODELS,
    ONE_TOOL,
    SCHEMAS,
    SYSTEM,
    THINKING,
    URL,
    main,
    per_format,
    per_thinking_model,
    raised,
    scenario,
    told,
)

SHOWN: Any = THINKING
api = Anthropic(base_url=URL, api_key=KEY, auth_token=None, max_retries=0)
messages: list[Any] = [{"role": "user", "content": HELLO}]
tools: list[Any] = [
    {"name": name, "description": f"Tells what {name} says.", "input_schema": schema}
    for name, schema in SCHEMAS.items()
]


class Port(BaseModel):
    """A harbour, as the model is to give it."""

    name: str
    depth_m: int
    pilots: list[str]


def cost(answer: Any) -> int:
    return answer.model_extra["meta"]["usage"]["credits_used"]


def text_of(answer: Any) -> str:
    return "".join(block.text for block in answer.content if block.type == "text")


def thoughts_of(answer: Any) -> str:
    return "".join(block.thinking for block in answer.content if block.type == "thinking")


@per_format
def messages_whole(model: str) -> Any:
    answer = api.messages.create(model=model, max_tokens=200, system=SYSTEM, messages=messages)
    return {
        "text": text_of(answer),
        "finish": answer.stop_reason,
        "tokens": [answer.usage.input_tokens, answer.usage.output_tokens],
        "credits": cost(answer),
    }


@per_format
def messages_stream(model: str) -> Any:
    with api.messages.stream(model=model, max_tokens=200, system=SYSTEM, messages=messages) as stream:
        seen = list(stream)
        answer = stream.get_final_message()
    kinds = [event.type for event in seen]
    return {
        "text": text_of(answer),
        "deltas": "".join(event.text for event in seen if event.type == "text"),
        "first": kinds[0],
        "last": kinds[-1],
        "finish": answer.stop_reason,
        "tokens": [answer.usage.input_tokens, answer.usage.output_tokens],
    }


@per_format
def messages_stop(model: str) -> Any:
    raw = api.messages.with_raw_response.create(
        model=model, max_tokens=200, messages=messages, stop_sequences=["there"]
    )
    answer, dropped = raw.parse(), raw.headers.get("x-modelport-dropped-params", "")
    told = {"finish": answer.stop_reason, "sequence": answer.stop_sequence, "dropped": dropped}
    return {"text": text_of(answer), **told}


@per_format
def messages_length(model: str) -> Any:
    answer = api.messages.create(model=model, max_tokens=20, messages=[{"role": "user", "content": LONG}])
    return {"text": text_of(answer), "finish": answer.stop_reason}


@per_format
def messages_tools(model: str) -> Any:
    return loop(model, ONE_TOOL)


@per_format
def messages_parallel_tools(model: str) -> Any:
    return loop(model, BOTH_TOOLS)


def loop(model: str, question: str, **more: Any) -> Any:
    talk: list[Any] = [{"role": "user", "content": question}]
    answer = api.messages.create(model=model, max_tokens=2000, messages=talk, tools=tools, **more)
    calls = [block for block in answer.content if block.type == "tool_use"]
    talk.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": told(call.name, dict(call.input))} for call in calls
    ]
    talk.append({"role": "user", "content": results})
    final = api.messages.create(model=model, max_tokens=2000, messages=talk, tools=tools, **more)
    return {
        "thoughts": thoughts_of(answer),
        "finish": answer.stop_reason,
        "calls": [(call.name, call.input) for call in calls],
        "ids": len({call.id for call in calls}),
        "final": text_of(final),
        "final_finish": final.stop_reason,
    }


@per_format
def messages_tool_stream(model: str) -> Any:
    talk: list[Any] = [{"role": "user", "content": BOTH_TOOLS}]
    with api.messages.stream(model=model, max_tokens=200, messages=talk, tools=tools) as stream:
        answer = stream.get_final_message()
    calls = [block for block in answer.content if block.type == "tool_use"]
    return {
        "calls": [(call.name, call.input) for call in calls],
        "ids": len({call.id for call in calls}),
        "finish": answer.stop_reason,
    }


@per_format
def messages_forced_tool(model: str) -> Any:
    choices: list[Any] = [{"type": "tool", "name": "get_tide"}, {"type": "any"}, {"type": "none"}]
    answers = [
        api.messages.create(model=model, max_tokens=200, messages=messages, tools=tools, tool_choice=choice)
        for choice in choices
    ]
    return [[block.name for block in answer.content if block.type == "tool_use"] for answer in answers]


@per_format
def messages_structured(model: str) -> Any:
    answer = api.messages.parse(model=model, max_tokens=200, messages=messages, output_format=Port)
    return answer.parsed_output and answer.parsed_output.model_dump()


@per_format
def messages_vision(model: str) -> Any:
    image: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}}
    parts: list[Any] = [{"type": "text", "text": LOOK}, image]
    answer = api.messages.create(model=model, max_tokens=200, messages=[{"role": "user", "content": parts}])
    return {"text": text_of(answer)}


@per_thinking_model
def messages_thinking(model: str) -> Any:
    answer = api.messages.create(model=model, max_tokens=2000, messages=messages, thinking=SHOWN)
    with api.messages.stream(model=model, max_tokens=2000, messages=messages, thinking=SHOWN) as stream:
        streamed = stream.get_final_message()
    return {
        "text": text_of(answer),
        "thoughts": thoughts_of(answer),
        "streamed": thoughts_of(streamed),
        "streamed_text": text_of(streamed),
        "kinds": [block.type for block in answer.content],
    }


@per_thinking_model
def messages_thinking_tools(model: str) -> Any:
    return loop(model, ONE_TOOL, thinking=SHOWN)


@per_format
def messages_cached(model: str) -> Any:
    system: Any = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    answer = api.messages.create(model=model, max_tokens=200, system=system, messages=messages)
    return {"text": text_of(answer)}


@per_format
def messages_count(model: str) -> Any:
    return {"tokens": api.messages.count_tokens(model=model, system=SYSTEM, messages=messages).input_tokens}


@per_format
def messages_beta(model: str) -> Any:
    answer = api.beta.messages.create(
        model=model, max_tokens=200, messages=messages, betas=["interleaved-thinking-2025-05-14"]
    )
    return {"text": text_of(answer)}


@scenario
def messages_bearer() -> Any:
    with Anthropic(base_url=f"{URL}/", api_key=None, auth_token=KEY, max_retries=0) as client:
        answer = client.messages.create(model=MODELS["anthropic_messages"], max_tokens=200, messages=messages)
    return {"text": text_of(answer)}


@scenario
def messages_models() -> Any:
    return {"ids": [model.id for model in api.models.list()]}


@scenario
async def messages_asynchronous() -> Any:
    async with AsyncAnthropic(base_url=URL, api_key=KEY, auth_token=None, max_retries=0) as client:
        model = MODELS["anthropic_messages"]
        async with client.messages.stream(model=model, max_tokens=200, messages=messages) as stream:
            return {"text": "".join([text async for text in stream.text_stream])}


@scenario
def messages_errors() -> Any:
    def call(key: str, changes: dict[str, Any]) -> None:
        with Anthropic(base_url=URL, api_key=key, auth_token=None, max_retries=0) as client:
            model = changes.get("model", MODELS["anthropic_messages"])
            more = {name: value for name, value in changes.items() if name != "model"}  # has no `temperature` any more
            client.messages.create(model=model, max_tokens=200, messages=messages, extra_body=more)

    return raised(anthropic.APIStatusError, call)


if __name__ == "__main__":
    main()
