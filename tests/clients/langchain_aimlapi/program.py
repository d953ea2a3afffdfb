"""LangChain's integration of the AI/ML API, whose base URL ends in `/v1/`."""

from typing import Any

import openai
from langchain_aimlapi import AimlapiEmbeddings, AimlapiImageModel, ChatAimlapi
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel
from scenarios import (
    BOTH_TOOLS,
    HELLO,
    KEY,
    MODELS,
    SCHEMAS,
    SYSTEM,
    URL,
    fetched,
    main,
    per_format,
    raised,
    scenario,
    size_of,
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
    return ChatAimlapi(model=model, base_url=f"{URL}/v1/", api_key=key, max_retries=0, **more)


@per_format
def whole(model: str) -> Any:
    answer = chat(model).invoke([SystemMessage(SYSTEM), HumanMessage(HELLO)])
    usage = answer.usage_metadata or {}
    return {"text": answer.content, "tokens": [usage.get("input_tokens"), usage.get("output_tokens")]}


@per_format
def stream(model: str) -> Any:
    chunks = [str(chunk.content) for chunk in chat(model).stream([SystemMessage(SYSTEM), HumanMessage(HELLO)])]
    return {"text": "".join(chunks), "pieces": sum(map(bool, chunks))}


@per_format
def parallel_tools(model: str) -> Any:
    bound = chat(model).bind_tools(tools)
    talk: list[Any] = [HumanMessage(BOTH_TOOLS)]
    answer = bound.invoke(talk)
    talk.append(answer)
    talk += [ToolMessage(told(call["name"], call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls]
    return {
        "calls": [(call["name"], call["args"]) for call in answer.tool_calls],
        "ids": len({call["id"] for call in answer.tool_calls}),
        "final": bound.invoke(talk).content,
    }


@per_format
def structured(model: str) -> Any:
    return chat(model).with_structured_output(Port).invoke(HELLO).model_dump()


@scenario
def embeddings() -> Any:
    client = AimlapiEmbeddings(model=MODELS["embedding"], base_url=f"{URL}/v1/", api_key=KEY)
    vectors = client.embed_documents(["a harbour", "a lighthouse", "a harbour"])
    query = client.embed_query("a harbour")
    return {"count": len(vectors), "dimensions": len(query), "repeats": vectors[0] == vectors[2] == query != vectors[1]}


def painter(model: str) -> Any:
    return AimlapiImageModel(model=model, base_url=f"{URL}/v1/", api_key=KEY, max_retries=0)


@scenario
def images() -> Any:
    return {"sizes": [size_of(fetched(painter(MODELS["queued_image"]).invoke(HELLO)))], "wanted": [1024, 1024]}


@scenario
def images_inside() -> Any:
    made = painter(MODELS["image"]).generate_images(HELLO, n=1, size="1536x1024", response_format="b64_json")
    return {"sizes": [size_of(one) for one in made], "wanted": [1536, 1024]}


@scenario
def errors() -> Any:
    def call(key: str, changes: dict[str, Any]) -> None:
        chat(**{"model": MODELS["openai_chat"], "key": key, **changes}).invoke(HELLO)

    return raised(openai.APIStatusError, call)


if __name__ == "__main__":
    main()
