"""Conversations and answers that every pair of wire formats is tried with."""

from msgspec.structs import replace

from modelport.operations.content import (
    Audio,
    CacheMark,
    Citation,
    Document,
    Image,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
    Video,
)
from modelport.operations.conversation import (
    AnswerFormat,
    Conversation,
    Reasoning,
    Tool,
    ToolChoice,
)
from modelport.operations.reply import Choice, Reply
from modelport.operations.usage import Usage

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJeLjz9MKMSAwIG9iago8PC9UeXBlL0NhdGFsb2c+PgplbmRvYmoKdHJhaWxlcgo8PC9Sb290IDEgMCBSPj4KJSVFT0YK"
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
SCHEMA = b'{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}'
WEATHER = Tool("get_weather", "Tells the weather.", parameters=SCHEMA)
TIME = Tool("get_time", "Tells the time.", parameters=b'{"type":"object","properties":{"zone":{"type":"string"}}}')
ODD_ARGUMENTS = '{"city": "Z\\u00fcrich \\"old\\"",  "days":12345678901234567890, "a":{"z":1,"b":2.50}}'


def user(*parts: str | Text | Image | Document | Audio | Video) -> Turn:
    """A turn of the user."""
    return Turn("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def system(text: str) -> Turn:
    """Instructions."""
    return Turn("system", (Text(text),))


def talk(*turns: Turn, **fields: object) -> Conversation:
    """A call."""
    return Conversation(turns=turns, **fields)  # type: ignore[arg-type]


TOOL_LOOP = (
    user("What is the weather in Paris and in Rome, and what time is it?"),
    Turn(
        "assistant",
        (
            Text("I will look."),
            ToolUse("call_1", "get_weather", '{"city":"Paris"}'),
            ToolUse("call_2", "get_weather", ODD_ARGUMENTS),
            ToolUse("call_3", "get_time", "{}"),
        ),
    ),
    Turn("tool", (ToolResult("call_1", (Text("sunny"),), name="get_weather"),)),
    Turn("tool", (ToolResult("call_2", (Text('{"sky":"grey"}'),), name="get_weather"),)),
    Turn("tool", (ToolResult("call_3", (Text("noon"),), name="get_time"),)),
    user("Thanks. And tomorrow?"),
)

CONVERSATIONS: dict[str, Conversation] = {
    "plain": talk(user("Hello")),
    "system": talk(system("Be brief."), user("Hello"), Turn("assistant", (Text("Hi."),)), user("Again")),
    "several texts": talk(user("One.", "Two.")),
    "bounded": talk(user("Hello"), max_tokens=64),
    "sampling": talk(user("Hello"), temperature=0.5, max_tokens=64),
    "nucleus": talk(user("Hello"), top_p=0.9, max_tokens=64),
    "stop": talk(user("Count"), stop=("five", "six")),
    "image by url": talk(user("What is it?", Image(Source(url="https://example.com/cat.png")))),
    "image inline": talk(user("What is it?", Image(Source(data=PIXEL, media_type="image/png")))),
    "pdf": talk(user("Sum up.", Document(Source(data=PDF, media_type="application/pdf"), "paper.pdf"))),
    "audio": talk(user("Listen.", Audio(Source(data=WAV, media_type="audio/wav"), "wav"))),
    "video": talk(user("Watch.", Video(Source(url="https://example.com/film.mp4")))),
    "tools": talk(user("Weather?"), tools=(WEATHER, TIME)),
    "tool choice none": talk(user("Weather?"), tools=(WEATHER,), tool_choice=ToolChoice("none")),
    "tool choice required": talk(user("Weather?"), tools=(WEATHER,), tool_choice=ToolChoice("required")),
    "tool choice named": talk(user("Weather?"), tools=(WEATHER, TIME), tool_choice=ToolChoice("named", "get_weather")),
    "one tool at a time": talk(user("Weather?"), tools=(WEATHER,), parallel_tools=False),
    "parallel tools with results": talk(*TOOL_LOOP, tools=(WEATHER, TIME)),
    "a tool that failed": talk(
        user("Weather?"),
        Turn("assistant", (ToolUse("call_1", "get_weather", '{"city":"Oslo"}'),)),
        Turn("tool", (ToolResult("call_1", (Text("no such city"),), is_error=True, name="get_weather"),)),
        tools=(WEATHER,),
    ),
    "a tool that drew": talk(
        user("Weather?"),
        Turn("assistant", (ToolUse("call_1", "get_weather", '{"city":"Oslo"}'),)),
        Turn(
            "tool",
            (
                ToolResult(
                    "call_1",
                    (Text("a map"), Image(Source(data=PIXEL, media_type="image/png"))),
                    name="get_weather",
                ),
            ),
        ),
        tools=(WEATHER,),
    ),
    "json schema": talk(user("As JSON"), format=AnswerFormat("json_schema", "weather", SCHEMA, strict=True)),
    "json object": talk(user("As JSON"), format=AnswerFormat("json_object")),
    "effort": talk(user("Think"), reasoning=Reasoning(effort="high")),
    "a refusal before": talk(user("Do it"), Turn("assistant", (Refusal("I will not."),)), user("Please")),
    "cache": talk(user(Text("A long text", cache=CacheMark()), "Go on")),
    "marks of a user": talk(user("Hello"), user="someone"),
}
"""What can be asked, each in the form between the formats."""


def thought(origin: str) -> Conversation:
    """A loop of tools with the reasoning that led to the call, which its provider wants back."""
    thinking = {
        "anthropic_messages": Thinking("Paris it is.", signature="c2lnbmF0dXJl", origin=origin),
        "openai_responses": Thinking("Paris it is.", encrypted="Z2VoZWlt", id="rs_1", is_summary=True, origin=origin),
        "google_gemini": Thinking("Paris it is.", origin=origin),
    }[origin]
    use = ToolUse("call_1", "get_weather", '{"city":"Paris"}')
    if origin == "google_gemini":
        use = replace(use, signature="c2lnbmF0dXJl", origin=origin)
    return talk(
        user("Weather?"),
        Turn("assistant", (thinking, use)),
        Turn("tool", (ToolResult("call_1", (Text("sunny"),), name="get_weather"),)),
        tools=(WEATHER,),
        reasoning=Reasoning(effort="medium"),
        max_tokens=20_000,
    )


ORIGINS = ("anthropic_messages", "openai_responses", "google_gemini")

USAGE = Usage({"input": 10, "output": 5}, "provider")


def reply(*parts: object, finish: str = "stop", **fields: object) -> Reply:
    """A whole answer with one choice."""
    choice = Choice(0, parts, finish, **fields)  # type: ignore[arg-type]
    return Reply((choice,), USAGE, "answer-1", "model-1", 1_777_550_000)


REPLIES: dict[str, Reply] = {
    "text": reply(Text("Hello, wörld 👋")),
    "cut": reply(Text("Hello, wor"), finish="length"),
    "filtered": reply(Text("Well"), finish="content_filter"),
    "tool": reply(ToolUse("call_1", "get_weather", ODD_ARGUMENTS), finish="tool_calls"),
    "text and tools": reply(
        Text("I will look."),
        ToolUse("call_1", "get_weather", '{"city":"Paris"}'),
        ToolUse("call_2", "get_time", "{}"),
        finish="tool_calls",
    ),
    "thought": reply(Thinking("Let me see."), Text("Four.")),
    "thought and tool": reply(
        Thinking("Let me see."), ToolUse("call_1", "get_weather", '{"city":"Paris"}'), finish="tool_calls"
    ),
    "cited": reply(Text("It is sunny.", (Citation("https://example.com/sky", "Sky", 0, 12),))),
}
"""What can be answered."""
