"""Every check of the project: `nox` alone runs `check`, which each change has to pass; `nox -l` lists the others.

Arguments behind `--` go to the command that a session runs, as in `nox -s tests -- -k sweep`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["check"]
nox.options.default_venv_backend = "venv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
EVERYTHING = "-e.[cli,dask,emulator,fastapi,otel,parquet,postgres,pytest,redis,workers]"


def group(name: str) -> list[str]:
    """The requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def pythons(*versions: str) -> list[str]:
    """Those versions that this machine can start; a name on the path may be a shim with nothing behind it."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"

    def starts(version: str) -> bool:
        command = shutil.which(f"python{version}")
        return (
            command is not None and not subprocess.run([command, "-c", ""], capture_output=True, check=False).returncode
        )

    return sorted({here, *filter(starts, versions)}, key=lambda version: int(version.split(".")[1]))


@nox.session
def check(session: nox.Session) -> None:
    """Lint, types, tests and demo, one after another in one environment: what has to pass before a change is merged."""
    session.install("-q", EVERYTHING, *group("lint"), *group("types"), *group("tests"))
    for part in (run_lint, run_types, run_tests, run_demo):
        part(session)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and likely mistakes, in code and in prose."""
    session.install("-q", "-e.[cli]", *group("lint"))
    run_lint(session)


def run_lint(session: nox.Session) -> None:
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "docs/prose")


@nox.session
def types(session: nox.Session) -> None:
    """Types of the package, of a file of user code, and of the code on the pages of the docs, by two checkers."""
    session.install("-q", EVERYTHING, *group("types"), *group("tests"))
    run_types(session)


def run_types(session: nox.Session) -> None:
    session.run("python", "docs/check_types.py")


@nox.session
def tests(session: nox.Session) -> None:
    """The tests, on the Python that runs nox."""
    session.install("-q", EVERYTHING, *group("tests"))
    run_tests(session)


def run_tests(session: nox.Session) -> None:
    session.run("pytest", "-q", "-n", "auto", *session.posargs)


@nox.session(name="tests-all", python=pythons("3.11", "3.12", "3.13"))
def tests_all(session: nox.Session) -> None:
    """The tests, on every supported Python that is found."""
    tests(session)


