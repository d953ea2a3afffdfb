"""What a call is answered with: an example for each path, priced as this gateway would price it."""

from collections.abc import Mapping

from modelport.catalogue.facts import Model, Rates
from modelport.console.asks import CHAT, MESSAGES, RESPONSES
from modelport.console.literals import JSON
from modelport.core.credits import CREDITS_PER_USD, to_usd
from modelport.operations.moderation import CATEGORIES
from modelport.pricing.charge import charge

Json = Mapping[str, object]

_INPUT, _OUTPUT = 12, 48
_PORTS = "Rotterdam, Singapore and Valparaíso."
_FILES = "https://…"
_UNPRICED = CREDITS_PER_USD // 100
"""What an example costs whose price is not known."""


def example(model: Model, endpoint: str, rates: Rates | None) -> str:
    """Write the answer to the plainest call at a path, with what it cost."""
    return JSON.write({**_answer(model, endpoint), "meta": {"usage": _cost(model, rates)}}, "", used=1000)


def _cost(model: Model, rates: Rates | None) -> Json:
    spent = _credits(model, rates)
    return {"credits_used": spent, "usd_spent": to_usd(spent).normalize()}


def _credits(model: Model, rates: Rates | None) -> int:
    if rates is None:
        return 0 if model.operation in ("chat", "embeddings") else _UNPRICED
    if rates.per is None:
        used = {"input": _INPUT, "output": 0 if model.operation == "embeddings" else _OUTPUT}
        return charge(used, rates.by_meter)
    units = {"character": 46, "second": 5, "minute": 1}.get(rates.per, 1)
    return charge({rates.per: units}, {rates.per: rates.every[0]})


def _answer(model: Model, endpoint: str) -> Json:
    match endpoint:
        case _ if endpoint == CHAT:
            return _chat(model)
        case _ if endpoint == RESPONSES:
            return _responses(model)
        case _ if endpoint == MESSAGES:
            return _messages(model)
        case "/v1/embeddings":
            return _embedding(model)
        case _:
            return _media(model, endpoint)


def _chat(model: Model) -> Json:
    message = {"role": "assistant", "content": _PORTS}
    usage = {"prompt_tokens": _INPUT, "completion_tokens": _OUTPUT, "total_tokens": _INPUT + _OUTPUT}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "chatcmpl-…", "object": "chat.completion", "model": model.id, "choices": choices, "usage": usage}


def _responses(model: Model) -> Json:
    none: list[object] = []
    content = [{"type": "output_text", "text": _PORTS, "annotations": none}]
    output = [{"type": "message", "role": "assistant", "status": "completed", "content": content}]
    usage = {"input_tokens": _INPUT, "output_tokens": _OUTPUT, "total_tokens": _INPUT + _OUTPUT}
    start = {"id": "resp_…", "object": "response", "status": "completed", "model": model.id}
    return {**start, "output": output, "usage": usage}


def _messages(model: Model) -> Json:
    content = [{"type": "text", "text": _PORTS}]
    usage = {"input_tokens": _INPUT, "output_tokens": _OUTPUT}
    start = {"id": "msg_…", "type": "message", "role": "assistant", "model": model.id}
    return {**start, "content": content, "stop_reason": "end_turn", "usage": usage}


def _embedding(model: Model) -> Json:
    data = [{"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456, "…"]}]
    return {"object": "list", "model": model.id, "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}


def _media(model: Model, endpoint: str) -> Json:
    match model.operation:
        case "images":
            return {"created": 1777716000, "data": [{"url": f"{_FILES}/lighthouse.png"}]}
        case "video":
            return {"id": "q1Zt0cXv7b2LkN3mPd8sR", "status": "completed", "video": {"url": f"{_FILES}/boat.mp4"}}
        case "music" if endpoint.endswith("/minimax/generate"):
            return {"data": {"status": 2, "audio": "4944…"}}
        case "music":
            return {"id": "NDx9Qe1ZY1L6PYQNkJ0bA", "status": "completed", "audio_file": {"url": f"{_FILES}/waltz.mp3"}}
        case "speech":
            return {"audio": {"url": f"{_FILES}/speech.mp3"}}
        case "transcription":
            return _transcript(model)
        case "ocr":
            page = {"index": 0, "markdown": "# Harbour rules", "dimensions": None}
            return {"pages": [page], "model": model.id, "usage_info": {"pages_processed": 1}}
        case "moderation":
            return _verdict(model)
        case _:
            return {"model_mesh": {"url": f"{_FILES}/mesh.glb", "file_name": "mesh.glb"}}


def _verdict(model: Model) -> Json:
    told: list[Json] = [
        {
            "flagged": False,
            "categories": dict.fromkeys(CATEGORIES, False),
            "category_scores": dict.fromkeys(CATEGORIES, 0.0012),
            "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
        }
    ]
    return {"id": "modr-…", "model": model.id, "results": told}


def _transcript(model: Model) -> Json:
    text = "The ferry leaves at nine."
    result: Json = {"text": text}
    if model.maker == "Deepgram":
        result = {"results": {"channels": [{"alternatives": [{"transcript": text, "confidence": 0.99}]}]}}
    return {"generation_id": "5c7a0a52-6a40-4b0e-9a36-0f6a1d1e7b11", "status": "completed", "result": result}
