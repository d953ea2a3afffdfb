"""Webhooks of a real gateway: told once a job has ended, again until it is taken, whatever process dies meanwhile."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import httpx
import pytest

from modelport.jobs.signing import signed_headers
from tests.acceptance.gateway import FAKE_KEY, ROOT, Gateway, fake_provider
from tests.acceptance.test_jobs import SOUND, House, until
from tests.fake.overlay import KEY_ENV
from tests.jobs.shop import write_catalogue


@dataclass
class Receiver:
    """Takes what webhooks are sent, once it does not fail any more."""

    answers: list[int] = field(default_factory=list[int])
    """The statuses that come next; 204 after them."""
    events: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list[tuple[str, dict[str, str], bytes]])
    port: int = 0

    def url(self, path: str = "jobs") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def at(self, path: str) -> list[tuple[dict[str, str], bytes]]:
        """List what an address of it was sent."""
        return [(headers, body) for place, headers, body in self.events if place == f"/{path}"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    seen = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.events.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(seen.answers.pop(0) if seen.answers else 204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            del arguments

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[House]:
    settings = {"MODELPORT_EGRESS_ALLOW": "127.0.0.1", "MODELPORT_EGRESS_PORTS": f"80,443,{receiver.port}"}
    gateway = Gateway(tmp_path_factory.mktemp("webhooks") / "data", secrets={KEY_ENV: FAKE_KEY}, settings=settings)
    with fake_provider() as fake:
        write_catalogue(gateway.catalogue, fake)
        with gateway:
            yield House(gateway)


def ordered(house: House, webhook_url: str) -> str:
    told = house.ask("POST", "/v1/stt/create", data={"model": "scribe", "webhook_url": webhook_url}, files=SOUND)
    assert told.status_code == 200, told.text
    return told.json()["generation_id"]


def webhook(house: House, job_id: str) -> dict[str, Any]:
    return house.ask("GET", f"/v1/jobs/{job_id}").json()["webhook"]


def settled(house: House, job_id: str, status: str = "delivered") -> dict[str, Any]:
    return until(lambda: webhook(house, job_id), lambda told: told["status"] == status)


def shown_receiver() -> str:
    """Return the receiver that the page on jobs shows."""
    page = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
    [found] = [text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def verified" in text]
    return found


def verified() -> Callable[[str, Any, bytes], bool]:
    """Return the check of a signature that the page on jobs shows."""
    module = ModuleType("receiver")
    exec(shown_receiver().partition("\nif __name__")[0], module.__dict__)
    return cast("Callable[[str, Any, bytes], bool]", module.__dict__["verified"])


def test_the_end_of_a_job_is_told_signed_and_again_until_it_is_taken(house: House, receiver: Receiver) -> None:
    receiver.answers = [500]
    job_id = ordered(house, receiver.url("again"))
    failed = until(lambda: webhook(house, job_id), lambda told: told["attempts"] == 1)
    assert (failed["status"], failed["last_status"], failed["url"]) == ("pending", 500, receiver.url("again"))
    assert failed["next_attempt_at"] is not None
    os.kill(house.worker_pid(), signal.SIGKILL)
    done = settled(house, job_id)
    assert (done["attempts"], done["last_status"], done["last_error"], done["next_attempt_at"]) == (2, 204, None, None)
    (first, body), (second, again) = receiver.at("again")
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    event, shown = json.loads(body), house.ask("GET", f"/v1/jobs/{job_id}").json()
    del shown["webhook"]
    assert (event["id"], event["type"], event["data"]) == (first["webhook-id"], "job.completed", shown)
    secret = house.gateway.run("webhooks", "secret", "ann").stdout.strip()
    is_ours = verified()
    assert all(is_ours(secret, headers, body) for headers in (first, second))
    assert not is_ours(secret, first, body + b" ")
    assert not is_ours("whsec_" + "A" * 44, first, body)


@pytest.mark.long
def test_after_the_secret_was_replaced_either_verifies(house: House, receiver: Receiver) -> None:
    old = house.gateway.run("webhooks", "secret", "ann").stdout.strip()
    new = house.gateway.run("webhooks", "secret", "ann", "--rotate").stdout.strip()
    settled(house, ordered(house, receiver.url("either")))
    [(headers, body)] = receiver.at("either")
    assert all(verified()(secret, headers, body) for secret in (old, new))


@pytest.mark.long
def test_a_receiver_that_is_gone_is_told_no_more_until_the_operator_says_so(house: House, receiver: Receiver) -> None:
    receiver.answers = [410]
    job_id = ordered(house, receiver.url("gone"))
    assert settled(house, job_id, "failed")["attempts"] == 1
    assert job_id in house.gateway.run("webhooks", "list", "--failed").stdout
    house.gateway.run("webhooks", "resend", job_id)
    assert settled(house, job_id)["attempts"] == 2
    assert len(house.gateway.run("webhooks", "show", job_id).stdout.splitlines()) == 2


@pytest.mark.long
def test_the_webhook_of_a_key_is_called_where_a_request_names_none(house: House, receiver: Receiver) -> None:
    options = ("--account", "ann", "--webhook-url", receiver.url("key"), "--json")
    key = json.loads(house.gateway.run("keys", "create", *options).stdout)["key"]
    with house.client() as client:
        headers = {"authorization": f"Bearer {key}"}
        told = client.post("/v1/stt/create", data={"model": "scribe"}, files=SOUND, headers=headers)
    settled(house, told.json()["generation_id"])
    assert len(receiver.at("key")) == 1


@pytest.mark.long
def test_what_was_due_when_everything_was_killed_is_told_by_the_next_start(house: House, receiver: Receiver) -> None:
    receiver.answers = [503]
    job_id = ordered(house, receiver.url("killed"))
    until(lambda: webhook(house, job_id), lambda told: told["attempts"] == 1)
    house.gateway.kill9()
    house.gateway.start()
    assert settled(house, job_id)["attempts"] == 2
    assert len(receiver.at("killed")) == 2


def test_private_addresses_are_refused_before_anything_is_made(house: House) -> None:
    rows = house.gateway.rows("SELECT COUNT(*) AS jobs FROM jobs")
    for url in ("http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/", "http://2130706433/"):
        told = house.ask("POST", "/v1/stt/create", data={"model": "scribe", "webhook_url": url}, files=SOUND)
        error = told.json()["error"]
        assert (told.status_code, error["code"], error["param"]) == (400, "webhook_refused", "webhook_url")
    assert house.gateway.rows("SELECT COUNT(*) AS jobs FROM jobs") == rows


def test_the_receiver_on_the_page_takes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    program = tmp_path / "receiver.py"
    program.write_text(shown_receiver().replace("9000", "0"), encoding="utf-8")
    env = {**os.environ, "WEBHOOK_SECRET": "whsec_" + "QUJD" * 11, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, str(program)], env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = re.findall(r"\d+", process.stdout.readline())[-1]
            body = json.dumps({"id": "evt_1", "type": "job.completed", "data": {"id": "1"}}).encode()
            now_s = int(time.time())
            good = signed_headers([b"ABC" * 11], "evt_1", now_s, body)
            old = signed_headers([b"ABC" * 11], "evt_1", now_s - 3_600, body)
            answers = [
                httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=headers, trust_env=False).status_code
                for headers in (good, old, {}, {**good, "webhook-id": "evt_2"})
            ]
            assert answers == [204, 401, 401, 401]
            assert "job.completed" in process.stdout.readline()
        finally:
            process.terminate()
