"""The script of the image skill, run as its users run it: a process of its own against a running gateway."""

import ast
import base64
import json
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.gateway import FAKE_KEY, ROOT, SECRETS, Gateway, fake_provider, point_to
from tests.fake.media.files import JPEG, png
from tests.fake.overlay import write_media_redirects
from tests.skills.running import Caller, answering, http

SKILL = ROOT / "skills" / "aiml-image-video"
SCRIPT = SKILL / "scripts" / "gen_image.py"
PRICED = """
[[offers]]
model = "openai/gpt-image-2"
rates = [{ from = 2026-01-01, per = "image", price = "0.05" }]
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with fake_provider() as fake:
        settings = {"MODELPORT_EGRESS_ALLOW": "127.0.0.1/32", "MODELPORT_EGRESS_PORTS": f"80,443,{urlsplit(fake).port}"}
        secrets = {**SECRETS, "FAL_KEY": FAKE_KEY, "BFL_API_KEY": FAKE_KEY}
        gateway = Gateway(tmp_path_factory.mktemp("skill") / "data", secrets=secrets, settings=settings)
        point_to(fake, gateway.catalogue)
        write_media_redirects(gateway.catalogue, fake, ("fal", "bfl"))
        with (gateway.catalogue / "openai.toml").open("a", encoding="utf-8") as file:
            file.write(PRICED)
        with gateway:
            gateway.create_account("skill", "10")
            yield gateway


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return gateway.create_key("skill")


@pytest.fixture
def caller(gateway: Gateway, key: str, tmp_path: Path) -> Caller:
    return Caller(SCRIPT, gateway.base_url, key, tmp_path)


def test_a_picture_is_drawn_in_the_size_that_was_asked_for_and_written(caller: Caller, tmp_path: Path) -> None:
    done = caller.run("--prompt", "A cat, 港", "--size", "1536x640", "--out", "drawn")
    assert (done.returncode, done.stdout, done.stderr) == (0, "drawn/image-1.png\n", "")
    assert (tmp_path / "drawn" / "image-1.png").read_bytes() == png(1536, 640)


def test_without_a_folder_the_links_are_printed_and_lead_to_the_pictures(caller: Caller, tmp_path: Path) -> None:
    done = caller.run("--prompt", "A cat", "--model", "aimlapi/flux/schnell", "--count", "2")
    assert (done.returncode, done.stderr) == (0, "")
    for link in done.stdout.splitlines():
        with urllib.request.urlopen(link, timeout=30) as answer:
            assert answer.read() == png(1024, 768)
    assert len(done.stdout.splitlines()) == 2
    assert not list(tmp_path.iterdir())


def test_files_are_changed_and_no_other_file_is_overwritten(caller: Caller, tmp_path: Path) -> None:
    (tmp_path / "image-1.png").write_bytes(b"mine")
    cat, hat = tmp_path / 'a "cat".png', tmp_path / "hat"
    cat.write_bytes(png(8, 8))
    hat.write_bytes(JPEG)
    given = ("--prompt", "put the hat on the cat", "--image", str(cat), "--image", str(hat))
    done = caller.run(*given, "--model", "openai/gpt-image-2", "--size", "1024x1536", "--out", ".", "--count", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "image-2.png\nimage-3.png\n", "")
    assert (tmp_path / "image-3.png").read_bytes() == png(1024, 1536)
    assert (tmp_path / "image-1.png").read_bytes() == b"mine"


def test_a_file_goes_inside_of_the_request_to_models_that_take_it_there(caller: Caller, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(png(8, 8))
    done = caller.run("--prompt", "with a hat", "--image", "cat.png", "--out", "drawn")
    assert (done.returncode, done.stdout, done.stderr) == (0, "drawn/image-1.jpg\n", "")


def test_a_mask_is_sent_beside_its_picture(caller: Caller, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(png(8, 8))
    given = ("--prompt", "with a hat", "--image", "cat.png", "--mask", "cat.png", "--model", "openai/gpt-image-2")
    assert caller.run(*given, "--out", "drawn").stdout == "drawn/image-1.png\n"


def test_further_parameters_reach_the_model_and_pictures_inside_of_the_answer_are_written(caller: Caller) -> None:
    extra = json.dumps({"response_format": "b64_json", "output_format": "jpeg", "model": "aimlapi/openai/gpt-image-2"})
    done = caller.run("--prompt", "A cat", "--extra-json", extra, "--out", "drawn")
    assert (done.returncode, done.stdout) == (0, "drawn/image-1.jpg\n")
    assert (caller.folder / "drawn" / "image-1.jpg").read_bytes() == JPEG
    printed = caller.run("--prompt", "A cat", "--extra-json", extra)
    assert printed.stdout == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}\n"


@pytest.mark.parametrize(
    ("arguments", "secret", "message"),
    [
        (["--model", "flux/schnel"], "", "error: HTTP 404: The model 'flux/schnel' does not exist."),
        ([], "sk-nobody", "error: HTTP 401: no key has this secret"),
        (["--model", "gpt-4o"], "", "error: HTTP 400: "),
        (["--size", "100x100"], "", "error: HTTP 400: Body validation error"),
        (["--count", "9"], "", "error: HTTP 400: Body validation error"),
    ],
)
def test_what_the_api_refuses_is_said_with_the_number_of_the_request(
    caller: Caller, arguments: list[str], secret: str, message: str
) -> None:
    done = caller.run(*arguments, "--prompt", "A cat", AIMLAPI_API_KEY=secret or caller.key)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()[-1].removeprefix("requestId: ")) == 36
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "was not reached"),
        (http(b"<html>"), "not JSON"),
        (http(b"[]"), "not an object"),
        (http(b'{"data": [{"url": null}]}'), "holds no picture"),
        (http(b'{"data": [{"b64_json": "?"}]}'), "not base64"),
        (http(b"moved", "302 Found\r\nlocation: http://127.0.0.1:9/"), "HTTP 302: moved"),
        (http(b'{"error": {"message": "no"}}', "503 Service Unavailable"), "HTTP 503: no"),
    ],
    ids=["nothing", "page", "list", "empty", "garbled", "redirect", "other error"],
)
def test_an_answer_that_is_not_the_apis_is_an_error(caller: Caller, answer: bytes, message: str) -> None:
    with answering(answer) as address:
        done = caller.run("--prompt", "A cat", "--base-url", address)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_picture_that_cannot_be_fetched_is_told_by_its_link(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = f"http://127.0.0.1:{server.getsockname()[1]}/cat.png"
    with answering(http(json.dumps({"data": [{"url": link}]}).encode())) as address:
        done = caller.run("--prompt", "A cat", "--base-url", address, "--out", "drawn")
    assert (done.returncode, done.stdout) == (1, f"{link}\n")
    assert f"{link} was not reached" in done.stderr


def test_an_answer_that_does_not_come_in_time_is_an_error(caller: Caller) -> None:
    with answering(closes=False) as address:
        done = caller.run("--prompt", "A cat", "--base-url", address, "--timeout", "0.2")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no answer within 0.2 s" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--prompt"),
        (["--prompt", "x", "--extra-json", "{"], "--extra-json is not JSON"),
        (["--prompt", "x", "--extra-json", "[]"], "must be an object"),
        (["--prompt", "x", "--extra-json", '{"stream": true}'], "leave 'stream' out"),
        (["--prompt", "x", "--timeout", "0"], "no time to wait"),
        (["--prompt", "x", "--base-url", "ftp://example.com"], "is no address"),
        (["--prompt", "x", "--model", "aimlapi/"], "--model"),
        (["--prompt", "x", "--count", "two"], "--count"),
        (["--prompt", "x", "--image", "nothing.png"], "nothing.png cannot be read: No such file"),
        (["--prompt", "x", "--image", "empty.png"], "empty.png is empty"),
        (["--prompt", "x", "--mask", "empty.png"], "--mask belongs to a picture"),
        (["--prompt", "x", "--out", "empty.png"], "--out empty.png cannot be made"),
    ],
)
def test_a_wrong_command_is_told_and_nothing_is_called(caller: Caller, arguments: list[str], message: str) -> None:
    (caller.folder / "empty.png").touch()
    done = caller.run(*arguments, AIMLAPI_BASE_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_key_the_variable_is_named(caller: Caller) -> None:
    done = caller.run("--prompt", "A cat", AIMLAPI_API_KEY="")
    assert (done.returncode, done.stdout) == (2, "")
    assert "AIMLAPI_API_KEY" in done.stderr


def test_help_names_every_option_and_status(caller: Caller) -> None:
    done = caller.run("--help", AIMLAPI_API_KEY="")
    assert done.returncode == 0
    page = (SKILL / "SKILL.md").read_text(encoding="utf-8")
    for option in ("prompt", "model", "image", "mask", "size", "count", "extra-json", "out", "base-url", "timeout"):
        assert f"--{option}" in done.stdout
        assert f"`--{option} " in page
    assert "Exit status: 0" in done.stdout


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
