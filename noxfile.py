"""Every check of the project, each in an environment of its own: `nox -l` lists them."""

from __future__ import annotations

import shutil

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "tests", "demo"]
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False

PYPROJECT = nox.project.load_toml("pyproject.toml")
EVERYTHING = "-e.[cli,emulator,fastapi,otel,parquet,pytest]"


def group(name: str) -> list[str]:
    """The requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def found(*versions: str) -> list[str]:
    """Those of the Python versions that this machine has and can start."""
    return [v for v in versions if shutil.which(f"python{v}")]


@nox.session
def lint(session: nox.Session) -> None:
    """Style and likely mistakes."""
    session.install("-q", *group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types of the package and of a file of user code, by two checkers."""
    session.install("-q", EVERYTHING, *group("types"), *group("tests"))
    session.run("mypy", "-p", "casemgmt_async")
    session.run("mypy", "--strict", "tests/typing")
    session.run("pyright")


@nox.session
def tests(session: nox.Session) -> None:
    """The tests; arguments behind `--` go to pytest."""
    session.install("-q", EVERYTHING, *group("tests"))
    session.run("pytest", "-q", "-n", "auto", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job, end to end on the embedded emulator."""
    session.install("-q", "-e.[cli]")
    session.run("python", "examples/triage_open_cases.py", *session.posargs)
