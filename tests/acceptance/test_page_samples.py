"""The programs that the pages of models print run as they are printed, and tell what they cost."""

import html
import json
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.acceptance.conftest import Site

MODELS = (
    "openai/gpt-5",
    "anthropic/claude-sonnet-4.5",
    "google/gemini-2.5-flash",
    "gpt-4o-audio-preview",
    "deepseek/deepseek-v3.2-speciale",
    "text-embedding-3-small",
)
"""Of every wire format that is called, and together of everything that samples show."""
LOCAL = ("alibaba/qwen2.5-coder-", "huggingface/smollm2-", "sentence-transformers/")
"""Models of this machine, whose weights are not in the folder of this gateway; they are run with their engines."""
SHOWN = {"call", "streaming", "thinking", "image", "file", "audio", "video", "tools", "json", "search"}
BROWSER = {"Accept": "text/html"}
_SAMPLE = re.compile(r'<code data-sample="([^"]+)" data-language="(\w+)">(.*?)</code>', re.DOTALL)
_TAG = re.compile("<[^>]*>")
_STRICT = 'set -euo pipefail; curl() { command curl -sS --fail-with-body "$@"; }\n'
_RUN_WITHIN_S = 1200.0
_IN_ONE_PROCESS = 400
_PYTHON_IN_TURN = """
import contextlib, io, json, signal, sys

def late(number, frame):
    raise TimeoutError("it did not end within a minute")

signal.signal(signal.SIGALRM, late)
outcomes = {}
for name in sys.argv[1:]:
    told = io.StringIO()
    signal.alarm(60)
    try:
        with open(f"{name}.py") as file, contextlib.redirect_stdout(told):
            exec(compile(file.read(), f"{name}.py", "exec"), {"__name__": "__main__"})
        outcomes[name] = {"told": told.getvalue()}
    except Exception as problem:
        outcomes[name] = {"problem": repr(problem)}
print(json.dumps(outcomes))
"""
_IN_TURN = """
const told = [];
const out = process.stdout.write.bind(process.stdout);
const write = (piece) => { told.push(String(piece)); return true; };
process.stdout.write = write;
console.log = (...values) => write(values.map((value) => JSON.stringify(value)).join(" "));
const outcomes = {};
for (const name of process.argv.slice(2)) {
  told.length = 0;
  try {
    await import(`./${name}.mjs`);
    outcomes[name] = { told: told.join("") };
  } catch (problem) {
    outcomes[name] = { problem: String(problem) };
  }
}
out(JSON.stringify(outcomes));
"""


@dataclass(frozen=True, slots=True)
class Printed:
    """One program of a page."""

    name: str
    language: str
    text: str


def printed(root: str, model: str) -> list[Printed]:
    """Read the programs of a model's page, each once."""
    address = f"{root}/models/{quote(model)}"
    asked = urllib.request.Request(address, headers=BROWSER)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        page = answer.read().decode()
    found = {(name, language): text for name, language, text in _SAMPLE.findall(page)}
    return [Printed(name, language, html.unescape(_TAG.sub("", text))) for (name, language), text in found.items()]


@pytest.fixture(scope="module")
def programs(session_site: Site) -> dict[str, list[Printed]]:
    return {model: printed(session_site.gateway.base_url, model) for model in MODELS}


def run_python(programs: list[Printed], site: Site, folder: Path) -> dict[str, dict[str, str]]:
    """Run programs one after another in a process of their own; returns what each told, or what went wrong."""
    folder.mkdir()
    for one in programs:
        (folder / f"{one.name}.py").write_text(one.text, encoding="utf-8")
    (folder / "in_turn.py").write_text(_PYTHON_IN_TURN, encoding="utf-8")
    command = [sys.executable, "in_turn.py", *(one.name for one in programs)]
    return _outcomes(command, folder, site)


def _outcomes(command: list[str], folder: Path, site: Site) -> dict[str, dict[str, str]]:
    env = {**site.program_environment(), "MODELPORT_KEY": site.key}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=_RUN_WITHIN_S)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def outcomes_of(programs: list[Printed], folder: Path, site: Site) -> dict[str, dict[str, str]]:
    """Run programs for Node one after another; returns what each told, or what went wrong."""
    for one in programs:
        (folder / f"{one.name}.mjs").write_text(one.text, encoding="utf-8")
    (folder / "in_turn.mjs").write_text(_IN_TURN, encoding="utf-8")
    return _outcomes(["node", "in_turn.mjs", *(one.name for one in programs)], folder, site)


