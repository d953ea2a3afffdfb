"""The project's files do not know the machine they were written on."""

import re

import pytest

from tests.house.source import ROOT, name_of, project_files

MACHINE = re.compile(
    "|".join(
        [
            r"(?<![\w.}~-])/(?:work|root|home/\w+|Users/\w+)/",
            r"\b(?:files\.python" + "hosted|py" + r"pi)\.org\b",
            r"\bregistry\.(?:npm" + r"js\.org|yarn" + r"pkg\.com)\b",
            r"\bdeb\." + r"debian\.org\b",
        ]
    )
)

FETCHING = {"src/modelport/engines/tarballs.py"}
"""Fetches from a registry, as the operator has it set up; it knows where that is when he has not."""


def test_no_file_names_a_machine_path_or_a_package_registry() -> None:
    paths = project_files()
    if not paths:
        pytest.skip("only a git checkout says which files are the project's")
    found = [
        f"{name_of(path)}:{number} {hit[0]}"
        for path in paths
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), start=1)
        if (hit := MACHINE.search(line)) and not (name_of(path) in FETCHING and hit[0].startswith("registry."))
    ]
    assert not found


def test_the_licence_is_there_in_full() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
