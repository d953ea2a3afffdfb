"""OpenAI's own client for Python: chat, Responses, embeddings and models, against providers of every format."""

import base64
import json
import struct
from typing import Any

import openai
from openai import AsyncOpenAI, AzureOpenAI, OpenAI, pydantic_function_tool
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

api = OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": HELLO}]
tools: list[Any] = [
    {"type": "function", "function": {"name": name, "description": f"Tells what {name} says.", "parameters": schema}}
    for name, schema in SCHEMAS.items()
]
flat_tools: list[Any] = [
    {"type": "function", "name": name, "description": f"Tells what {name} says.", "parameters": schema, "strict": True}
    for name, schema in SCHEMAS.items()
]


class Port(BaseModel):
    """A harbour, as the model is to give it."""

    name: str
    depth_m: int
    pilots: list[str]


def cost(answer: Any) -> int:
    return answer.model_extra["meta"]["usage"]["credits_used"]


@per_format
def whole(model: str) -> Any:
    answer = api.chat.completions.create(model=model, messages=messages, max_tokens=200)
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "finish": choice.finish_reason,
        "usage": answer.usage and answer.usage.model_dump(exclude_none=True),
        "credits": cost(answer),
    }


@per_format
def stream(model: str) -> Any:
    chunks = list(api.chat.completions.create(model=model, messages=messages, stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    return {
        "text": "".join(choice.delta.content or "" for choice in choices),
        "finish": [choice.finish_reason for choice in choices if choice.finish_reason],
        "ids": len({chunk.id for chunk in chunks}),
        "pieces": sum(bool(choice.delta.content) for choice in choices),
        "last_is_usage": chunks[-1].choices == [] and chunks[-1].usage is not None,
        "usage": chunks[-1].usage and chunks[-1].usage.model_dump(exclude_none=True),
        "credits": cost(chunks[-1]),
    }


@per_format
def stop(model: str) -> Any:
    raw = api.chat.completions.with_raw_response.create(model=model, messages=messages, stop=["there"])
    choice = raw.parse().choices[0]
    dropped = raw.headers.get("x-modelport-dropped-params", "")
    return {"text": choice.message.content, "finish": choice.finish_reason, "dropped": dropped}


@per_format
def length(model: str) -> Any:
    talk: list[Any] = [{"role": "user", "content": LONG}]
    answer = api.chat.completions.create(model=model, messages=talk, max_completion_tokens=20)
    return {"text": answer.choices[0].message.content, "finish": answer.choices[0].finish_reason}


@per_format
def tool_loop(model: str) -> Any:
    return loop(model, ONE_TOOL)


@per_format
def parallel_tools(model: str) -> Any:
    return loop(model, BOTH_TOOLS)


def loop(model: str, question: str) -> Any:
    talk: list[Any] = [{"role": "user", "content": question}]
    answer = api.chat.completions.create(model=model, messages=talk, tools=tools, parallel_tool_calls=True)
    message, finish = answer.choices[0].message, answer.choices[0].finish_reason
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()]
    talk.append(message.model_dump(exclude_none=True))
    for call, (name, arguments) in zip(message.tool_calls or (), calls, strict=True):
        talk.append({"role": "tool", "tool_call_id": call.id, "content": told(name, arguments)})
    final = api.chat.completions.create(model=model, messages=talk, tools=tools)
    return {
        "content": message.content,
        "finish": finish,
        "calls": calls,
        "ids": len({call.id for call in message.tool_calls or ()}),
        "final": final.choices[0].message.content,
        "final_finish": final.choices[0].finish_reason,
    }


@per_format
def tool_stream(model: str) -> Any:
    talk: list[Any] = [{"role": "user", "content": BOTH_TOOLS}]
    with api.chat.completions.stream(model=model, messages=talk, tools=tools) as events:
        names = [event.name for event in events if event.type == "tool_calls.function.arguments.done"]
        answer = events.get_final_completion()
    calls = answer.choices[0].message.tool_calls or ()
    return {
        "done": names,
        "calls": [(call.function.name, json.loads(call.function.arguments)) for call in calls],
        "ids": len({call.id for call in calls}),
        "finish": answer.choices[0].finish_reason,
    }


@per_format
def forced_tool(model: str) -> Any:
    named: Any = {"type": "function", "function": {"name": "get_tide"}}
    answers = [
        api.chat.completions.create(model=model, messages=messages, tools=tools, tool_choice=choice)
        for choice in (named, "required", "none")
    ]
    return [[call.function.name for call in answer.choices[0].message.tool_calls or ()] for answer in answers]


@per_format
def structured(model: str) -> Any:
    answer = api.chat.completions.parse(model=model, messages=messages, response_format=Port)
    port = answer.choices[0].message.parsed
    return port and port.model_dump()


@per_format
def structured_tool(model: str) -> Any:
    answer = api.chat.completions.parse(
        model=model, messages=messages, tools=[pydantic_function_tool(Port)], tool_choice="required"
    )
    return [call.function.parsed_arguments.model_dump() for call in answer.choices[0].message.tool_calls or ()]


@per_format
def vision(model: str) -> Any:
    parts: list[Any] = [
        {"type": "text", "text": LOOK},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}},
    ]
    answer = api.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])
    return {"text": answer.choices[0].message.content}


