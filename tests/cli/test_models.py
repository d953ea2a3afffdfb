import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments, "--data-dir", str(folder)])


def test_the_list_shows_what_is_known_and_what_is_here(folder: Path) -> None:
    result = run(folder, "list")
    assert result.exit_code == 0
    assert "smollm2-135m-instruct" in result.stdout
    assert "not here" in result.stdout


def test_the_list_for_scripts_is_json(folder: Path) -> None:
    listed = json.loads(run(folder, "list", "--json").stdout)
    assert [one["id"] for one in listed if one["default"]] == ["qwen2.5-coder-0.5b-instruct"]
    assert [one["id"] for one in listed if one["present"]] == ["basic-moderation"]
    assert all(one["licence"] in ("Apache-2.0", "MIT") for one in listed)


def test_a_wrong_copy_is_told_with_both_hashes_and_not_kept(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"no model")
    result = run(folder, "pull", "smollm2-135m-instruct", "--file", str(own))
    assert result.exit_code == 1
    assert result.stderr.count("Error: ") == 1
    assert "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53" in result.stderr
    assert not any(path.suffix == ".gguf" for path in folder.rglob("*"))


@pytest.mark.parametrize("command", ["pull", "remove", "verify"])
def test_weights_nobody_knows_are_told_with_those_that_are(folder: Path, command: str) -> None:
    result = run(folder, command, "nope")
    assert result.exit_code == 1
    assert "no weights named 'nope'. Known: qwen2.5-coder-0.5b-instruct" in result.stderr


def test_removing_and_verifying_what_is_not_here(folder: Path) -> None:
    assert "was not on this machine" in run(folder, "remove", "smollm2-135m-instruct").stdout
    assert "models pull smollm2-135m-instruct" in run(folder, "verify", "smollm2-135m-instruct").stderr
    assert run(folder, "verify").exit_code == 0
