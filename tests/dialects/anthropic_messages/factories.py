"""Small things that the tests of Messages are made of."""

import json
import tomllib
from pathlib import Path
from typing import Any

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.dialects.wire import Ending, Identity, Target
from modelport.operations.usage import Usage

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/source.toml"))
STREAMS = [case for case in CASES if (case / "response.sse").exists()]
WHOLE = [case for case in CASES if (case / "response.json").exists()]
CHARGED = 156
META = {"usage": {"credits_used": 156, "usd_spent": 0.000078}}
IDENTITY = Identity("ours", 1777550000, "acme/small")


def identity() -> Identity:
    return IDENTITY


def source(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "source.toml").read_text())


def target(output_bound: int | None = None, output_tokens: int | None = 64000, **quirks: Any) -> Target:
    provider = Provider(id="p", name="P", base_url="https://p.example/v1", speaks={"chat": ("anthropic_messages",)})
    offer = Offer(model_id="m", provider=provider, upstream="upstream-name", quirks=Quirks(**quirks))
    model = Model(id="m", name="M", maker="p", operation="chat", description="", output_tokens=output_tokens)
    return Target(offer, model, output_bound)


def ending(usage: Usage | None, **rest: Any) -> Ending:
    return Ending(usage or Usage({"input": 1, "output": 2}, "counted"), CHARGED, **rest)


def body(*messages: dict[str, Any], **fields: Any) -> bytes:
    listed = messages or ({"role": "user", "content": "hi"},)
    return json.dumps({"model": "m", "max_tokens": 5000, "messages": listed, **fields}).encode()


def events_of(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Split a stream as Anthropic's own SDKs do, which pass over events without a name."""
    assert stream.endswith(b"\n\n")
    told: list[tuple[str, dict[str, Any]]] = []
    for event in stream[:-2].split(b"\n\n"):
        name, data = event.split(b"\n")
        assert name.startswith(b"event: ")
        payload = json.loads(data.removeprefix(b"data: "))
        told.append((name[7:].decode(), payload))
        assert name[7:].decode() == payload["type"]
    return told


def assembled(stream: bytes) -> dict[str, Any]:
    """Join a stream to the message that it tells, holding it to the order that Anthropic documents."""
    message: dict[str, Any] = {}
    content: list[dict[str, Any]] = []
    pieces: list[str] = []
    is_open = is_stopped = False
    for kind, event in events_of(stream):
        assert not is_stopped
        match kind:
            case "message_start":
                assert not message
                message = event["message"]
            case "content_block_start":
                assert not is_open
                assert event["index"] == len(content)
                content.append(event["content_block"])
                is_open, pieces = True, []
            case "content_block_delta":
                assert is_open
                assert event["index"] == len(content) - 1
                _grow(content[-1], event["delta"], pieces)
            case "content_block_stop":
                assert is_open
                is_open = False
                if pieces and "".join(pieces):
                    content[-1]["input"] = json.loads("".join(pieces))
            case "message_delta":
                assert not is_open
                message |= event["delta"]
                message["usage"] |= event["usage"]
                message["meta"] = event["meta"]
            case "message_stop":
                is_stopped = True
            case "ping":
                assert message
    assert is_stopped
    return {**message, "content": content}


def _grow(block: dict[str, Any], delta: dict[str, Any], pieces: list[str]) -> None:
    match delta["type"]:
        case "text_delta":
            assert block["type"] == "text"
            block["text"] += delta["text"]
        case "thinking_delta":
            assert block["type"] == "thinking"
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block["citations"] = [*block.get("citations", []), delta["citation"]]
        case "input_json_delta":
            pieces.append(delta["partial_json"])
        case unknown:
            raise AssertionError(unknown)
