"""The script of the reasoning skill, run as its users run it: a process of its own against a running gateway."""

import ast
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.gateway import ROOT, Gateway, gateway_with_fake
from tests.skills.running import Caller, answering, http

SKILL = ROOT / "skills" / "aiml-llm-reasoning"
SCRIPT = SKILL / "scripts" / "run_chat.py"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway_with_fake(tmp_path_factory.mktemp("skill") / "data") as gateway:
        gateway.create_account("skill", "10")
        yield gateway


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return gateway.create_key("skill")


@pytest.fixture
def caller(gateway: Gateway, key: str, tmp_path: Path) -> Caller:
    return Caller(SCRIPT, gateway.base_url, key, tmp_path)


def test_the_answer_is_printed_and_nothing_else(caller: Caller) -> None:
    done = caller.run("--model", "gpt-4o", "--user", "Wie viele Häfen? 港")
    assert (done.returncode, done.stdout, done.stderr) == (0, "You said: Wie viele Häfen? 港\n", "")


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
def test_the_base_is_taken_with_and_without_its_version(caller: Caller, base: str) -> None:
    done = caller.run("--model", "fake/echo", "--user", "ahoy", "--base-url", caller.base_url + base)
    assert (done.returncode, done.stdout) == (0, "ahoy\n")


def test_the_prefix_of_the_models_name_is_taken_off(caller: Caller) -> None:
    done = caller.run("--model", "aimlapi/fake/echo", "--user", "ahoy")
    assert (done.returncode, done.stdout) == (0, "ahoy\n")


def test_a_small_model_is_asked_unless_one_is_named(caller: Caller) -> None:
    done = caller.run("--user", "ahoy")
    assert (done.returncode, done.stdout) == (0, "You said: ahoy\n")


def test_the_older_names_of_the_variables_are_read_too(caller: Caller) -> None:
    older = {"AIML_API_KEY": caller.key, "AIML_API_URL": caller.base_url + "/v1"}
    done = caller.run("--model", "fake/echo", "--user", "ahoy", AIMLAPI_API_KEY="", AIMLAPI_BASE_URL="", **older)
    assert (done.returncode, done.stdout) == (0, "ahoy\n")


def test_further_parameters_reach_the_model(caller: Caller) -> None:
    done = caller.run("--model", "gpt-4o", "--user", "one two three", "--extra-json", '{"stop": ["two"]}')
    assert (done.returncode, done.stdout) == (0, "You said: one \n")


def test_a_stream_that_was_asked_for_is_put_together(caller: Caller) -> None:
    done = caller.run("--model", "gpt-4o", "--user", "one two three", "--extra-json", '{"stream": true}')
    assert (done.returncode, done.stdout) == (0, "You said: one two three\n")


def test_calls_of_tools_are_told(caller: Caller) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    extra = json.dumps({"tools": [tool], "tool_choice": "required"})
    done = caller.run("--model", "gpt-4o", "--user", "ahoy", "--extra-json", extra)
    assert done.returncode == 0
    assert [call["function"] for call in json.loads(done.stdout)] == [{"name": "look", "arguments": "{}"}]


