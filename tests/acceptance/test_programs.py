"""The programs that people copy from guides and model pages run with nothing but host and key exchanged."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Run
from tests.acceptance.gateway import FAKE_KEY, Gateway, fake_provider, point_to

PROGRAMS = Path(__file__).resolve().parent / "programs"
SPECIALE = "deepseek/deepseek-v3.2-speciale"
QWEN = "alibaba/qwen3-vl-32b-thinking"
KIMI = "moonshot/kimi-k2-6"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""A PNG of one pixel in base64."""
ANSWER = "You said: How many primes are below thirty?"
node = pytest.mark.debian("nodejs")
npm = pytest.mark.debian("nodejs", "npm")
curl = pytest.mark.debian("curl")


def content(printed: str) -> str:
    return json.loads(printed)["choices"][0]["message"]["content"]


def check_answer(answer: dict[str, Any], model: str) -> None:
    """An answer has what the pages show of one, and its cost."""
    assert answer["object"] == "chat.completion"
    assert answer["model"] in (model, model.rpartition("/")[2])  # as its provider calls it
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] > 0
    assert answer["meta"]["usage"]["credits_used"] > 0
    assert answer["meta"]["usage"]["usd_spent"] > 0


def test_deepseek_answers_requests_with_json(run_program: Run) -> None:
    answer = json.loads(run_program(sys.executable, PROGRAMS / "deepseek_requests_json.py").stdout)
    check_answer(answer, SPECIALE)
    assert answer["choices"][0]["message"]["content"] == ANSWER
    message = answer["choices"][0]["message"]
    assert message.get("reasoning_content") or message.get("reasoning")


def test_deepseek_answers_requests_with_data_and_no_version(run_program: Run) -> None:
    text, tokens = run_program(sys.executable, PROGRAMS / "deepseek_requests_bare.py").stdout.splitlines()
    assert text == "You said: Wie viele Primzahlen gibt es unter dreißig?"
    assert int(tokens) > 0


@node
@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_deepseek_answers_fetch(run_program: Run, prefix: str) -> None:
    done = run_program("node", PROGRAMS / "deepseek_fetch.mjs", more={"MODELPORT_PREFIX": prefix})
    check_answer(json.loads(done.stdout), SPECIALE)
    assert content(done.stdout) == ANSWER


@curl
@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_deepseek_answers_curl(run_program: Run, prefix: str) -> None:
    done = run_program("bash", PROGRAMS / "deepseek_curl.sh", more={"MODELPORT_PREFIX": prefix})
    check_answer(json.loads(done.stdout), SPECIALE)
    assert content(done.stdout) == ANSWER


def test_a_message_without_role_is_one_of_the_user(run_program: Run) -> None:
    answer = json.loads(run_program(sys.executable, PROGRAMS / "qwen_without_role.py").stdout)
    check_answer(answer, QWEN)
    assert answer["choices"][0]["message"]["content"] == "You said: Good morning"


@curl
def test_a_message_whose_role_is_null_is_one_of_the_user(run_program: Run) -> None:
    done = run_program("bash", PROGRAMS / "qwen_role_null.sh")
    check_answer(json.loads(done.stdout), QWEN)
    assert content(done.stdout) == "You said: Good morning"


def test_qwen_takes_an_image_by_its_address(run_program: Run) -> None:
    done = run_program(sys.executable, PROGRAMS / "qwen_image_url.py")
    check_answer(json.loads(done.stdout), QWEN)
    assert content(done.stdout) == "You said: What animal is this? [image]"


@node
def test_qwen_takes_an_image_within_the_request(run_program: Run) -> None:
    done = run_program("node", PROGRAMS / "qwen_image_data.mjs")
    assert done.stdout == "You said: [image] Which colour is it?\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([sys.executable, "quickstart_requests.py"], "{}"),
        ([sys.executable, "quickstart_openai.py"], "AI: {}"),
        pytest.param(["node", "quickstart_fetch.mjs"], "{}", marks=node),
    ],
    ids=["requests", "openai", "fetch"],
)
def test_the_quickstart_prints_the_answer(run_program: Run, command: list[str], said: str) -> None:
    done = run_program(command[0], PROGRAMS / command[1])
    assert done.stdout == said.format("You said: Name three seaports.") + "\n"


