"""What is sent: the same bytes whoever is measured."""

import json
from pathlib import Path

REQUEST_BYTES = 362
ANSWER_BYTES = 659
CHUNK_INTERVAL_US = 10_000
CHUNKS = 100

MODEL = "bench/echo"


def write_bodies(folder: Path) -> None:
    """Write `request.json`, `stream.json`, `short.json`, `messages.json`, `answer.json` and `chunk.sse`."""
    (folder / "request.json").write_bytes(_padded(_request(), REQUEST_BYTES))
    (folder / "stream.json").write_bytes(_padded(_request(stream=True), REQUEST_BYTES))
    (folder / "short.json").write_bytes(_padded(_request(stream=True, max_tokens=5), REQUEST_BYTES))
    messages = _request(stream=True, max_tokens=CHUNKS)
    del messages["stream_options"]
    (folder / "messages.json").write_bytes(_padded(messages, REQUEST_BYTES))
    (folder / "answer.json").write_bytes(_padded(_answer(), ANSWER_BYTES))
    (folder / "chunk.sse").write_bytes(b"data: " + _json(_chunk()) + b"\n\n")


def _request(**fields: object) -> dict[str, object]:
    if fields.get("stream"):
        fields["stream_options"] = {"include_usage": True}
    return {"model": MODEL, "messages": [{"role": "user", "content": ""}], "temperature": 0.7, **fields}


def _answer() -> dict[str, object]:
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1795305600,
        "model": "echo",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 60,
            "completion_tokens": 100,
            "total_tokens": 160,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _chunk() -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": "word "}, "logprobs": None, "finish_reason": None}
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1795305600,
        "model": "echo",
        "choices": [choice],
        "usage": None,
    }


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _padded(value: dict[str, object], size: int) -> bytes:
    """Fill the empty content with words until the whole is `size` bytes."""
    data = _json(value)
    filler = ("some words of a conversation " * 40)[: size - len(data)].encode()
    padded = data.replace(b'"content":""', b'"content":"' + filler + b'"', 1)
    assert len(padded) == size, len(padded)
    return padded
