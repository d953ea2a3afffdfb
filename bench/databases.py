"""What a call costs Modelport on PostgreSQL, beside what it costs on SQLite in the same run."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.machine import Cores, cpu_s
from bench.measure import Plan, Shape, run_load
from bench.servers import Modelport
from tests.twins.postgres import PostgresServer

MOST = 1.3
"""How many times the CPU of SQLite's the processes of Modelport may use."""
_BUSY = 0.9


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of load on one database."""

    cpu_us: float
    """Of Modelport's processes, per request."""
    database_us: float
    """Of the database server's, per request; SQLite has none."""
    requests_per_s: float
    busy: float
    errors: int


@dataclass(frozen=True, slots=True)
class Pair:
    """The same load on both."""

    sqlite: Cost
    postgres: Cost

    @property
    def ratio(self) -> float:
        """What Modelport needs on PostgreSQL, in what it needs on SQLite."""
        return self.postgres.cpu_us / self.sqlite.cpu_us


@contextmanager
def postgres(cores: Cores) -> Generator[PostgresServer]:
    """Run a server that keeps what it commits, as one is installed, on the cores of the load."""
    folder = Path(tempfile.mkdtemp(prefix="modelport-bench-pg-", dir="/tmp"))
    folder.chmod(0o755)
    before = os.sched_getaffinity(0)
    try:
        server = PostgresServer(folder, options=())
        os.sched_setaffinity(0, cores.others)
        try:
            server.start()
        finally:
            os.sched_setaffinity(0, before)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare_databases(folder: Path, upstream_port: int, cores: Cores, rounds: int, shape: Shape) -> None:
    """Put the same load on both by turns, and print what a request costs on each."""
    plans = {
        "saturated": Plan(shape.connections, shape.seconds, shape.warmup_s),
        f"{shape.rate} requests a second": Plan(shape.connections, shape.seconds, shape.warmup_s, rate=shape.rate),
    }
    found: dict[str, list[Pair]] = {name: [] for name in plans}
    with postgres(cores) as server:
        sides = {
            "sqlite": (Modelport(folder / "sqlite", upstream_port), None),
            "postgres": (Modelport(folder / "postgres", upstream_port, server.create("bench")), server.pid),
        }
        for number in range(1, rounds + 1):
            print(f"round {number} of {rounds} …", flush=True)
            order = ("sqlite", "postgres") if number % 2 else ("postgres", "sqlite")
            costs = {name: _costs(*sides[name], folder, cores, list(plans.values())) for name in order}
            for position, name in enumerate(plans):
                found[name].append(Pair(costs["sqlite"][position], costs["postgres"][position]))
    print("\n| load | | SQLite | PostgreSQL | ratio |\n| --- | --- | --- | --- | --- |")
    for name, pairs in found.items():
        print("\n".join(_lines(name, pairs)))
    for note in _notes(found):
        print(f"note: {note}")


def _costs(
    modelport: Modelport, database_pid: int | None, bodies: Path, cores: Cores, plans: Sequence[Plan]
) -> list[Cost]:
    found: list[Cost] = []
    with modelport.serve(cores) as target:
        for plan in plans:
            theirs = 0.0

            def on_warm() -> None:
                nonlocal theirs
                theirs = cpu_s(database_pid) if database_pid else 0.0

            load, ours = run_load(target, bodies / "request.json", cores, plan, on_warm=on_warm)
            theirs = cpu_s(database_pid) - theirs if database_pid else 0.0
            done = max(1, load.done)
            busy, rate = ours / load.seconds, load.done / load.seconds
            found.append(Cost(ours / done * 1e6, theirs / done * 1e6, rate, busy, load.errors))
    return found


def _lines(name: str, pairs: Sequence[Pair]) -> list[str]:
    ratios = sorted(pair.ratio for pair in pairs)
    middle = median(ratios)
    verdict = "holds" if middle <= MOST else "**does not hold**"
    told = f"{middle:.2f} × [{ratios[0]:.2f}–{ratios[-1]:.2f}], at most {MOST:g}: {verdict}"

    def row(what: str, figure: Callable[[Cost], float], ratio: str = "") -> str:
        ours, theirs = (median(figure(side) for side in sides) for sides in _sides(pairs))
        return f"| {name} | {what} | {ours:,.0f} | {theirs:,.0f} | {ratio} |"

    return [
        row("CPU of Modelport per request, µs", lambda cost: cost.cpu_us, told),
        row("CPU of the database server per request, µs", lambda cost: cost.database_us),
        row("requests per second", lambda cost: cost.requests_per_s),
        row("of its core used, %", lambda cost: cost.busy * 100),
    ]


def _sides(pairs: Sequence[Pair]) -> tuple[list[Cost], list[Cost]]:
    return [pair.sqlite for pair in pairs], [pair.postgres for pair in pairs]


def _notes(found: dict[str, list[Pair]]) -> list[str]:
    notes: list[str] = []
    for name, pairs in found.items():
        for costs, side in zip(_sides(pairs), ("SQLite", "PostgreSQL"), strict=True):
            if errors := sum(cost.errors for cost in costs):
                notes.append(f"{name}: {errors} errors on {side}")
            if name == "saturated" and (busy := median(cost.busy for cost in costs)) < _BUSY:
                notes.append(
                    f"{name}: on {side} Modelport used {busy:.0%} of its core, something else was the limit; groups of "
                    "commits are then smaller and a request is dearer"
                )
    return notes
