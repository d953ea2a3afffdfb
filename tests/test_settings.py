"""Settings are read from three places, documented in one table, and told by name when they are wrong."""

from pathlib import Path

import pytest
from tools.configuration_page import PAGE, page

from modelport.settings import SettingsInvalid, documented, load, provider_secret


def test_every_setting_is_in_the_documented_table() -> None:
    assert PAGE.read_text() == page(), "run `python -m tools.configuration_page`"


def test_every_setting_says_what_it_does() -> None:
    assert all(line.description.endswith(".") for line in documented())


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "modelport.toml").write_text('port = 1\nhost = "a"\nlog_level = "error"\n[money]\nhold_wait_s = 2\n')
    settings = load({"MODELPORT_PORT": "2", "MODELPORT_HOST": "b"}, given={"port": 3, "data_dir": tmp_path})
    assert (settings.port, settings.host, settings.log_level) == (3, "b", "error")
    assert settings.money.hold_wait_s == 2


def test_the_file_is_found_in_the_data_folder_that_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "modelport.toml").write_text("port = 1\n")
    assert load({"MODELPORT_DATA_DIR": str(tmp_path)}).port == 1


def test_lists_are_separated_by_commas_in_the_environment(tmp_path: Path) -> None:
    settings = load({"MODELPORT_EGRESS_ALLOW": "10.0.0.0/8, 192.168.0.0/16"}, given={"data_dir": tmp_path})
    assert settings.egress.allow == ("10.0.0.0/8", "192.168.0.0/16")


def test_proxies_are_taken_from_the_usual_variables(tmp_path: Path) -> None:
    environment = {"HTTPS_PROXY": "http://proxy:3128", "MODELPORT_EGRESS_HTTP_PROXY": "http://ours:1"}
    settings = load({**environment, "HTTP_PROXY": "http://other:1"}, given={"data_dir": tmp_path})
    assert settings.egress.https_proxy == "http://proxy:3128"
    assert settings.egress.http_proxy == "http://ours:1"


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"MODELPORT_PORT": "eighty"}, "'port' (MODELPORT_PORT)"),
        ({"MODELPORT_PORT": "70000"}, "'port' (MODELPORT_PORT)"),
        ({"MODELPORT_STORAGE_DURABILITY": "never"}, "'storage.durability' (MODELPORT_STORAGE_DURABILITY)"),
        ({"MODELPORT_CONFIG": "/nonexistent/file.toml"}, "MODELPORT_CONFIG"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(environment: dict[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(environment, given={"data_dir": tmp_path})
    assert told in refused.value.message


@pytest.mark.parametrize("text", ["prot = 1\n", "[money]\nwait = 1\n", "port = \n"])
def test_a_file_with_an_unknown_key_or_bad_toml_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "modelport.toml").write_text(text)
    with pytest.raises(SettingsInvalid):
        load({}, given={"data_dir": tmp_path})


def test_a_secret_does_not_print_itself(tmp_path: Path) -> None:
    settings = load({"MODELPORT_SECRET": "hush-hush-hush-hush"}, given={"data_dir": tmp_path})
    assert "hush" not in repr(settings)
    assert settings.secret is not None
    assert settings.secret.reveal() == "hush-hush-hush-hush"


def test_a_blank_credential_counts_as_none() -> None:
    assert provider_secret("X", {"X": "  "}) is None
    assert provider_secret("X", {}) is None


def test_the_data_folder_is_absolute_from_the_first_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({"MODELPORT_DATA_DIR": "here"}).data_dir == tmp_path / "here"
