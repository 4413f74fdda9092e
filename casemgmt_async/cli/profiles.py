"""Profiles: sites, credentials and a default project under names, in a configuration file.

    default = "work"

    [profiles.work]
    site = "datadoghq.eu"
    budget = "redis://localhost"
    api_key = { env = "WORK_API_KEY" }
    app_key = { command = ["security", "find-generic-password", "-s", "datadog-app-key", "-w"] }
    project = "SEC"

The file is `$CASEMGMT_CONFIG`, else `casemgmt/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`, and in `%APPDATA%` on
Windows. Keys are not written into it: `env` names an environment variable, and `command` a program that prints the
key, such as that of a keychain.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async import ConfigurationError

__all__ = ["Profile", "config_file", "read_profile", "read_profiles"]

SECRETS: Final = ("api_key", "app_key", "access_token")
TEXTS: Final = ("site", "base_url", "budget", "project", "type")
CONNECTS: Final = ("DD_API_KEY", "DD_APP_KEY", "CASEMGMT_BASE_URL")
"""Variables that say where to connect; if one of them is set, the default profile does not connect elsewhere."""
PATIENCE: Final = 30  # seconds for a program that prints a key


@frozen
class Profile:
    """A profile, with its keys not read yet."""

    name: str | None = None
    """The name in the file; None if no profile is used."""
    site: str | None = None
    """The Datadog site."""
    base_url: str | None = None
    """The address to call instead of a site's."""
    budget: str | None = None
    """The URL of the store in which processes share the rate limit."""
    project: str | None = None
    """The project for `case create`: a key, a name or an id."""
    type: str | None = None
    """The case type for `case create`: a name or an id."""
    sources: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    """Where each key comes from."""

    def secrets(self) -> dict[str, str]:
        """Read the keys: the arguments of `CaseSession`. Raises ConfigurationError if one cannot be read."""
        return {name: read_secret(f"{self.name}.{name}", source) for name, source in self.sources.items()}


def config_file() -> Path:
    """Return the path of the configuration file, whether it exists or not."""
    if given := os.environ.get("CASEMGMT_CONFIG"):
        return Path(given)
    base = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "casemgmt" / "config.toml"


def read_profile(wanted: str | None) -> Profile:
    """Return the profile called `wanted`, else `$CASEMGMT_PROFILE`, else the default one, else an empty one.

    The default profile gives its project and type only, if the environment says where to connect: otherwise the
    variables of an emulator could not be used beside it.
    """
    wanted = wanted or os.environ.get("CASEMGMT_PROFILE") or None
    path = config_file()
    if not path.exists():
        if wanted:
            raise ConfigurationError(f"no profile {wanted!r}: the configuration file {path} does not exist")
        return Profile()
    default, profiles = read_profiles(path)
    if wanted is None:
        if default is None:
            return Profile()
        found = profiles[default]
        if any(os.environ.get(name) for name in CONNECTS):
            return Profile(None, project=found.project, type=found.type)
        return found
    if wanted not in profiles:
        raise ConfigurationError(f"no profile {wanted!r} in {path}{guess(wanted, profiles)}")
    return profiles[wanted]


def read_profiles(path: Path) -> tuple[str | None, dict[str, Profile]]:
    """Read the name of the default profile, and all profiles. Raises ConfigurationError that quotes what is wrong."""
    import tomllib  # noqa: PLC0415 - only a configuration file needs it

    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    check(path, "", data, ("default", "profiles"))
    tables = data.get("profiles", {})
    if not isinstance(tables, dict):
        raise ConfigurationError(f"{path}: profiles must be tables, such as [profiles.work]")
    profiles = {name: read_table(path, name, table) for name, table in tables.items()}
    default = data.get("default")
    if default is not None and default not in profiles:
        raise ConfigurationError(f"{path}: default names the profile {default!r}, which is missing")
    return default, profiles


def read_table(path: Path, name: str, table: Any) -> Profile:
    """Read one profile."""
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: profiles.{name} must be a table")
    where = f"profiles.{name}."
    check(path, where, table, (*TEXTS, *SECRETS))
    for key in TEXTS:
        if key in table and not (isinstance(table[key], str) and table[key]):
            raise ConfigurationError(f"{path}: {where}{key} must be a text that is not empty")
    for key in SECRETS:
        if key in table and not is_source(table[key]):
            # What was read may be a key, so the message does not quote it.
            raise ConfigurationError(
                f'{path}: {where}{key} must be {{ env = "NAME" }} or {{ command = ["program", "argument"] }}; '
                "keys are not kept in this file"
            )
    sources = {key: table[key] for key in SECRETS if key in table}
    return Profile(name, **{key: table.get(key) for key in TEXTS}, sources=sources)


def check(path: Path, where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse keys that have no meaning."""
    for key in table:
        if key not in known:
            raise ConfigurationError(f"{path}: unknown key {where}{key}{guess(key, known)}; known: {', '.join(known)}")


def guess(word: str, known: Any) -> str:
    """Suggest what may have been meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    close = get_close_matches(word, known, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def is_source(source: Any) -> bool:
    """Whether a value says where a key comes from."""
    if not isinstance(source, dict) or len(source) != 1:
        return False
    command = source.get("command")
    is_command = isinstance(command, str) or (isinstance(command, list) and all(isinstance(w, str) for w in command))
    return isinstance(source.get("env"), str) or (is_command and bool(command))


def read_secret(where: str, source: Mapping[str, Any]) -> str:
    """Read one key from the environment or from a program."""
    if name := source.get("env"):
        if value := os.environ.get(name):
            return value
        raise ConfigurationError(f"profile {where}: the environment variable {name} is not set")
    command = source["command"]
    words = shlex.split(command) if isinstance(command, str) else command
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 - the user's own
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"profile {where}: {words[0]} could not be run: {error}") from error
    value = done.stdout.strip()
    if done.returncode or not value:
        why = f"ended with status {done.returncode}" if done.returncode else "printed nothing"
        raise ConfigurationError(f"profile {where}: {words[0]} {why}") from None
    return value
