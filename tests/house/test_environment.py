"""What `make` needs before anything is installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools import environment

from tests.house.source import ROOT


def test_settings_are_read_as_pip_prints_them() -> None:
    listing = "\n".join(
        [
            "global.index-url='https://mirror.example/simple'",
            "global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'",
            'global.find-links="/srv/it\'s here"',
            "install.no-index='true'",
            "list.format='columns'",
        ]
    )
    assert environment.pip_settings(listing) == {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "https://one.example/simple\nhttps://two.example/simple",
        "find-links": "/srv/it's here",
        "no-index": "true",
    }


def test_the_environment_wins_over_the_section_and_that_over_the_global_one() -> None:
    listing = ":env:.index-url='env'\nglobal.index-url='global'\nglobal.cert='global'\ninstall.cert='install'\n"
    assert environment.pip_settings(listing) == {"index-url": "env", "cert": "install"}


def test_a_default_given_by_the_environment_is_the_setting_itself() -> None:
    assert environment.pip_settings(":env:.default-timeout='180'\n") == {"timeout": "180"}


def test_several_entries_reach_uv_in_its_own_form() -> None:
    pip = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "https://one.example/simple\n  https://two.example/simple",
        "find-links": "/srv/a /srv/b",
        "trusted-host": "one.example two.example",
        "cert": "/etc/mirror.pem",
    }
    settings, flags = environment.uv_settings(pip, {})
    assert settings == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_FIND_LINKS": "/srv/a,/srv/b",
        "UV_INSECURE_HOST": "one.example two.example",
        "SSL_CERT_FILE": "/etc/mirror.pem",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert flags == []


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("index-url", "UV_DEFAULT_INDEX"),
        ("index-url", "UV_INDEX_URL"),
        ("extra-index-url", "UV_INDEX"),
        ("extra-index-url", "UV_EXTRA_INDEX_URL"),
        ("find-links", "UV_FIND_LINKS"),
        ("trusted-host", "UV_INSECURE_HOST"),
        ("cert", "SSL_CERT_FILE"),
        ("proxy", "HTTPS_PROXY"),
    ],
)
def test_what_the_caller_set_for_uv_stays(name: str, variable: str) -> None:
    settings, _ = environment.uv_settings({name: "from-pip"}, {variable: "the callers"})
    assert settings == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_the_callers_index_strategy_stays() -> None:
    assert environment.uv_settings({}, {"UV_INDEX_STRATEGY": "first-index"}) == ({}, [])


def test_a_proxy_without_scheme_is_spelled_out() -> None:
    settings, _ = environment.uv_settings({"proxy": "user:word@proxy.example:3128"}, {"UV_INDEX_STRATEGY": "x"})
    assert settings == dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), "http://user:word@proxy.example:3128")


def test_no_index_becomes_a_flag() -> None:
    assert environment.uv_settings({"no-index": "True"}, {})[1] == ["--no-index"]
    assert environment.uv_settings({"no-index": "0"}, {})[1] == []


def test_the_pip_of_this_machine_can_be_asked() -> None:
    assert isinstance(environment.pip_settings(environment.pip_configuration()), dict)


def test_installing_asks_for_hashes_and_builds_nothing_from_source(tmp_path: Path) -> None:
    for uv in ("uv", None):
        lock, project, _ = environment.install_commands(uv, tmp_path, tmp_path / "run.txt", [])
        assert {"--require-hashes", "--only-binary", str(tmp_path / "run.txt")} <= {*lock}
        assert {"--no-deps", "--no-build-isolation"} <= {*project}


def test_only_the_local_engine_is_left_out_where_it_has_no_wheel() -> None:
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    kept = environment.for_machine(lock, "linux", "")
    names = re.compile(r"^([\w-]+)==", re.MULTILINE)
    assert {*names.findall(lock)} - {*names.findall(kept)} == {"xllamacpp"}
    assert lock.startswith(kept[: kept.rindex("uvloop")])
    assert environment.for_machine(lock, "linux", "glibc") == lock
    assert environment.for_machine(lock, "darwin", "") == lock


def test_an_environment_whose_stamp_fits_is_left_alone(tmp_path: Path) -> None:
    python = environment.interpreter(tmp_path)
    python.parent.mkdir()
    python.touch()
    stamp = tmp_path / "installed-locks"
    stamp.write_text(environment.stamp_line("run") + "\n", encoding="utf-8")
    environment.install("run", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "installed-locks"]


def test_a_folder_that_is_no_environment_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(environment.CannotInstall, match="is in the way"):
        environment.make_venv(None, tmp_path, {})
    assert (tmp_path / "letter.txt").exists()


def test_a_step_that_fails_says_what_it_needs() -> None:
    with pytest.raises(environment.CannotInstall, match=r"failed \(3\).*pip config list"):
        environment.run([sys.executable, "-c", "raise SystemExit(3)"], {})


def test_every_target_is_listed_and_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert declared
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in declared[1].split():
        assert re.search(rf"^  make {target} +\w", listed.stdout, re.MULTILINE), target


@pytest.mark.parametrize(
    ("asked", "here", "installed"),
    [("run", "", "run"), ("all", "run", "all"), ("run", "run all", "all"), ("all", "run all dev", "dev")],
)
def test_an_environment_keeps_what_it_has_beyond_the_lock(asked: str, here: str, installed: str) -> None:
    assert environment.kept_lock(asked, [f"{name} abc" for name in here.split()]) == installed