def run_curl(text: str, key: str, folder: Path | None = None) -> str:
    env = {**os.environ, "MODELPORT_KEY": key, "no_proxy": "*"}
    command = ["bash", "-c", _STRICT + text]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tells_cost(told: str) -> bool:
    return "credits_used" in told


def silent(outcomes: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return what did not run to its end, or does not tell its cost."""
    return {name: outcome for name, outcome in outcomes.items() if not tells_cost(outcome.get("told", ""))}


def test_the_pages_show_everything_that_a_model_can_do(programs: dict[str, list[Printed]]) -> None:
    shown = {program.name.rpartition("-")[2] for found in programs.values() for program in found}
    assert shown == SHOWN


def test_each_program_is_printed_in_each_language(programs: dict[str, list[Printed]]) -> None:
    for found in programs.values():
        by_name: dict[str, set[str]] = {}
        for program in found:
            by_name.setdefault(program.name, set()).add(program.language)
        assert set(map(frozenset, by_name.values())) == {frozenset({"curl", "python", "javascript"})}


@pytest.mark.parametrize("model", MODELS)
def test_the_python_samples_run_as_printed(
    model: str, session_site: Site, programs: dict[str, list[Printed]], tmp_path: Path
) -> None:
    found = [one for one in programs[model] if one.language == "python"]
    outcomes = run_python(found, session_site, tmp_path / "samples")
    assert list(outcomes) == [one.name for one in found]
    assert not silent(outcomes)


@pytest.mark.debian("curl")
@pytest.mark.parametrize("model", MODELS)
def test_the_curl_samples_run_as_printed(model: str, session_site: Site, programs: dict[str, list[Printed]]) -> None:
    told = {one.name: run_curl(one.text, session_site.key) for one in programs[model] if one.language == "curl"}
    assert told
    assert [name for name, text in told.items() if not tells_cost(text)] == []


@pytest.mark.debian("nodejs", "npm")
def test_the_javascript_samples_run_as_printed(
    session_site: Site, programs: dict[str, list[Printed]], node_folder: Path
) -> None:
    found = [
        Printed(f"sample-{number}-{one.name}", one.language, one.text)
        for number, of_page in enumerate(programs.values())
        for one in of_page
        if one.language == "javascript"
    ]
    outcomes = outcomes_of(found, node_folder, session_site)
    assert list(outcomes) == [one.name for one in found]
    assert not silent(outcomes)


@pytest.mark.long
def test_the_python_samples_of_every_model_that_is_served_run_as_printed(session_site: Site, tmp_path: Path) -> None:
    root = session_site.gateway.base_url
    every: dict[str, Printed] = {}
    for number, model in enumerate(served(root)):
        for one in printed(root, model):
            if one.language == "python":
                name = f"{number}-{one.name}"
                every[name] = Printed(name, "python", one.text)
    assert len(every) > 4000
    programs, wrong = list(every.values()), dict[str, dict[str, str]]()
    for first in range(0, len(programs), _IN_ONE_PROCESS):
        group = programs[first : first + _IN_ONE_PROCESS]
        wrong |= silent(run_python(group, session_site, tmp_path / f"samples-{first}"))
    told = [f"{name}: {outcome.get('problem', outcome)}" for name, outcome in wrong.items()]
    assert not told, f"{len(told)} of {len(every)} programs did not tell their cost:\n" + "\n".join(told)


def served(root: str) -> list[str]:
    """List the models of text that the gateway serves, by what its map says."""
    found: list[str] = []
    for task in ("text", "embedding"):
        for number in range(1, 10):
            address = f"{root}/models?{urlencode({'task': task, 'here': 1, 'page': number})}"
            with urllib.request.urlopen(urllib.request.Request(address, headers=BROWSER), timeout=60) as answer:
                ids = re.findall(r'<span class="id">([^<]+)</span>', answer.read().decode())
            found += [html.unescape(name) for name in ids if html.unescape(name) not in found]
    return [name for name in found if not name.startswith(("fake", "fault", *LOCAL))]
