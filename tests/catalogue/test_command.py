"""`modelport catalogue`: checks files and shows what is known."""

import json
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from modelport.cli import main
from tests.catalogue.written import write


def run(tmp_path: Path, *arguments: str, files: Mapping[str, str] | None = None) -> Result:
    data_dir = tmp_path / "data"
    write(data_dir / "catalogue", files or {})
    return CliRunner().invoke(main, ["catalogue", *arguments, "--data-dir", str(data_dir)])


def test_a_valid_folder_is_said_to_be_valid(tmp_path: Path) -> None:
    result = run(tmp_path, "check", files={"local.toml": "free = true"})
    assert result.exit_code == 0
    assert result.stdout.startswith("valid: ")


def test_faults_are_listed_one_a_line_and_fail_the_command(tmp_path: Path) -> None:
    result = run(tmp_path, "check", files={"local.toml": 'free = "yes"\nprioritty = 1'})
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "catalogue/local.toml: free: is text, expected true or false; write free = true or free = false",
        "catalogue/local.toml: prioritty: is not a key of this table; write 'priority' or remove it",
        "2 faults: nothing of it is used until all are gone",
    ]


def test_another_folder_can_be_checked(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere", {"local.toml": "free = 1"})
    assert run(tmp_path, "check", str(elsewhere)).exit_code == 1
    assert run(tmp_path, "check").exit_code == 0


def test_the_list_names_sellers_and_prices(tmp_path: Path) -> None:
    result = run(tmp_path, "list", files={"local.toml": "free = true"})
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in result.stdout.splitlines()}
    assert lines["huggingface/smollm2-135m-instruct"] == "local free"
    assert lines["gpt-4o-mini"].startswith("openai 0.15 in, 0.6 out, openrouter ")


def test_a_model_is_shown_with_its_sellers(tmp_path: Path) -> None:
    result = run(tmp_path, "show", "DeepSeek-V3.2-Speciale")
    assert "id            deepseek/deepseek-v3.2-speciale\n" in result.stdout
    assert "note          2025-12-15: DeepSeek's own service ended this model." in result.stdout
    assert "0.4 in, 1.2 out, needs OPENROUTER_API_KEY" in result.stdout


def test_an_unknown_model_is_told_with_the_nearest(tmp_path: Path) -> None:
    result = run(tmp_path, "show", "gpt-4oo")
    assert result.exit_code == 1
    assert "Did you mean 'gpt-4o'" in result.stderr


def test_the_cheapest_that_can_do_something_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, "search", "--capability", "tools", "--context", "128k", "--operation", "chat", "--json")
    told = json.loads(result.stdout)
    assert told["found"] > 20
    assert all("tools" in one["capabilities"] and one["context_tokens"] >= 128_000 for one in told["models"])
    lines = run(tmp_path, "search", "haiku", "-c", "tools,vision", "--max-price", "10").stdout.splitlines()
    assert any("claude-haiku" in line for line in lines)
    assert "cheapest seller first" in lines[-1]
    nothing = run(tmp_path, "search", "no such words")
    assert (nothing.exit_code, nothing.stderr) == (1, "No model fits: ask for less.\n")


def test_what_cannot_be_searched_for_is_told(tmp_path: Path) -> None:
    for option, value, told in (
        ("--context", "much", "write 128000, 128k or 1m"),
        ("--max-price", "cheap", "write dollars, such as 0.50"),
        ("--capability", "flying", "'flying' is no capability"),
    ):
        assert told in run(tmp_path, "search", option, value).stderr
