"""`python -m bench`: a table of ratios. `… postgres`: PostgreSQL beside SQLite. `… jobs`: beside
many jobs. `… soak`: is memory flat?"""

import argparse
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.bodies import write_bodies
from bench.databases import compare_databases
from bench.jobs import beside_jobs
from bench.machine import Cores, choose_cores
from bench.measure import Figures, Shape, cold_start, first_chunk, latency, measure
from bench.profiling import RESULTS, profile
from bench.report import Round, render, table, warnings
from bench.servers import Modelport, Target, nginx, upstream
from bench.soak import soak
from bench.tools import build_tools, require_nginx


def main() -> int:
    """Run what was asked for; 1 when the soak finds growth."""
    options = _options()
    signal.signal(signal.SIGTERM, _terminated)
    build_tools()
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as name:
        folder = Path(name)
        write_bodies(folder)
        with upstream(folder, cores) as port:
            if options.what == "soak":
                return 0 if soak(Modelport(folder, port), folder, cores, options.minutes) else 1
            if options.what == "jobs":
                beside_jobs(folder, port, cores, options.rounds, _shape(options.quick))
                return 0
            if options.what == "postgres":
                compare_databases(folder, port, cores, options.rounds, _shape(options.quick))
                return 0
            if options.profile:
                profile(Modelport(folder, port), folder, cores, _shape(options.quick))
                return 0
            require_nginx()
            _compare(folder, port, cores, options.rounds, _shape(options.quick))
    return 0


def _terminated(_number: int, _frame: object) -> None:
    """Leave by way of the contexts, which stop what was started."""
    sys.exit(143)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["compare", "postgres", "jobs", "soak"], default="compare")
    parser.add_argument("--rounds", type=int, default=3, help="each program after the other, so many times (3)")
    parser.add_argument("--quick", action="store_true", help="short spans: to try the bench, not to quote it")
    parser.add_argument("--profile", action="store_true", help="a profile under load instead of the table")
    parser.add_argument("--minutes", type=float, default=10, help="how long to soak (10)")
    return parser.parse_args()


def _shape(quick: bool) -> Shape:
    return Shape(seconds=1.5, warmup_s=0.5) if quick else Shape(seconds=5, warmup_s=1.5)


def _compare(folder: Path, upstream_port: int, cores: Cores, count: int, shape: Shape) -> None:
    modelport = Modelport(folder, upstream_port)
    if cores.measured in cores.others:
        print("only one core is available: the load competes with what it measures")
    if (load := os.getloadavg()[0]) > 0.5:
        print(f"the machine is busy (load average {load:.1f}): trust no figure, and ratios only over several rounds")
    starts = [cold_start(modelport, folder, cores) for _ in range(3)]
    rounds: list[Round] = []
    for number in range(1, count + 1):
        print(f"round {number} of {count} …", flush=True)
        rounds.append(_round(modelport, folder, upstream_port, cores, shape))
    print(f"\n{render(table(rounds, starts))}\n")
    for warning in warnings(rounds):
        print(f"note: {warning}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps([asdict(r) for r in rounds], indent=1))


def _round(modelport: Modelport, folder: Path, upstream_port: int, cores: Cores, shape: Shape) -> Round:
    direct = Target("upstream", 0, upstream_port, upstream_port)
    before = _nginx(folder, upstream_port, cores, shape)
    with modelport.serve(cores) as target:
        ours = measure(target, folder, cores, shape)
    after = _nginx(folder, upstream_port, cores, shape)
    return Round(before, ours, after, latency(direct, folder, cores, shape), first_chunk(direct, folder, cores, shape))


def _nginx(folder: Path, upstream_port: int, cores: Cores, shape: Shape) -> Figures:
    with nginx(folder, upstream_port, cores) as target:
        return measure(target, folder, cores, shape)


if __name__ == "__main__":
    raise SystemExit(main())
