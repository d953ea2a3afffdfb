"""What the machine says about processes: their CPU time, memory, and where they may run."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the measured program runs, and where everything else does."""

    measured: int
    others: frozenset[int]

    def pin_measured(self) -> Callable[[], None]:
        """Return what a child calls to run on the measured core alone."""
        return lambda: os.sched_setaffinity(0, {self.measured})

    def pin_others(self) -> Callable[[], None]:
        """Return what a child calls to keep off the measured core."""
        return lambda: os.sched_setaffinity(0, self.others)


def choose_cores() -> Cores:
    """Give the last core to the measured program; on a single core everything shares it, and the figures say little."""
    available = sorted(os.sched_getaffinity(0))
    return Cores(available[-1], frozenset(available[:-1] or available))


def tree(pid: int) -> list[int]:
    """List a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, ()))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds that a process, its threads and its descendants have used, those that were reaped included."""
    total = 0
    for member in tree(pid):
        if stat := _stat(member):
            total += sum(int(field) for field in stat[11:15])
    return total / _TICKS_PER_S


def own_cpu_s(pid: int) -> float:
    """CPU seconds that a process and its threads have used, its descendants not."""
    stat = _stat(pid)
    return sum(int(field) for field in stat[11:13]) / _TICKS_PER_S if stat else 0.0


def rss_bytes(pid: int) -> int:
    """Resident memory of a process alone."""
    stat = _stat(pid)
    return int(stat[21]) * _PAGE_BYTES if stat else 0


def tree_rss_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants; what they share counts for each."""
    return sum(rss_bytes(member) for member in tree(pid))


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the third (state) on; None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def find(name: str) -> str | None:
    """Find a program, also where only root looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
