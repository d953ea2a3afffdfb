"""Money is integers: no float comes near it."""

import ast

from tests.house.source import PACKAGE, Function, name_of, tree_of

MONEY = ("core/credits.py", "pricing", "ledger")


def is_time(name: str) -> bool:
    """Say whether a name is that of a duration, which may be a float."""
    return name.lower().endswith("_s")


def floats(node: ast.AST) -> list[int]:
    """List the lines below `node` that name `float` or write one, but for durations."""
    if isinstance(node, ast.arg | ast.keyword) and is_time(node.arg or ""):
        return []
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(is_time(ast.unparse(target)) for target in targets):
            return []
    found = [node.lineno] if isinstance(node, ast.Name) and node.id == "float" else []
    found += [node.lineno] if isinstance(node, ast.Constant) and isinstance(node.value, float) else []
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, Function) and is_time(node.name):
        children = [child for child in children if child is not node.returns]
    return found + [line for child in children for line in floats(child)]


def test_no_float_touches_money() -> None:
    tops = [PACKAGE / name for name in MONEY]
    files = [path for top in tops for path in ([top] if top.is_file() else sorted(top.rglob("*.py")))]
    assert len(files) > len(MONEY), "the rule has lost the files that it is about"
    found = [f"{name_of(path)}:{line}" for path in files for line in floats(tree_of(path))]
    assert not found, "credits are integers and rates exact: use int, Decimal or Fraction"


def test_the_rule_sees_a_float_and_lets_durations_pass() -> None:
    assert floats(ast.parse("def price(amount: float) -> int: ...")) == [1]
    assert floats(ast.parse("total = float(amount)")) == [1]
    assert floats(ast.parse("total = amount * 1.2")) == [1]
    assert floats(ast.parse("def wait(hold_wait_s: float) -> int: ...")) == []
    assert floats(ast.parse("HOLD_WAIT_S = 10.0")) == []