def test_a_system_message_and_the_whole_answer_can_be_kept(caller: Caller, tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "here"
    with_system = caller.run(
        "--model", "gpt-4o", "--system", "You are a pilot.", "--user", "ahoy", "--out", str(folder)
    )
    without = caller.run("--model", "gpt-4o", "--user", "ahoy", "--out", str(tmp_path / "other"))
    assert (with_system.returncode, without.returncode) == (0, 0)
    assert (folder / "answer.txt").read_text(encoding="utf-8") == with_system.stdout
    answers = [json.loads((at / "response.json").read_bytes()) for at in (folder, tmp_path / "other")]
    assert answers[0]["usage"]["prompt_tokens"] > answers[1]["usage"]["prompt_tokens"]
    assert answers[0]["meta"]["usage"]["credits_used"] > 0


@pytest.mark.parametrize(
    ("arguments", "secret", "message"),
    [
        (["--model", "fake/ecko"], "", "error: HTTP 404: The model 'fake/ecko' does not exist."),
        (["--model", "fake/echo"], "sk-nobody", "error: HTTP 401: no key has this secret"),
        (["--model", "fault/429"], "", "error: HTTP 429: "),
        (["--model", "fake/echo", "--extra-json", '{"temperature": 9}'], "", "error: HTTP 400: Body validation error"),
    ],
)
def test_what_the_api_refuses_is_said_with_the_number_of_the_request(
    caller: Caller, arguments: list[str], secret: str, message: str
) -> None:
    done = caller.run(*arguments, "--user", "ahoy", AIMLAPI_API_KEY=secret or caller.key)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    number = done.stderr.splitlines()[-1].removeprefix("requestId: ")
    assert len(number) == 36
    assert "Traceback" not in done.stderr


def test_a_stream_that_breaks_off_is_an_error(caller: Caller) -> None:
    done = caller.run("--model", "fault/cut-200", "--user", "ahoy " * 99, "--extra-json", '{"stream": true}')
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{",)], ids=["silent", "begun"])
def test_an_answer_that_does_not_come_in_time_is_an_error(caller: Caller, pieces: tuple[bytes, ...]) -> None:
    with answering(*pieces, closes=False) as address:
        done = caller.run("--user", "ahoy", "--base-url", address, "--timeout", "0.2")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no answer within 0.2 s" in done.stderr


def test_a_server_that_is_not_there_is_an_error(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = caller.run("--user", "ahoy", "--base-url", f"http://127.0.0.1:{port}")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"http://127.0.0.1:{port}/v1/chat/completions was not reached" in done.stderr


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "was not reached"),
        (http(b"<html>"), "not JSON"),
        (http(b"[]"), "not an object"),
        (http(b'{"choices": []}'), "holds no message"),
        (http(b"moved", "302 Found\r\nlocation: http://127.0.0.1:9/"), "HTTP 302: moved"),
        (http(b'{"error": {"message": "no"}}', "503 Service Unavailable"), "HTTP 503: no"),
    ],
    ids=["nothing", "page", "list", "empty", "redirect", "other error"],
)
def test_an_answer_that_is_not_the_apis_is_an_error(caller: Caller, answer: bytes, message: str) -> None:
    with answering(answer) as address:
        done = caller.run("--user", "ahoy", "--base-url", address)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--user"),
        (["--user", "ahoy", "--extra-json", "{"], "--extra-json is not JSON"),
        (["--user", "ahoy", "--extra-json", '{"temperature": NaN}'], "NaN is not a number of JSON"),
        (["--user", "ahoy", "--extra-json", "[]"], "must be an object"),
        (["--user", "ahoy", "--timeout", "0"], "no time to wait"),
        (["--user", "ahoy", "--timeout", "soon"], "--timeout"),
        (["--user", "ahoy", "--base-url", "ftp://example.com"], "is no address"),
        (["--user", "ahoy", "--model", "aimlapi/"], "--model"),
        (["--user", "ahoy", "--colour", "red"], "--colour"),
    ],
)
def test_a_wrong_command_is_told_and_nothing_is_called(caller: Caller, arguments: list[str], message: str) -> None:
    done = caller.run(*arguments, AIMLAPI_BASE_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_without_a_key_the_variable_is_named(caller: Caller) -> None:
    done = caller.run("--user", "ahoy", AIMLAPI_API_KEY="")
    assert (done.returncode, done.stdout) == (2, "")
    assert "AIMLAPI_API_KEY" in done.stderr


def test_a_folder_that_cannot_be_written_does_not_lose_the_answer(caller: Caller, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = caller.run("--model", "fake/echo", "--user", "ahoy", "--out", str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (2, "ahoy\n")
    assert "cannot be written" in done.stderr


def test_help_names_every_option_and_status(caller: Caller) -> None:
    done = caller.run("--help", AIMLAPI_API_KEY="")
    assert done.returncode == 0
    page = (SKILL / "SKILL.md").read_text(encoding="utf-8")
    for option in ("--model", "--user", "--system", "--extra-json", "--out", "--base-url", "--timeout"):
        assert option in done.stdout
        assert f"`{option} " in page
    assert "Exit status: 0" in done.stdout


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
