"""Change the source at random places and see whether the tests notice.

    python -m benchmarks.mutants --count 300

A run of the suite with coverage tells which tests execute which line. Then each mutant of a seeded sample gets the
tests of its line, the fastest first, until one fails. Mutants that survive are compared with
`tests/data/surviving_mutants.toml`, which gives a reason for each: a survivor that is not listed fails the run, and so
does a score below 85 %. Tests that fail without any change are left out.

With `--work DIR`, a run that was broken off goes on where it ended. Everything happens in copies of the project. For
each mutant, a process that has imported pytest already is forked.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, frozen
from coverage import CoverageData

from benchmarks.mutations import PACKAGES, Mutant, sample

ROOT = Path(__file__).resolve().parents[1]
EXPLAINED = ROOT / "tests" / "data" / "surviving_mutants.toml"
BAR = 0.85
TESTS = {
    "transport": ("transport", "session", "integrations/test_budgets.py"),
    "pagination": ("pagination",),
    "codec": ("codec", "models", "endpoints"),
    "jobs": (
        "jobs",
        "cli/test_jobs_commands.py",
        "integrations/test_triage_workers.py",
        "integrations/test_workers.py",
    ),
}
"""The folders and files whose tests should notice a change of a package."""
LEFT_OUT = "tests/jobs/test_kill_jobs.py"
"""Jobs in processes of their own, which coverage does not measure."""
TEST_SECONDS = 200.0
"""Time limit for the tests of one mutant, from their times in the run with coverage."""
SPARE_SECONDS, SLOWER = 30, 4
"""A mutant that needs more CPU time than this, and more than this many times the time of its tests with coverage, is
assumed to loop for ever, which counts as killed."""
COPIED = ("casemgmt_async", "tests", "benchmarks", "docs", "examples", "pyproject.toml", "README.md", "CHANGELOG.md")
PRELOADED = ("aiohttp", "aioresponses", "attrs", "cattrs", "click", "hypothesis", "msgspec", "rich")
QUIET = (
    "-q",
    "-x",
    "-n0",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:cov",
    "--no-header",
    "-Wignore::pytest.PytestAssertRewriteWarning",  # of what is preloaded
    "--hypothesis-seed=0",
    "--timeout=120",
)


@frozen
class Outcome:
    """Result of one mutant."""

    key: str
    package: str
    line: int
    status: str
    """`killed`, `survived`, or `error` where pytest itself failed."""
    why: str
    tests: int
    seconds: float


def copy_project(origin: Path, folder: Path) -> None:
    """Make a copy whose compiled files are up to date."""
    for name in COPIED:
        source, target = origin / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "_build", ".hypothesis"))
        else:
            shutil.copy2(source, target)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder / "casemgmt_async")], check=True)


class Durations:
    """A pytest plugin that adds up the seconds of each test, and leaves those out that fail without any change."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the time of one phase."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    @property
    def of_passed(self) -> dict[str, float]:
        """The seconds of the tests that passed."""
        return {name: seconds for name, seconds in self.seconds.items() if name not in self.failed}


def measure(origin: Path, package: str) -> int:
    """Run the tests of one package with coverage, in a child; leaves the coverage, and the seconds of each test."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = measure_here(origin, package)
        finally:
            os._exit(code)
    return child


def measure_here(origin: Path, package: str) -> int:
    """In the child: run the tests. Returns pytest's exit code."""
    os.chdir(origin)
    sys.path.insert(0, str(origin))
    os.environ["COVERAGE_FILE"] = str(origin / f"coverage-{package}")
    durations = Durations()
    tests = [f"--ignore={LEFT_OUT}", *(f"tests/{name}" for name in TESTS[package])]
    options = ["-q", "-n0", "--hypothesis-seed=0", "--timeout=600"]
    coverage = ["--cov=casemgmt_async", "--cov-context=test", "--cov-report="]
    code = pytest.main([*options, *coverage, *tests], plugins=[durations])
    (origin / f"seconds-{package}.json").write_text(json.dumps(durations.of_passed))
    return int(code)