@per_thinking_model
def reasoning(model: str) -> Any:
    asked: Any = {"model": model, "messages": messages[1:], "extra_body": {"thinking": THINKING}}
    answer = api.chat.completions.create(**asked)
    chunks = list(api.chat.completions.create(**asked, stream=True))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    message = answer.choices[0].message
    return {
        "text": message.content,
        "thoughts": getattr(message, "reasoning_content", None),
        "streamed": "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas),
        "streamed_text": "".join(delta.content or "" for delta in deltas),
    }


@per_format
def responses_whole(model: str) -> Any:
    answer = api.responses.create(model=model, instructions=SYSTEM, input=HELLO, max_output_tokens=200)
    return {
        "text": answer.output_text,
        "status": answer.status,
        "usage": answer.usage and answer.usage.model_dump(),
        "credits": cost(answer),
    }


@per_format
def responses_stream(model: str) -> Any:
    with api.responses.stream(model=model, instructions=SYSTEM, input=HELLO) as events:
        seen = list(events)
        answer = events.get_final_response()
    numbers = [event.sequence_number for event in seen if hasattr(event, "sequence_number")]
    return {
        "text": answer.output_text,
        "deltas": "".join(event.delta for event in seen if event.type == "response.output_text.delta"),
        "first": seen[0].type,
        "last": seen[-1].type,
        "in_order": numbers == sorted(set(numbers)),
        "credits": cost(answer),
    }


@per_format
def responses_tools(model: str) -> Any:
    talk: list[Any] = [{"role": "user", "content": BOTH_TOOLS}]
    answer = api.responses.create(model=model, input=talk, tools=flat_tools)
    calls = [item for item in answer.output if item.type == "function_call"]
    talk += [item.model_dump(exclude_none=True) for item in answer.output]
    for call in calls:
        output = told(call.name, json.loads(call.arguments))
        talk.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    final = api.responses.create(model=model, input=talk, tools=flat_tools)
    return {
        "calls": [(call.name, json.loads(call.arguments)) for call in calls],
        "ids": len({call.call_id for call in calls}),
        "final": final.output_text,
    }


@per_format
def responses_structured(model: str) -> Any:
    answer = api.responses.parse(model=model, input=HELLO, text_format=Port)
    return answer.output_parsed and answer.output_parsed.model_dump()


@per_format
def responses_continued(model: str) -> Any:
    first = api.responses.create(model=model, input=HELLO, store=True)
    second = api.responses.create(model=model, input="and again", previous_response_id=first.id, store=True)
    kept = api.responses.retrieve(second.id)
    api.responses.delete(second.id)
    try:
        api.responses.retrieve(second.id)
        gone = False
    except openai.NotFoundError:
        gone = True
    return {"text": second.output_text, "previous": second.previous_response_id == first.id, "gone": gone} | {
        "kept": kept.output_text
    }


@per_format
def azure(model: str) -> Any:
    with AzureOpenAI(azure_endpoint=URL, api_key=KEY, api_version="2024-10-21", max_retries=0) as client:
        answer = client.chat.completions.create(model=model, messages=messages)
    return {"text": answer.choices[0].message.content}


@per_format
def completions(model: str) -> Any:
    answer = api.completions.create(model=model, prompt=HELLO)
    chunks = api.completions.create(model=model, prompt=HELLO, stream=True)
    streamed = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    return {"text": answer.choices[0].text, "same": streamed == answer.choices[0].text}


@scenario
def embeddings() -> Any:
    texts = ["a harbour", "a lighthouse", "a harbour"]
    model = MODELS["embedding"]
    default = api.embeddings.create(model=model, input=texts)
    floats = api.embeddings.create(model=model, input=texts, encoding_format="float")
    coded: Any = api.embeddings.create(model=model, input=texts, encoding_format="base64")
    decoded = [list(struct.unpack(f"<{len(raw) // 4}f", raw)) for raw in map(plain, coded.data)]
    vectors = [item.embedding for item in floats.data]
    return {
        "count": len(default.data),
        "dimensions": len(vectors[0]),
        "order": [item.index for item in default.data],
        "repeats": vectors[0] == vectors[2] != vectors[1],
        "same": all(
            abs(a - b) < 1e-6
            for other in ([item.embedding for item in default.data], decoded)
            for left, right in zip(vectors, other, strict=True)
            for a, b in zip(left, right, strict=True)
        ),
        "tokens": floats.usage.prompt_tokens,
        "credits": cost(floats),
    }


