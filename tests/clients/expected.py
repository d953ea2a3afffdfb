"""What each scenario must have seen, by its name: the fake says what it was told, so contents can be told apart."""

from collections.abc import Callable, Mapping
from typing import Any

SAID = "You said: ahoy there"
THOUGHT = "Thinking about: ahoy there"
ONE = "You said: Ask get_weather about the harbour."
BOTH = "You said: Ask get_weather and get_tide about the harbour."
HEARD = "Hello there."
SEEN = "You said: What is on it? [image]"
PORT = {"name": "text", "depth_m": 1, "pilots": ["text"]}
TIDE = ["get_tide", {"harbour": "text", "hour": 1}]
STATUSES = {"authentication": 401, "not_found": 404, "bad_request": 400, "permission": 403, "rate_limit": 429}
ENDS = {"stop", "end_turn", "completed"}
CALLED = {"tool_calls", "tool_use", "tool-calls"}
CUT = {"length", "max_tokens"}
KINDS = {
    "authentication": "AuthenticationError",
    "not_found": "NotFoundError",
    "bad_request": "BadRequestError",
    "permission": "PermissionDeniedError",
    "rate_limit": "RateLimitError",
}
"""The exceptions of the official SDKs."""

Detail = Any


def check(scenario: str, detail: Detail) -> None:
    """Assert that a scenario saw what it must have seen."""
    name = scenario.partition("[")[0]
    for prefix in ("responses_", "messages_", "aiml_openai_", "aiml_"):
        name = name.removeprefix(prefix)
    CHECKS[name](detail)


def whole(detail: Detail) -> None:
    assert detail["text"] == SAID
    assert detail.get("finish", detail.get("status", "stop")) in ENDS
    tokens = detail.get("tokens") or tokens_in(detail.get("usage"))
    assert all(count > 0 for count in tokens)
    assert detail.get("credits", 1) > 0


def tokens_in(usage: Mapping[str, int] | None) -> list[int]:
    """Read prompt and output tokens of either spelling."""
    if usage is None:
        return []
    if "prompt_tokens" in usage:
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        return [usage["prompt_tokens"], usage["completion_tokens"]]
    return [usage["input_tokens"], usage["output_tokens"]]


def stream(detail: Detail) -> None:
    whole({**detail, "finish": "stop"})
    assert detail.get("pieces", 2) > 1
    assert detail.get("deltas", SAID) == SAID
    assert detail.get("ids", 1) == 1
    assert detail.get("last_is_usage", True)
    assert detail.get("in_order", True)
    finish = detail.get("finish", "stop")
    assert set([finish] if isinstance(finish, str) else finish) <= ENDS
    ends = (detail.get("first"), detail.get("last"))
    assert ends in {(None, None), ("response.created", "response.completed"), ("message_start", "message_stop")}


def stop(detail: Detail) -> None:
    """The text ends before the word; a provider that cannot do it is told of, never passed over in silence."""
    if {"stop", "stop_sequences"} & set(detail["dropped"].split(", ")):
        assert detail["text"] == SAID
        return
    assert detail["text"].rstrip() == "You said: ahoy"
    assert (detail["finish"], detail.get("sequence")) in {
        ("stop", None),
        ("stop_sequence", "there"),
        ("end_turn", None),  # where the provider does not say which word it was
    }


def length(detail: Detail) -> None:
    assert detail["text"].split()[:4] == ["You", "said:", "ahoy", "port0"]
    assert "port39" not in detail["text"]
    assert detail["finish"] in CUT


def weather(call: list[Any]) -> None:
    """The first tool was called with what its schema allows."""
    name, arguments = call
    assert name == "get_weather"
    assert arguments["city"] == "text"
    assert arguments["unit"] in {"celsius", "text"}  # a plain string, where the client derived the schema itself


def tool_loop(detail: Detail) -> None:
    [call] = detail["calls"]
    weather(call)
    ended(detail, ONE)


def parallel_tools(detail: Detail) -> None:
    first, second = detail["calls"]
    weather(first)
    assert second == TIDE
    assert detail.get("ids", 2) == 2
    assert detail.get("steps", 2) == 2
    ended(detail, BOTH)


def ended(detail: Detail, final: str) -> None:
    assert detail["final"] == final
    assert detail.get("finish", "tool_calls") in CALLED
    assert detail.get("final_finish", "stop") in ENDS
    assert detail.get("content") is None


def thinking_tools(detail: Detail) -> None:
    assert detail["thoughts"].startswith("Thinking about: Ask get_weather")
    (tool_loop if len(detail["calls"]) == 1 else parallel_tools)(detail)


def tool_stream(detail: Detail) -> None:
    parallel_tools({**detail, "final": BOTH})
    assert detail.get("done", ["get_weather", "get_tide"]) == ["get_weather", "get_tide"]


def forced_tool(detail: Detail) -> None:
    assert detail == [["get_tide"], ["get_weather"], []]


def structured(detail: Detail) -> None:
    assert detail == PORT


def structured_tool(detail: Detail) -> None:
    assert detail == [PORT]


def structured_stream(detail: Detail) -> None:
    assert detail["last"] == PORT
    assert detail["parts"] > 0


