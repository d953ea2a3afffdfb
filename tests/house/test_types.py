"""`Any` and bare `dict` stop at the edge, and errors are not swallowed."""

import ast
from pathlib import Path

from tests.house.source import PACKAGE, annotations, name_of, python_files, tree_of

# Where bytes become values: what comes in there has no type yet.
EDGE = (
    "api",
    "cli",
    "dialects",
    "settings/checks.py",
    "catalogue/drafts.py",
    "engines/front.py",
    "engines/llama.py",
    "storage",
)


def is_edge(path: Path) -> bool:
    """Say whether untyped data may be named in a file of ours."""
    name = path.relative_to(PACKAGE).as_posix()
    return any(name == edge or name.startswith(f"{edge}/") for edge in EDGE)


def untyped(annotation: ast.expr) -> bool:
    """Say whether an annotation names `Any` or a `dict` without saying of what."""
    typed = {id(node.value) for node in ast.walk(annotation) if isinstance(node, ast.Subscript)}
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name) and (node.id == "Any" or (node.id == "dict" and id(node) not in typed)):
            return True
        if isinstance(node, ast.Attribute) and node.attr == "Any":
            return True
    return False


def test_any_and_bare_dict_stop_at_the_edge() -> None:
    found = [
        f"{name_of(path)}:{annotation.lineno} {ast.unparse(annotation)}"
        for path in python_files("src")
        if not is_edge(path)
        for annotation in annotations(tree_of(path))
        if untyped(annotation)
    ]
    assert not found, "parse it at the edge into a type that cannot be wrong"


def swallows(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler takes everything and does nothing."""
    takes_all = handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )
    return takes_all and all(isinstance(node, ast.Pass | ast.Continue) for node in handler.body)


def test_no_handler_swallows_every_error() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and swallows(node)
    ]
    assert not found, "catch what you can name and act on"