@curl
def test_the_quickstart_answers_curl(run_program: Run) -> None:
    done = run_program("bash", PROGRAMS / "quickstart_curl.sh")
    assert content(done.stdout) == "You said: Name three seaports."
    assert json.loads(done.stdout)["meta"]["usage"] == {"credits_used": 0, "usd_spent": 0}


@npm
def test_the_quickstart_runs_with_the_node_sdk(run_program: Run, node_folder: Path) -> None:
    assert run_program("node", node_folder / "quickstart.mjs").stdout == "AI: You said: Name three seaports.\n"


def test_gemma_refuses_a_system_message_in_the_documented_words(run_program: Run) -> None:
    status, message = run_program(sys.executable, PROGRAMS / "gemma_system_role.py").stdout.splitlines()
    assert status == "400"
    assert message == "Unsupported value: 'messages[0].role' does not support 'system' with this model."


def test_the_guide_prints_question_and_answer(run_program: Run) -> None:
    done = run_program(sys.executable, PROGRAMS / "guide_system_openai.py")
    assert done.stdout == "User: Where may I anchor?\nAI: You said: Where may I anchor?\n"


def test_the_guide_answers_requests(run_program: Run) -> None:
    done = run_program(sys.executable, PROGRAMS / "guide_system_requests.py")
    assert done.stdout == "You said: Where may I anchor?\n"


@npm
def test_the_guide_runs_with_the_node_sdk(run_program: Run, node_folder: Path) -> None:
    done = run_program("node", node_folder / "guide.mjs")
    assert done.stdout == "AI: You said: Where may I anchor?\nYou said: Where may I anchor?\n"


def test_a_stream_reads_as_text_in_one_piece(run_program: Run) -> None:
    printed = run_program(sys.executable, PROGRAMS / "guide_stream_raw.py").stdout
    events = [line.removeprefix("data: ") for line in printed.splitlines() if line]
    assert all(line.startswith("data: ") for line in printed.splitlines() if line)
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == "You said: Hi! What do you think about harbours – and 港?"
    assert [chunk for chunk in chunks if "meta" in chunk] == chunks[-1:]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["meta"]["usage"]["credits_used"] > 0
    assert chunks[-1]["usage"]["total_tokens"] > 0


def test_a_stream_reads_line_by_line(run_program: Run) -> None:
    printed = run_program(sys.executable, PROGRAMS / "guide_stream_text.py").stdout
    assert printed == "You said: Hi! What do you think about harbours – and 港?\nThe end.\n"


QUESTION = "How deep is it? Use depth_of_berth."
LOOKED_UP = "You said: Look up with $web_search: which harbour is the deepest?"


def test_a_tool_makes_its_round_trip_by_requests(run_program: Run) -> None:
    asked, called, told = run_program(sys.executable, PROGRAMS / "guide_tools_requests.py").stdout.splitlines()
    assert asked == "tool_calls None"
    assert called == ('depth_of_berth {"berth": "text", "at_low_water": true} {"berth": "text", "metres": 7.5}')
    assert told == f"stop You said: {QUESTION}"


def test_a_tool_makes_its_round_trip_with_the_openai_sdk(run_program: Run) -> None:
    done = run_program(sys.executable, PROGRAMS / "guide_tools_openai.py")
    assert done.stdout == (
        f"Asked: depth_of_berth {{'berth': 'text', 'at_low_water': True}}\nAI: You said: {QUESTION}\n"
    )


def test_an_image_from_a_file_is_seen(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "signal.png").write_bytes(base64.b64decode(DOT))
    text, tokens = run_program(
        sys.executable, PROGRAMS / "guide_image_openai.py", tmp_path / "signal.png"
    ).stdout.splitlines()
    assert text == "You said: Which signal is this? [image]"
    assert int(tokens) > 85


