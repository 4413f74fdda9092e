"""Profiles of the configuration file: what they give, who wins, and what is wrong with a bad file."""

from __future__ import annotations

import sys

import pytest

from casemgmt_async import ConfigurationError
from casemgmt_async.cli.context import Context
from casemgmt_async.cli.profiles import Profile, config_file, read_profile

WORK = """
default = "work"

[profiles.work]
site = "datadoghq.eu"
api_key = { env = "WORK_KEY" }
app_key = { command = [PYTHON, "-c", "print('from-a-keychain')"] }
project = "SEC"

[profiles.home]
site = "us3.datadoghq.com"
"""


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text(WORK.replace("PYTHON", repr(sys.executable)), "utf-8")
    monkeypatch.setenv("CASEMGMT_CONFIG", str(path))
    for name in ("DD_API_KEY", "DD_APP_KEY", "CASEMGMT_BASE_URL", "CASEMGMT_PROFILE", "DD_SITE"):
        monkeypatch.delenv(name, raising=False)
    return path


def test_a_profile_gives_site_keys_and_project(monkeypatch):
    monkeypatch.setenv("WORK_KEY", "from-the-environment")
    profile = read_profile("work")
    assert profile.project == "SEC"
    assert Context(profile=profile).connection() == {
        "site": "datadoghq.eu",
        "base_url": None,
        "api_key": "from-the-environment",
        "app_key": "from-a-keychain",
    }


def test_the_default_profile_is_used_without_a_name():
    assert read_profile(None).name == "work"


def test_the_environment_names_a_profile(monkeypatch):
    monkeypatch.setenv("CASEMGMT_PROFILE", "home")
    assert read_profile(None).site == "us3.datadoghq.com"


@pytest.mark.parametrize("name", ["DD_API_KEY", "DD_APP_KEY", "CASEMGMT_BASE_URL"])
def test_where_the_environment_says_where_to_connect_the_default_profile_gives_its_project_alone(name, monkeypatch):
    monkeypatch.setenv(name, "set")
    profile = read_profile(None)
    assert (profile.project, profile.site, profile.secrets()) == ("SEC", None, {})
    assert read_profile("work").site == "datadoghq.eu", "a profile that was asked for wins"


def test_an_option_wins_over_the_profile():
    assert Context("datadoghq.com", profile=read_profile("home")).connection()["site"] == "datadoghq.com"


def test_keys_of_a_profile_do_not_go_to_an_address_from_the_environment(file, monkeypatch):
    monkeypatch.setenv("WORK_KEY", "secret")
    monkeypatch.setenv("CASEMGMT_BASE_URL", "https://elsewhere.example")
    file.write_text('[profiles.work]\napi_key = { env = "WORK_KEY" }\napp_key = { env = "WORK_KEY" }', "utf-8")
    assert Context(profile=read_profile("work")).connection()["site"] == "datadoghq.com"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('[profiles.work]\napi_key = "0123456789abcdef"', "keys are not kept in this file"),
        ('[profiles.work]\nsight = "datadoghq.eu"', "unknown key profiles.work.sight; did you mean 'site'?"),
        ('default = "wrok"\n[profiles.work]', "names the profile 'wrok', which is missing"),
        ("[profiles", "config.toml: "),
        ("profiles = 1", "profiles must be tables"),
        ('[profiles.work]\nsite = ""', "profiles.work.site must be a text"),
        ("[profiles.work]\napp_key = { command = [] }", "profiles.work.app_key must be"),
    ],
)
def test_a_bad_file_says_what_is_wrong_and_never_a_key(file, written, words):
    file.write_text(written, "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_profile("work")
    assert words in str(raised.value)
    assert "0123456789abcdef" not in str(raised.value)


def test_an_unknown_profile_gets_a_suggestion():
    with pytest.raises(ConfigurationError, match=r"no profile 'wrk' in .*; did you mean 'work'?"):
        read_profile("wrk")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('{ env = "NOT_SET_AT_ALL" }', "NOT_SET_AT_ALL is not set"),
        ('{ command = ["no-such-program"] }', "no-such-program could not be run"),
        ("{ command = [PYTHON, '-c', 'raise SystemExit(3)'] }", "ended with status 3"),
        ("{ command = [PYTHON, '-c', ''] }", "printed nothing"),
    ],
)
def test_a_key_that_cannot_be_read_names_its_place(file, source, words):
    file.write_text(f"[profiles.work]\napi_key = {source.replace('PYTHON', repr(sys.executable))}", "utf-8")
    with pytest.raises(ConfigurationError, match=r"profile work\.api_key") as raised:
        read_profile("work").secrets()
    assert words in str(raised.value)


def test_the_file_is_where_each_system_keeps_such_files(monkeypatch, tmp_path):
    monkeypatch.delenv("CASEMGMT_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file() == tmp_path / "casemgmt" / "config.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert config_file() == tmp_path / "home" / ".config" / "casemgmt" / "config.toml"


async def test_the_command_takes_a_profile(casemgmt, emulator, file):
    keys = "\n".join(f'{name} = {{ env = "E" }}' for name in ("api_key", "app_key"))
    file.write_text(f'[profiles.test]\nbase_url = "{emulator.base_url}"\n{keys}', "utf-8")
    said = await casemgmt("search", "--profile", "test", "--limit", "1", env={"E": "any", "CASEMGMT_CONFIG": str(file)})
    assert said.status == 0, said.err
    said = await casemgmt("search", "--profile", "tset", env={"CASEMGMT_CONFIG": str(file)})
    assert (said.status, "did you mean 'test'?" in said.err) == (2, True)


async def test_a_budget_of_a_profile_is_used_and_an_option_replaces_it(monkeypatch):
    for context in (Context(profile=Profile(budget="mysql://host")), Context(budget="mysql://host")):
        with pytest.raises(ConfigurationError, match="'mysql' is the scheme of the URL of the budget"):
            async with context.session():
                pass
    profile = Profile(budget="mysql://host", base_url="http://127.0.0.1:9")
    monkeypatch.setenv("DD_API_KEY", "key")
    monkeypatch.setenv("DD_APP_KEY", "key")
    async with Context(budget="redis://host", profile=profile).session():
        pass
