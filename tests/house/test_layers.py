"""Every package has its place in the import contract, and serving loads only what serving needs."""

import subprocess
import sys
import tomllib

from tests.house.source import PACKAGE, ROOT

# Each costs start-up time and memory that no call needs.
NOT_FOR_SERVING = {"alembic", "authlib", "dbos", "jinja2", "numpy", "obstore", "pip", "redis", "stripe", "xllamacpp"}


def layers() -> set[str]:
    """Read the names of the layers out of the contract."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    lines = [line for contract in contracts if contract["type"] == "layers" for line in contract["layers"]]
    return {name.strip().removeprefix("modelport.") for line in lines for name in line.split("|")}


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and list the top-level modules that it has loaded."""
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_every_package_and_module_is_in_a_layer() -> None:
    ours = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    ours |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert ours <= layers(), "add it to the contract in pyproject.toml, above what it imports"


def test_importing_the_package_loads_none_of_its_dependencies() -> None:
    assert loaded_by("import modelport") - loaded_by("pass") <= {"modelport", "__future__"}


def test_serving_loads_only_what_serving_needs() -> None:
    assert not loaded_by("import modelport.bootstrap.gateway, uvicorn") & NOT_FOR_SERVING
