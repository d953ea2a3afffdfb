"""Exports from the command line."""

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main
from tests.twins.booked import Booked, open_booked


@pytest.fixture
async def booked(tmp_path: Path) -> AsyncIterator[Booked]:
    async with open_booked("sqlite", tmp_path) as opened:
        ann, bob = opened.key(opened.account("ann")), opened.key(opened.account("bob"))
        for number in range(3):
            records = (
                opened.record(ann, 7 + number, client_request_id="=1+1", provider_nano_usd=1_500),
                opened.record(bob, 5, is_on_house=True, status="failed"),
            )
            await opened.calls(*records)
            opened.clock.pass_s(60)
        yield opened


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), "export", *arguments])


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


async def test_calls_of_an_account_are_written_to_standard_output(booked: Booked, tmp_path: Path) -> None:
    done = run(tmp_path, "logs", "--account", "ann")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["cost_credits"] for line in lines] == [7, 8, 9]
    assert {(line["account"], line["client_request_id"], line["provider_usd"]) for line in lines} == {
        ("ann", "=1+1", 0.0000015)
    }
    assert done.stderr == "wrote 3 calls\n"


async def test_all_calls_are_written_as_csv_that_a_spreadsheet_may_open(booked: Booked, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    done = run(tmp_path, "logs", "--all", "--format", "csv", "--output", str(target))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"wrote 6 calls to {target}\n")
    rows = list(csv.DictReader(io.StringIO(target.read_bytes().decode(), newline="")))
    assert {row["client_request_id"] for row in rows} == {"'=1+1", ""}
    assert {row["provider_usd"] for row in rows} == {"0.0000015", ""}
    assert [row["house_credits"] for row in rows if row["account"] == "bob"] == ["5", "5", "5"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_entries_are_written_and_a_period_bounds_them(booked: Booked, tmp_path: Path) -> None:
    everything = [json.loads(line) for line in run(tmp_path, "entries", "--all").stdout.splitlines()]
    assert [entry["type"] for entry in everything].count("MODEL_USAGE") == 6
    last = everything[-1]["created_at"]
    done = run(tmp_path, "entries", "--account", "ann", "--from", last)
    assert [json.loads(line)["credits"] for line in done.stdout.splitlines()] == [9]
    assert done.stderr == "wrote 1 entries\n"


async def test_a_file_is_replaced_only_by_a_whole_one(booked: Booked, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("before")
    booked.execute("ALTER TABLE entries RENAME TO elsewhere")
    broken = run(tmp_path, "entries", "--all", "--output", str(target))
    assert broken.exit_code != 0
    assert target.read_text() == "before"
    booked.execute("ALTER TABLE elsewhere RENAME TO entries")
    assert run(tmp_path, "entries", "--all", "--output", str(target)).exit_code == 0
    assert target.read_text().startswith('{"id":1')
    assert hidden(tmp_path) == []


PROGRAM = """
import sys
from modelport.cli.export import _write
from modelport.core.tabular import Table
def pages():
    yield ["a"]
    print("begun", flush=True)
    sys.stdin.read()
    yield ["b"]
_write(pages(), Table((("x", str),)), "jsonl", sys.argv[1], "rows")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_export_that_is_stopped_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    arguments = [sys.executable, "-c", PROGRAM, str(tmp_path / "out.jsonl")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
        assert len(list(tmp_path.iterdir())) == 1, "what is begun is written beside its place"
        os.kill(child.pid, number)
        child.communicate(timeout=10)
    assert child.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("logs",), "give either --account NAME or --all"),
        (("logs", "--all", "--account", "ann"), "give either --account NAME or --all"),
        (("entries", "--account", "carl"), "no account named 'carl'"),
        (("logs", "--all", "--output", "/dev/null"), "which is no regular file"),
        (("logs", "--all", "--format", "xml"), "'xml' is not one of"),
        (("logs", "--all", "--from", "2026-02-01", "--to", "2026-01-01"), "--to is not after --from"),
    ],
)
async def test_what_cannot_be_exported_is_refused(
    booked: Booked, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run(tmp_path, *arguments)
    assert done.exit_code != 0
    assert told in done.stderr
    assert done.stdout == ""
