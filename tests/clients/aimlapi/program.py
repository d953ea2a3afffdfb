"""The published SDK of the AI/ML API, set up by its environment variables; first the sample of its page."""

import json
import os
from typing import Any

import aimlapi
from aimlapi import AIMLAPI as AIML_API
from pydantic import BaseModel
from scenarios import (
    BOTH_TOOLS,
    HELLO,
    KEY,
    MODELS,
    SAID,
    SCHEMAS,
    SOUND,
    SYSTEM,
    URL,
    fetched,
    file_of,
    main,
    per_format,
    raised,
    scenario,
    size_of,
    told,
)

os.environ["AIML_API_KEY"] = KEY
os.environ["AIML_API_BASE"] = f"{URL}/v1"

tools: list[Any] = [
    {"type": "function", "function": {"name": name, "description": f"Tells what {name} says.", "parameters": schema}}
    for name, schema in SCHEMAS.items()
]


class Port(BaseModel):
    """A harbour, as the model is to give it."""

    name: str
    depth_m: int
    pilots: list[str]


@scenario
def sample() -> Any:
    api = AIML_API()
    completion = api.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": HELLO}],
        temperature=0.7,
        max_tokens=256,
    )
    return {"text": completion.choices[0].message.content}


@per_format
def stream(model: str) -> Any:
    talk: Any = [{"role": "user", "content": HELLO}]
    chunks = list(AIML_API().chat.completions.create(model=model, messages=talk, stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    return {
        "text": "".join(choice.delta.content or "" for choice in choices),
        "finish": [choice.finish_reason for choice in choices if choice.finish_reason],
        "pieces": sum(bool(choice.delta.content) for choice in choices),
    }


@per_format
def parallel_tools(model: str) -> Any:
    api = AIML_API()
    talk: list[Any] = [{"role": "user", "content": BOTH_TOOLS}]
    message = api.chat.completions.create(model=model, messages=talk, tools=tools).choices[0].message
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()]
    talk.append(message.model_dump(exclude_none=True))
    for call, (name, arguments) in zip(message.tool_calls or (), calls, strict=True):
        talk.append({"role": "tool", "tool_call_id": call.id, "content": told(name, arguments)})
    final = api.chat.completions.create(model=model, messages=talk, tools=tools)
    return {
        "calls": calls,
        "ids": len({call.id for call in message.tool_calls or ()}),
        "final": final.choices[0].message.content,
    }


@per_format
def structured(model: str) -> Any:
    talk: Any = [{"role": "user", "content": HELLO}]
    port = AIML_API().chat.completions.parse(model=model, messages=talk, response_format=Port)
    parsed = port.choices[0].message.parsed
    return parsed and parsed.model_dump()


@per_format
def responses_whole(model: str) -> Any:
    answer = AIML_API().responses.create(model=model, instructions=SYSTEM, input=HELLO)
    return {"text": answer.output_text, "status": answer.status}


@scenario
def embeddings() -> Any:
    answer = AIML_API().embeddings.create(model=MODELS["embedding"], input=["a harbour", "a lighthouse", "a harbour"])
    vectors = [item.embedding for item in answer.data]
    return {
        "count": len(vectors),
        "dimensions": len(vectors[0]),
        "repeats": vectors[0] == vectors[2] != vectors[1],
    }


@scenario
def images() -> Any:
    made = AIML_API().images.generate(model=MODELS["queued_image"], prompt=HELLO, size="1024x768")
    return {"sizes": [size_of(fetched(one.url)) for one in made.data], "wanted": [1024, 768]}


@scenario
def images_inside() -> Any:
    made = AIML_API().images.generate(model=MODELS["image"], prompt=HELLO, response_format="b64_json")
    return {"sizes": [size_of(one.b64_json) for one in made.data], "wanted": [1024, 1024]}


@scenario
def speech_whole() -> Any:
    spoken = AIML_API().audio.speech.create(model=MODELS["speech"], voice="alloy", input=SAID, response_format="mp3")
    return {"type": spoken.response.headers["content-type"], "same": spoken.content == SOUND}


@scenario
def transcript_job() -> Any:
    file = file_of(SOUND, "said.mp3")
    told = AIML_API().audio.transcriptions.create(model=MODELS["told_transcription"], file=file, poll_interval=0.5)
    alternatives = told["result"]["results"]["channels"][0]["alternatives"]
    return {"status": told["status"], "text": told["result"]["text"], "transcript": alternatives[0]["transcript"]}


@scenario
def models() -> Any:
    return {"ids": [model.id for model in AIML_API().models.list()]}


@scenario
def errors() -> Any:
    def call(key: str, changes: dict[str, Any]) -> None:
        talk = [{"role": "user", "content": HELLO}]
        given = {"model": MODELS["openai_chat"], "messages": talk, **changes}
        AIML_API(api_key=key, max_retries=0).chat.completions.create(**given)

    return raised(aimlapi.APIStatusError, call)


if __name__ == "__main__":
    main()
