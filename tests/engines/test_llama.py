"""The real engine with the small real model: what our dialect may rely on."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from modelport.engines.child import Launch, llama_command
from modelport.engines.weights import WeightsStore
from tests.engines.conftest import SMALL

pytestmark = pytest.mark.weights

HELLO = [{"role": "user", "content": "Say hello."}]
LONG = [{"role": "user", "content": "Write a very long story about a dragon."}]
START_S = 60.0
END_S = 15.0
WASTED_S = 4.0
"""The processor time that may go by until those who left are noticed; their answers would take ten seconds."""


class Connection(http.client.HTTPConnection):
    """A connection over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=START_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(START_S)
        self.sock.connect(str(self.path))

    def ask(self, **fields: object) -> tuple[int, bytes]:
        call = {"model": SMALL, "messages": HELLO, "max_tokens": 8, "temperature": 0, **fields}
        body = json.dumps({name: value for name, value in call.items() if value is not ...})
        self.request("POST", "/chat/completions", body, {"content-type": "application/json"})
        answer = self.getresponse()
        return answer.status, answer.read()


class Child:
    """An engine as a process of the test."""

    def __init__(self, store: WeightsStore, folder: Path) -> None:
        file = store.path(SMALL)
        assert file is not None
        self.socket = folder / "e.sock"
        self.file = file
        launch = Launch(store.entry(SMALL), file, self.socket, 512, 48, slots=2, threads=1, nice=0)
        self.process = subprocess.Popen([*llama_command(launch)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, **fields: object) -> Any:
        status, body = self.answer(**fields)
        assert status == 200, body
        return json.loads(body)

    def answer(self, **fields: object) -> tuple[int, bytes]:
        with closing(Connection(self.socket)) as connection:
            return connection.ask(**fields)

    def refused(self, **fields: object) -> tuple[int, dict[str, Any]]:
        status, body = self.answer(**fields)
        return status, json.loads(body)["error"]

    def events(self, **fields: object) -> list[Any]:
        status, body = self.answer(stream=True, **fields)
        assert status == 200, body
        *events, done, rest = body.decode().split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: ")) for event in events]


def until(happened: Callable[[], bool]) -> None:
    end_s = time.monotonic() + START_S
    while not happened():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.02)


def answers(path: Path) -> bool:
    with closing(Connection(path)) as connection:
        try:
            connection.request("GET", "/health")
        except OSError:
            return False
        return connection.getresponse().status == 200


@contextmanager
def running(store: WeightsStore, folder: Path) -> Iterator[Child]:
    child = Child(store, folder)
    try:
        until(lambda: answers(child.socket) or child.process.poll() is not None)
        yield child
    finally:
        said = child.process.communicate(timeout=END_S)[1]  # closes stdin
    assert child.process.returncode == 0, said.decode()


@pytest.fixture(scope="module")
def engine(real_store: WeightsStore) -> Iterator[Child]:
    folder = Path(tempfile.mkdtemp(prefix="modelport-"))
    with running(real_store, folder) as child:
        yield child
    assert not folder.exists(), "its sockets and their folder are gone"


def content(answer: Any) -> str:
    return answer["choices"][0]["message"]["content"]


def open_files(pid: int) -> Iterator[str]:
    """Name what a process has open; what it closes meanwhile is left out."""
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(one.readlink())


def test_nothing_listens_on_tcp(engine: Child) -> None:
    links = list(open_files(engine.process.pid))
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    assert inodes
    listening = "0A"
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{engine.process.pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            assert fields[3] != listening or fields[9] not in inodes


def test_sockets_are_for_us_only(engine: Child) -> None:
    modes = {path.stat().st_mode & 0o777 for path in engine.socket.parent.iterdir()}
    assert modes == {0o600}


def test_an_answer_has_openais_shape_and_names_no_file(engine: Child) -> None:
    answer = engine.ask()
    assert set(answer) == {"id", "object", "created", "model", "choices", "system_fingerprint", "usage"}
    assert (answer["object"], answer["model"]) == ("chat.completion", SMALL)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 8
    assert str(engine.file.parent) not in json.dumps(answer)


def test_other_routes_of_the_server_inside_are_not_served(engine: Child) -> None:
    for path in ("/props", "/slots", "/completion", "/v1/models"):
        with closing(Connection(engine.socket)) as connection:
            connection.request("GET", path)
            assert connection.getresponse().status == 404


def test_the_server_inside_wants_its_secret(engine: Child) -> None:
    with closing(Connection(engine.socket.with_suffix(".in.sock"))) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps({"messages": HELLO}))
        assert connection.getresponse().status == 401


