"""LangChain's integrations of OpenAI (chat and Responses) and Anthropic."""

from typing import Any

import anthropic
import openai
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel
from scenarios import (
    BOTH_TOOLS,
    DOT,
    HELLO,
    KEY,
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

tools = [
    {"type": "function", "function": {"name": name, "description": f"Tells what {name} says.", "parameters": schema}}
    for name, schema in SCHEMAS.items()
]


class Port(BaseModel):
    """A harbour, as the model is to give it."""

    name: str
    depth_m: int
    pilots: list[str]


def chat(model: str, key: str = KEY, **more: Any) -> Any:
    return ChatOpenAI(model=model, base_url=f"{URL}/v1", api_key=key, max_retries=0, **more)


def responses(model: str) -> Any:
    return chat(model, use_responses_api=True)


def claude(model: str, key: str = KEY, **more: Any) -> Any:
    return ChatAnthropic(model=model, base_url=URL, api_key=key, max_retries=0, max_tokens=2000, **more)


def text_of(message: Any) -> str:
    return message.text if isinstance(message.text, str) else message.text()


def whole_of(client: Any) -> Any:
    answer = client.invoke([SystemMessage(SYSTEM), HumanMessage(HELLO)])
    usage = answer.usage_metadata or {}
    return {"text": text_of(answer), "tokens": [usage.get("input_tokens"), usage.get("output_tokens")]}


def stream_of(client: Any) -> Any:
    chunks = list(client.stream([SystemMessage(SYSTEM), HumanMessage(HELLO)]))
    whole = sum(chunks[1:], chunks[0])
    return {"text": text_of(whole), "pieces": sum(bool(text_of(chunk)) for chunk in chunks)}


def loop(client: Any, question: str) -> Any:
    bound = client.bind_tools(tools)
    talk: list[Any] = [HumanMessage(question)]
    answer: AIMessage = bound.invoke(talk)
    talk.append(answer)
    talk += [ToolMessage(told(call["name"], call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls]
    final = bound.invoke(talk)
    return {
        "calls": [(call["name"], call["args"]) for call in answer.tool_calls],
        "ids": len({call["id"] for call in answer.tool_calls}),
        "final": text_of(final),
    }


def streamed_calls(client: Any) -> Any:
    chunks = list(client.bind_tools(tools).stream([HumanMessage(BOTH_TOOLS)]))
    whole = sum(chunks[1:], chunks[0])
    return {"calls": [(call["name"], call["args"]) for call in whole.tool_calls]} | {
        "ids": len({call["id"] for call in whole.tool_calls})
    }


def parsed(client: Any, **more: Any) -> Any:
    return client.with_structured_output(Port, **more).invoke(HELLO).model_dump()


def seen(client: Any) -> Any:
    image = {"type": "image", "base64": DOT, "mime_type": "image/png"}
    return {"text": text_of(client.invoke([HumanMessage([{"type": "text", "text": LOOK}, image])]))}


@per_format
def whole(model: str) -> Any:
    return whole_of(chat(model))


@per_format
def stream(model: str) -> Any:
    return stream_of(chat(model))


@per_format
def tool_loop(model: str) -> Any:
    return loop(chat(model), ONE_TOOL)


@per_format
def parallel_tools(model: str) -> Any:
    return loop(chat(model), BOTH_TOOLS)


@per_format
def tool_stream(model: str) -> Any:
    return streamed_calls(chat(model))


@per_format
def structured(model: str) -> Any:
    return parsed(chat(model), method="json_schema")


@per_format
def structured_by_tool(model: str) -> Any:
    return parsed(chat(model), method="function_calling")


@per_format
def vision(model: str) -> Any:
    return seen(chat(model))


@per_format
def responses_whole(model: str) -> Any:
    return whole_of(responses(model))


@per_format
def responses_stream(model: str) -> Any:
    return stream_of(responses(model))


@per_format
def responses_tools(model: str) -> Any:
    return loop(responses(model), BOTH_TOOLS)


@per_format
def responses_structured(model: str) -> Any:
    return parsed(responses(model), method="json_schema")


@per_format
def messages_whole(model: str) -> Any:
    return whole_of(claude(model))


@per_format
def messages_stream(model: str) -> Any:
    return stream_of(claude(model))


@per_format
def messages_parallel_tools(model: str) -> Any:
    return loop(claude(model), BOTH_TOOLS)


@per_format
def messages_tool_stream(model: str) -> Any:
    return streamed_calls(claude(model))


@per_format
def messages_structured(model: str) -> Any:
    return parsed(claude(model))


@per_format
def messages_vision(model: str) -> Any:
    return seen(claude(model))


@per_thinking_model
def messages_thinking(model: str) -> Any:
    answer = claude(model, thinking=THINKING).invoke([HumanMessage(HELLO)])
    thoughts = [block["thinking"] for block in answer.content if isinstance(block, dict) and "thinking" in block]
    return {"text": text_of(answer), "thoughts": "".join(thoughts)}


@scenario
def embeddings() -> Any:
    # Its own splitting by tokens would fetch a vocabulary from a site of OpenAI's.
    client = OpenAIEmbeddings(
        model=MODELS["embedding"], base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False
    )
    vectors = client.embed_documents(["a harbour", "a lighthouse", "a harbour"])
    query = client.embed_query("a harbour")
    return {
        "count": len(vectors),
        "dimensions": len(query),
        "repeats": vectors[0] == vectors[2] == query != vectors[1],
    }


@scenario
async def asynchronous() -> Any:
    client = chat(MODELS["openai_chat"])
    return {"text": "".join([text_of(chunk) async for chunk in client.astream([HumanMessage(HELLO)])])}


@scenario
def errors() -> Any:
    return raised(openai.APIStatusError, lambda key, changes: call(chat, "openai_chat", key, changes))


@scenario
def messages_errors() -> Any:
    return raised(anthropic.APIStatusError, lambda key, changes: call(claude, "anthropic_messages", key, changes))


def call(make: Any, form: str, key: str, changes: dict[str, Any]) -> None:
    more = {name: value for name, value in changes.items() if name != "model"}
    make(changes.get("model", MODELS[form]), key, **more).invoke(HELLO)


if __name__ == "__main__":
    main()
