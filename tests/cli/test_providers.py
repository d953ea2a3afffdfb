"""`modelport providers`: trying, adding and taking in what a server lists."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner, Result

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.cli import main
from tests.acceptance.gateway import FAKE_KEY, fake_provider, point_to
from tests.catalogue.written import write

SECRET = "sk-fake-do-not-show"
LISTED = ["gpt-oss-20b", "our-own:7b", "our-embedder", "bad name!"]


class Plain(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that lists models and answers chats."""

    names: ClassVar[list[str]] = LISTED

    def do_GET(self) -> None:
        if self.headers.get("authorization") not in (None, f"Bearer {SECRET}"):
            self._answer(401, {"error": {"message": "wrong key"}})
        elif self.path == "/v1/models":
            self._answer(200, {"object": "list", "data": [{"id": name} for name in self.names]})
        else:
            self._answer(404, {"error": {"message": "nothing here"}})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        said = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        used = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        head = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        self._answer(200, {**head, "choices": [said], "usage": used})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def fake() -> Iterator[str]:
    with fake_provider() as address:
        yield address


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What our own files were read to, so that not every command reads them."""
    cache = tmp_path_factory.mktemp("cache")
    load(cache=cache)
    return cache


@pytest.fixture
def data_dir(tmp_path: Path, read: Path) -> Path:
    shutil.copytree(read, tmp_path / "data/cache")
    return tmp_path / "data"


def loaded(data_dir: Path) -> Catalogue:
    return load(data_dir / "catalogue", data_dir / "cache")


def run(data_dir: Path, *arguments: str, answers: str = "", **variables: str | None) -> Result:
    runner = CliRunner(env={"OPENAI_API_KEY": None, "ANTHROPIC_API_KEY": None, "GEMINI_API_KEY": None, **variables})
    told = runner.invoke(main, ["providers", *arguments, "--data-dir", str(data_dir)], input=answers)
    assert SECRET not in told.output
    assert FAKE_KEY not in told.output
    return told


@pytest.mark.parametrize(
    ("provider", "variable"),
    [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"), ("google", "GEMINI_API_KEY")],
)
def test_a_provider_that_works_is_tried_to_its_answer(data_dir: Path, fake: str, provider: str, variable: str) -> None:
    point_to(fake, data_dir / "catalogue")
    told = run(data_dir, "test", provider, "--json", **{variable: FAKE_KEY})
    checks = {check["name"]: check for check in json.loads(told.stdout)["checks"]}
    assert told.exit_code == 0, checks
    assert checks["reachable"]["state"] == checks["call"]["state"] == "ok"
    assert " answered in " in checks["call"]["detail"]


def test_a_key_that_is_refused_is_told_by_the_name_of_its_variable(data_dir: Path, plain: str) -> None:
    write(data_dir / "catalogue", {"openai.toml": f'base_url = "{plain}"'})
    told = run(data_dir, "test", "openai", OPENAI_API_KEY="sk-another")
    assert told.exit_code == 1
    assert "OpenAI refused the key in OPENAI_API_KEY" in told.stdout
    assert "sk-another" not in told.output


def test_what_is_missing_or_not_there_is_told(data_dir: Path) -> None:
    told = run(data_dir, "test", "openai")
    assert (told.exit_code, "set OPENAI_API_KEY" in told.stdout) == (1, True)
    write(data_dir / "catalogue", {"openai.toml": 'base_url = "http://127.0.0.1:9/v1"'})
    told = run(data_dir, "test", "openai", OPENAI_API_KEY=SECRET)
    assert told.exit_code == 1
    assert "failed   reachable" in told.stdout
    assert "write 'openai'" in run(data_dir, "test", "opnai").stderr


def test_what_a_server_lists_is_added_and_works_at_once(data_dir: Path, plain: str) -> None:
    told = run(data_dir, "add", "house", "--base-url", plain, "--env", "none", "--price", "0.30", "0.90")
    assert told.exit_code == 0, told.output
    assert "left out: 'bad name!'" in told.stderr
    known = loaded(data_dir)
    sold = {offer.upstream: model.id for model in known.models() for offer in known.offers(model.id)
            if offer.provider.id == "house"}  # fmt: skip
    assert sold == {
        "gpt-oss-20b": known.find("openai/gpt-oss-20b").id,
        "our-own:7b": "house/our-own:7b",
        "our-embedder": "house/our-embedder",
    }
    assert known.find("house/our-embedder").operation == "embeddings"
    tried = run(data_dir, "test", "house", "--model", "house/our-own:7b")
    assert tried.exit_code == 0, tried.output
    assert "9 tokens in, 1 out" in tried.stdout


def test_what_is_not_given_is_asked_for(data_dir: Path, plain: str) -> None:
    told = run(
        data_dir, "add", "house", "--model", "our-o*", "--free", answers=f"{plain}\nHOUSE_KEY\n", HOUSE_KEY=SECRET
    )
    assert told.exit_code == 0, told.output
    text = (data_dir / "catalogue/house.toml").read_text()
    assert 'auth     = { scheme = "bearer", env = "HOUSE_KEY" }' in text
    assert text.count("[[offers]]") == 1
    assert "free     = true" in text


def test_nothing_is_written_over_or_half_written(data_dir: Path, plain: str) -> None:
    arguments = ("add", "house", "--base-url", plain, "--env", "none")
    dry = run(data_dir, *arguments, "--dry-run")
    assert dry.stdout.startswith('name     = "house"')
    assert not (data_dir / "catalogue").exists()
    assert run(data_dir, *arguments).exit_code == 0
    assert "is there already" in run(data_dir, *arguments).stderr
    assert run(data_dir, *arguments, "--replace").exit_code == 0
    write(data_dir / "catalogue", {"broken.toml": "x = 1"})
    was = (data_dir / "catalogue/house.toml").read_text()
    told = run(data_dir, *arguments, "--replace", "--free")
    assert (told.exit_code, "broken.toml" in told.stderr) == (1, True)
    assert (data_dir / "catalogue/house.toml").read_text() == was
    assert [path.name for path in (data_dir / "catalogue").iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("House", "--base-url", "http://h/v1"), "is not a provider id"),
        (("house", "--base-url", "http://h/v1", "--env", "sk-secret-key"), "never the key itself"),
        (("house", "--base-url", "h", "--env", "none", "--offline"), "is not the address of a service"),
        (
            ("house", "--base-url", "http://h/v1", "--env", "none", "--price", "a", "b", "--offline"),
            "two plain numbers",
        ),
        (("house", "--base-url", "http://127.0.0.1:9/v1", "--env", "none"), "--offline writes the provider alone"),
    ],
)
def test_what_cannot_be_added_is_told(data_dir: Path, arguments: tuple[str, ...], told: str) -> None:
    found = run(data_dir, "add", *arguments)
    assert found.exit_code != 0
    assert told in found.output
    assert "sk-secret-key" not in found.output


def test_a_server_that_lists_more_is_taken_in_behind_what_was_written(data_dir: Path, plain: str) -> None:
    text = f'# ours\nname = "House"\nbase_url = "{plain}"\nspeaks = {{ chat = "openai_chat" }}\n'
    path = write(data_dir / "catalogue", {"house.toml": text}) / "house.toml"
    told = run(data_dir, "import", "house", "--model", "our-own*", "--free")
    assert told.exit_code == 0, told.output
    assert path.read_text().startswith(text)
    assert [offer.free for offer in loaded(data_dir).offers("house/our-own:7b")] == [True]
    assert run(data_dir, "import", "house", "--model", "our-own*", "--free").stdout == "There is nothing new.\n"


def test_providers_are_listed_with_what_they_need(data_dir: Path) -> None:
    told = json.loads(run(data_dir, "list", "--json", OPENAI_API_KEY=SECRET).stdout)["providers"]
    by_id = {one["id"]: one for one in told}
    assert by_id["openai"]["configured"]
    assert (by_id["anthropic"]["configured"], by_id["anthropic"]["needs"]) == (False, ["ANTHROPIC_API_KEY"])
    assert "set ANTHROPIC_API_KEY" in run(data_dir, "list").stdout
