"""Modules are named for what they hold."""

from tests.house.source import ROOT, python_files

SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def test_no_module_or_package_has_a_name_that_says_nothing() -> None:
    paths = [path.relative_to(ROOT) for path in python_files()]
    badly_named = [str(path) for path in paths if SAY_NOTHING & {part.removesuffix(".py") for part in path.parts}]
    assert not badly_named, "name it for the noun it holds"
