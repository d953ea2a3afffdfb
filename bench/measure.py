"""One measurement each: start the load, take the CPU time of the target over the same span."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.machine import Cores, cpu_s, rss_bytes, tree_rss_bytes
from bench.servers import Modelport, Target, answers
from bench.tools import BUILD

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


@dataclass(frozen=True, slots=True)
class Load:
    """What the load generator saw."""

    done: int
    errors: int
    events: int
    late: int
    dials: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float
    first_p99_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One target in one round."""

    cpu_us_per_request: float
    requests_per_s: float
    busy: float
    """Which share of its core the target used while saturated."""
    p50_ms: float
    p99_ms: float
    cpu_us_per_chunk: float
    cpu_us_per_translated_chunk: float
    """The same for a caller who speaks Messages while the provider speaks Chat Completions; nginx only passes on."""
    chunks_per_s: float
    first_chunk_ms: float
    rss_mb: float
    tree_rss_mb: float
    errors: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the load generator."""

    connections: int
    seconds: float
    warmup_s: float
    rate: float = 0
    """Requests per second; 0 keeps every connection busy."""
    is_streaming: bool = False
    path: str = CHAT


@dataclass(frozen=True, slots=True)
class Shape:
    """How long things are measured."""

    seconds: float
    warmup_s: float
    connections: int = 64
    streams: int = 256
    few_streams: int = 10
    rate: int = 500


def run_load(
    target: Target,
    body: Path,
    cores: Cores,
    plan: Plan,
    on_progress: Callable[[int], None] | None = None,
    on_warm: Callable[[], None] | None = None,
) -> tuple[Load, float]:
    """Put load on a target; returns what was seen and the CPU seconds that the target used since it was warm."""
    port = target.stream_port if plan.is_streaming else target.port
    numbers = [plan.connections, plan.seconds, plan.warmup_s, plan.rate]
    command = [str(BUILD / "load"), str(port), target.key, str(body), *map(str, numbers), plan.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=cores.pin_others()) as process:
        try:
            assert process.stdout is not None
            before = 0.0
            for line in process.stdout:
                if line.startswith("{"):
                    return Load(**json.loads(line)), cpu_s(target.pid) - before
                if line.startswith("warm"):
                    before = cpu_s(target.pid)
                    if on_warm is not None:
                        on_warm()
                elif on_progress is not None:
                    on_progress(int(line.split()[1]))
        finally:
            process.kill()
    raise SystemExit(f"bench: the load on {target.name} ended early")


def latency(target: Target, bodies: Path, cores: Cores, shape: Shape) -> Load:
    """Ask at a fixed rate."""
    plan = Plan(shape.connections, shape.seconds, shape.warmup_s, rate=shape.rate)
    return run_load(target, bodies / "request.json", cores, plan)[0]


def first_chunk(target: Target, bodies: Path, cores: Cores, shape: Shape) -> Load:
    """Open few streams again and again."""
    plan = Plan(shape.few_streams, shape.seconds, shape.warmup_s, is_streaming=True)
    return run_load(target, bodies / "short.json", cores, plan)[0]


def measure(target: Target, bodies: Path, cores: Cores, shape: Shape) -> Figures:
    """Take every figure of a target."""
    saturating = Plan(shape.connections, shape.seconds, shape.warmup_s)
    full, full_cpu = run_load(target, bodies / "request.json", cores, saturating)
    steady = latency(target, bodies, cores, shape)
    streaming = Plan(shape.streams, shape.seconds, shape.warmup_s, is_streaming=True)
    streamed, streamed_cpu = run_load(target, bodies / "stream.json", cores, streaming)
    opened = first_chunk(target, bodies, cores, shape)
    path = CHAT if target.name == "nginx" else MESSAGES
    translating = Plan(shape.streams, shape.seconds, shape.warmup_s, is_streaming=True, path=path)
    translated, translated_cpu = run_load(target, bodies / "messages.json", cores, translating)
    return Figures(
        cpu_us_per_request=full_cpu / max(1, full.done) * 1e6,
        requests_per_s=full.done / full.seconds,
        busy=full_cpu / full.seconds,
        p50_ms=steady.p50_ms,
        p99_ms=steady.p99_ms,
        cpu_us_per_chunk=streamed_cpu / max(1, streamed.events) * 1e6,
        cpu_us_per_translated_chunk=translated_cpu / max(1, translated.events) * 1e6,
        chunks_per_s=streamed.events / streamed.seconds,
        first_chunk_ms=opened.first_p50_ms,
        rss_mb=rss_bytes(target.pid) / 1e6,
        tree_rss_mb=tree_rss_bytes(target.pid) / 1e6,
        errors=full.errors + steady.errors + streamed.errors + opened.errors + translated.errors,
    )


def cold_start(modelport: Modelport, bodies: Path, cores: Cores) -> tuple[float, float]:
    """Seconds from the start of the process to its first sign of life, and to the first 200 of a chat call."""
    body = (bodies / "request.json").read_bytes()
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {modelport.key}\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    start = time.perf_counter()
    with modelport.serve(cores) as target:
        alive = time.perf_counter() - start
        while not (answer := answers(target.port, request.encode() + body)).startswith(b"HTTP/1.1 200"):
            if time.perf_counter() - start > 30:
                raise SystemExit(f"bench: no 200 within 30 s of the start, but {answer[:300]!r}")
        return alive, time.perf_counter() - start