@frozen
class Selection:
    """Which tests execute which line, and how long they take."""

    coverage: Mapping[str, CoverageData]
    seconds: Mapping[str, Mapping[str, float]]
    origin: Path

    @classmethod
    def read(cls, origin: Path, packages: Iterable[str]) -> Selection:
        """Data that `measure` has written."""
        coverage = {package: CoverageData(str(origin / f"coverage-{package}")) for package in packages}
        for data in coverage.values():
            data.read()
        seconds = {package: json.loads((origin / f"seconds-{package}.json").read_text()) for package in packages}
        return cls(coverage, seconds, origin)

    def lines(self, mutant: Mutant) -> dict[int, set[str]]:
        """The tests that execute each line of a file; lines that run only while it is imported have none."""
        found = self.coverage[mutant.package].contexts_by_lineno(str(self.origin / mutant.site.file))
        return {line: {c.rpartition("|")[0] for c in contexts if "|" in c} for line, contexts in found.items()}

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests for a mutant: those of its line, or of its file where the line runs only while it is imported.

        A file that has nothing but such lines gets the tests of the package.
        """
        lines, seconds = self.lines(mutant), self.seconds[mutant.package]
        if mutant.site.line not in lines:
            return []
        names = lines[mutant.site.line] or set().union(*lines.values()) or seconds.keys()
        ranked = sorted(names & seconds.keys(), key=lambda name: seconds[name])
        chosen: list[str] = []
        total = 0.0
        for name in ranked:
            total += seconds[name]
            if total > TEST_SECONDS and chosen:
                break
            chosen.append(name)
        return chosen

    def cpu_seconds(self, mutant: Mutant, tests: Iterable[str]) -> int:
        """The CPU time that the tests of a mutant may take."""
        seconds = self.seconds[mutant.package]
        return SPARE_SECONDS + SLOWER * round(sum(seconds[name] for name in tests))


def run_mutant(mutant: Mutant, tests: list[str], folder: Path, cpu_seconds: int) -> int:
    """In a child: run the tests against the changed package. Returns pytest's exit code, or 100 if it does not load."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]
    try:
        import_module(".".join(Path(mutant.site.file).with_suffix("").parts).removesuffix(".__init__"))
    except Exception as error:  # noqa: BLE001 - a mutant can fail in any way
        print(f"does not load: {error!r}")
        return 100
    return int(pytest.main([*QUIET, *tests]))


def start(mutant: Mutant, tests: list[str], folder: Path, number: int, cpu_seconds: int) -> int:
    """Put a mutant into a copy and fork a child that tests it; returns its process id."""
    target = folder / mutant.site.file
    before = target.stat().st_mtime
    target.write_text(mutant.code, "utf-8")
    os.utime(target, (before, before + 10 + number))  # a compiled file of another mutant must not be taken for it
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            code = run_mutant(mutant, tests, folder, cpu_seconds)
        except BaseException:  # noqa: BLE001 - the child ends here, and says why
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def restore(mutant: Mutant, origin: Path, folder: Path) -> None:
    """Restore the file, including its modification time."""
    shutil.copy2(origin / mutant.site.file, folder / mutant.site.file)


def judge(mutant: Mutant, status: int, tests: list[str], folder: Path, seconds: float) -> Outcome:
    """Return the result that the exit of a child means."""
    code = os.waitstatus_to_exitcode(status)
    lines = (folder / "output.txt").read_text("utf-8", "replace").strip().splitlines()
    failed = next(
        (line for line in reversed(lines) if line.startswith(("FAILED", "ERROR"))), lines[-1] if lines else ""
    )
    kinds = {0: ("survived", f"{len(tests)} tests pass")}
    kinds |= dict.fromkeys((1, 2, 4, 100), ("killed", failed))  # 4: the change keeps a file of tests from loading
    status_text, why = kinds.get(code, ("killed", "ran for ever") if code < 0 else ("error", f"exit {code}: {failed}"))
    return Outcome(mutant.key, mutant.package, mutant.site.line, status_text, why[:300], len(tests), round(seconds, 1))


