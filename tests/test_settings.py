"""Settings are read from three places, documented in one table, and told by name when they are wrong."""

from pathlib import Path

import pytest
from tools.configuration_page import PAGE, page

from modelport.settings import SettingsInvalid, documented, load, provider_secret, unknown_variables


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
        ({"MODELPORT_ASSETS_URL": "https://bucket.example"}, "'assets.url' (MODELPORT_ASSETS_URL)"),
        ({"MODELPORT_ASSETS_URL": "s3://id:secret@bucket/x"}, "'assets.url' (MODELPORT_ASSETS_URL)"),
        ({"MODELPORT_ASSETS_URL": "s3:///x"}, "'assets.url' (MODELPORT_ASSETS_URL)"),
        ({"MODELPORT_ASSETS_ENDPOINT": "minio:9000"}, "'assets.endpoint' (MODELPORT_ASSETS_ENDPOINT)"),
        ({"MODELPORT_STRIPE_LEAST_USD": "1e999999"}, "'stripe.least_usd' (MODELPORT_STRIPE_LEAST_USD)"),
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


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PORT", "abc", 'expected whole number, received "abc"'),
        ("PORT", "70000", 'at most 65535, received "70000"'),
        ("LOG_LEVEL", "loud", "expected one of debug, info, warning, error"),
        ("ENGINE_PRELOAD", "maybe", "expected true or false"),
        ("PUBLIC_URL", "ftp://models.example.com", "https://models.example.com"),
        ("PUBLIC_URL", "https://models.example.com/?a=b", "without query"),
        ("PUBLIC_URL", "https://", "an address"),
        ("PUBLIC_URL", "https://models.example.com:x", "an address"),
        ("TRUSTED_PROXIES", "127.0.0.1,10.0.0", "'10.0.0' is none"),
        ("EGRESS_ALLOW", "everything", "10.0.0.0/8"),
        ("EGRESS_PORTS", "80,x", "ports from 1 to 65535"),
        ("EGRESS_PORTS", "0", "ports from 1 to 65535"),
        ("EGRESS_CA_FILE", "/nonexistent.pem", "No such file"),
        ("EGRESS_HTTP_PROXY", "https://proxy", "http://proxy.example.com:3128"),
        ("MONEY_FIRST_CREDIT_USD", "lots", "5 or 0.25"),
        ("MONEY_FIRST_CREDIT_USD", "-1", "5 or 0.25"),
        ("MONEY_FIRST_CREDIT_USD", "NaN", "5 or 0.25"),
        ("SERVER_CORS_ORIGIN", "app.example.com", "https://app.example.com"),
    ],
)
def test_a_wrong_value_is_told_with_its_name_and_what_was_expected(
    variable: str, value: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load({f"MODELPORT_{variable}": value}, given={"data_dir": tmp_path})
    assert f"(MODELPORT_{variable})" in refused.value.message
    assert told in refused.value.message


def test_a_public_address_may_have_a_path(tmp_path: Path) -> None:
    settings = load({"MODELPORT_PUBLIC_URL": "https://example.com/models/"}, given={"data_dir": tmp_path})
    assert settings.public_url == "https://example.com/models/"


def test_the_password_of_a_proxy_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load({"HTTPS_PROXY": "socks5://me:hush@proxy"}, given={"data_dir": tmp_path})
    assert "(HTTPS_PROXY)" in refused.value.message
    assert "hush" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1\n", "no setting 'prot'; did you mean 'port'?"),
        ("[money]\nhold_wiat_s = 1\n", "'money.hold_wiat_s'; did you mean 'money.hold_wait_s'?"),
        ("money = 3\n", "'money' is a section, write [money]"),
        ('[money]\nhold_wait_s = "x"\n', 'expected number, received "x"'),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_the_file(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "modelport.toml").write_text(text)
    with pytest.raises(SettingsInvalid) as refused:
        load({}, given={"data_dir": tmp_path})
    assert str(tmp_path / "modelport.toml") in refused.value.message
    assert told in refused.value.message


def test_a_section_that_is_none_is_told_where_a_variable_wants_into_it(tmp_path: Path) -> None:
    (tmp_path / "modelport.toml").write_text("money = 3\n")
    with pytest.raises(SettingsInvalid, match="'money' is a section"):
        load({"MODELPORT_MONEY_DRAIN_S": "1"}, given={"data_dir": tmp_path})


def test_variables_that_are_no_settings_are_listed() -> None:
    names = ["MODELPORT_PORT", "MODELPORT_PROT", "MODELPORT_KEY", "MODELPORT_CONFIG", "MODELPORT_TEST_ALL", "PATH"]
    assert unknown_variables(dict.fromkeys(names, "1")) == ["MODELPORT_PROT"]
