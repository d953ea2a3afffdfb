"""What a call costs the process that serves while another one drives two thousand jobs."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.machine import Cores, own_cpu_s, rss_bytes, tree
from bench.measure import Plan, Shape, run_load
from bench.servers import Modelport, Target

JOBS = 2_000
_ORDERED_AT_ONCE = 8
_SETTLING_S = 20.0
_ENDING_S = 300.0
_SOUND = "data:audio/wav;base64,UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="


@dataclass(frozen=True, slots=True)
class Felt:
    """One load on the process that serves."""

    cpu_us: float
    """Of that process alone, per request, saturated."""
    p50_ms: float
    p99_ms: float
    errors: int


@contextmanager
def transcripts(cores: Cores) -> Generator[subprocess.Popen[str]]:
    """Run the slow provider; its port is the first line that it prints."""
    command = [sys.executable, "-m", "bench.transcripts"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=cores.pin_others()) as process:
        try:
            yield process
        finally:
            process.terminate()


def beside_jobs(folder: Path, upstream_port: int, cores: Cores, rounds: int, shape: Shape) -> None:
    """Print what a call costs alone and beside jobs, then let the jobs end and say whether each did."""
    modelport = Modelport(folder, upstream_port)
    with transcripts(cores) as provider:
        assert provider.stdout is not None
        base_url = f"http://127.0.0.1:{int(provider.stdout.readline())}/v2"
        (modelport.data / "catalogue" / "assemblyai.toml").write_text(f'base_url = "{base_url}"\n')
        modelport.environment["ASSEMBLYAI_API_KEY"] = "bench"
        with modelport.serve(cores) as target:
            alone = [_felt(target, folder, cores, shape) for _ in range(rounds)]
            ordered_s = _order(target, JOBS)
            worker = _move_children(target, cores)
            time.sleep(_SETTLING_S)
            beside = [_felt(target, folder, cores, shape) for _ in range(rounds)]
            print(f"\n| | alone | beside {JOBS:,} jobs |\n| --- | --- | --- |")
            for name, figure in _ROWS:
                print(f"| {name} | {median(map(figure, alone)):,.2f} | {median(map(figure, beside)):,.2f} |")
            print(f"\n{JOBS:,} jobs ordered in {ordered_s:.1f} s; the job worker has {rss_bytes(worker) / 1e6:.0f} MB")
            provider.send_signal(signal.SIGUSR1)
            print(_ended(target))


_ROWS = (
    ("CPU of the serving process per request, µs", lambda felt: felt.cpu_us),
    ("p50 at the fixed rate, ms", lambda felt: felt.p50_ms),
    ("p99 at the fixed rate, ms", lambda felt: felt.p99_ms),
    ("errors", lambda felt: felt.errors),
)


def _felt(target: Target, bodies: Path, cores: Cores, shape: Shape) -> Felt:
    before = 0.0

    def on_warm() -> None:
        nonlocal before
        before = own_cpu_s(target.pid)

    full, _ = run_load(
        target, bodies / "request.json", cores, Plan(shape.connections, shape.seconds, shape.warmup_s), on_warm=on_warm
    )
    used = own_cpu_s(target.pid) - before
    steady_plan = Plan(shape.connections, shape.seconds, shape.warmup_s, rate=shape.rate)
    steady, _ = run_load(target, bodies / "request.json", cores, steady_plan)
    return Felt(used / max(1, full.done) * 1e6, steady.p50_ms, steady.p99_ms, full.errors + steady.errors)


def _order(target: Target, count: int) -> float:
    body = json.dumps({"model": "aai/universal", "url": _SOUND}).encode()

    def order(_: int) -> None:
        with urllib.request.urlopen(_asked(target, "/v1/stt/create", body), timeout=60) as answer:
            assert json.load(answer)["status"] == "queued"

    started = time.perf_counter()
    with ThreadPoolExecutor(_ORDERED_AT_ONCE) as pool:
        list(pool.map(order, range(count)))
    return time.perf_counter() - started


def _asked(target: Target, path: str, body: bytes | None = None) -> urllib.request.Request:
    headers = {"authorization": f"Bearer {target.key}", "content-type": "application/json"}
    return urllib.request.Request(f"http://127.0.0.1:{target.port}{path}", body, headers)


def _move_children(target: Target, cores: Cores) -> int:
    """Have what the server started run beside the load, as a system with more cores would; returns the worker."""
    children = [pid for pid in tree(target.pid) if pid != target.pid]
    for pid in children:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores.others)
    return max(children, key=rss_bytes)


def _ended(target: Target) -> str:
    """Wait until every job has ended; says how."""
    started, counts = time.perf_counter(), dict[str, int]()
    while time.perf_counter() - started < _ENDING_S:
        counts = _statuses(target)
        if set(counts) <= {"completed", "error"} and sum(counts.values()) == JOBS:
            break
        time.sleep(2)
    return f"after {time.perf_counter() - started:.0f} s: {counts}"


def _statuses(target: Target) -> dict[str, int]:
    counts: dict[str, int] = {}
    cursor = ""
    while True:
        with urllib.request.urlopen(_asked(target, f"/v1/jobs?limit=100{cursor}"), timeout=60) as answer:
            page = json.load(answer)
        for job in page["data"]:
            counts[job["status"]] = counts.get(job["status"], 0) + 1
        if not page["has_more"]:
            return counts
        cursor = f"&cursor={page['cursor']}"
