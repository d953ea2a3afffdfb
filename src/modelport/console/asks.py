"""What the samples of chat models send, for each format and each thing that a model can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelport.catalogue.facts import Model
from modelport.catalogue.parameters import Parameters
from modelport.console.things import document, picture, recording

Json = Mapping[str, object]

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
FILM = "https://mdn.github.io/shared-assets/videos/flower.mp4"
QUESTION = "Name three seaports."
_ABOUT = {
    "image": "What colour is this?",
    "file": "What does this page say?",
    "audio": "What do you hear?",
    "video": "What happens in this film?",
}
_CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_PORT = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "country": {"type": "string"}},
    "required": ["name", "country"],
    "additionalProperties": False,
}
_WEATHER = {"name": "get_weather", "description": "Tells the weather of a city."}
_MESSAGES_MOST = 1024
_THOUGHT = 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """One call to show: its name on the page, what stands below it, what is sent, and how its answer is read."""

    key: str
    title: str
    body: Json
    reads: str = "text"
    """text, stream, tools"""
    note: str = ""


Made = Callable[[Model, Parameters], Ask | None]


def asks(model: Model, endpoint: str, parameters: Parameters) -> tuple[Ask, ...]:
    """List the calls to show of a chat model at one of its paths, the plainest first."""
    makers = _MAKERS.get(endpoint, ())
    return tuple(ask for make in makers if (ask := make(model, parameters)) is not None)


def _can(model: Model, *capabilities: str) -> bool:
    return all(capability in model.capabilities for capability in capabilities)


def _said(content: object) -> list[Json]:
    return [{"role": "user", "content": content}]


# Chat completions


def _chat(model: Model, content: object = QUESTION, **more: object) -> Json:
    return {"model": model.id, "messages": _said(content), **more}


def _chat_plain(model: Model, _: Parameters) -> Ask | None:
    if "text" not in model.inputs:
        return None
    return Ask("call", "A call", _chat(model))


def _chat_stream(model: Model, _: Parameters) -> Ask | None:
    if not _can(model, "streaming"):
        return None
    body = _chat(model, stream=True, stream_options={"include_usage": True})
    return Ask("streaming", "Streaming", body, "stream", "The last piece tells what was used and what it cost.")


def _chat_thinking(model: Model, parameters: Parameters) -> Ask | None:
    if not _can(model, "reasoning"):
        return None
    note = "What the model thought comes as reasoning_content where its provider shows it."
    question = "How many primes are below thirty?"
    effort = parameters.get("reasoning_effort")
    if effort is not None:
        return Ask("thinking", "Thinking", _chat(model, question, reasoning_effort="low"), note=note)
    if "enable_thinking" in parameters:
        body = _chat(model, question, enable_thinking=True, thinking_budget=_THOUGHT)
        return Ask("thinking", "Thinking", body, note=note)
    return Ask("thinking", "Thinking", _chat(model, question), note=f"It thinks before every answer. {note}")


def _chat_part(key: str, title: str, capability: str, part: Callable[[], Json], note: str = "") -> Made:
    def make(model: Model, _: Parameters) -> Ask | None:
        if not _can(model, capability):
            return None
        return Ask(key, title, _chat(model, [{"type": "text", "text": _ABOUT[key]}, part()]), note=note)

    return make


def _image_part() -> Json:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture()}"}}


def _audio_part() -> Json:
    return {"type": "input_audio", "input_audio": {"data": recording(), "format": "wav"}}


def _video_part() -> Json:
    return {"type": "video_url", "video_url": {"url": FILM}}


def _file_part() -> Json:
    url = f"data:application/pdf;base64,{document()}"
    return {"type": "file", "file": {"filename": "hello.pdf", "file_data": url}}


def _chat_tools(model: Model, _: Parameters) -> Ask | None:
    if not _can(model, "tools"):
        return None
    tool = {"type": "function", "function": {**_WEATHER, "parameters": _CITY}}
    body = _chat(model, "How is the weather in Rotterdam?", tools=[tool])
    note = "Run what the model asks for, and send the outcome back as a message of the role tool."
    return Ask("tools", "Tools", body, "tools", note)


def _chat_schema(model: Model, _: Parameters) -> Ask | None:
    if not _can(model, "json_schema"):
        return None
    form = {"type": "json_schema", "json_schema": {"name": "port", "strict": True, "schema": _PORT}}
    return Ask("json", "JSON of a schema", _chat(model, "Name a seaport.", response_format=form))


def _chat_search(model: Model, parameters: Parameters) -> Ask | None:
    if not _can(model, "web_search") or "web_search_options" not in parameters:
        return None
    return Ask("search", "Web search", _chat(model, "What is new in Rotterdam?", web_search_options={}))


# Responses


def _responses(model: Model, said: object = QUESTION, **more: object) -> Json:
    return {"model": model.id, "input": said, **more}


def _responses_plain(model: Model, _: Parameters) -> Ask | None:
    return Ask("call", "A call", _responses(model)) if "text" in model.inputs else None


def _responses_stream(model: Model, _: Parameters) -> Ask | None:
    return Ask("streaming", "Streaming", _responses(model, stream=True), "stream") if _can(model, "streaming") else None


def _responses_thinking(model: Model, parameters: Parameters) -> Ask | None:
    if not _can(model, "reasoning") or "reasoning_effort" not in parameters:
        return None
    body = _responses(model, "How many primes are below thirty?", reasoning={"effort": "low"})
    return Ask("thinking", "Thinking", body)


def _responses_part(key: str, title: str, capability: str, part: Callable[[], Json]) -> Made:
    def make(model: Model, _: Parameters) -> Ask | None:
        if not _can(model, capability):
            return None
        return Ask(key, title, _responses(model, _said([{"type": "input_text", "text": _ABOUT[key]}, part()])))

    return make


def _input_image() -> Json:
    return {"type": "input_image", "image_url": f"data:image/png;base64,{picture()}"}


def _input_file() -> Json:
    return {"type": "input_file", "filename": "hello.pdf", "file_data": f"data:application/pdf;base64,{document()}"}


def _responses_tools(model: Model, _: Parameters) -> Ask | None:
    if not _can(model, "tools"):
        return None
    tool = {"type": "function", **_WEATHER, "parameters": _CITY}
    return Ask("tools", "Tools", _responses(model, "How is the weather in Rotterdam?", tools=[tool]), "tools")


def _responses_schema(model: Model, _: Parameters) -> Ask | None:
    if not _can(model, "json_schema"):
        return None
    form = {"type": "json_schema", "name": "port", "strict": True, "schema": _PORT}
    return Ask("json", "JSON of a schema", _responses(model, "Name a seaport.", text={"format": form}))


# Messages


def _messages(model: Model, content: object = QUESTION, most: int = _MESSAGES_MOST, **more: object) -> Json:
    return {"model": model.id, "max_tokens": most, "messages": _said(content), **more}


def _messages_plain(model: Model, _: Parameters) -> Ask | None:
    return Ask("call", "A call", _messages(model)) if "text" in model.inputs else None


def _messages_stream(model: Model, _: Parameters) -> Ask | None:
    return Ask("streaming", "Streaming", _messages(model, stream=True), "stream") if _can(model, "streaming") else None


def _messages_thinking(model: Model, parameters: Parameters) -> Ask | None:
    if not _can(model, "reasoning") or "reasoning_effort" not in parameters:
        return None
    thought = {"type": "enabled", "budget_tokens": _THOUGHT}
    body = _messages(model, "How many primes are below thirty?", 2 * _MESSAGES_MOST, thinking=thought)
    return Ask("thinking", "Thinking", body)


def _messages_part(key: str, title: str, capability: str, kind: str, media: str, data: Callable[[], str]) -> Made:
    def make(model: Model, _: Parameters) -> Ask | None:
        if not _can(model, capability):
            return None
        part = {"type": kind, "source": {"type": "base64", "media_type": media, "data": data()}}
        return Ask(key, title, _messages(model, [part, {"type": "text", "text": _ABOUT[key]}]))

    return make


def _messages_tools(model: Model, _: Parameters) -> Ask | None:
    if not _can(model, "tools"):
        return None
    tool = {**_WEATHER, "input_schema": _CITY}
    return Ask("tools", "Tools", _messages(model, "How is the weather in Rotterdam?", tools=[tool]), "tools")


_FILM_NOTE = "Put the address of your film in place of this one; a data: URL is understood too."
_MAKERS: Mapping[str, tuple[Made, ...]] = {
    CHAT: (
        _chat_plain,
        _chat_stream,
        _chat_thinking,
        _chat_part("image", "Image", "vision", _image_part),
        _chat_part("file", "File", "file", _file_part),
        _chat_part("audio", "Audio", "audio", _audio_part),
        _chat_part("video", "Video", "video", _video_part, _FILM_NOTE),
        _chat_tools,
        _chat_schema,
        _chat_search,
    ),
    RESPONSES: (
        _responses_plain,
        _responses_stream,
        _responses_thinking,
        _responses_part("image", "Image", "vision", _input_image),
        _responses_part("file", "File", "file", _input_file),
        _responses_tools,
        _responses_schema,
    ),
    MESSAGES: (
        _messages_plain,
        _messages_stream,
        _messages_thinking,
        _messages_part("image", "Image", "vision", "image", "image/png", picture),
        _messages_part("file", "File", "file", "document", "application/pdf", document),
        _messages_tools,
    ),
}
