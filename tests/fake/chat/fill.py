"""Completions of plain text, and of the gap between two texts.

DeepSeek, `https://share.apidog.com/apidoc/docs-site/747793/fim-completion-beta-835847m0` (at most 4K) and
`https://apifox.com/apidoc/docs-site/5435161/fim-%E8%A1%A5%E5%85%A8beta-257837815e0` (the fields), copies of its own
pages; Mistral, `models/fimcompletionrequest.py` of `mistralai` 3.7; read on 2026-11-22.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.fake.asked import Asked, Said
from tests.fake.calls import Call, Ready, answered, check_content_type, check_key, json_body, without_nulls
from tests.fake.chat.answers import CHAT, ChatForm
from tests.fake.completions import Completion
from tests.fake.form import Event
from tests.fake.vendor import Refusal, Vendor, phrase, words

Body = Mapping[str, Any]

_FIELDS = {
    "mistral": words("model prompt suffix temperature top_p max_tokens min_tokens stream stop random_seed metadata"),
    "deepseek": words(
        """
        model prompt echo frequency_penalty logprobs max_tokens presence_penalty stop stream stream_options suffix
        temperature top_p
        """
    ),
}
_LIMIT = 4096


class TextForm(ChatForm):
    """Text completions."""

    id = "openai_completions"
    huge = (b'{"choices":[{"text":"', b'data: {"choices":[{"text":"')

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give an answer the form of one JSON object."""
        return _text(super().whole(vendor, completion))

    def events(self, vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[Event]:
        """Give an answer the form of the events of a stream."""
        for event in super().events(vendor, completion, wants_usage=wants_usage):
            if event.kind != "start":
                yield event if event.raw is not None else event.holding(_text(event.data))


def _text(body: dict[str, Any]) -> dict[str, Any]:
    choices = [
        {
            "index": choice["index"],
            "text": (choice.get("message") or choice.get("delta") or {}).get("content") or "",
            "logprobs": None,
            "finish_reason": choice["finish_reason"],
        }
        for choice in body["choices"]
    ]
    return body | {"object": "text_completion", "choices": choices}


TEXT = TextForm()


def fill(call: Call) -> Ready | Refusal:
    """Complete a text, or fill the gap before its `suffix`, or refuse to."""
    refusal = check_key(call.vendor, call.headers) or check_content_type(call.headers)
    if refusal is not None:
        return refusal
    body = json_body(call.raw)
    if body is None:
        return Refusal(400, "We could not parse the JSON body of your request.")
    given = without_nulls(body)
    refusal = next(_refusals(call, given), None)
    if refusal is not None:
        return refusal
    stop = given.get("stop", ())
    asked = Asked(
        model=given["model"],
        said=tuple(_said(given)),
        limit=given.get("max_tokens"),
        stops=(stop,) if isinstance(stop, str) else tuple(stop),
    )
    is_streaming = given.get("stream", False)
    wants_usage = is_streaming and bool(given.get("stream_options", {}).get("include_usage"))
    form = CHAT if call.vendor.id == "mistral" else TEXT
    return answered(call, form, asked, is_streaming=is_streaming, wants_usage=wants_usage)


def _said(body: Body) -> Iterator[Said]:
    """The suffix counts as well, and stands before what is continued."""
    if body.get("suffix"):
        yield Said("system", body["suffix"])
    yield Said("user", body["prompt"])


def _refusals(call: Call, body: Body) -> Iterator[Refusal]:
    model = body.get("model")
    if not isinstance(model, str):
        yield Refusal(400, "you must provide a model parameter", "model")
        return
    allowed = _FIELDS.get(call.vendor.id)
    status = call.vendor.statuses.get("unknown_field", 400)
    for name in body:
        if allowed is not None and name not in allowed:
            yield Refusal(status, phrase(call.vendor, "unknown_field", name=name), name, call.vendor.unknown_code)
    if not call.knows(model):
        status = call.vendor.statuses.get("unknown_model", 404)
        yield Refusal(status, phrase(call.vendor, "unknown_model", model=model), "model", "model_not_found")
    if not isinstance(body.get("prompt"), str):
        yield Refusal(400, "Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter")
    if not isinstance(body.get("suffix", ""), str):
        yield Refusal(400, "Invalid type for 'suffix': expected a string.", "suffix", "invalid_type")
    limit = body.get("max_tokens", 1)
    if not isinstance(limit, int) or limit < 1 or (call.vendor.id == "deepseek" and limit > _LIMIT):
        yield Refusal(400, f"Invalid max_tokens value, the valid range of max_tokens is [1, {_LIMIT}]", "max_tokens")
