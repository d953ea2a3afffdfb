"""The environments of the clients, one gateway for all of them, and what the program of each family reported."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.gateway import FAKE_KEY, ROOT, SECRETS, Gateway, environment, fake_provider, point_to
from tests.clients.families import FAMILIES, FORMATS, MODELS, Family
from tests.fake.overlay import write_media_redirects

HERE = Path(__file__).resolve().parent
AT_A_TIME = 3  # starting up and waiting is most of what they do
INSTALL_WITHIN_S = 900.0
REPORT_WITHIN_S = 300.0

PICTURES = """
[[offers]]
model = "openai/gpt-image-2"
rates = [{ from = 2026-01-01, per = "image", price = "0.05", partial_image = "0.003" }]
"""
"""A price of the operator's, since the maker's is not known."""

Outcome = Mapping[str, Any]
Report = Mapping[str, Outcome]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is here after everything else: it is about the outside, and slow."""
    items.sort(key=lambda item: HERE in item.path.parents)


@dataclass(frozen=True, slots=True)
class Site:
    """A running gateway with the fake behind it, and its keys."""

    gateway: Gateway
    key: str
    poor_key: str

    def environment(self) -> dict[str, str]:
        """Return the environment in which the programs run: nothing in it leads to a vendor."""
        told = {
            "MODELPORT_URL": self.gateway.base_url,
            "MODELPORT_KEY": self.key,
            "MODELPORT_POOR_KEY": self.poor_key,
            "MODELPORT_MODELS": json.dumps(MODELS),
            "MODELPORT_FORMATS": json.dumps(FORMATS),
            "PYTHONPATH": str(HERE / "reporting"),
            "PYTHONWARNINGS": "ignore",
            "PYTHONDONTWRITEBYTECODE": "",  # the environments are kept, and what they compiled with them
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LANGSMITH_TRACING": "false",
            "AI_SDK_LOG_WARNINGS": "false",
        }
        return environment(self.gateway.data_dir, told)


@pytest.fixture(scope="session")
def client_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one gateway for all clients."""
    with fake_provider() as fake:
        settings = {"MODELPORT_EGRESS_ALLOW": "127.0.0.1/32", "MODELPORT_EGRESS_PORTS": f"80,443,{urlsplit(fake).port}"}
        secrets = {**SECRETS, "FAL_KEY": FAKE_KEY, "DEEPGRAM_API_KEY": FAKE_KEY}
        gateway = Gateway(tmp_path_factory.mktemp("clients") / "data", secrets=secrets, settings=settings)
        point_to(fake, gateway.catalogue)
        write_media_redirects(gateway.catalogue, fake, ("fal", "deepgram"))
        with (gateway.catalogue / "openai.toml").open("a", encoding="utf-8") as file:
            file.write(PICTURES)
        with gateway:
            gateway.create_account("clients", "100")
            gateway.create_account("poor", "0")
            yield Site(gateway, gateway.create_key("clients"), gateway.create_key("poor"))


@pytest.fixture(scope="session")
def wanted(request: pytest.FixtureRequest) -> list[str]:
    """List the families that this run needs, in the order of its tests; without Node, none that it would run."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    named = dict.fromkeys(item.callspec.params.get("family") for item in items)
    has_node = shutil.which("npm") is not None
    return [name for name in named if name in FAMILIES and (has_node or not FAMILIES[name].is_node)]


@pytest.fixture(scope="session")
def homes(wanted: list[str]) -> Mapping[str, Path]:
    """Make the environments of all those families, several at a time; where each is, by the name of its lock."""
    locks = sorted({FAMILIES[name].installed_from for name in wanted})
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "clients.py", "install", *locks],
        capture_output=True,
        text=True,
        timeout=INSTALL_WITHIN_S,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    lines = (line.partition("\t") for line in made.stdout.splitlines())
    return {name: Path(home) for name, _, home in lines}


@pytest.fixture(scope="session")
def report_of(client_site: Site, homes: Mapping[str, Path], wanted: list[str]) -> Iterator[Callable[[str], Report]]:
    """Run the program of each family once, a few at a time; returns the scenarios of one by their names."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        reports = {
            name: pool.submit(run, FAMILIES[name], homes[FAMILIES[name].installed_from], client_site) for name in wanted
        }
        yield lambda name: reports[name].result()
        for report in reports.values():
            report.cancel()


def run(family: Family, home: Path, site: Site) -> Report:
    """Run a program to its end; fails with what it wrote when it does not get there."""
    program = HERE / family.program
    command: list[str | Path] = [home / "bin" / "python", program]
    if family.is_node:  # it looks for packages beside the program
        for path in (program, HERE / "reporting" / "scenarios.mjs"):
            shutil.copy(path, home)
        command = ["node", home / program.name]
    try:
        done = subprocess.run(
            command,
            cwd=home,
            env=site.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=REPORT_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(
            f"{program} did not end within {REPORT_WITHIN_S} s:\n{late.stdout}\n{late.stderr}"
        ) from late
    assert done.returncode == 0, f"{program}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"scenario"')]
    return {line["scenario"]: line for line in lines}