def test_several_choices_differ_and_are_all_counted(engine: Child) -> None:
    answer = engine.ask(n=2, temperature=1.5, seed=3)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert len({choice["message"]["content"] for choice in answer["choices"]}) == 2
    assert answer["usage"]["completion_tokens"] == 16


def test_stop_ends_the_answer_before_the_word(engine: Child) -> None:
    full = content(engine.ask())
    word = full.split()[1]
    for stop in (word, [word, "never"]):
        answer = engine.ask(stop=stop)
        assert content(answer) == full[: full.index(word)]
        assert answer["choices"][0]["finish_reason"] == "stop"


def test_the_same_seed_gives_the_same_answer(engine: Child) -> None:
    first, second = (content(engine.ask(seed=11, temperature=1)) for _ in range(2))
    assert first == second


def test_logprobs_come_with_as_many_alternatives_as_asked(engine: Child) -> None:
    tokens = engine.ask(logprobs=True, top_logprobs=2, max_tokens=3)["choices"][0]["logprobs"]["content"]
    assert len(tokens) == 3
    for token in tokens:
        assert {"token", "bytes", "logprob", "top_logprobs"} <= set(token)
        assert token["logprob"] <= 0
        assert len(token["top_logprobs"]) == 2
    only = engine.ask(logprobs=True, max_tokens=1)["choices"][0]["logprobs"]["content"]
    assert only[0]["top_logprobs"] == []


def test_logprobs_come_in_streams(engine: Child) -> None:
    events = engine.events(logprobs=True, top_logprobs=1, max_tokens=2)
    tokens = [event["choices"][0]["logprobs"]["content"] for event in events if event["choices"][0].get("logprobs")]
    assert len(tokens) == 2


def test_a_schema_is_always_kept(engine: Child) -> None:
    shape = {
        "type": "object",
        "properties": {"city": {"enum": ["Rome"]}, "sunny": {"type": "boolean"}},
        "required": ["city", "sunny"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": shape}}
    answer = json.loads(content(engine.ask(response_format=wanted, max_tokens=100)))
    assert answer["city"] == "Rome"
    assert isinstance(answer["sunny"], bool)


def test_an_object_begins_as_one(engine: Child) -> None:
    assert content(engine.ask(response_format={"type": "json_object"})).lstrip().startswith("{")


def test_a_schema_that_is_none_is_the_callers_fault(engine: Child) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "wrong"}}}
    status, error = engine.refused(response_format=wanted)
    assert (status, error["type"]) == (400, "invalid_request_error")


def test_a_stream_ends_with_usage_when_asked(engine: Child) -> None:
    events = engine.events(stream_options={"include_usage": True}, max_tokens=3)
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == 3
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert all("usage" not in event for event in events[:-1])
    assert len({event["id"] for event in events}) == 1
    assert all("timings" not in event for event in events)


def test_a_stream_without_that_has_none(engine: Child) -> None:
    assert all("usage" not in event and event["choices"] for event in engine.events(max_tokens=2))


def test_several_choices_in_a_stream_are_all_counted(engine: Child) -> None:
    events = engine.events(n=2, max_tokens=3, stream_options={"include_usage": True})
    assert {choice["index"] for event in events for choice in event["choices"]} == {0, 1}
    assert events[-1]["usage"]["completion_tokens"] == 6


def test_the_newer_name_of_the_bound_holds(engine: Child) -> None:
    assert engine.ask(max_tokens=..., max_completion_tokens=3)["usage"]["completion_tokens"] == 3


def test_a_call_without_a_bound_ends_all_the_same(engine: Child) -> None:
    answer = engine.ask(messages=LONG, max_tokens=...)
    assert answer["usage"]["completion_tokens"] == 48
    assert answer["choices"][0]["finish_reason"] == "length"


def test_text_parts_are_read(engine: Child) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]
    assert content(engine.ask(messages=parts)) == content(engine.ask())


@pytest.mark.parametrize("is_streaming", [False, True])
def test_a_prompt_beyond_the_context_is_refused(engine: Child, is_streaming: bool) -> None:
    status, error = engine.refused(messages=[{"role": "user", "content": "hello " * 900}], stream=is_streaming)
    assert (status, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")
    assert "512" in error["message"]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ],
)
def test_pictures_and_sound_are_refused_as_the_callers_fault(engine: Child, part: dict[str, object]) -> None:
    status, error = engine.refused(messages=[{"role": "user", "content": [part]}])
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert "not supported" in error["message"]


