"""The first start gives a newcomer all that a first call needs; the second one is quick and quiet."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from modelport.engines.weights import WeightsStore
from tests.acceptance.conftest import LOCAL, share_weights
from tests.acceptance.gateway import ROOT, Gateway
from tests.engines.conftest import embedding_store

__all__ = ["embedding_store"]

pytestmark = [pytest.mark.weights, pytest.mark.debian("curl")]

KEY = re.compile(r"^  (regular|management) +(\S+)", re.MULTILINE)
CALL_WITHIN_S = 120.0
QUICK_S = 10.0
LAST_LINE = "Stop: Ctrl-C"
SHOWN_URL = "http://127.0.0.1:8080"
DEFAULT_MODEL = "alibaba/qwen2.5-coder-0.5b-instruct"
SMALL_MODEL = "huggingface/smollm2-135m-instruct"


def started(data_dir: Path) -> Gateway:
    return Gateway(data_dir, settings=LOCAL, arguments=["--first-run"])


def pasted(printed: str, **variables: str) -> str:
    """Run the request that the greeting shows, as a terminal would."""
    return by_bash(printed.partition("Try it:\n")[2].partition("\nThe same key")[0], **variables)


def by_bash(script: str, **variables: str) -> str:
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=CALL_WITHIN_S,
        check=True,
    )
    return done.stdout


def other_formats(base_url: str) -> str:
    """Return the block of the README that asks in the other formats, for the small model at another address."""
    blocks = re.findall(r"^```sh\n(ask\(\) .*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return (
        blocks[0]
        .replace(SHOWN_URL, base_url)
        .replace(DEFAULT_MODEL, SMALL_MODEL)
        .replace("curl ", "curl -sf -w '\\n' ")
    )


def check_answer(answer: str) -> None:
    assert answer.startswith("HTTP/1.1 200 OK")
    assert "Paris" in answer
    for expected in ("x-inference-id: ", "x-aimlapi-credits-used: ", "x-aimlapi-usd-spent: ", '"credits_used":'):
        assert expected in answer
    assert "x-client-request-id: hello-1" in answer


def check_other_formats(gateway: Gateway, key: str) -> None:
    for told in ("base URL", "/v1/responses", "sentence-transformers/all-minilm-l6-v2"):
        assert told in gateway.stdout
    answers = [json.loads(line) for line in by_bash(other_formats(gateway.base_url), MODELPORT_KEY=key).splitlines()]
    assert [answer.get("object") or answer["type"] for answer in answers] == ["response", "message", "list"]
    assert all(answer["meta"]["usage"]["credits_used"] > 0 for answer in answers)


def test_the_first_start_prints_what_works_and_the_second_is_quick_and_prints_no_key(
    tmp_path: Path, real_store: WeightsStore, embedding_store: WeightsStore
) -> None:
    data_dir = tmp_path / "data"
    share_weights(real_store, data_dir)
    with started(data_dir) as gateway:
        gateway.until_said(LAST_LINE)
        printed = gateway.stdout
        keys = dict(KEY.findall(printed))
        assert keys.keys() == {"regular", "management"}
        assert gateway.base_url in printed
        assert str(data_dir) in printed
        check_answer(pasted(printed))
        check_other_formats(gateway, keys["regular"])
        assert gateway.stop() == 0

        began = time.monotonic()
        gateway.start()
        assert time.monotonic() - began < QUICK_S
        gateway.until_said(LAST_LINE)
        again = gateway.stdout + gateway.stderr
        assert not KEY.findall(again)
        assert keys["regular"] not in again
        assert "keys create --account default" in again
        check_answer(pasted(gateway.stdout, MODELPORT_KEY=keys["regular"]))
        assert len(gateway.rows("SELECT id FROM accounts WHERE id > 2")) == 1


def test_a_server_without_first_run_makes_no_account(tmp_path: Path) -> None:
    with Gateway(tmp_path / "data") as gateway:
        assert gateway.rows("SELECT id FROM accounts WHERE id > 2") == []
