"""Every example of the guides that calls a running gateway does what it says.

An example is run when it is Python that calls the address of the guides, or shell that holds nothing but `curl` and
commands of Modelport; those of one guide run in their order, on a gateway of their own.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.gateway import ROOT, Gateway, fake_provider, point_to
from tests.acceptance.test_payments import open_till, settings_of
from tests.fake.stripe import FakeStripe

SHOWN_URL = "http://127.0.0.1:8080"
RUN_WITHIN_S = 60.0
# A call that is refused fails the example, which it would not in a terminal.
STRICT = 'set -euo pipefail; curl() { command curl -sS --fail-with-body "$@"; }\n'
STAND_IN = """
name = "Stand-in"
base_url = "{fake}/engine/v1"
speaks = {{ chat = "openai_chat" }}
priority = 1

[[offers]]
model = "alibaba/qwen2.5-coder-0.5b-instruct"
upstream = "echo"
rates = [{{ from = 2026-11-01, input = "0.02", output = "0.06" }}]
"""
_FENCED = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:curl|modelport (?!serve)|\.venv/bin/modelport (?!serve)) ?")


def guides() -> list[Path]:
    """List the guides that hold an example to run."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if path.exists() and examples(path)]


def examples(guide: Path) -> list[tuple[str, str]]:
    """Return the language and text of each example that is run."""
    blocks = _FENCED.findall(guide.read_text(encoding="utf-8"))
    return [(language, text) for language, text in blocks if is_run(language, text)]


def is_run(language: str, text: str) -> bool:
    if language == "python":
        return SHOWN_URL in text
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith((" ", "#"))]
    return all(_COMMAND.match(line) for line in lines)


def run(language: str, text: str, gateway: Gateway, key: str) -> subprocess.CompletedProcess[str]:
    here = text.replace(SHOWN_URL, gateway.base_url).replace('"…"', f'"{key}"').replace(".venv/bin/", "")
    command = [sys.executable, "-c", here] if language == "python" else ["bash", "-c", STRICT + here]
    path = f"{Path(sys.executable).parent}:{gateway.environment['PATH']}"
    env = {**gateway.environment, "PATH": path, "MODELPORT_KEY": key}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False)


def test_the_quickstart_holds_examples_that_are_run() -> None:
    assert {language for language, _ in examples(ROOT / "docs" / "quickstart.md")} == {"sh", "python"}


@pytest.mark.debian("curl")
@pytest.mark.parametrize("guide", guides(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_of_a_guide_run(guide: Path, tmp_path: Path) -> None:
    with fake_provider() as fake, FakeStripe() as stripe:
        gateway = Gateway(tmp_path / "data", settings=settings_of(stripe))
        point_to(fake, gateway.catalogue)
        (gateway.catalogue / "stand-in.toml").write_text(STAND_IN.format(fake=fake), encoding="utf-8")
        with gateway:
            gateway.create_account("reader", "5")
            key = gateway.create_key("reader")
            for language, text in examples(guide):
                done = run(language, text, gateway, key)
                assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
                assert done.stdout, text


@pytest.mark.debian("curl")
def test_who_follows_the_page_on_payments_and_pays_has_the_credit(tmp_path: Path) -> None:
    with open_till(tmp_path) as till:
        key, told = "", ""
        for language, text in examples(ROOT / "docs" / "payments.md"):
            told = run(language, text, till.gateway, key).stdout
            if "keys create" in text:
                key = told.split()[-1]
            if "/v1/billing/checkout" in text:
                till.stripe.books.pay(json.loads(told)["url"].rpartition("/")[2])
                till.tell_all()
        assert re.search(r"PAYMENT +20\.0000000 USD  pi_", told), told
