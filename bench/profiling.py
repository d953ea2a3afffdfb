"""Where the time goes while Modelport is saturated."""

import pstats
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench.machine import Cores, find
from bench.measure import Plan, Shape, run_load
from bench.servers import Modelport, Target

RESULTS = Path(__file__).parent / "results"


def profile(modelport: Modelport, bodies: Path, cores: Cores, shape: Shape) -> None:
    """Write a profile into `bench/results/`: by py-spy when it is installed, else by cProfile."""
    RESULTS.mkdir(exist_ok=True)
    sampler = find("py-spy") or _beside("py-spy")
    if sampler:
        _sample(sampler, modelport, bodies, cores, shape)
    else:
        _trace(modelport, bodies, cores, shape)


def _beside(name: str) -> str | None:
    path = Path(sys.executable).parent / name
    return str(path) if path.exists() else None


def _sample(sampler: str, modelport: Modelport, bodies: Path, cores: Cores, shape: Shape) -> None:
    target_file = RESULTS / "profile.txt"
    seconds = max(5, int(shape.seconds))
    with modelport.serve(cores) as target:
        command = [sampler, "record", "--threads", "--function", "-r", "200", "-d", str(seconds), "-f", "raw"]
        command += ["-o", str(target_file)]
        with subprocess.Popen([*command, "-p", str(target.pid)], preexec_fn=cores.pin_others()) as process:
            _saturate(target, bodies, cores, seconds + 2)
            process.wait(timeout=60)
    for line in _hottest(target_file.read_text(encoding="utf-8")):
        print(line)
    print(f"stacks, for speedscope or flamegraph.pl: {target_file}")


def _hottest(stacks: str, count: int = 40) -> list[str]:
    """List the functions that were on top of the stack most often, with their share, and the share with callees."""
    alone: Counter[str] = Counter()
    with_callees: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = stack.split(";")
        alone[frames[-1]] += int(samples)
        with_callees.update(dict.fromkeys(frames, int(samples)))
    total = max(1, alone.total())
    return [f"{n / total:6.1%} {with_callees[name] / total:6.1%}  {name}" for name, n in alone.most_common(count)]


def _trace(modelport: Modelport, bodies: Path, cores: Cores, shape: Shape) -> None:
    target_file = RESULTS / "profile.pstats"
    target_file.unlink(missing_ok=True)
    wrapper = [sys.executable, "-m", "cProfile", "-o", str(target_file)]
    with modelport.serve(cores, wrapper) as target:
        _saturate(target, bodies, cores, shape.seconds)
    if not target_file.exists():
        print("no profile was written; `pip install py-spy` gives a better one")
        return
    print("py-spy is not installed, so this is cProfile: main thread only, small functions look dearer than they are")
    pstats.Stats(str(target_file)).sort_stats("tottime").print_stats(40)


def _saturate(target: Target, bodies: Path, cores: Cores, seconds: float) -> None:
    run_load(target, bodies / "request.json", cores, Plan(64, seconds, 0.5))
