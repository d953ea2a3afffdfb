"""A test that a page names is there."""

import re

from tests.house.source import ROOT, functions, name_of

NAMED = re.compile(r"(tests/[\w/]+\.py)::(\w+)")


def missing(text: str) -> list[str]:
    """List the tests that a text names and that are not there."""
    found: list[str] = []
    for path, name in NAMED.findall(text):
        file = ROOT / path
        if not file.is_file() or name not in {function.name for function in functions(file)}:
            found.append(f"{path}::{name}")
    return found


def test_tests_that_pages_name_are_there() -> None:
    pages = sorted((ROOT / "docs").rglob("*.md"))
    texts = {name_of(page): page.read_text(encoding="utf-8") for page in pages}
    assert any(NAMED.search(text) for text in texts.values()), "the rule has lost the pages that it is about"
    assert [f"{page}: {test}" for page, text in texts.items() for test in missing(text)] == []


def test_the_rule_sees_a_test_that_is_gone() -> None:
    here = "tests/house/test_named_tests.py"
    assert missing(f"`{here}::test_tests_that_pages_name_are_there`") == []
    assert missing(f"`{here}::test_that_was_renamed`") == [f"{here}::test_that_was_renamed"]
    assert missing("`tests/gone.py::test_it`") == ["tests/gone.py::test_it"]
