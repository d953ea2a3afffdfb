"""The Python source that house rules look at."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "modelport"
FOLDERS = ("src", "tests", "tools", "bench")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    """List the Python files below `folders` of the project; without any, below all that hold source."""
    tops = [ROOT / folder for folder in folders or FOLDERS]
    return sorted(path for top in tops for path in top.rglob("*.py") if not {"node_modules", "build"} & {*path.parts})


def name_of(path: Path) -> str:
    """Say where a file is, as a reader of the project would."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[Function]:
    """Walk through the functions and methods of a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, Function):
            yield node


def annotations(tree: ast.AST) -> Iterator[ast.expr]:
    """Walk through the annotations of parameters, results, names and fields below `tree`."""
    for node in ast.walk(tree):
        found = None
        if isinstance(node, ast.arg | ast.AnnAssign):
            found = node.annotation
        elif isinstance(node, Function):
            found = node.returns
        if found is not None:
            yield found


def project_files() -> list[Path]:
    """List the files that are the project's: tracked, or new and not ignored; none outside a checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]
