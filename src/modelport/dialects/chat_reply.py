"""Writing whole answers in OpenAI's chat format, whatever provider they came from."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Raw

from modelport.dialects import chat_thought
from modelport.dialects.chat_answer import SPENT_ON_REASONING, cost_with_notice
from modelport.dialects.chat_body import cost_block, shown
from modelport.dialects.chat_written import data_url
from modelport.dialects.wire import Ending, Identity
from modelport.operations.chat import ChatCall
from modelport.operations.content import Audio, Citation, Image, Part, Refusal, Text, Thinking, ToolUse
from modelport.operations.reply import Choice, Finish, Reply

Member = dict[str, object]
_FINISHES: dict[Finish, str] = {"pause": "stop"}


def is_older(call: ChatCall) -> bool:
    """Whether the caller speaks the older form of functions."""
    return "functions" in call.fields


def is_hidden(call: ChatCall) -> bool:
    """Whether the caller does not want to see the reasoning."""
    raw = call.fields.get("reasoning", b"")
    return b"exclude" in raw and msgspec.json.decode(raw).get("exclude") is True


def whole(call: ChatCall, reply: Reply, ending: Ending, identity: Identity) -> bytes:
    """Write a whole answer with usage and `meta.usage`."""
    written: Member = {
        "id": reply.id or f"chatcmpl-{identity.id}",
        "object": "chat.completion",
        "created": reply.created or identity.created,
        "model": reply.model or identity.model,
    }
    older, hidden = is_older(call), is_hidden(call)
    written["choices"] = [_choice(choice, older=older, hidden=hidden) for choice in reply.choices]
    written["usage"] = Raw(shown(ending.usage))
    if reply.service_tier:
        written["service_tier"] = reply.service_tier
    if reply.fingerprint:
        written["system_fingerprint"] = reply.fingerprint
    written.update((name, Raw(raw)) for name, raw in reply.extra.items())
    notice = ending.notice
    if notice is None and is_mute(reply.choices, ending):
        notice = SPENT_ON_REASONING
    written["meta"] = Raw(cost_with_notice(cost_block(ending.charged), notice))
    return msgspec.json.encode(written)


def is_mute(choices: Iterable[Choice], ending: Ending) -> bool:
    """Whether the whole budget went into reasoning."""
    listed = list(choices)
    said = [part for choice in listed for part in choice.parts]
    if not any(choice.finish == "length" for choice in listed):
        return False
    if any(isinstance(part, Text | Refusal) and part.text for part in said):
        return False
    if any(isinstance(part, ToolUse | Audio | Image) for part in said):
        return False
    return bool(said) or ending.usage.by_meter.get("reasoning", 0) > 0


def _choice(choice: Choice, *, older: bool, hidden: bool) -> Member:
    message = _message(choice.parts, hidden=hidden, older=older)
    return {
        "index": choice.index,
        "finish_reason": finish_word(choice.finish, older=older),
        "logprobs": Raw(choice.logprobs or b"null"),
        "message": message,
    }


def finish_word(finish: Finish, *, older: bool) -> str:
    """Return why an answer ended, in the words of the format."""
    if older and finish == "tool_calls":
        return "function_call"
    return _FINISHES.get(finish, finish)


def _message(parts: Sequence[Part], *, hidden: bool, older: bool) -> Member:
    texts = [part for part in parts if isinstance(part, Text)]
    thoughts = [] if hidden else [part for part in parts if isinstance(part, Thinking)]
    calls = [part for part in parts if isinstance(part, ToolUse)]
    pictures = [part for part in parts if isinstance(part, Image)]
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    said = "".join(part.text for part in texts)
    is_silent = not said and bool(calls or refusal or any(isinstance(part, Audio) for part in parts))
    message: Member = {"role": "assistant", "content": None if is_silent else said, "refusal": refusal or None}
    if thought := "\n\n".join(part.text for part in thoughts if part.text):
        message["reasoning_content"] = thought
    if details := chat_thought.details(thoughts):
        message["reasoning_details"] = Raw(details)
    message["annotations"] = annotations(texts)
    for part in parts:
        if isinstance(part, Audio):
            message["audio"] = audio(part)
    if pictures:
        message["images"] = [picture(part) for part in pictures]
    _call(message, calls, older=older)
    return message


def _call(message: Member, calls: Sequence[ToolUse], *, older: bool) -> None:
    """Write calls of tools; the older form has a place for the first one only."""
    if older and calls:
        message["function_call"] = function_call(calls[0], calls[0].arguments)
    if calls[older:]:
        message["tool_calls"] = [tool_call(call) for call in calls]


def annotations(texts: Iterable[Text]) -> list[Member | Raw]:
    """Write the citations of texts, whose places are counted in all of what is said."""
    written: list[Member | Raw] = []
    before = 0
    for text in texts:
        written.extend(annotation(citation, before) for citation in text.citations)
        before += len(text.text)
    return written


def annotation(citation: Citation, before: int = 0) -> Member | Raw:
    """Write one citation; `before` characters were said before its text.

    Clients insist on the two places, so they are 0 where nobody knows them.
    """
    if not citation.url and citation.raw:
        return Raw(citation.raw)
    start = 0 if citation.start is None else citation.start + before
    end = 0 if citation.end is None else citation.end + before
    cited: Member = {"start_index": start, "end_index": end, "title": citation.title, "url": citation.url}
    if citation.quote:
        cited["content"] = citation.quote
    return {"type": "url_citation", "url_citation": cited}


def audio(part: Audio) -> Member:
    """Write a recording."""
    return {
        "id": part.id,
        "data": part.source.data,
        "transcript": part.transcript,
        "expires_at": part.expires_at or 0,
    }


def picture(part: Image) -> Member:
    """Write a picture that a model made, in the form of OpenRouter's `images`."""
    # OpenAI's own answers have no place for pictures; https://github.com/OpenRouterTeam/python-sdk, read 2026-11-22.
    return {"type": "image_url", "image_url": {"url": part.source.url or data_url(part.source)}}


def function_call(call: ToolUse, arguments: str) -> Member:
    """Write a call in the older form, with the proof that must come back with it."""
    proof = {"extra_content": chat_thought.extra_content(call.signature)} if call.signature else {}
    return {"name": call.name, "arguments": arguments, **proof}


def tool_call(call: ToolUse) -> Member:
    """Write a call of a tool, or its beginning."""
    given = call.arguments
    if call.kind == "custom":
        written: Member = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": given}}
    else:
        written = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": given}}
    if call.signature:
        written["extra_content"] = chat_thought.extra_content(call.signature)
    return written