def plain(item: Any) -> bytes:
    return base64.b64decode(item.embedding)


@scenario
def images() -> Any:
    made = api.images.generate(model=MODELS["image"], prompt=HELLO, size="1024x1536", quality="low")
    return {"sizes": [size_of(fetched(one.url)) for one in made.data], "wanted": [1024, 1536], "credits": cost(made)}


@scenario
def images_inside() -> Any:
    made = api.images.generate(model=MODELS["queued_image"], prompt=HELLO, n=2, response_format="b64_json")
    return {"sizes": [size_of(one.b64_json) for one in made.data], "wanted": [1024, 768], "count": 2}


@scenario
def image_edit() -> Any:
    pictures = [file_of(base64.b64decode(DOT), name) for name in ("cat.png", "hat.png")]
    made = api.images.edit(model=MODELS["image"], image=pictures, prompt=HELLO, response_format="b64_json")
    return {"sizes": [size_of(one.b64_json) for one in made.data], "wanted": [1024, 1024]}


def drawing(stream: Any) -> Any:
    events = list(stream)
    return {
        "kinds": [event.type for event in events],
        "numbers": [event.partial_image_index for event in events[:-1]],
        "sizes": [size_of(event.b64_json) for event in events],
        "wanted": [1024, 1024],
        "told": [events[-1].size, events[-1].quality, events[-1].output_format],
        "tokens": events[-1].usage.total_tokens,
        "credits": cost(events[-1]),
    }


@scenario
def image_stream() -> Any:
    given = {"model": MODELS["image"], "prompt": HELLO, "quality": "low", "partial_images": 2}
    return drawing(api.images.generate(**given, stream=True))


@scenario
def image_edit_stream() -> Any:
    given = {"model": MODELS["image"], "prompt": HELLO, "quality": "low", "partial_images": 2}
    return drawing(api.images.edit(**given, image=file_of(base64.b64decode(DOT), "cat.png"), stream=True))


@scenario
def speech() -> Any:
    given = {"model": MODELS["speech"], "voice": "alloy", "input": SAID, "response_format": "mp3"}
    with api.audio.speech.with_streaming_response.create(**given) as spoken:
        return {"type": spoken.headers["content-type"], "same": b"".join(spoken.iter_bytes()) == SOUND}


@scenario
def speech_whole() -> Any:
    spoken = api.audio.speech.create(model=MODELS["speech"], voice="coral", input=SAID)
    return {"type": spoken.response.headers["content-type"], "same": spoken.content == SOUND}


@scenario
def transcripts() -> Any:
    def heard(**how: Any) -> Any:
        file = file_of(SOUND, "said.mp3")
        return api.audio.transcriptions.create(model=MODELS["transcription"], file=file, **how)

    verbose = heard(response_format="verbose_json", timestamp_granularities=["word"])
    return {
        "text": heard(language="en").text,
        "plain": heard(response_format="text"),
        "srt": heard(response_format="srt"),
        "vtt": heard(response_format="vtt"),
        "verbose": verbose.text,
        "words": [word.word for word in verbose.words],
        "credits": cost(heard()),
    }


@scenario
def transcript_stream() -> Any:
    file = file_of(SOUND, "said.mp3")
    events = list(api.audio.transcriptions.create(model=MODELS["transcription"], file=file, stream=True))
    return {
        "kinds": [event.type for event in events],
        "text": "".join(event.delta for event in events[:-1]),
        "whole": events[-1].text,
        "credits": cost(events[-1]),
    }


@scenario
def models() -> Any:
    listed = {}
    for base in ("", "/", "/v1", "/v1/", "/api/v1"):
        with OpenAI(base_url=URL + base, api_key=KEY, max_retries=0) as client:
            listed[base] = sorted(model.id for model in client.models.list())
            client.models.retrieve(MODELS["openai_chat"])
    return {"bases": len(listed), "same": len({str(ids) for ids in listed.values()}) == 1, "ids": listed["/v1"]}


@scenario
async def asynchronous() -> Any:
    async with AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0) as client:
        chunks = await client.chat.completions.create(model=MODELS["openai_chat"], messages=messages, stream=True)
        return {"text": "".join([choice.delta.content or "" async for chunk in chunks for choice in chunk.choices])}


@scenario
def errors() -> Any:
    def call(key: str, changes: dict[str, Any]) -> None:
        with OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0) as client:
            client.chat.completions.create(**{"model": MODELS["openai_chat"], "messages": messages, **changes})

    return raised(openai.APIStatusError, call)


@scenario
def responses_errors() -> Any:
    def call(key: str, changes: dict[str, Any]) -> None:
        with OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0) as client:
            client.responses.create(**{"model": MODELS["openai_chat"], "input": HELLO, **changes})

    return raised(openai.APIStatusError, call)


if __name__ == "__main__":
    main()