def test_a_connection_is_good_for_more_than_one_call_after_a_stream_too(engine: Child) -> None:
    with closing(Connection(engine.socket)) as connection:
        for is_streaming in (False, True, True, False):
            status, _ = connection.ask(max_tokens=1, stream=is_streaming)
            assert status == 200


CITY = {
    "$defs": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/city"}, "days": {"type": "integer", "minimum": 1, "maximum": 3}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
FORECAST = {"type": "function", "function": {"name": "forecast", "description": "Weather", "parameters": CITY}}
NOW = {"type": "function", "function": {"name": "now", "description": "Tells the time"}}
SHELL = {"type": "custom", "custom": {"name": "shell", "description": "Runs a command"}}


def check_city(text: str) -> None:
    told = json.loads(text)
    assert told.keys() == {"city", "days"}
    assert told["city"] in ("Paris", "Rome")
    assert told["days"] in (1, 2, 3)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "forecast"}}])
@pytest.mark.parametrize("temperature", [0, 2])
def test_a_forced_call_is_made_and_its_arguments_hold(engine: Child, choice: object, temperature: float) -> None:
    tools = [FORECAST] if choice == "required" else [NOW, FORECAST]
    answer = engine.ask(tools=tools, tool_choice=choice, max_tokens=100, temperature=temperature, seed=1)
    (told,) = answer["choices"]
    assert (told["finish_reason"], told["message"]["content"]) == ("tool_calls", None)
    (call,) = told["message"]["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", "forecast")
    assert call["id"].startswith("call_")
    check_city(call["function"]["arguments"])


def test_a_forced_call_streams_its_name_first_and_then_its_arguments(engine: Child) -> None:
    asked = {"tools": [NOW, FORECAST], "tool_choice": {"type": "function", "function": {"name": "forecast"}}}
    events = engine.events(**asked, max_tokens=100, stream_options={"include_usage": True})
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    assert deltas[0] == {"role": "assistant", "content": None}
    (first,), *rest = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert (first["index"], first["type"], first["function"]) == (0, "function", {"name": "forecast", "arguments": ""})
    check_city("".join(entry["function"]["arguments"] for (entry,) in rest))
    assert events[-2]["choices"][0] == {"index": 0, "finish_reason": "tool_calls", "delta": {}}
    assert events[-1]["usage"]["completion_tokens"] > 0


def test_a_forced_call_that_is_cut_ends_for_its_length(engine: Child) -> None:
    for tokens in (1, 12):
        told = engine.ask(tools=[FORECAST], tool_choice="required", max_tokens=tokens)["choices"][0]
        assert told["finish_reason"] == "length"
        for call in told["message"].get("tool_calls", []):
            with pytest.raises(json.JSONDecodeError):
                json.loads(call["function"]["arguments"])


def test_a_custom_tool_is_called_with_a_text(engine: Child) -> None:
    told = engine.ask(tools=[SHELL], tool_choice="required", max_tokens=48, stop=None)["choices"][0]
    (call,) = told["message"]["tool_calls"]
    assert (call["type"], call["custom"]["name"]) == ("custom", "shell")
    assert isinstance(call["custom"]["input"], str)


def test_a_model_that_may_choose_answers_a_greeting_in_words(engine: Child) -> None:
    for choice in ("auto", "none", None):
        told = engine.ask(tools=[FORECAST, NOW], tool_choice=choice)["choices"][0]
        assert told["message"]["content"]
        assert "tool_calls" not in told["message"]


