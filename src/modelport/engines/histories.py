"""A conversation as chat templates of small models understand it: system, user and assistant, all in text. Pure."""

from collections.abc import Sequence

import msgspec

from modelport.engines.refusals import wrong
from modelport.engines.tools import CALL_PREFIX, Toolbox

Fields = dict[str, object]
_CALL_SUFFIX = "\n</tool_call>"
_SYSTEM = "You are a helpful assistant."


class _Called(msgspec.Struct):
    name: str
    arguments: str | None = None
    input: str | None = None


class _ToolCall(msgspec.Struct):
    function: _Called | None = None
    custom: _Called | None = None


class _Part(msgspec.Struct):
    type: str
    text: str = ""
    refusal: str = ""


class _Message(msgspec.Struct):
    role: str
    content: object = None
    tool_calls: list[_ToolCall] | None = None


def rendered(messages: Sequence[Fields], box: Toolbox) -> list[Fields]:
    """Put developers' words under system, calls and their results into text, and the functions into the first word."""
    shown: list[Fields] = []
    results: list[str] = []
    for place, message in enumerate(messages):
        read = _read(message, place)
        if read.role == "tool":
            results.append(f"<tool_response>\n{plain_text(read.content, place)}\n</tool_response>")
            continue
        _add_results(shown, results)
        shown.append(_plain(message, read, place))
    _add_results(shown, results)
    return _told(shown, box) if box.tools else shown


def plain_text(content: object, place: int) -> str:
    """Return the text of a message; raises `Refusal` when it has anything else."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = _parts(content, place)
    for part in parts:
        if part.type not in ("text", "refusal"):
            raise wrong(
                f"'messages[{place}]' has a part of type '{part.type}'; here the local engine reads text only.",
                f"messages[{place}].content",
            )
    return "".join(part.text or part.refusal for part in parts)


def _parts(content: object, place: int) -> list[_Part]:
    try:
        return msgspec.convert(content, list[_Part])
    except msgspec.ValidationError as problem:
        raise wrong(f"'messages[{place}].content' is not understood: {problem}.", f"messages[{place}]") from problem


def _read(message: Fields, place: int) -> _Message:
    try:
        return msgspec.convert(message, _Message)
    except msgspec.ValidationError as problem:
        raise wrong(f"'messages[{place}]' is not understood: {problem}.", f"messages[{place}]") from problem


def _add_results(shown: list[Fields], results: list[str]) -> None:
    if results:
        shown.append({"role": "user", "content": "\n".join(results)})
        results.clear()


def _plain(message: Fields, read: _Message, place: int) -> Fields:
    if read.role == "developer":
        return {**message, "role": "system"}
    if read.role != "assistant":
        return message
    calls = [_call_text(call, place) for call in read.tool_calls or ()]
    text = plain_text(read.content, place)
    return {"role": "assistant", "content": "\n".join([text, *calls] if text else calls) if calls else text}


def _call_text(call: _ToolCall, place: int) -> str:
    called = call.function or call.custom
    if called is None:
        raise wrong(f"'messages[{place}].tool_calls' has an entry that calls nothing.", f"messages[{place}].tool_calls")
    given = called.arguments if called.input is None else msgspec.json.encode({"input": called.input}).decode()
    name = msgspec.json.encode(called.name).decode()
    return f'{CALL_PREFIX}{{"name": {name}, "arguments": {given or "{}"}}}{_CALL_SUFFIX}'


def _told(shown: list[Fields], box: Toolbox) -> list[Fields]:
    if not shown or shown[0].get("role") != "system":
        return [{"role": "system", "content": f"{_SYSTEM}\n\n{box.words}"}, *shown]
    return [{"role": "system", "content": f"{plain_text(shown[0].get('content'), 0)}\n\n{box.words}"}, *shown[1:]]
