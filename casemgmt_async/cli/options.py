"""The options and the endings that the jobs' subcommands share."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from casemgmt_async import ConfigurationError, jobs
from casemgmt_async.cli.context import Misused
from casemgmt_async.cli.progress import Interrupts, Show
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.text import many
from casemgmt_async.jobs.journal import JournalAddress, journal_address

__all__ = [
    "budget_options",
    "emulator_option",
    "finish",
    "journal_option",
    "pace_options",
    "report_options",
    "says_yes",
    "takes_file",
    "together",
    "working",
    "working_and_asking",
    "writes_file",
    "writes_journal",
]

WORKERS_GO_ON: Final = "; the workers continue, and the same command waits for them again"
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

takes_file = click.Path(exists=True, dir_okay=False, path_type=Path)


class Writable(click.Path):
    """A file to write. A folder that does not exist is an error at the start and not after the work."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Look at the folder too."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"there is no folder {path.parent}; make it first", param, ctx)
        if not path.exists() and not os.access(path.parent, os.W_OK):
            self.fail(f"nothing can be written in the folder {path.parent}", param, ctx)
        return path


writes_file = Writable(dir_okay=False, writable=True)


class JournalPlace(Writable):
    """A file to write, or the URL of a journal in PostgreSQL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a URL, or look at the folder of the file."""
        if "://" not in str(value):
            return super().convert(value, param, ctx)
        try:
            return journal_address(value)
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)


writes_journal = JournalPlace(dir_okay=False, writable=True)


def together(*options: Decorator) -> Decorator:
    """Make one decorator of several options."""
    return lambda command: functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


journal_option = click.option(
    "--journal",
    type=writes_journal,
    metavar="FILE|URL",
    help="Where the job keeps its state: a file, or postgresql://host/database#name.",
)
emulator_option = click.option(
    "--emulator",
    type=click.IntRange(min=0),
    metavar="CASES",
    help="Rehearse on an emulator with this number of cases instead of the service.",
)
pace_options = together(
    click.option("--max-time", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Stop after S seconds."),
    click.option(
        "--grace",
        type=click.FloatRange(min=0),
        default=jobs.GRACE,
        show_default=True,
        metavar="S",
        help="Seconds in which requests in flight can end after Ctrl-C, SIGTERM or --max-time.",
    ),
    click.option(
        "--concurrency", type=click.IntRange(min=1), metavar="N", default=8, show_default=True, help="Calls at a time."
    ),
)
budget_options = together(
    click.option("--max-operations", type=click.IntRange(min=1), metavar="N", help="Stop after N changes."),
    pace_options,
)
report_options = together(
    click.option("--report", type=writes_file, metavar="FILE", help="Write the report, one HTML page, to this file."),
    click.option("--outcomes", type=writes_file, metavar="FILE", help="Write each outcome as JSON Lines to this file."),
)


@contextlib.asynccontextmanager
async def working(screen: Screen, budget: Mapping[str, Any]) -> AsyncIterator[jobs.JobControl]:
    """Give the control of one job, which shows its progress and obeys Ctrl-C while the block runs."""
    async with working_and_asking(screen, budget) as (control, _):
        yield control


@contextlib.asynccontextmanager
async def working_and_asking(
    screen: Screen, budget: Mapping[str, Any]
) -> AsyncIterator[tuple[jobs.JobControl, Callable[[], contextlib.AbstractContextManager[None]]]]:
    """The same, with a context manager that frees the terminal and Ctrl-C for a question."""
    show, bounds = Show(screen), dict(budget)
    grace = bounds.pop("grace", jobs.GRACE)
    control = jobs.JobControl(budget=jobs.Budget(**bounds), on_progress=show, grace=grace)

    @contextlib.contextmanager
    def asking() -> Iterator[None]:
        with show.paused(), interrupts.released():
            yield

    with show.shown(), Interrupts(control, screen) as interrupts:
        yield control, asking


def says_yes(screen: Screen, yes: bool, question: str) -> None:
    """Ask before cases are changed; without a terminal, `--yes` must have been given."""
    if yes:
        return
    if not screen.is_interactive:
        raise Misused(f"no terminal to ask for confirmation; pass --yes to {question}")
    click.confirm(f"Do you want to {question}?", abort=True, err=True)


async def finish(
    screen: Screen,
    result: jobs.JobResult | None,
    report: Path | None,
    outcomes: Path | None,
    *,
    journal: JournalAddress,
    again: str | None = None,
    run: int | None = None,
    counts: Mapping[str, Any] | None = None,
) -> int:
    """Print how a job stands, write what was asked for, and give the exit status.

    `again` is the command that continues a stopped job; it is empty where workers continue it. `counts` is what JSON
    says besides.
    """
    read = await jobs.read_report(journal, run=run)
    if report is not None:
        read.write_html(report)
    if outcomes is not None:
        await read.write_outcomes(outcomes)
    show_report(screen, read, result, counts or {})
    for path in (report, outcomes):
        if path is not None:
            screen.note(f"written: {path}")
    if result is None:
        return 0
    instead = (
        f", instead of {result.unbatched_requests:,} one by one" if result.unbatched_requests > result.requests else ""
    )
    screen.note(f"{many(result.requests, 'request')} in {result.elapsed:.1f} s{instead}")
    if result.stopped:
        if sending := result.states.get(jobs.State.SENDING, 0):
            screen.note(f"{many(sending, 'operation')} sent without a known outcome; the next run looks first")
        how = WORKERS_GO_ON if again == "" else f"; to continue: {again}" if again else ""
        screen.note(f"stopped: {result.stopped}{how}")
    return 0 if result.succeeded else 1


def show_report(screen: Screen, report: jobs.Report, result: jobs.JobResult | None, counts: Mapping[str, Any]) -> None:
    """Print how many operations of each rule ended in each state, and why some were not done."""
    states = {state: count for state, count in report.states.items() if count}
    if screen.as_json:
        ended = (
            {} if result is None else {"requests": result.requests, "stopped": result.stopped, "ok": result.succeeded}
        )
        screen.emit({"job": report.kind, "items": report.items, "states": states, **counts, **ended})
        return
    rows = [(row.rule, row.action, *(f"{row.states.get(state, 0):,}" for state in states)) for row in report.rows]
    if rows:
        screen.table(("rule", "action", *(f"#{state.value}" for state in states)), rows)
    else:
        screen.say("nothing to do")
    for failure in report.failures[:10]:
        some = ", ".join(failure.examples)
        screen.say(f"{failure.count:,} {failure.state.value}: {failure.action}: {failure.reason} ({some})")