def test_the_result_of_a_call_is_read(engine: Child) -> None:
    arguments = '{"city":"Rome","days":1}'
    call = {"id": "call_1", "type": "function", "function": {"name": "forecast", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "What is the temperature in Rome?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "17 degrees and sunny"},
    ]
    assert "17" in content(engine.ask(messages=messages, tools=[FORECAST], max_tokens=40))


@pytest.mark.parametrize("is_streaming", [False, True])
def test_json_under_a_schema_holds_it(engine: Child, is_streaming: bool) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
    if is_streaming:
        deltas = [event["choices"][0]["delta"] for event in engine.events(response_format=wanted, max_tokens=60)]
        check_city("".join(delta.get("content") or "" for delta in deltas))
    else:
        check_city(content(engine.ask(response_format=wanted, max_tokens=60)))


def test_json_that_is_cut_says_so(engine: Child) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
    told = engine.ask(response_format=wanted, max_tokens=3)["choices"][0]
    assert told["finish_reason"] == "length"
    assert told["message"]["content"].startswith("{")


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/none"}, {"type": "strong"}])
def test_a_schema_that_is_none_is_refused(engine: Child, schema: object) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    status, error = engine.refused(response_format=wanted)
    assert (status, error["param"]) == (400, "response_format.json_schema.schema")


def test_a_schema_that_the_sampler_cannot_hold_is_never_passed_off_as_held(engine: Child) -> None:
    schema = {"type": "array", "items": {"const": 7}, "minItems": 2, "uniqueItems": True}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    status, error = engine.refused(response_format=wanted, max_tokens=60, temperature=2, seed=3)
    assert (status, error["code"]) == (502, "schema_not_held")


@pytest.mark.parametrize("beginning", ["The capital of Fr", "  - ", "x\n\n"])
def test_an_answer_goes_on_from_its_beginning_without_repeating_it(engine: Child, beginning: str) -> None:
    messages = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": beginning, "prefix": True},
    ]
    whole = content(engine.ask(messages=messages))
    assert not whole.startswith(beginning)
    deltas = [event["choices"][0]["delta"] for event in engine.events(messages=messages)]
    assert "".join(delta.get("content") or "" for delta in deltas) == whole


def test_a_text_is_completed_in_the_older_shape(engine: Child) -> None:
    with closing(Connection(engine.socket)) as connection:
        call = {"prompt": "One, two, three,", "max_tokens": 4, "temperature": 0, "n": 2}
        connection.request("POST", "/completions", json.dumps(call))
        told = json.loads(connection.getresponse().read())
        assert (told["object"], told["model"]) == ("text_completion", SMALL)
        assert "four" in told["choices"][1]["text"]
        assert told["usage"]["completion_tokens"] == 8
        connection.request("POST", "/completions", json.dumps({**call, "n": 1, "stream": True}))
        *events, done, _ = connection.getresponse().read().decode().split("\n\n")
    pieces = [json.loads(event.removeprefix("data: "))["choices"][0]["text"] for event in events]
    assert ("".join(pieces), done) == (told["choices"][0]["text"], "data: [DONE]")


def test_a_model_without_marks_for_it_does_not_fill_in_the_middle(engine: Child) -> None:
    with closing(Connection(engine.socket)) as connection:
        connection.request("POST", "/completions", json.dumps({"prompt": "def f():", "suffix": "return x"}))
        answer = connection.getresponse()
        assert answer.status == 400
        assert json.loads(answer.read())["error"]["param"] == "suffix"


@pytest.mark.parametrize("is_streaming", [False, True])
def test_leaving_frees_the_slots(engine: Child, is_streaming: bool) -> None:
    body = json.dumps({"messages": LONG, "max_tokens": 400, "stream": is_streaming, "ignore_eos": True})
    leaving = [Connection(engine.socket) for _ in range(2)]
    for connection in leaving:
        connection.request("POST", "/chat/completions", body)
    if is_streaming:
        assert all(connection.getresponse().read(10) for connection in leaving)
    used_s = cpu_s(engine.process.pid)
    until(lambda: cpu_s(engine.process.pid) > used_s)  # at work
    for connection in leaving:
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
    engine.ask(max_tokens=1)  # gets a slot only once one of theirs is free
    assert cpu_s(engine.process.pid) - used_s < WASTED_S


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_interrupting_the_terminal_does_not_end_the_engine(engine: Child) -> None:
    engine.process.send_signal(signal.SIGINT)
    assert engine.ask(max_tokens=1)


def test_a_stale_socket_is_replaced_and_a_call_does_not_hold_up_the_end(
    real_store: WeightsStore, tmp_path: Path
) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir()
    for name in ("e.sock", "e.in.sock"):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(folder / name))
    with running(real_store, folder) as child:
        leaving = Connection(child.socket)
        leaving.request("POST", "/chat/completions", json.dumps({"messages": LONG, "max_tokens": 400}))
    leaving.close()
    assert not folder.exists()


def test_a_parent_killed_outright_takes_its_engine_along(real_store: WeightsStore) -> None:
    command = [sys.executable, "-m", "tests.engines.parent", str(real_store.folder), SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        path = Path(parent.stdout.readline().decode().strip())
        with closing(Connection(path)) as connection:
            assert connection.ask(max_tokens=1)[0] == 200
        (child,) = children(parent.pid)
        parent.kill()
    until(lambda: not Path(f"/proc/{child}").exists())
    assert not path.parent.exists()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