@pytest.mark.parametrize("program", ["guide_search_requests.py", "guide_search_openai.py"])
def test_a_model_that_searches_by_itself_answers_at_once_and_cites(run_program: Run, program: str) -> None:
    rounds, text, *notes = run_program(sys.executable, PROGRAMS / program).stdout.splitlines()
    assert rounds == "1"
    assert text == LOOKED_UP
    assert notes
    assert all(note.startswith("url_citation https://") for note in notes)


@pytest.mark.parametrize("program", ["guide_search_requests.py", "guide_search_openai.py"])
def test_kimi_is_handed_its_own_arguments_until_it_has_searched(run_program: Run, program: str) -> None:
    done = run_program(sys.executable, PROGRAMS / program, more={"MODELPORT_SEARCHER": KIMI})
    rounds, text, *_ = done.stdout.splitlines()
    assert rounds == "2"
    assert text == LOOKED_UP


@pytest.mark.parametrize("program", ["thinking_stream_requests.py", "thinking_stream_openai.py"])
def test_thoughts_are_streamed_apart_from_the_text(run_program: Run, program: str) -> None:
    thoughts, answer = run_program(sys.executable, PROGRAMS / program).stdout.splitlines()
    assert thoughts == "Thoughts: Thinking about: Which tide is higher?"
    assert answer == "Answer: You said: Which tide is higher?"


def test_a_video_is_watched_by_its_address(run_program: Run) -> None:
    done = run_program(sys.executable, PROGRAMS / "video_requests.py")
    assert content(done.stdout) == "You said: [file] How many tugs are there?"
    assert json.loads(done.stdout)["meta"]["usage"]["credits_used"] > 0


def test_a_recording_within_the_request_is_heard(run_program: Run) -> None:
    done = run_program(sys.executable, PROGRAMS / "audio_requests.py")
    assert content(done.stdout) == "You said: Which signal do you hear? [input]"
    assert json.loads(done.stdout)["meta"]["usage"]["credits_used"] > 0


@curl
@pytest.mark.parametrize(
    ("program", "variable"),
    [
        ("deepseek_curl.sh", "OPENROUTER_API_KEY"),
        ("qwen_role_null.sh", "DASHSCOPE_API_KEY"),
        ("quickstart_curl.sh", "GEMINI_API_KEY"),
    ],
)
def test_without_a_provider_the_answer_says_precisely_what_to_set(
    gateway_without_providers: Gateway, program: str, variable: str
) -> None:
    gateway = gateway_without_providers
    answer = json.loads(printed(program, gateway.base_url, gateway.create_key("first")))
    assert answer["statusCode"] == 503
    assert answer["error"]["code"] == "model_not_served"
    assert f"Set {variable}" in answer["message"]


@curl
def test_what_the_answer_says_to_set_is_enough(tmp_path: Path) -> None:
    with fake_provider() as fake:
        gateway = Gateway(tmp_path / "data")
        point_to(fake, gateway.catalogue)
        with gateway:
            gateway.create_account("first", "1")
            key = gateway.create_key("first")
            message = json.loads(printed("deepseek_curl.sh", gateway.base_url, key))["message"]
            variable = message.partition("Set ")[2].partition(" ")[0].rstrip(",.")
            gateway.environment[variable] = FAKE_KEY
            gateway.restart()
            assert content(printed("deepseek_curl.sh", gateway.base_url, key)) == ANSWER


def printed(program: str, url: str, key: str) -> str:
    """Run a program against another gateway than the shared one."""
    variables = {"MODELPORT_URL": url, "MODELPORT_KEY": key, "PATH": os.environ["PATH"]}
    return subprocess.run(
        ["bash", PROGRAMS / program], env=variables, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def gateway_without_providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("bare") / "data") as gateway:
        gateway.create_account("first", "1")
        yield gateway
