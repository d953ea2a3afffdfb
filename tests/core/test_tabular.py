"""Rows as JSON Lines and CSV: exact, quoted, and harmless in a spreadsheet."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from modelport.core.tabular import Table, Value, pieces

Row = tuple[Value, Value]
TABLE: Table[Row] = Table((("a", lambda row: row[0]), ("b", lambda row: row[1])))


def written(rows: list[Row], form: str) -> bytes:
    return b"".join(pieces([rows], TABLE, form))  # type: ignore[arg-type]


def test_csv_is_quoted_and_ended_by_rfc_4180() -> None:
    rows: list[Row] = [('say "hi", all', "two\r\nlines"), (None, True), (12, Raw(b'{"x":1}')), ("", Raw(b"0.5"))]
    assert written(rows, "csv") == (b'a,b\r\n"say ""hi"", all","two\r\nlines"\r\n,true\r\n12,"{""x"":1}"\r\n,0.5\r\n')


def test_json_lines_have_an_object_to_the_line_and_every_text_as_it_is() -> None:
    rows: list[Row] = [("=1+1", None), ("a\nb", Raw(b'{"x":1}')), ("é", False)]
    lines = written(rows, "jsonl").decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"a": "=1+1", "b": None},
        {"a": "a\nb", "b": {"x": 1}},
        {"a": "é", "b": False},
    ]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(begin: str) -> None:
    [_, [cell, _]] = csv.reader(io.StringIO(written([(f"{begin}cmd|' /C calc'!A0", 1)], "csv").decode(), newline=""))
    assert cell == f"'{begin}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["a=1", "2-1", "'", "", "x@y.example", "1e5"])
def test_other_texts_are_left_alone(text: str) -> None:
    [_, [cell, _]] = csv.reader(io.StringIO(written([(text, 1)], "csv").decode(), newline=""))
    assert cell == text


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.one_of(st.none(), st.integers())), max_size=5))
def test_csv_is_read_back_as_it_was_but_for_the_apostrophe(rows: list[Row]) -> None:
    [head, *read] = csv.reader(io.StringIO(written(rows, "csv").decode(), newline=""))
    assert head == ["a", "b"]
    assert len(read) == len(rows)
    for (text, number), (cell, other) in zip(rows, read, strict=True):
        assert cell in (text, f"'{text}")
        assert not cell.startswith(tuple("=+-@\t\r\n"))
        assert other == ("" if number is None else str(number))


def test_no_rows_are_the_names_alone_or_nothing() -> None:
    assert written([], "csv") == b"a,b\r\n"
    assert written([], "jsonl") == b""
