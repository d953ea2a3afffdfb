"""Rows as JSON Lines or CSV, made a piece at a time."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import msgspec
from msgspec import Raw

Form = Literal["jsonl", "csv"]
Value = str | int | bool | Raw | None
"""What a cell holds; `Raw` is JSON."""
Row = TypeVar("Row")

FORMS: tuple[Form, ...] = ("jsonl", "csv")
_BEGINS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """What is written of rows of a kind: the name of each column and how its cell is read from a row."""

    columns: tuple[tuple[str, Callable[[Row], Value]], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(name for name, _ in self.columns)


def pieces(pages: Iterable[Sequence[Row]], table: Table[Row], form: Form) -> Iterator[bytes]:
    """Write rows page by page: an object to the line, or CSV by RFC 4180 with the names of the columns first.

    Spreadsheets run what looks like a formula, so a text that begins like one gets an apostrophe before it in CSV,
    which they take for "this is text"; JSON Lines have every text as it is.
    """
    if form == "csv":
        yield _csv([table.names])
    reads = [read for _, read in table.columns]
    for page in pages:
        if form == "csv":
            yield _csv([[_cell(read(row)) for read in reads] for row in page])
        else:
            lines = (dict(zip(table.names, (read(row) for read in reads), strict=True)) for row in page)
            yield b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode("utf-8", "replace")


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Raw):
        return bytes(value).decode("utf-8", "replace")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_BEGINS_FORMULA) else text
