"""A function fits on a screen, a file can be read in one go."""

from tests.house.source import Function, functions, name_of, python_files

LINES_PER_FUNCTION = 60
LINES_PER_FILE = 500


def lines_of(function: Function) -> int:
    """Count the lines of a function from its first decorator to its end."""
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return (function.end_lineno or function.lineno) - first + 1


def test_every_function_fits_on_a_screen() -> None:
    too_long = [
        f"{name_of(path)}:{function.lineno} {function.name}: {lines_of(function)} lines"
        for path in python_files()
        for function in functions(path)
        if lines_of(function) > LINES_PER_FUNCTION
    ]
    assert not too_long, f"at most {LINES_PER_FUNCTION} lines: move a part that has a name into a function of its own"


def test_no_file_is_longer_than_its_limit() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    too_long = {name: length for name, length in lengths.items() if length > LINES_PER_FILE}
    assert not too_long, f"at most {LINES_PER_FILE} lines: split by noun"
