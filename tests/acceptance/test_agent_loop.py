"""A coding agent at work: many turns, parallel tools, thinking, cache markers, and a history that grows to 200 KB.

It speaks Anthropic Messages to a provider that speaks OpenAI Chat, and OpenAI Responses to one that speaks Messages.
What its tools were called with passes byte by byte: what the agent sends is compared with what the provider got, what
the provider said with what the agent got.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from tests.acceptance.gateway import SECRETS, Gateway
from tests.fake import FakeUpstream
from tests.fake.completions import SAID as KEYWORD
from tests.fake.overlay import write_formats, write_overlay

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURNS = 32
RESULT_BYTES = 3_400
HISTORY_BYTES = 200_000
SYSTEM = "You are a careful programmer. " * 40
STEP = "Step {}: use read_file, then run_shell at the same time."
SAID: dict[str, bytes] = {
    "read_file": (
        '{ "zeta" : "C:\\\\new\\t\\"x\\" \\u2028 \\u00e9 é 港 🚢 </script> \\/ /",\n\t"path":"src/main.py",'
        '"big":12345678901234567890123456789 , "alpha": {"b":[1.0, -0, 1E40,{"a":null}],"a":""} }'
    ).encode(),
    "run_shell": b'{"command":"printf \'%s\\\\n\' \\"$HOME\\" | sed \'s/\\\\//_/g\'\\n","timeout_s":1e-7,"":"empty"}',
}
"""What the provider calls each tool with, byte for byte: nothing here is how we would write it."""
SCHEMAS: dict[str, dict[str, Any]] = {
    name: {"type": "object", "properties": {"path": {"type": "string"}}, KEYWORD: said.decode()}
    for name, said in SAID.items()
}
EXOTIC: list[bytes] = [
    b"{}",
    b'{ "path" : "a.py" ,\n\t"line":  12 }',
    b'{"z":1,"a":2,"m":{"z":[],"a":{}}}',
    '{"text":"\\u00e9 é \\ud83d\\udea2 🚢 \\/ / \\b\\f \u2028"}'.encode(),
    b'{"n":[12345678901234567890123456789,-0,1.0,1.10,1E40,1e-7,0.1000000000000000055511151231257827]}',
    b'{"":"","a.b":null,"$ref":"#/x","__proto__":true}',
    b'{"code":"if (a < b && c > d) { return \\"x\\\\n\\"; }\\r\\n"}',
]
"""What tools were called with before the session was taken up again."""


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway with the fake behind it, in this process, so that what arrived can be looked at."""

    fake: FakeUpstream
    client: httpx.AsyncClient

    async def ask(self, path: str, body: bytes) -> bytes:
        """Make one call, and return all of its answer."""
        response = await self.client.post(path, content=body, headers={"content-type": "application/json"})
        assert response.status_code == 200, response.text
        return response.content


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    gateway = Gateway(tmp_path_factory.mktemp("agent") / "data", secrets=SECRETS)
    async with FakeUpstream() as fake:
        write_overlay(gateway.catalogue, fake.base_url, faults=())
        write_formats(gateway.catalogue, fake.base_url, faults=())
        with gateway:
            gateway.create_account("agent", "50")
            headers = {"authorization": f"Bearer {gateway.create_key('agent')}"}
            async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=60) as client:
                yield Place(fake, client)


@dataclass(frozen=True, slots=True)
class Called:
    """A tool that was called, with the bytes that it was called with."""

    id: str
    name: str
    arguments: bytes


@dataclass(slots=True)
class Answer:
    """What a turn brought: the calls, the thoughts, and the pieces of history as JSON that the agent keeps of it."""

    calls: list[Called] = field(default_factory=list[Called])
    thoughts: str = ""
    kept: list[bytes] = field(default_factory=list[bytes])


