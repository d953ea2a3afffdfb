"""Few dependencies: each one has a reason, and the locks are what the project asks for."""

import itertools
import re
import tomllib
from dataclasses import dataclass

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.source import ROOT

REQUIREMENTS = ROOT / "requirements"
DECISION = ROOT / "docs" / "decisions" / "0001-dependencies.md"
MOST_DISTRIBUTIONS = 35


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution of a lock."""

    version: str
    hashes: frozenset[str]


def lock(name: str) -> dict[str, Pin]:
    """Read a lock: its distributions by name."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.findall(r"^([a-zA-Z0-9._-]+)==(\S+)(.*(?:\n[ ].*)*)", text, flags=re.MULTILINE)
    return {
        canonicalize_name(name): Pin(version, frozenset(re.findall(r"--hash=sha256:(\w+)", block)))
        for name, version, block in blocks
    }


def wanted(*groups: str, but_for: frozenset[str] = frozenset()) -> list[Requirement]:
    """Read what pyproject.toml asks for: to run, with all extras `but_for` some, and the groups that are named."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    lines = [
        *project["project"]["dependencies"],
        *(line for name, lines in extras.items() if name not in but_for for line in lines),
        *(line for group in groups for line in project["dependency-groups"][group]),
    ]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    ("name", "groups", "but_for"),
    [
        ("run", ["build"], frozenset({"stripe", "audio", "ocr"})),
        ("all", ["build"], frozenset({"stripe"})),
        ("dev", ["build", "dev"], frozenset()),
    ],
)
def test_a_lock_holds_what_the_project_asks_for(name: str, groups: list[str], but_for: frozenset[str]) -> None:
    pins = lock(name)
    for requirement in wanted(*groups, but_for=but_for):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is not in requirements/{name}.txt: run `make lock`"
        assert pin.version in requirement.specifier, f"requirements/{name}.txt is behind {requirement}: run `make lock`"


@pytest.mark.parametrize("name", ["core", "run", "all", "dev", "uv"])
def test_every_pin_has_hashes(name: str) -> None:
    assert lock(name)
    assert not [pinned for pinned, pin in lock(name).items() if not pin.hashes]


def test_the_locks_agree_on_versions_and_their_hashes() -> None:
    names = ["core", "run", "all", "dev"]
    for smaller, larger in itertools.pairwise(map(lock, names)):
        assert {name: larger.get(name) for name in smaller} == smaller


def test_the_core_install_stays_small() -> None:
    assert len(lock("core")) <= MOST_DISTRIBUTIONS


def test_what_is_built_from_files_of_several_platforms_has_hashes_for_all() -> None:
    pins = lock("run")
    assert all(len(pins[name].hashes) > 1 for name in ("httptools", "msgspec", "sqlalchemy", "uvloop", "xllamacpp"))


def test_each_direct_dependency_has_its_reason() -> None:
    told = set(re.findall(r"^\| `([^`]+)` \|", DECISION.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert told == {requirement.name for requirement in wanted("build", "dev")} | {"uv"}


def test_no_lock_says_where_packages_come_from() -> None:
    for path in REQUIREMENTS.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [
            line for line in lines if "://" in line or line.lstrip().startswith(("-i", "--index", "--extra", "--find"))
        ]
