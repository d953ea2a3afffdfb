"""Constant load for minutes: does memory stay flat?"""

import time
from pathlib import Path

from bench.machine import Cores, rss_bytes, tree_rss_bytes
from bench.measure import Load, Plan, run_load
from bench.servers import Modelport

RATE = 1500
LIMIT_BYTES = 1_000_000
_SAMPLES_FROM = 0.2
"""The first fifth is warm-up: caches and pools fill."""


def slope(samples: list[tuple[float, float]]) -> float:
    """The least-squares slope of samples (x, y)."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def soak(modelport: Modelport, bodies: Path, cores: Cores, minutes: float) -> bool:
    """Serve at a steady rate; returns whether memory grew by no more than the limit per 100,000 calls."""
    samples: list[tuple[float, float]] = []
    with modelport.serve(cores) as target:
        last_said = time.monotonic()

        def on_progress(calls: int) -> None:
            nonlocal last_said
            samples.append((calls, tree_rss_bytes(target.pid)))
            if time.monotonic() - last_said >= 30:
                last_said = time.monotonic()
                print(f"{calls:>10,} calls   {rss_bytes(target.pid) / 1e6:8.2f} MB", flush=True)

        plan = Plan(64, minutes * 60, 2, rate=RATE)
        load, cpu = run_load(target, bodies / "request.json", cores, plan, on_progress)
    kept = samples[int(len(samples) * _SAMPLES_FROM) :]
    if len(kept) < 10 or load.done == 0:
        print("too short to say anything: give it more minutes")
        return False
    growth = slope(kept) * 100_000
    _say(load, cpu)
    flat = growth <= LIMIT_BYTES
    print(
        f"memory {kept[0][1] / 1e6:.2f} → {kept[-1][1] / 1e6:.2f} MB, {growth / 1e6:+.3f} MB per 100,000 calls:",
        end=" ",
    )
    print(f"{'flat' if flat else 'grows'} (limit {LIMIT_BYTES / 1e6:g} MB)")
    return flat and load.errors == 0


def _say(load: Load, cpu: float) -> None:
    print(
        f"{load.done:,} calls in {load.seconds:.0f} s, {load.errors} errors, {cpu / load.done * 1e6:.0f} µs of CPU each"
    )
    print(f"p50 {load.p50_ms:.2f} ms, p99 {load.p99_ms:.2f} ms")
