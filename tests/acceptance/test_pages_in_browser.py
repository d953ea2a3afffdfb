"""The pages in a real browser: for eyes, for keyboards, for readers of screens, with scripts and without."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.conftest import HERE, INSTALL_WITHIN_S
from tests.acceptance.gateway import Gateway
from tests.packages import find

PATHS = (
    "/",
    "/models?q=claude",
    "/models/openai/gpt-5",
    "/models/google/veo-3.1-t2v",
    "/models/ids",
    "/models/nothing",
)
LOOK_WITHIN_S = 600.0

pytestmark = pytest.mark.debian("chromium", "nodejs", "npm")


@pytest.fixture(scope="session")
def browser_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the program that looks at pages to a folder that has what it imports, installed as the lock says."""
    folder = tmp_path_factory.mktemp("browser") / "looking"
    shutil.copytree(HERE / "browser", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=INSTALL_WITHIN_S)
    return folder


def test_nothing_is_wrong_with_the_pages_in_a_browser(browser_folder: Path, tmp_path: Path) -> None:
    with Gateway(tmp_path / "data", secrets={"OPENAI_API_KEY": "sk-not-used"}) as gateway:
        done = subprocess.run(
            ["node", "look.mjs", gateway.base_url, find("chromium"), *PATHS],
            cwd=browser_folder,
            capture_output=True,
            text=True,
            timeout=LOOK_WITHIN_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}
