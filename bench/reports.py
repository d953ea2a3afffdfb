"""`python -m bench.reports`: how long the report routes take over ten million request rows on SQLite."""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import create_engine

from bench.report_rows import ACCOUNTS, END_MS, HOT_ACCOUNT, HOT_KEY, RARE_MODEL, batches, load, load_owners
from modelport.api.app import App
from modelport.api.server import listening
from modelport.api.table import report_routes
from modelport.api.v1.reports import ReportRoutes
from modelport.keys.key import Key
from modelport.reports.transactions import Cursors
from modelport.storage.database import Database, sqlite_url
from modelport.storage.migrate import migrate
from modelport.storage.reports import Reports

ROWS = 10_000_000
TARGET_MS = 100
BYTES_PER_ROW = 1_000
"""More than a row takes, with its entry and all indexes."""
_COMMIT_ROWS = 200_000
_DEEP_PAGES = 200
_KEY = Key(HOT_KEY, HOT_ACCOUNT, f"{HOT_KEY:08x}", None, False, False, None, None, "drain_and_bill", 0, 0)


@dataclass(frozen=True, slots=True)
class EndOfRows:
    """A clock that stands where the rows end."""

    def now_ms(self) -> int:
        return END_MS

    def monotonic_s(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Timed:
    """What was asked, and how long its answers took."""

    name: str
    took_ms: list[float]
    cpu_ms: list[float]
    """Of the server and of who asks, which are one process here."""
    rows: int
    is_held: bool = True
    """Whether the target is for it: pages, and summaries of up to thirty days."""

    @property
    def is_slow(self) -> bool:
        """Whether it misses the target."""
        return self.is_held and statistics.median(self.took_ms) >= TARGET_MS

    def line(self) -> str:
        median, most = statistics.median(self.took_ms), max(self.took_ms)
        told = "slow" if self.is_slow else "" if self.is_held else "no target"
        return (
            f"| {self.name} | {median:.1f} | {most:.1f} | {statistics.median(self.cpu_ms):.1f} | {self.rows} | {told} |"
        )


def main() -> int:
    """Build the rows, ask for each page, print the table; 1 when the median of one misses the target."""
    parser = argparse.ArgumentParser(prog="python -m bench.reports", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"request rows ({ROWS:,})")
    parser.add_argument("--rounds", type=int, default=15, help="how often each page is asked for (15)")
    parser.add_argument("--folder", type=Path, help="keep the database in this folder, and use what is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelport-reports-", dir=options.folder) as name:
        folder = options.folder or Path(name)
        if not (folder / "modelport.db").exists():
            _build(folder, options.rows)
        timed = asyncio.run(_measure(folder, options.rounds))
    print("\n| page | median ms | max ms | CPU ms | rows | |\n| --- | --- | --- | --- | --- | --- |")
    print("\n".join(one.line() for one in timed))
    return int(any(one.is_slow for one in timed))


def _build(folder: Path, rows: int) -> None:
    needed, free = rows * BYTES_PER_ROW, shutil.disk_usage(folder).free
    if needed > free:
        sys.exit(f"{rows:,} rows need {needed / 1e9:.0f} GB in {folder}, {free / 1e9:.0f} GB are free: set TMPDIR")
    began = time.monotonic()
    url = sqlite_url(folder)
    migrate(url)
    engine = create_engine(url)
    made = pending = 0
    with engine.connect() as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        load_owners(connection)
        for batch in batches(rows):
            load(connection, batch)
            made += len(batch.requests)
            pending += len(batch.requests)
            if pending >= _COMMIT_ROWS:
                connection.commit()
                pending = 0
                print(f"\r{made:,} rows", end="", flush=True)
        connection.commit()
    engine.dispose()
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    print(f"\r{made:,} rows, {size / 1e9:.1f} GB, built in {time.monotonic() - began:.0f} s")


async def _measure(folder: Path, rounds: int) -> list[Timed]:
    async with AsyncExitStack() as stack:
        database = Database(sqlite_url(folder))
        stack.callback(database.close)
        routes = report_routes(
            ReportRoutes(Reports(database), Cursors([(1, b"s" * 32)]), EndOfRows(), asyncio.to_thread)
        )
        host, port = await stack.enter_async_context(listening(App(routes, _authenticate)))
        client = httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=60, trust_env=False)
        await stack.enter_async_context(client)
        return [await _timed(client, name, path, rounds) for name, path in await _pages(client)]


