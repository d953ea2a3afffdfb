"""How an answer of Gemini looks, whole and as a stream.

The types of `google-genai` 3.4 (`types.py`); where signatures stand,
`https://ai.google.dev/gemini-api/docs/thought-signatures`; read on 2026-11-22.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tests.fake.completions import SOURCE_TITLE, SOURCE_URL, Completion
from tests.fake.form import Event
from tests.fake.issued import issue
from tests.fake.vendor import Refusal, Vendor, error_body

_FINISH = {"stop": "STOP", "stop_word": "STOP", "length": "MAX_TOKENS", "tools": "STOP", "refusal": "SAFETY"}


class GeminiForm:
    """Google Gemini."""

    id = "google_gemini"
    line_end = b"\r\n"
    wrong_usage: Mapping[str, Any] = {"promptTokenCount": "seven", "candidatesTokenCount": -3, "totalTokenCount": 4.5}
    huge = (
        b'{"candidates":[{"content":{"role":"model","parts":[{"text":"',
        b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"',
    )

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give an answer the form of one JSON object."""
        parts = [*_thoughts(completion), *_text(completion), *_calls(completion)]
        candidate = {**_content(parts), "finishReason": _FINISH[completion.end], **_extras(completion)}
        candidates = [{**candidate, "index": index} for index in range(completion.choices)]
        return _envelope(completion) | {"candidates": candidates, "usageMetadata": self.usage(vendor, completion)}

    def events(self, vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[Event]:
        """Give an answer the form of the chunks of a stream: each has usage, the last says why it ended."""
        usage = self.usage(vendor, completion)
        so_far = usage | {"candidatesTokenCount": 0, "totalTokenCount": usage["promptTokenCount"]}
        parts = [{"text": thought, "thought": True} for thought in completion.thoughts]
        parts += [{"text": piece} for piece in completion.pieces]
        parts += _calls(completion)
        last = [] if _is_signed(completion) or completion.tools else parts[-1:]
        for part in parts[: len(parts) - len(last)]:
            for index in range(completion.choices):
                chunk = {"candidates": [{**_content([part]), "index": index}], "usageMetadata": so_far}
                yield Event("piece", _envelope(completion) | chunk, has_usage=True)
        ending = last or [{"text": "", **({} if completion.tools else _signed(completion))}]
        for index in range(completion.choices):
            candidate = {**_content([] if completion.refusal else ending), "finishReason": _FINISH[completion.end]}
            candidate |= {**_extras(completion), "index": index}
            chunk = {"candidates": [candidate], "usageMetadata": usage}
            yield Event("end", _envelope(completion) | chunk, has_usage=True)

    def usage(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give usage its form: thoughts are no part of the candidates' tokens."""
        spent = completion.spent
        usage: dict[str, Any] = {
            "promptTokenCount": spent.prompt,
            "candidatesTokenCount": spent.completion - spent.reasoning,
            "totalTokenCount": spent.prompt + spent.completion,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": spent.prompt}],
        }
        if spent.reasoning:
            usage["thoughtsTokenCount"] = spent.reasoning
        if spent.cache.read:
            usage["cachedContentTokenCount"] = spent.cache.read
            usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": spent.cache.read}]
        return usage

    def with_usage(self, data: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        """Put other usage into an answer or event, or take it out."""
        rest = {name: value for name, value in data.items() if name != "usageMetadata"}
        return rest if usage is None else rest | {"usageMetadata": usage}

    def growing(self, vendor: Vendor, completion: Completion, events: Iterator[Event]) -> Iterator[Event]:
        """Let usage grow from chunk to chunk."""
        prompt = completion.spent.prompt
        for count, event in enumerate(events, 1):
            if event.kind == "end":
                yield event
                continue
            so_far = min(count, completion.spent.completion - completion.spent.reasoning)
            usage = {"promptTokenCount": prompt, "candidatesTokenCount": so_far, "totalTokenCount": prompt + so_far}
            yield event.holding(event.data | {"usageMetadata": usage})

    def again(self, event: Event) -> Event:
        """The same event without what it says."""
        candidates = [{**candidate, **_content([])} for candidate in event.data["candidates"]]
        return event.holding(event.data | {"candidates": candidates})

    def error(self, vendor: Vendor, refusal: Refusal) -> bytes:
        """Encode a refusal."""
        return error_body(vendor, refusal)

    def failure(self, vendor: Vendor, completion: Completion, refusal: Refusal, *, first: bool) -> Iterator[Event]:
        """Tell of an error as the last chunk."""
        yield Event("end", {}, raw=error_body(vendor, refusal))


def _envelope(completion: Completion) -> dict[str, Any]:
    return {"modelVersion": completion.model, "responseId": f"fake{completion.number:08d}"}


def _content(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": parts} if parts else {"role": "model"}}


def _is_signed(completion: Completion) -> bool:
    return completion.thought and (completion.model.startswith("gemini-3") or completion.model == "thinker")


def _signed(completion: Completion) -> dict[str, Any]:
    return {"thoughtSignature": issue("thought", completion.text)} if _is_signed(completion) else {}


def _thoughts(completion: Completion) -> list[dict[str, Any]]:
    return [{"text": "".join(completion.thoughts), "thought": True}] if completion.thoughts else []


def _text(completion: Completion) -> list[dict[str, Any]]:
    if not completion.text:
        return []
    return [{"text": completion.text, **({} if completion.tools else _signed(completion))}]


def _calls(completion: Completion) -> list[dict[str, Any]]:
    """Every call; only the first is signed."""
    parts: list[dict[str, Any]] = []
    for index, call in enumerate(completion.tools):
        told: dict[str, Any] = {"name": call.name, "args": msgspec.json.decode(call.arguments)}
        if completion.model.startswith("gemini-3") or completion.model == "thinker":
            told["id"] = f"fake{completion.number:04d}{index}"
        signed = completion.thought and index == 0
        more = {"thoughtSignature": issue("thought", call.arguments)} if signed else {}
        parts.append({"functionCall": told, **more})
    return parts


def _extras(completion: Completion) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if completion.query is not None:
        segment = {"startIndex": 0, "endIndex": len(completion.text.encode()), "text": completion.text}
        extras["groundingMetadata"] = {
            "webSearchQueries": [completion.query],
            "searchEntryPoint": {"renderedContent": "<p>Searched</p>"},
            "groundingChunks": [{"web": {"uri": SOURCE_URL, "title": SOURCE_TITLE}}],
            "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
        }
    if completion.logprobs is not None:
        extras |= _logprobs(completion, completion.logprobs)
    return extras


def _logprobs(completion: Completion, alternatives: int) -> dict[str, Any]:
    chosen = [
        {"token": piece, "tokenId": index, "logProbability": -0.25} for index, piece in enumerate(completion.pieces)
    ]
    top = [{"candidates": [one | {"logProbability": -0.25 - rank} for rank in range(alternatives)]} for one in chosen]
    return {"avgLogprobs": -0.25, "logprobsResult": {"chosenCandidates": chosen, "topCandidates": top}}


GEMINI = GeminiForm()
