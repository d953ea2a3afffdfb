"""What the fake says: deterministic text from the last user message, in pieces, with usage that adds up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from tests.fake.asked import Asked, CacheUse, Tool, cut
from tests.fake.models import Pace
from tests.fake.samples import sample

End = Literal["stop", "stop_word", "length", "tools", "refusal"]

REFUSAL = "I will not say that."
SAID = "x-said"
"""A keyword in the schema of a tool: the JSON, as text, that it is called with."""
SOURCE_URL = "https://example.com/fake"
SOURCE_TITLE = "A page that does not exist"


@dataclass(frozen=True, slots=True)
class Spent:
    """What an answer used, in tokens."""

    prompt: int
    """All of the prompt, whether it was in the cache or not."""
    completion: int
    """All of the output, thoughts included."""
    reasoning: int = 0
    cache: CacheUse = field(default_factory=CacheUse)
    searches: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool by the model."""

    name: str
    arguments: str
    """JSON, or plain text for a tool that takes such."""
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer, before it takes a wire form; every choice is the same."""

    number: int
    model: str
    choices: int
    pieces: tuple[str, ...]
    thoughts: tuple[str, ...]
    tools: tuple[ToolCall, ...]
    end: End
    spent: Spent
    logprobs: int | None
    """How many alternatives to list with each token; None for no list."""
    stop_word: str | None = None
    """The stop sequence that ended the text."""
    refusal: str | None = None
    query: str | None = None
    """What was searched for on the web, where it was."""
    is_redacted: bool = False
    """Whether the thoughts come as an opaque block."""
    thought: bool = False
    """Whether the model reasoned, shown or not."""

    @property
    def text(self) -> str:
        """The whole content."""
        return "".join(self.pieces)


def complete(asked: Asked, number: int, pace: Pace) -> Completion:
    """Answer a call that was not refused."""
    refuses = asked.model == "refuser"
    tools = () if refuses else _tool_calls(asked)
    thoughts, pieces, end, word = _speak(asked, pace, is_silent=bool(tools) or refuses)
    output = max(1, len(pieces) + len(thoughts) + len(tools))
    completion = (_metered(asked.model, asked.limit) or output) * asked.choices
    searches = asked.searches or asked.model == "searcher"
    return Completion(
        number=number,
        model=asked.model,
        choices=asked.choices,
        pieces=pieces,
        thoughts=() if asked.hides_thoughts else thoughts,
        tools=tools,
        end=_end(asked.model, end, tools),
        spent=_spent(asked, completion, len(thoughts) * asked.choices, searches=searches and not tools),
        logprobs=asked.logprobs,
        stop_word=word,
        refusal=REFUSAL if refuses else None,
        query=asked.heard if searches and not tools else None,
        is_redacted=asked.redacts_thoughts,
        thought=bool(thoughts),
    )


def _metered(model: str, limit: int | None) -> int | None:
    bound = 16 if limit is None else limit
    return {"meter": bound, "meter-half": max(1, bound // 2)}.get(model)


def _end(model: str, end: End, tools: tuple[ToolCall, ...]) -> End:
    if tools:
        return "tools"
    metered: Mapping[str, End] = {"meter": "length", "meter-half": "stop", "refuser": "refusal"}
    return metered.get(model, end)


def _speak(asked: Asked, pace: Pace, *, is_silent: bool) -> tuple[tuple[str, ...], tuple[str, ...], End, str | None]:
    """Return thoughts, pieces, why they end, and the stop sequence that ended them."""
    if asked.model in {"meter", "meter-half"}:
        return (), ("ok",), "stop", None
    thoughts = cut(f"Thinking about: {asked.heard}") if asked.thinks else ()
    text, word = _stopped("" if is_silent else _answer(asked), asked.stops)
    pieces = cut(text)
    if pace.pieces is not None:
        pieces = tuple(f"word{index} " for index in range(pace.pieces))
    if asked.limit is not None and len(thoughts) + len(pieces) > asked.limit:
        return thoughts[: asked.limit], pieces[: max(0, asked.limit - len(thoughts))], "length", None
    end: End = "stop" if word is None else "stop_word"
    return thoughts, pieces, end, word


def _answer(asked: Asked) -> str:
    if asked.form is not None:
        value = sample(asked.form) if asked.form else {"said": asked.heard}
        return msgspec.json.encode(value).decode()
    return asked.heard if asked.model == "echo" else f"You said: {asked.heard}"


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """Cut text before the stop sequence that comes first."""
    found = [(text.index(word), word) for word in stops if word and word in text]
    if not found:
        return text, None
    at, word = min(found)
    return text[:at], word


def _tool_calls(asked: Asked) -> tuple[ToolCall, ...]:
    """Call the tool that is named, the first when one is required, or those that the user mentions.

    A tool of the vendor's own is called whenever the user has spoken.
    """
    tools = asked.tools
    if not tools or asked.choice == "none":
        return ()
    if asked.choice == "auto":
        is_fresh = bool(asked.said) and asked.said[-1].role == "user"
        tools = tuple(tool for tool in tools if is_fresh and (tool.is_builtin or tool.name in asked.heard))
    elif asked.choice != "required":
        tools = tuple(tool for tool in tools if tool.name == asked.choice)
    several = asked.choice == "auto" and asked.is_parallel
    return tuple(_call(tool) for tool in (tools if several else tools[:1]))


def _call(tool: Tool) -> ToolCall:
    if tool.schema is None:
        return ToolCall(tool.name, "plain text", is_custom=True)
    schema = tool.schema or {"type": "object"}
    said = schema.get(SAID)  # models write their arguments in many ways
    return ToolCall(tool.name, said or msgspec.json.encode(sample(schema)).decode())


def _spent(asked: Asked, completion: int, reasoning: int, *, searches: bool) -> Spent:
    return Spent(asked.prompt_tokens, completion, reasoning, asked.cache, int(searches))


def implicit_cache(model: str, prompt: int) -> CacheUse:
    """How much of a prompt a vendor that caches by itself had: half of what is long, always half of `cached`'s."""
    if prompt >= 1024:
        return CacheUse(read=prompt // 2 // 128 * 128)
    return CacheUse(read=prompt // 2 if model == "cached" else 0)
