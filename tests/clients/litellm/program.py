"""LiteLLM as a client, under its prefixes `openai/`, `anthropic/` and `aiml/`."""

import gc
import json
from typing import Any

import litellm
from pydantic import BaseModel
from scenarios import (
    BOTH_TOOLS,
    DOT,
    HELLO,
    KEY,
    LOOK,
    MODELS,
    SAID,
    SCHEMAS,
    SOUND,
    SYSTEM,
    THINKING,
    URL,
    fetched,
    file_of,
    main,
    per_format,
    per_thinking_model,
    raised,
    scenario,
    size_of,
    told,
)

# LiteLLM leaves a stream of Messages before its end, and httpcore takes a lock when such a stream is collected.
# Collected while the same thread holds that lock for its next request, it waits for itself for ever: so that is done
# between calls.
gc.disable()
gc.freeze()
litellm.telemetry = False
litellm.suppress_debug_info = True
messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": HELLO}]
tools: list[Any] = [
    {"type": "function", "function": {"name": name, "description": f"Tells what {name} says.", "parameters": schema}}
    for name, schema in SCHEMAS.items()
]
BASES = {"openai": f"{URL}/v1", "anthropic": URL, "aiml": f"{URL}/v2"}


class Port(BaseModel):
    """A harbour, as the model is to give it."""

    name: str
    depth_m: int
    pilots: list[str]


def complete(prefix: str, model: str, **given: Any) -> Any:
    gc.collect()
    asked = {"messages": messages, "api_key": KEY, "num_retries": 0, "max_retries": 0, **given}
    return litellm.completion(model=f"{prefix}/{model}", api_base=BASES[prefix], **asked)


def whole_of(prefix: str, model: str) -> Any:
    answer = complete(prefix, model)
    choice = answer.choices[0]
    usage = answer.usage
    return {
        "text": choice.message.content,
        "finish": choice.finish_reason,
        "tokens": [usage.prompt_tokens, usage.completion_tokens],
    }


def stream_of(prefix: str, model: str) -> Any:
    choices = [choice for chunk in complete(prefix, model, stream=True) for choice in chunk.choices]
    return {
        "text": "".join(choice.delta.content or "" for choice in choices),
        "finish": [choice.finish_reason for choice in choices if choice.finish_reason],
        "pieces": sum(bool(choice.delta.content) for choice in choices),
    }


def loop(prefix: str, model: str) -> Any:
    talk: list[Any] = [{"role": "user", "content": BOTH_TOOLS}]
    answer = complete(prefix, model, messages=talk, tools=tools)
    message = answer.choices[0].message
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()]
    talk.append(message.model_dump(exclude_none=True))
    for call, (name, arguments) in zip(message.tool_calls or (), calls, strict=True):
        talk.append({"role": "tool", "tool_call_id": call.id, "content": told(name, arguments)})
    final = complete(prefix, model, messages=talk, tools=tools)
    return {
        "calls": calls,
        "ids": len({call.id for call in message.tool_calls or ()}),
        "finish": answer.choices[0].finish_reason,
        "final": final.choices[0].message.content,
    }


@per_format
def whole(model: str) -> Any:
    return whole_of("openai", model)


@per_format
def stream(model: str) -> Any:
    return stream_of("openai", model)


@per_format
def parallel_tools(model: str) -> Any:
    return loop("openai", model)


@per_format
def structured(model: str) -> Any:
    answer = complete("openai", model, response_format=Port)
    return Port.model_validate_json(answer.choices[0].message.content).model_dump()


@per_format
def vision(model: str) -> Any:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}}
    talk = [{"role": "user", "content": [{"type": "text", "text": LOOK}, image]}]
    return {"text": complete("openai", model, messages=talk).choices[0].message.content}


@per_thinking_model
def reasoning(model: str) -> Any:
    asked = {"messages": messages[1:], "extra_body": {"thinking": THINKING}}
    message = complete("openai", model, **asked).choices[0].message
    return {"text": message.content, "thoughts": message.reasoning_content}


@per_format
def aiml_whole(model: str) -> Any:
    return whole_of("aiml", model)


@per_format
def aiml_stream(model: str) -> Any:
    return stream_of("aiml", model)


@per_format
def aiml_parallel_tools(model: str) -> Any:
    return loop("aiml", model)


@per_format
def messages_whole(model: str) -> Any:
    return whole_of("anthropic", model)


