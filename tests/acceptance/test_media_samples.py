"""The programs that the pages of models of media print run as printed; links to example files lead to the fake."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.conftest import Site
from tests.acceptance.test_media import Studio, studio
from tests.acceptance.test_page_samples import Printed, outcomes_of, printed, run_curl, run_python, tells_cost
from tests.acceptance.witness import witness

__all__ = ["studio"]

MODELS = (
    "openai/gpt-image-1-mini",
    "flux/kontext-max/image-to-image",
    "flux/schnell",
    "openai/tts-1",
    "deepgram/aura-2",
    "#g1_nova-2-general",
    "mistral/mistral-ocr-latest",
    "openai/omni-moderation-latest",
    "modelport/basic-moderation",
)
"""Of every type that is made: pictures from words and from pictures, speech, transcripts, pages, verdicts."""
UNMADE = ("alibaba/wan-2-6-t2v", "alibaba/wan-2-6-i2v", "minimax/music-2.6", "triposr")
"""Of every type that this version plans and prices but does not make: videos, music, meshes."""
_EXAMPLE = re.compile(r"https://(?:mdn\.github\.io|www\.rfc-editor\.org)/[^\s\"'\\]+\.(\w+)")
_STANDING = {"jpg": "png", "png": "png", "mp3": "mp3", "pdf": "pdf"}
SILENT = {"v1-tts-streaming"}
"""Programs that write a sound and nothing else: what a stream costs is known when it has ended."""


@pytest.fixture(scope="module")
def site(studio: Studio) -> Iterator[Site]:
    with witness(studio.gateway.base_url) as door:
        yield Site(studio.gateway, door, studio.account_id, studio.key, studio.fake)


def all_printed(studio: Studio, models: Sequence[str], prefix: str) -> list[Printed]:
    """All programs of models, their example files at the fake: the internet is not there in tests."""

    def here(text: str) -> str:
        return _EXAMPLE.sub(lambda found: f"{studio.fake}/_files/standing.{_STANDING[found[1]]}", text)

    found: list[Printed] = []
    for number, model in enumerate(models):
        of_page = printed(studio.gateway.base_url, model)
        assert {one.language for one in of_page} == {"curl", "python", "javascript"}
        found += [Printed(f"{prefix}-{number}-{one.name}", one.language, here(one.text)) for one in of_page]
    return found


@pytest.fixture(scope="module")
def programs(studio: Studio) -> list[Printed]:
    return all_printed(studio, MODELS, "media")


@pytest.fixture(scope="module")
def unmade(studio: Studio) -> list[Printed]:
    return all_printed(studio, UNMADE, "unmade")


def of(programs: list[Printed], language: str) -> list[Printed]:
    return [one for one in programs if one.language == language]


def is_told(name: str, told: str) -> bool:
    """Whether a program told its cost, or that a job is complete, whose cost its row tells."""
    return tells_cost(told) or "completed" in told or any(name.endswith(silent) for silent in SILENT)


def test_the_python_programs_run(programs: list[Printed], site: Site, tmp_path: Path) -> None:
    outcomes = run_python(of(programs, "python"), site, tmp_path / "samples")
    assert {name: one for name, one in outcomes.items() if not is_told(name, one.get("told", "nothing"))} == {}


@pytest.mark.debian("curl")
def test_the_curl_programs_run(programs: list[Printed], site: Site, tmp_path: Path) -> None:
    found = of(programs, "curl")
    told = {one.name: run_curl(one.text, site.key, tmp_path) for one in found}
    assert len(told) == len(found) > len(MODELS)
    assert {name: text for name, text in told.items() if "error" in text and "null" not in text} == {}


@pytest.mark.debian("nodejs", "npm")
def test_the_javascript_programs_run(programs: list[Printed], site: Site, node_folder: Path) -> None:
    found = of(programs, "javascript")
    outcomes = outcomes_of(found, node_folder, site)
    assert list(outcomes) == [one.name for one in found]
    assert {name: one for name, one in outcomes.items() if not is_told(name, one.get("told", "nothing"))} == {}


def refused_curl(text: str, key: str, folder: Path) -> str:
    """Run a program that has to fail at its first request; returns the status of that."""
    noting = 'set -euo pipefail; curl() { command curl -sS --fail-with-body -w "%{stderr}%{http_code}" "$@"; }\n'
    done = subprocess.run(
        ["bash", "-c", noting + text],
        cwd=folder,
        env={**os.environ, "MODELPORT_KEY": key, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


@pytest.mark.debian("curl", "nodejs", "npm")
def test_programs_for_what_is_not_made_yet_are_right_and_are_told_so(
    unmade: list[Printed], site: Site, tmp_path: Path, node_folder: Path
) -> None:
    told = {one.name: refused_curl(one.text, site.key, tmp_path) for one in of(unmade, "curl")}
    told |= {f"{name}.py": str(one) for name, one in run_python(of(unmade, "python"), site, tmp_path / "u").items()}
    told |= {f"{name}.js": str(one) for name, one in outcomes_of(of(unmade, "javascript"), node_folder, site).items()}
    assert len(told) == len(unmade) >= 3 * len(UNMADE)
    assert {name: one for name, one in told.items() if "501" not in one} == {}