def run_all(
    found: list[Mutant], selection: Selection, folders: list[Path], report: Path, before: Iterable[Outcome] = ()
) -> list[Outcome]:
    """Test all mutants but those with an outcome from `before`, one at a time in each copy."""
    outcomes = list(before)
    known = {outcome.key for outcome in outcomes}
    running: dict[int, tuple[Mutant, list[str], Path, float]] = {}
    free, rest = list(folders), [(n, mutant) for n, mutant in enumerate(found) if mutant.key not in known]
    while rest or running:
        while rest and free:
            number, mutant = rest.pop(0)
            tests = selection.tests(mutant)
            if not tests:
                outcomes.append(Outcome(mutant.key, mutant.package, mutant.site.line, "survived", "no test", 0, 0))
                continue
            folder = free.pop()
            child = start(mutant, tests, folder, number, selection.cpu_seconds(mutant, tests))
            running[child] = (
                mutant,
                tests,
                folder,
                time.monotonic(),
            )
        if running:
            child, status = os.wait()
            mutant, tests, folder, began = running.pop(child)
            outcomes.append(judge(mutant, status, tests, folder, time.monotonic() - began))
            restore(mutant, selection.origin, folder)
            free.append(folder)
        last = outcomes[-1]
        print(f"{len(outcomes):4}/{len(found)} {last.status:9}{last.seconds:6.1f} s  {last.key}", flush=True)
        report.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    return outcomes


def explained() -> dict[str, str]:
    """The reasons given for survivors, by the mutant's key."""
    if not EXPLAINED.exists():
        return {}
    entries: list[Mapping[str, Any]] = tomllib.loads(EXPLAINED.read_text("utf-8")).get("survivor", [])
    return {entry["mutant"]: entry["reason"] for entry in entries}


def conclude(outcomes: list[Outcome]) -> int:
    """Print the score and the survivors without a reason; returns the exit code."""
    reasons = explained()
    print(f"\n{'package':<12}{'mutants':>8}{'killed':>8}{'score':>8}")
    for package in [*PACKAGES, "all"]:
        own = [outcome for outcome in outcomes if package in ("all", outcome.package)]
        killed = sum(outcome.status == "killed" for outcome in own)
        print(f"{package:<12}{len(own):>8}{killed:>8}{killed / max(len(own), 1):>8.1%}")
    survivors = [outcome for outcome in outcomes if outcome.status != "killed"]
    unexplained = [outcome for outcome in survivors if outcome.key not in reasons]
    for outcome in unexplained:
        print(f"\nsurvived without a reason in {EXPLAINED.name}, line {outcome.line} ({outcome.why}):\n  {outcome.key}")
    for outcome in outcomes:
        if outcome.status == "killed" and outcome.key in reasons:
            print(f"\nkilled, so its entry can go from {EXPLAINED.name}:\n  {outcome.key}")
    score = 1 - len(survivors) / max(len(outcomes), 1)
    return int(bool(unexplained) or score < BAR)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="mutants to try (300)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--package", action="append", choices=PACKAGES, help="only this package; may be repeated")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time (all cores)")
    parser.add_argument("--work", type=Path, help="keep coverage and outcomes here, and go on from them")
    parser.add_argument("--survivors", action="store_true", help="only those that survived the run before in --work")
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp(prefix="mutants-"))
    origin, copies = work / "origin", [work / f"copy-{number}" for number in range(given.jobs)]
    if not origin.exists():
        copy_project(ROOT, origin)
    packages = given.package or list(PACKAGES)
    missing = [package for package in packages if not (origin / f"seconds-{package}.json").exists()]
    for child in [measure(origin, package) for package in missing]:
        if (code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])) not in (0, 1):
            print(f"the tests cannot be run: pytest ended with {code}")
            return 1
    for copy in copies:
        shutil.rmtree(copy, ignore_errors=True)
        copy_project(origin, copy)
    report = work / "outcomes.json"
    found = sample(origin, given.count, given.seed, packages)
    keys = {mutant.key for mutant in found}
    earlier = [Outcome(**row) for row in json.loads(report.read_text())] if report.exists() else []
    earlier = [outcome for outcome in earlier if outcome.key in keys]
    if earlier and not given.survivors:
        print(f"{len(earlier)} mutants have an outcome in {report} already")
    if given.survivors:
        survived = {outcome.key for outcome in earlier if outcome.status != "killed"}
        found, earlier = [mutant for mutant in found if mutant.key in survived], []
    for name in PRELOADED:
        import_module(name)
    outcomes = run_all(found, Selection.read(origin, packages), copies, report, earlier)
    if given.work is None:
        shutil.rmtree(work)
    return conclude(outcomes)


if __name__ == "__main__":
    sys.exit(main())
