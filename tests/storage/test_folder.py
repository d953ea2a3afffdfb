"""One server for one data folder."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from modelport.storage.folder import FolderInUse, locked_folder

HOLDER = """
import sys
from pathlib import Path
from modelport.storage.folder import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_made_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with locked_folder(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_server_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        locked_folder(tmp_path),
        pytest.raises(FolderInUse, match=f"process {os.getpid()}: stop that"),
        locked_folder(tmp_path),
    ):
        pass
    with locked_folder(tmp_path):
        pass


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FolderInUse, match=f"process {holder.pid}"), locked_folder(tmp_path):
            pass
        holder.kill()
    with locked_folder(tmp_path):
        pass
