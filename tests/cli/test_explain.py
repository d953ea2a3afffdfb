"""What `explain` and `doctor` say of the same machine."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main

LOCAL = "alibaba/qwen2.5-coder-0.5b-instruct"
CLEAN = dict.fromkeys(
    ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "GROQ_API_KEY", "GEMINI_API_KEY", "DASHSCOPE_API_KEY"), None
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(folder: Path, *arguments: str, **variables: str) -> Result:
    return CliRunner(env={**CLEAN, **variables}).invoke(main, ["--data-dir", str(folder), *arguments])


def found(folder: Path, name: str, **variables: str) -> Any:
    findings = json.loads(run(folder, "doctor", "--json", **variables).stdout)["findings"]
    return next(finding for finding in findings if finding["name"] == name)


def test_a_local_model_without_weights_does_not_serve_and_the_command_is_named(folder: Path) -> None:
    told = run(folder, "explain", LOCAL, "--json")
    offers = json.loads(told.stdout)["offers"]
    assert told.exit_code == 1
    assert [offer["verdict"] for offer in offers] == ["not here"]
    assert found(folder, LOCAL)["state"] == "missing"


def test_a_model_that_somebody_configured_sells_is_served(folder: Path) -> None:
    told = run(folder, "explain", "gpt-4o", OPENAI_API_KEY="sk-x")
    assert told.exit_code == 0
    assert "1. OpenAI" in told.stdout
    assert run(folder, "explain", "gpt-4o").exit_code == 1


def test_a_provider_that_does_not_sell_it_is_told_with_those_that_do(folder: Path) -> None:
    told = run(folder, "explain", "gpt-4o", "--provider", "nobody")
    assert told.exit_code == 1
    assert "Use one of: openai, openrouter, auto." in told.stderr


def test_an_unknown_model_is_told_in_commands(folder: Path) -> None:
    told = run(folder, "explain", "no-such-model")
    assert told.exit_code == 1
    assert "`modelport catalogue list` lists every model" in told.stderr


def test_doctor_shows_the_settings_in_force_and_the_variables_that_are_none(folder: Path) -> None:
    variables = {"MODELPORT_PORT": "9000", "MODELPORT_PUBLIC_URL": "https://models.example.com", "MODELPORT_PROT": "1"}
    assert found(folder, "listens on", **variables)["detail"] == "127.0.0.1:9000"
    assert found(folder, "public address", **variables)["detail"] == "https://models.example.com"
    assert found(folder, "durability")["detail"] == "process"
    assert found(folder, "MODELPORT_PROT", **variables)["state"] == "missing"
    assert found(folder, "engine")["topic"] == "local models"


def test_a_first_run_with_weights_that_do_not_exist_lists_those_that_do(folder: Path) -> None:
    told = run(folder, "serve", "--first-run", "--port", "0", MODELPORT_ENGINE_DEFAULT_MODEL="no-such-weights")
    assert told.exit_code == 1
    assert "engine.default_model" in told.stderr
    assert "smollm2-135m-instruct" in told.stderr