async def _authenticate(_credential: bytes | None) -> Key:
    return _KEY


async def _pages(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    total = (await client.get("/v2/logs?period=90d")).json()["pagination"]["total"]
    print(f"{total:,} rows are of the key that is asked for, {len(ACCOUNTS)} accounts share the ledger")
    cursor = await _deep_cursor(client)
    month, all_days = "period=30d", "period=90d"
    # Neither end lies on a quarter hour.
    odd = "start=2026-06-01T00:07:00Z&end=2026-06-30T23:52:00Z"
    days = "group_by=day,model"
    month_ago = "from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z"
    return [
        ("logs, first page of 30 days", f"/v2/logs?{month}"),
        ("logs, first page of 90 days", f"/v2/logs?{all_days}&limit=100"),
        ("logs, deep page", f"/v2/logs?{all_days}&offset={total - 100}"),
        ("logs, page in the middle", f"/v2/logs?{all_days}&offset={total // 2}&limit=100"),
        ("logs, one model", f"/v2/logs?{month}&model=model-3"),
        ("logs, a rare model", f"/v2/logs?{all_days}&model={RARE_MODEL}&limit=100"),
        ("logs, failed", f"/v2/logs?{month}&status=failed"),
        ("logs, last page", f"/v2/logs?{all_days}&limit=100&offset={(total - 1) // 100 * 100}"),
        ("logs, beyond the last", f"/v2/logs?{all_days}&limit=100&offset={total + 1}"),
        ("logs, odd ends", f"/v2/logs?{odd}&limit=100"),
        ("logs, one model, failed", f"/v2/logs?{all_days}&model=model-1&status=failed&limit=100"),
        ("logs, failed, deep", f"/v2/logs?{all_days}&status=failed&limit=100&offset={total // 50}"),
        ("usage of 30 days", f"/v2/usage?{month}"),
        ("usage, odd ends", f"/v2/usage?{odd}"),
        ("detail by model, 30 days", f"/v2/usage/detail?{month}&group_by=model"),
        ("detail by day and model, Berlin, 30 days", f"/v2/usage/detail?{month}&{days}&tz=Europe/Berlin"),
        ("detail by day and model, Kathmandu, odd ends", f"/v2/usage/detail?{odd}&{days}&tz=Asia/Kathmandu"),
        ("detail by day and model, 90 days", f"/v2/usage/detail?{all_days}&{days}"),
        ("transactions, first page", "/v2/billing/transactions?limit=100"),
        ("transactions, a rare type", "/v2/billing/transactions?type=CREDITS_EXPIRED&limit=100"),
        ("transactions, calls", "/v2/billing/transactions?type=MODEL_USAGE&limit=100"),
        ("transactions, charges", "/v2/billing/transactions?direction=CHARGE&limit=100"),
        ("transactions of a month", f"/v2/billing/transactions?{month_ago}&limit=100"),
        ("transactions of a month, payments", f"/v2/billing/transactions?{month_ago}&type=PAYMENT&limit=100"),
        ("transactions, top-ups", "/v2/billing/transactions?direction=TOPUP&limit=100"),
        (f"transactions, {_DEEP_PAGES} pages down", f"/v2/billing/transactions?limit=100&cursor={cursor}"),
    ]


async def _deep_cursor(client: httpx.AsyncClient) -> str:
    cursor = ""
    for _ in range(_DEEP_PAGES):
        more = f"&cursor={cursor}" if cursor else ""
        page = (await client.get(f"/v2/billing/transactions?limit=100{more}")).json()
        cursor = page["pagination"]["next_cursor"]
    return cursor


async def _timed(client: httpx.AsyncClient, name: str, path: str, rounds: int) -> Timed:
    took_ms: list[float] = []
    cpu_ms: list[float] = []
    content: dict[str, list[object]] = {}
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        answer = await client.get(path)
        took_ms.append((time.perf_counter() - began) * 1000)
        cpu_ms.append((time.process_time() - used) * 1000)
        content = answer.raise_for_status().json()
    is_held = not ("/usage" in path and "period=90d" in path)
    return Timed(name, took_ms, cpu_ms, len(content.get("data") or content.get("groups") or ()), is_held)


if __name__ == "__main__":
    raise SystemExit(main())
