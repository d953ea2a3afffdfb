"""Where the system has no OpenMP runtime, the engine is handed the one that a dependency carries."""

import ctypes
import sys
from pathlib import Path

import pytest

from modelport.engines import openmp
from modelport.engines.machine import Machine

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems need no such library")


@on_linux
def test_the_carried_library_is_found_under_the_name_that_the_loader_looks_for(tmp_path: Path) -> None:
    folder = openmp.offer(tmp_path, has_it=lambda: False)
    assert folder == tmp_path
    assert ctypes.CDLL(str(tmp_path / openmp.LIBRARY)).omp_get_max_threads() >= 1
    assert openmp.offer(tmp_path, has_it=lambda: False) == tmp_path, "a second engine finds the link there"


def test_a_system_that_has_the_library_is_left_alone(tmp_path: Path) -> None:
    assert openmp.offer(tmp_path, has_it=lambda: True) is None
    assert not list(tmp_path.iterdir())


def test_a_machine_without_any_says_what_to_install() -> None:
    obstacle = Machine((), "1", 1, has_openmp=False).obstacle()
    assert obstacle is not None
    assert "apt-get install libgomp1" in obstacle