@per_format
def messages_stream(model: str) -> Any:
    return stream_of("anthropic", model)


@per_format
def messages_parallel_tools(model: str) -> Any:
    return loop("anthropic", model)


@per_format
def responses_whole(model: str) -> Any:
    answer = litellm.responses(
        model=f"openai/{model}", input=HELLO, instructions=SYSTEM, api_base=f"{URL}/v1", api_key=KEY
    )
    texts = [part.text for item in answer.output if item.type == "message" for part in item.content]
    return {"text": "".join(texts), "status": answer.status}


@scenario
def embeddings() -> Any:
    texts = ["a harbour", "a lighthouse", "a harbour"]
    answer = litellm.embedding(model=f"openai/{MODELS['embedding']}", input=texts, api_base=f"{URL}/v1", api_key=KEY)
    vectors = [item["embedding"] for item in answer.data]
    return {
        "count": len(vectors),
        "dimensions": len(vectors[0]),
        "repeats": vectors[0] == vectors[2] != vectors[1],
    }


def drawn(prefix: str, model: str, **given: Any) -> Any:
    asked = {"prompt": HELLO, "api_base": BASES[prefix], "api_key": KEY, **given}
    return litellm.image_generation(model=f"{prefix}/{model}", **asked).data


@scenario
def images() -> Any:
    made = drawn("openai", MODELS["image"], size="1024x1536")
    return {"sizes": [size_of(fetched(one.url)) for one in made], "wanted": [1024, 1536]}


@scenario
def aiml_images() -> Any:
    made = drawn("aiml", MODELS["queued_image"], n=2, size="1536x640", api_base=f"{URL}/v1")
    return {"sizes": [size_of(fetched(one.url)) for one in made], "wanted": [1536, 640], "count": 2}


@scenario
def aiml_images_inside() -> Any:
    made = drawn("aiml", MODELS["queued_image"], size="landscape_4_3", response_format="b64_json", api_base=URL)
    return {"sizes": [size_of(one.b64_json) for one in made], "wanted": [1024, 768]}


@scenario
def aiml_openai_images() -> Any:
    made = drawn("aiml", MODELS["image"], size="1024x1536", quality="low", output_format="png", api_base=f"{URL}/v1")
    return {"sizes": [size_of(fetched(one.url)) for one in made], "wanted": [1024, 1536]}


@scenario
def aiml_openai_images_inside() -> Any:
    made = drawn("aiml", MODELS["image"], response_format="b64_json", api_base=f"{URL}/v1")
    return {"sizes": [size_of(one.b64_json) for one in made], "wanted": [1024, 1024]}


@scenario
def speech_whole() -> Any:
    model = f"openai/{MODELS['speech']}"
    spoken = litellm.speech(model=model, voice="alloy", input=SAID, api_base=f"{URL}/v1", api_key=KEY)
    return {"type": spoken.response.headers["content-type"], "same": spoken.content == SOUND}


@scenario
def transcripts() -> Any:
    def heard(**how: Any) -> Any:
        model, file = f"openai/{MODELS['transcription']}", file_of(SOUND, "said.mp3")
        return litellm.transcription(model=model, file=file, api_base=f"{URL}/v1", api_key=KEY, **how)

    verbose = heard(response_format="verbose_json", timestamp_granularities=["word"])
    return {
        "text": heard().text,
        "plain": heard(response_format="text").text,
        "srt": heard(response_format="srt").text,
        "vtt": heard(response_format="vtt").text,
        "verbose": verbose.text,
        "words": [word["word"] for word in verbose.words],
    }


@scenario
async def asynchronous() -> Any:
    chunks = await litellm.acompletion(
        model=f"openai/{MODELS['openai_chat']}", messages=messages, api_base=f"{URL}/v1", api_key=KEY, stream=True
    )
    return {"text": "".join([choice.delta.content or "" async for chunk in chunks for choice in chunk.choices])}


@scenario
def errors() -> Any:
    def call(key: str, changes: dict[str, Any]) -> None:
        complete("openai", **{"model": MODELS["openai_chat"], "api_key": key, **changes})

    return raised(Exception, call)


@scenario
def messages_errors() -> Any:
    def call(key: str, changes: dict[str, Any]) -> None:
        complete("anthropic", **{"model": MODELS["anthropic_messages"], "api_key": key, **changes})

    return raised(Exception, call)


if __name__ == "__main__":
    main()