@nox.session(python=pythons("3.11", "3.12", "3.13"), venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The tests and a thousand calls in dev mode, with the lowest versions that pyproject.toml declares."""
    session.install("-q", "--resolution", "lowest-direct", EVERYTHING, *group("tests"))
    run_tests(session)
    session.run("python", "-X", "dev", "-W", "error", "tests/session/dev_mode_calls.py", "1000")


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the source at 300 places, and compare the changes that no test notices with the list of known ones."""
    session.install("-q", EVERYTHING, *group("tests"), *group("mutants"))
    session.run("python", "-m", "benchmarks.mutants", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job, end to end on the embedded emulator: by the command, and as a page of code."""
    session.install("-q", "-e.[cli]")
    run_demo(session)


def run_demo(session: nox.Session) -> None:
    report = Path(session.create_tmp()) / "triage-report.html"
    session.run("casemgmt", "triage", "run", "examples/triage.toml", "--emulator", "5000", "--report", str(report))
    session.run("python", "examples/triage_open_cases.py")


@nox.session
def peer(session: nox.Session) -> None:
    """Datadog's own client calls all operations of a running emulator."""
    session.install("-q", "-e.[emulator]", *group("tests"), *group("peer"))
    session.run("pytest", "-q", "tests/peer", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Twenty thousand calls under faults: nothing lost, nothing doubled, nothing leaked."""
    session.install("-q", "-e.[emulator]")
    session.run("python", "-m", "benchmarks.chaos", *session.posargs)


@nox.session
def once(session: nox.Session) -> None:
    """A thousand calls for a hundred tokens under faults: exactly a hundred cases, twice."""
    session.install("-q", "-e.[emulator]")
    session.run("python", "-m", "benchmarks.once", *session.posargs)


@nox.session
def budget(session: nox.Session) -> None:
    """How well rate limits are used, in real time: ours, a semaphore and Datadog's own client."""
    session.install("-q", "-e.[emulator]", *group("peer"))
    session.run("python", "-m", "benchmarks.budget", *session.posargs)


@nox.session
def kill(session: nox.Session) -> None:
    """Jobs killed at every step and resumed: nothing lost, nothing doubled."""
    session.install("-q", "-e.[cli,emulator]")
    session.run("python", "-m", "benchmarks.kill", *session.posargs)


@nox.session
def stories(session: nox.Session) -> None:
    """300 imports of 500 rows that are killed, copied, restored, edited: none doubled, none lost; an hour."""
    session.install("-q", "-e.[emulator]")
    session.run("python", "-m", "benchmarks.stories", *session.posargs)


@nox.session
def transfers(session: nox.Session) -> None:
    """Requests and memory of exports and backfills; `-- rounds` merges exports in DuckDB and pandas."""
    session.install("-q", "-e.[cli,emulator]", *group("bench"))
    session.run("python", "-m", "benchmarks.transfers", *session.posargs)


@nox.session
def machines(session: nox.Session) -> None:
    """A backfill on four workers, 100 of them killed and PostgreSQL restarted: nothing lost, nothing doubled."""
    session.install("-q", "-e.[cli,emulator,workers]", *group("tests"))
    session.run("python", "-m", "benchmarks.machines", *session.posargs)


@nox.session
def dask(session: nox.Session) -> None:
    """Four organisations exported on a Dask cluster that loses a worker: every file is whole."""
    session.install("-q", "-e.[dask,emulator]")
    session.run("python", "-m", "benchmarks.dask_exports", *session.posargs)


@nox.session
def month(session: nox.Session) -> None:
    """A month of hourly triage on the emulator's clock, 60 runs killed, judged by a model of its own: some minutes."""
    session.install("-q", "-e.[emulator]")
    session.run("python", "-m", "benchmarks.month", *session.posargs)


@nox.session
def journal(session: nox.Session) -> None:
    """What the journal of a job costs: a triage of 100,000 cases with one, and the same calls without."""
    session.install("-q", "-e.[emulator]")
    session.run("python", "-m", "benchmarks.jobs", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Ours, the peers and the floor, side by side in one run; writes the JSON and the plots of the docs."""
    session.install("-q", "-e.[cli,emulator,speed]", *group("bench"), *group("peer"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def instructions(session: nox.Session) -> None:
    """What calls, pages and a journal cost beside the floor and the peer in instructions; needs valgrind."""
    session.install("-q", "-e.[cli,emulator,speed]", *group("bench"), *group("peer"))
    session.run("python", "-m", "benchmarks.instructions", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation; a warning is an error, such as a public name that no page documents."""
    session.install("-q", EVERYTHING, *group("docs"), *group("tests"))
    session.run("pytest", "-q", "tests/docs", "-k", "only_to_be_read or up_to_date or contents or lead_somewhere")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def newcomer(session: nox.Session) -> None:
    """Every command and block of README and the tutorial, from a fresh clone of the last commit and an empty home."""
    session.run("python", "docs/newcomer.py", *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """The pictures of README and docs, from real runs; the report needs Chromium."""
    session.install("-q", "-e.[cli]")
    session.run("python", "docs/pictures.py")
    session.run("python", "tests/cli/screens.py")


@nox.session
def release(session: nox.Session) -> None:
    """Build, check, install the wheel where nothing else is, and run the demo from it."""
    session.install("-q", *group("release"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "-q", "--outdir", "dist")
    built = sorted(Path("dist").resolve().iterdir())
    session.run("twine", "check", "--strict", *map(str, built))
    clean = Path(session.create_tmp()).resolve() / "clean"
    session.run("python", "-m", "venv", "--clear", str(clean))
    wheel = next(file for file in built if file.suffix == ".whl")
    session.run(str(clean / "bin" / "pip"), "install", "-q", f"{wheel}[cli]", external=True)
    rules = str(Path("examples/triage.toml").resolve())
    with session.chdir(clean):  # away from the checkout, so that the wheel is what runs
        session.run(str(clean / "bin" / "casemgmt"), "triage", "run", rules, "--emulator", "500", external=True)
