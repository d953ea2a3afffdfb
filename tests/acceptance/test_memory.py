"""A process that serves is small, with the whole catalogue and the operator's files."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.acceptance.gateway import SECRETS, Gateway, fake_provider, point_to

STARTED_MB = 75.0
BUSY_MB = 80.0
CALLERS = 32
CALLS_EACH = 10


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def call_often(base_url: str, key: str) -> int:
    """Make calls on one connection; returns how many were answered."""
    ask = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
    with httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        answers = [client.post("/v1/chat/completions", json=ask) for _ in range(CALLS_EACH)]
    return sum(answer.status_code == 200 for answer in answers)


def test_a_process_that_serves_stays_below_80_mb(tmp_path: Path) -> None:
    with fake_provider() as fake:
        gateway = Gateway(tmp_path / "data", secrets=SECRETS)
        point_to(fake, gateway.catalogue)
        with gateway:
            gateway.create_account("small", "10")
            key = gateway.create_key("small")
            assert resident_mb(gateway.pid) < STARTED_MB
            with ThreadPoolExecutor(CALLERS) as pool:
                answered = list(pool.map(lambda _: call_often(gateway.base_url, key), range(CALLERS)))
            assert sum(answered) == CALLERS * CALLS_EACH
            assert resident_mb(gateway.pid) < BUSY_MB