def with_cost(detail: Detail) -> None:
    assert detail["port"] == PORT
    assert detail["credits"] > 0


def vision(detail: Detail) -> None:
    assert detail["text"] == SEEN


def reasoning(detail: Detail) -> None:
    assert detail["text"] == detail.get("streamed_text", SAID) == SAID
    assert detail["thoughts"] == detail.get("streamed", THOUGHT) == THOUGHT
    assert detail.get("kinds", ["thinking", "text"])[:2] == ["thinking", "text"]


def text(detail: Detail) -> None:
    assert (detail if detail == PORT else detail["text"]) in (SAID, PORT)
    assert detail.get("same", True)


def continued(detail: Detail) -> None:
    assert detail["text"] == detail["kept"] == "You said: and again"
    assert detail["previous"]
    assert detail["gone"]


def count(detail: Detail) -> None:
    assert detail["tokens"] > 0


def embeddings(detail: Detail) -> None:
    assert detail["count"] == 3
    assert detail["dimensions"] > 1
    assert detail["repeats"]
    assert detail.get("order", [0, 1, 2]) == [0, 1, 2]
    assert detail.get("same", True)
    assert detail.get("tokens", 1) > 0
    assert detail.get("credits", 1) > 0


def models(detail: Detail) -> None:
    assert {"gpt-4o", "fake/echo", "fake/thinker"} <= set(detail["ids"])
    assert detail.get("same", True)


def errors(detail: Detail) -> None:
    assert {name: error and error["status"] for name, error in detail.items()} == STATUSES
    assert "/app/keys" in detail["authentication"]["message"]
    assert "fake/ecko" in detail["not_found"]["message"]
    assert any(name in detail["bad_request"]["message"] for name in ("temperature", "top_p"))
    assert "/app/billing" in detail["permission"]["message"]


def kinds(detail: Detail) -> None:
    """The exceptions are those that callers of the official SDKs catch."""
    assert {name: error["kind"] for name, error in detail.items()} == KINDS


def images(detail: Detail) -> None:
    """Each picture is there, and of the size that was asked for."""
    assert detail["sizes"] == [detail["wanted"]] * detail.get("count", len(detail["sizes"]) or 1)
    assert detail.get("credits", 1) > 0


def image_stream(detail: Detail) -> None:
    """Unfinished pictures come in their order, then the finished one, which says what all of it cost."""
    kinds = [kind.rpartition(".") for kind in detail["kinds"]]
    assert len({about for about, _, _ in kinds}) == 1
    assert [what for _, _, what in kinds] == ["partial_image", "partial_image", "completed"]
    assert detail["numbers"] == [0, 1]
    images(detail)
    assert detail["told"] == ["1024x1024", "low", "png"]
    assert detail["tokens"] > 0
    assert detail["credits"] == 100_000 + 2 * 6_000


def speech(detail: Detail) -> None:
    assert (detail["type"], detail["same"]) == ("audio/mpeg", True)


def transcripts(detail: Detail) -> None:
    """The words come in every form."""
    assert detail["text"] == detail["verbose"] == detail["plain"].strip() == HEARD
    assert detail["srt"].startswith("1\n00:00:00,")
    assert detail["vtt"].startswith("WEBVTT\n\n00:00:00.")
    assert all(HEARD in detail[form] for form in ("srt", "vtt"))
    assert detail["words"] == HEARD.split()
    assert detail.get("credits", 1) > 0


def transcript_stream(detail: Detail) -> None:
    *deltas, last = detail["kinds"]
    assert set(deltas) == {"transcript.text.delta"}
    assert last == "transcript.text.done"
    assert detail["text"] == detail["whole"] == HEARD
    assert detail["credits"] > 0


def transcript_job(detail: Detail) -> None:
    assert detail == {"status": "completed", "text": HEARD, "transcript": HEARD}


CHECKS: dict[str, Callable[[Detail], None]] = {
    "whole": whole,
    "stream": stream,
    "stop": stop,
    "length": length,
    "tool_loop": tool_loop,
    "tools": lambda detail: (tool_loop if len(detail["calls"]) == 1 else parallel_tools)(detail),
    "parallel_tools": parallel_tools,
    "tool_runner": parallel_tools,
    "thinking_tools": thinking_tools,
    "tool_stream": tool_stream,
    "forced_tool": forced_tool,
    "structured": structured,
    "structured_by_tool": structured,
    "structured_tool": structured_tool,
    "structured_stream": structured_stream,
    "several": structured_tool,
    "with_cost": with_cost,
    "vision": vision,
    "reasoning": reasoning,
    "thinking": reasoning,
    "cached": text,
    "beta": text,
    "bearer": text,
    "sample": text,
    "azure": text,
    "completions": text,
    "asynchronous": text,
    "continued": continued,
    "count": count,
    "embeddings": embeddings,
    "models": models,
    "images": images,
    "images_inside": images,
    "image_edit": images,
    "image_stream": image_stream,
    "image_edit_stream": image_stream,
    "speech": speech,
    "speech_whole": speech,
    "transcripts": transcripts,
    "transcript_stream": transcript_stream,
    "transcript_job": transcript_job,
    "errors": errors,
}