def quoted(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def result_of(turn: int, name: str) -> str:
    """What a tool said: some kilobytes, with what likes to be mangled."""
    line = f'{turn:03} {name}: "quoted" \\backslash é 港 \U0001f6a2 \u2028 </tool_result>\n'
    return line * (RESULT_BYTES // len(line.encode()))


class Block(msgspec.Struct):
    """A block of Anthropic Messages, with the input of a tool as it was written."""

    type: str
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"")
    thinking: str = ""
    signature: str = ""


class Turn(msgspec.Struct):
    """A message of Anthropic Messages; its content is not decoded further."""

    role: str
    content: msgspec.Raw


class Talk(msgspec.Struct):
    """The messages of a call."""

    messages: list[Turn]


class Item(msgspec.Struct):
    """An item of OpenAI Responses."""

    type: str
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    summary: list[dict[str, Any]] = []
    content: list[dict[str, Any]] | None = None


class Output(msgspec.Struct):
    """The items of an answer, as they were written."""

    output: list[msgspec.Raw]


def events_of(answer: bytes) -> Iterator[dict[str, Any]]:
    """Read the events of a stream."""
    for line in answer.split(b"\n"):
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            yield msgspec.json.decode(line[6:])


class MessagesAgent:
    """Speaks Anthropic Messages."""

    path = "/v1/messages"

    def __init__(self, model: str) -> None:
        self.model = model
        self.history: list[bytes] = []
        self.waiting: list[bytes] = []

    def begin(self) -> list[Called]:
        """Take a session up again that called tools with strange things."""
        calls = [Called(f"toolu_old{index:02}", "read_file", raw) for index, raw in enumerate(EXOTIC)]
        asked = [
            b'{"type": "tool_use", "id": %b, "name": "read_file", "input": %b}' % (quoted(call.id), call.arguments)
            for call in calls
        ]
        self.history += [b'{"role": "user", "content": "Go on."}', self._message(b"assistant", asked)]
        for call in calls:
            self.answer(call, "done")
        done = [b'{"type": "text", "text": "Done."}']
        self.history += [self._message(b"user", self.waiting), self._message(b"assistant", done)]
        self.waiting = []
        return calls

    def answer(self, call: Called, result: str) -> None:
        """Hold what a tool said for the next turn."""
        self.waiting.append(
            b'{"type": "tool_result", "tool_use_id": %b, "content": [{"type": "text", "text": %b}]}'
            % (quoted(call.id), quoted(result))
        )

    def body(self, text: str, *, is_streaming: bool) -> bytes:
        """Write the next call; the last block of the history carries the marker of the cache."""
        said = b'{"type": "text", "text": %b' % quoted(text)
        marked = self._message(b"user", [*self.waiting, said + b', "cache_control": {"type": "ephemeral"}}'])
        self.history.append(self._message(b"user", [*self.waiting, said + b"}"]))
        self.waiting = []
        tools = [{"name": name, "description": f"{name}.", "input_schema": schema} for name, schema in SCHEMAS.items()]
        tools[-1]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
        system = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
        thinking = {"type": "enabled", "budget_tokens": 2048}
        fields = {"model": self.model, "max_tokens": 8000, "stream": is_streaming, "system": system, "tools": tools}
        head = quoted({**fields, "thinking": thinking})
        return head[:-1] + b', "messages": [' + b", ".join([*self.history[:-1], marked]) + b"]}"

    def keep(self, answer: Answer) -> None:
        """Add an answer to the history, as it came."""
        self.history.append(self._message(b"assistant", answer.kept))

    def read(self, answer: bytes, *, is_streaming: bool) -> Answer:
        """Read an answer without touching what tools are called with."""
        if is_streaming:
            raws = list(self._assembled(answer))
        else:
            raws = [
                bytes(raw)
                for raw in msgspec.json.decode(msgspec.json.decode(answer, type=Turn).content, type=list[msgspec.Raw])
            ]
        read = Answer(kept=raws)
        for block in (msgspec.json.decode(raw, type=Block) for raw in raws):
            read.thoughts += block.thinking
            if block.type == "tool_use":
                read.calls.append(Called(block.id, block.name, bytes(block.input)))
        return read

    def _assembled(self, answer: bytes) -> Iterator[bytes]:
        blocks: dict[int, dict[str, Any]] = {}
        inputs: dict[int, str] = {}
        kinds = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
        last = ""
        for event in events_of(answer):
            last = event["type"]
            if last == "content_block_start":
                blocks[event["index"]] = event["content_block"]
            elif last == "content_block_delta":
                delta, index = event["delta"], event["index"]
                if delta["type"] == "input_json_delta":
                    inputs[index] = inputs.get(index, "") + delta["partial_json"]
                else:
                    name = kinds[delta["type"]]
                    blocks[index][name] = blocks[index].get(name, "") + delta[name]
        assert last == "message_stop"
        for index, block in blocks.items():
            given = block.pop("input", None)
            raw = quoted(block)
            yield raw if given is None else raw[:-1] + b', "input": ' + (inputs.get(index) or "{}").encode() + b"}"

    def _message(self, role: bytes, blocks: list[bytes]) -> bytes:
        return b'{"role": "%b", "content": [%b]}' % (role, b", ".join(blocks))


class ResponsesAgent:
    """Speaks OpenAI Responses."""

    path = "/v1/responses"

    def __init__(self, model: str) -> None:
        self.model = model
        self.history: list[bytes] = []

    def begin(self) -> list[Called]:
        """Take a session up again that called tools with strange things."""
        calls = [Called(f"call_old{index:02}", "read_file", raw) for index, raw in enumerate(EXOTIC)]
        self.history.append(b'{"role": "user", "content": "Go on."}')
        self.history += [
            quoted(
                {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments.decode()}
            )
            for call in calls
        ]
        for call in calls:
            self.answer(call, "done")
        self.history.append(b'{"role": "assistant", "content": "Done."}')
        return calls

    def answer(self, call: Called, result: str) -> None:
        """Add what a tool said."""
        self.history.append(quoted({"type": "function_call_output", "call_id": call.id, "output": result}))

    def body(self, text: str, *, is_streaming: bool) -> bytes:
        """Write the next call."""
        self.history.append(quoted({"role": "user", "content": [{"type": "input_text", "text": text}]}))
        tools = [{"type": "function", "name": name, "parameters": schema} for name, schema in SCHEMAS.items()]
        fields = {"model": self.model, "instructions": SYSTEM, "stream": is_streaming, "tools": tools}
        more = {
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "max_output_tokens": 8000,
        }
        head = quoted({**fields, **more, "store": False, "parallel_tool_calls": True})
        return head[:-1] + b', "input": [' + b", ".join(self.history) + b"]}"

    def keep(self, answer: Answer) -> None:
        """Add the items of an answer to the history, as they came."""
        self.history += answer.kept

    def read(self, answer: bytes, *, is_streaming: bool) -> Answer:
        """Read an answer; of a stream, from the items that were done, and what was streamed must be the same."""
        if is_streaming:
            raws = list(self._done(answer))
        else:
            raws = [bytes(raw) for raw in msgspec.json.decode(answer, type=Output).output]
        read = Answer(kept=raws)
        for item in (msgspec.json.decode(raw, type=Item) for raw in raws):
            if item.type == "function_call":
                read.calls.append(Called(item.call_id, item.name, item.arguments.encode()))
            if item.type == "reasoning":
                read.thoughts += "".join(part["text"] for part in [*item.summary, *(item.content or ())])
        return read

    def _done(self, answer: bytes) -> Iterator[bytes]:
        streamed: dict[str, str] = {}
        last = ""
        for event in events_of(answer):
            last = event["type"]
            if last == "response.function_call_arguments.delta":
                streamed[event["item_id"]] = streamed.get(event["item_id"], "") + event["delta"]
            elif last == "response.output_item.done":
                item = event["item"]
                if item["type"] == "function_call":
                    assert streamed[item["id"]] == item["arguments"]
                yield quoted(item)
        assert last == "response.completed"


def calls_in_chat(body: bytes) -> list[Called]:
    """Find the calls of tools in what a provider that speaks OpenAI Chat was sent."""
    messages = msgspec.json.decode(body)["messages"]
    return [
        Called(call["id"], call["function"]["name"], call["function"]["arguments"].encode())
        for message in messages
        for call in message.get("tool_calls") or ()
    ]


def results_in_chat(body: bytes) -> list[tuple[str, str]]:
    """Find what the tools said, in the order of the messages."""
    found = [message for message in msgspec.json.decode(body)["messages"] if message["role"] == "tool"]
    return [(message["tool_call_id"], text_in(message["content"])) for message in found]


def calls_in_messages(body: bytes) -> list[Called]:
    """Find the calls of tools in what a provider that speaks Anthropic Messages was sent, as they were written."""
    return [Called(block.id, block.name, bytes(block.input)) for block in blocks_in(body) if block.type == "tool_use"]


def blocks_in(body: bytes) -> Iterator[Block]:
    """Walk through the blocks of all messages."""
    for turn in msgspec.json.decode(body, type=Talk).messages:
        if turn.content and bytes(turn.content).lstrip().startswith(b"["):
            yield from msgspec.json.decode(turn.content, type=list[Block])


def results_in_messages(body: bytes) -> list[tuple[str, str]]:
    """Find what the tools said, in the order of the messages."""
    messages = msgspec.json.decode(body)["messages"]
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    found = [block for block in blocks if block["type"] == "tool_result"]
    return [(block["tool_use_id"], text_in(block["content"])) for block in found]


def text_in(content: Any) -> str:
    """Join the text of a content, in parts or not."""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


READERS = {
    "fake/thinker": (calls_in_chat, results_in_chat),
    "fake-messages/thinker": (calls_in_messages, results_in_messages),
}


@pytest.mark.parametrize("is_streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("kind", "model"),
    [(MessagesAgent, "fake/thinker"), (ResponsesAgent, "fake-messages/thinker")],
    ids=["messages to chat", "responses to messages"],
)
async def test_an_agent_works_through_many_turns_and_no_byte_of_a_call_changes(
    place: Place, kind: type[MessagesAgent | ResponsesAgent], model: str, is_streaming: bool
) -> None:
    agent = kind(model)
    calls_in, results_in = READERS[model]
    called = agent.begin()
    told = [(call.id, "done") for call in called]
    for turn in range(TURNS):
        text = STEP.format(turn)
        body = agent.body(text, is_streaming=is_streaming)
        answer = agent.read(await place.ask(agent.path, body), is_streaming=is_streaming)
        sent = place.fake.requests[-1].body
        assert without_ids(calls_in(sent)) == without_ids(called)
        assert [call.id for call in calls_in(sent)] == [key for key, _ in results_in(sent)]
        assert [result for _, result in results_in(sent)] == [result for _, result in told]
        assert [(call.name, call.arguments) for call in answer.calls] == list(SAID.items())
        assert answer.thoughts.startswith("Thinking about: ")
        assert answer.thoughts.endswith(text)
        agent.keep(answer)
        called += answer.calls
        for call in answer.calls:
            told.append((call.id, result_of(turn, call.name)))
            agent.answer(*(call, told[-1][1]))
    assert len(body) >= HISTORY_BYTES
    assert len({call.id for call in called}) == len(called) == len(EXOTIC) + 2 * TURNS


def without_ids(calls: list[Called]) -> list[tuple[str, bytes]]:
    """What was called with what; providers have rules of their own for ids."""
    return [(call.name, call.arguments) for call in calls]


@pytest.mark.parametrize("is_streaming", [False, True], ids=["whole", "stream"])
async def test_thoughts_go_back_to_the_provider_that_signed_them(place: Place, is_streaming: bool) -> None:
    agent = ResponsesAgent("fake-messages/thinker")
    for turn in range(3):
        body = agent.body(STEP.format(turn), is_streaming=is_streaming)
        answer = agent.read(await place.ask(agent.path, body), is_streaming=is_streaming)
        agent.keep(answer)
        for call in answer.calls:
            agent.answer(call, "done")
    thinking = [block for block in blocks_in(place.fake.requests[-1].body) if block.type == "thinking"]
    assert [block.thinking[-len(STEP.format(0)) :] for block in thinking] == [STEP.format(turn) for turn in range(2)]
    assert all(block.signature for block in thinking)
