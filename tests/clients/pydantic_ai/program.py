"""Pydantic AI's agents over its models of OpenAI chat, OpenAI Responses and Anthropic."""

import base64
from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput, ThinkingPart, ToolCallPart
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from scenarios import (
    BOTH_TOOLS,
    DOT,
    HELLO,
    KEY,
    LOOK,
    MODELS,
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


class Port(BaseModel):
    """A harbour, as the model is to give it."""

    name: str
    depth_m: int
    pilots: list[str]


def get_weather(city: str, unit: str) -> str:
    """Tells the weather of a city."""
    return told("get_weather", {"city": city, "unit": unit})


def get_tide(harbour: str, hour: int) -> str:
    """Tells the tide in a harbour."""
    return told("get_tide", {"harbour": harbour, "hour": hour})


def chat(model: str) -> Any:
    return OpenAIChatModel(model, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY))


def responses(model: str) -> Any:
    return OpenAIResponsesModel(model, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY))


def claude(model: str) -> Any:
    return AnthropicModel(model, provider=AnthropicProvider(base_url=URL, api_key=KEY))


def hasty_chat(model: str, key: str) -> Any:
    """Like `chat`, but without the SDK's own tries, which would wait as long as they are told to."""
    client = AsyncOpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0)
    return OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))


def hasty_claude(model: str, key: str) -> Any:
    """Like `claude`, without tries."""
    client = AsyncAnthropic(base_url=URL, api_key=key, auth_token=None, max_retries=0)
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=client))


def whole_of(model: Any) -> Any:
    answer = Agent(model, instructions=SYSTEM).run_sync(HELLO)
    return {"text": answer.output, "tokens": [answer.usage.input_tokens, answer.usage.output_tokens]}


async def stream_of(model: Any) -> Any:
    async with Agent(model, instructions=SYSTEM).run_stream(HELLO) as answer:
        deltas = [delta async for delta in answer.stream_text(delta=True, debounce_by=None)]
    return {"text": "".join(deltas), "pieces": len(deltas)}


def loop(model: Any) -> Any:
    answer = Agent(model, tools=[get_weather, get_tide]).run_sync(BOTH_TOOLS)
    calls = [part for message in answer.all_messages() for part in message.parts if isinstance(part, ToolCallPart)]
    return {
        "calls": [(part.tool_name, part.args_as_dict()) for part in calls],
        "ids": len({part.tool_call_id for part in calls}),
        "final": answer.output,
    }


def parsed(model: Any, kind: Any) -> Any:
    return Agent(model, output_type=kind).run_sync(HELLO).output.model_dump()


def seen(model: Any) -> Any:
    image = BinaryContent(base64.b64decode(DOT), media_type="image/png")
    return {"text": Agent(model).run_sync([LOOK, image]).output}


def thoughts_of(answer: Any) -> str:
    parts = [part for message in answer.all_messages() for part in message.parts if isinstance(part, ThinkingPart)]
    return "".join(part.content for part in parts)


@per_format
def whole(model: str) -> Any:
    return whole_of(chat(model))


@per_format
async def stream(model: str) -> Any:
    return await stream_of(chat(model))


@per_format
def parallel_tools(model: str) -> Any:
    return loop(chat(model))


@per_format
def structured(model: str) -> Any:
    return parsed(chat(model), NativeOutput(Port))


@per_format
def structured_by_tool(model: str) -> Any:
    return parsed(chat(model), Port)


@per_format
def vision(model: str) -> Any:
    return seen(chat(model))


@per_thinking_model
def reasoning(model: str) -> Any:
    settings: Any = {"extra_body": {"thinking": THINKING}}
    answer = Agent(chat(model), model_settings=settings).run_sync(HELLO)
    return {"text": answer.output, "thoughts": thoughts_of(answer)}


@per_format
def responses_whole(model: str) -> Any:
    return whole_of(responses(model))


@per_format
async def responses_stream(model: str) -> Any:
    return await stream_of(responses(model))


@per_format
def responses_tools(model: str) -> Any:
    return loop(responses(model))


@per_format
def responses_structured(model: str) -> Any:
    return parsed(responses(model), NativeOutput(Port))


@per_format
def messages_whole(model: str) -> Any:
    return whole_of(claude(model))


@per_format
async def messages_stream(model: str) -> Any:
    return await stream_of(claude(model))


@per_format
def messages_parallel_tools(model: str) -> Any:
    return loop(claude(model))


@per_format
def messages_structured_by_tool(model: str) -> Any:
    return parsed(claude(model), Port)


@per_format
def messages_vision(model: str) -> Any:
    return seen(claude(model))


@per_thinking_model
def messages_thinking(model: str) -> Any:
    settings: Any = {"max_tokens": 2000, "anthropic_thinking": THINKING}
    answer = Agent(claude(model), model_settings=settings).run_sync(HELLO)
    return {"text": answer.output, "thoughts": thoughts_of(answer)}


@scenario
async def embeddings() -> Any:
    model = OpenAIEmbeddingModel(MODELS["embedding"], provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY))
    answer = await model.embed(["a harbour", "a lighthouse", "a harbour"], input_type="document")
    vectors = [list(vector) for vector in answer.embeddings]
    return {
        "count": len(vectors),
        "dimensions": len(vectors[0]),
        "repeats": vectors[0] == vectors[2] != vectors[1],
    }


@scenario
def errors() -> Any:
    return raised(ModelHTTPError, lambda key, changes: call(hasty_chat, "openai_chat", key, changes))


@scenario
def messages_errors() -> Any:
    return raised(ModelHTTPError, lambda key, changes: call(hasty_claude, "anthropic_messages", key, changes))


def call(make: Any, form: str, key: str, changes: dict[str, Any]) -> None:
    settings: Any = {name: value for name, value in changes.items() if name != "model"}
    Agent(make(changes.get("model", MODELS[form]), key), model_settings=settings).run_sync(HELLO)


if __name__ == "__main__":
    main()
