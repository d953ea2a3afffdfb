import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from modelport.engines.entries import SourceFailed, WeightsUnavailable, WrongHash
from modelport.engines.hub import HubFile
from modelport.engines.weights import WeightsStore
from tests.engines.made import CONTENT, sha256, weights

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers each request as the next of `answers` says."""

    server: "Hub"

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        self.server.answers.pop(0)(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, authority: trustme.CA) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answers: list[Answer] = []
        self.ranges: list[str | None] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up on purpose."""

    def url(self, path: str = "/tiny.gguf") -> str:
        return f"https://127.0.0.1:{self.server_port}{path}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def hub(authority: trustme.CA) -> Iterator[Hub]:
    with Hub(authority) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(authority: trustme.CA) -> HubFile:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return HubFile(tls=context, timeout_s=5, pause_s=0)


def whole(body: bytes) -> Answer:
    return partly(body, len(body))


def partly(body: bytes, sent_bytes: int) -> Answer:
    """Promise `body`, send the start of it, and hang up."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:sent_bytes])

    return answer


def rest_from(start: int, body: bytes = CONTENT) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        handler.wfile.write(body[start:])

    return answer


def moved(url: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def refused(status: int) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT + b"more")


def fetch(client: HubFile, hub: Hub, folder: Path) -> bytes:
    target = folder / "target"
    client.fetch(hub.url(), weights(), folder, target, lambda done, total: None)
    return target.read_bytes()


def test_a_lost_connection_is_resumed_where_it_stopped(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    hub.answers = [partly(CONTENT, 1000), rest_from(1000)]
    assert fetch(client, hub, tmp_path) == CONTENT
    assert hub.ranges == [None, "bytes=1000-"]


def test_what_an_earlier_run_left_is_resumed(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub.part").write_bytes(CONTENT[:5000])
    hub.answers = [rest_from(5000)]
    assert fetch(client, hub, tmp_path) == CONTENT


def test_a_server_without_ranges_starts_over(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub.part").write_bytes(b"x" * 5000)
    hub.answers = [whole(CONTENT)]
    assert fetch(client, hub, tmp_path) == CONTENT


def test_redirects_are_followed_to_https_only(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    hub.answers = [moved("/elsewhere"), moved(hub.url("/last")), whole(CONTENT)]
    assert fetch(client, hub, tmp_path) == CONTENT
    hub.answers = [moved("http://models.example/tiny.gguf")]
    with pytest.raises(SourceFailed, match=r"http://models\.example/tiny\.gguf: is not an https address"):
        fetch(client, hub, tmp_path)


def test_redirects_are_bounded(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    hub.answers = [moved(hub.url())] * 6
    with pytest.raises(SourceFailed, match="redirects more than 5 times"):
        fetch(client, hub, tmp_path)


@pytest.mark.parametrize(
    "answer", [whole(CONTENT[:-1]), whole(CONTENT + b"x"), endless], ids=["short", "long", "endless"]
)
def test_a_file_of_another_size_is_refused(client: HubFile, hub: Hub, tmp_path: Path, answer: Answer) -> None:
    hub.answers = [answer]
    with pytest.raises(SourceFailed, match="256000"):
        fetch(client, hub, tmp_path)


def test_another_range_than_was_asked_for_is_refused(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub.part").write_bytes(CONTENT[:5000])
    hub.answers = [rest_from(4000)]
    with pytest.raises(SourceFailed, match="another range"):
        fetch(client, hub, tmp_path)


def test_wrong_bytes_name_both_hashes_and_are_not_kept(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    wrong = bytes(len(CONTENT))
    hub.answers = [whole(wrong)]
    with pytest.raises(WrongHash) as problem:
        fetch(client, hub, tmp_path)
    assert (problem.value.expected, problem.value.found) == (sha256(CONTENT), sha256(wrong))
    assert not any(tmp_path.iterdir())


def test_a_server_that_brings_nothing_is_given_up(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    hub.answers = [partly(CONTENT, 0)] * client.tries
    with pytest.raises(SourceFailed):
        fetch(client, hub, tmp_path)
    assert len(hub.ranges) == client.tries


def test_the_store_tries_the_next_address(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    hub.answers = [refused(404), whole(CONTENT)]
    entry = weights(urls=(hub.url("/gone"), hub.url()))
    assert WeightsStore(tmp_path, (entry,), hub=client).pull("tiny").read_bytes() == CONTENT


def test_a_refusal_is_told_with_its_status(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    hub.answers = [refused(403)]
    with pytest.raises(WeightsUnavailable, match="answered 403 Forbidden"):
        WeightsStore(tmp_path, (weights(urls=(hub.url(),)),), hub=client).pull("tiny")


def test_a_certificate_nobody_vouches_for_is_refused(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(HubFile(timeout_s=5, pause_s=0, tries=1), hub, tmp_path)
