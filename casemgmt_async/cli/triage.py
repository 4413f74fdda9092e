"""`casemgmt triage`: plan, apply, run, status."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from casemgmt_async import jobs
from casemgmt_async.cli.context import Context, runs
from casemgmt_async.cli.options import (
    budget_options,
    emulator_option,
    finish,
    journal_option,
    report_options,
    says_yes,
    takes_file,
    working,
)
from casemgmt_async.cli.screen import Screen

__all__ = ["triage"]


@click.group()
def triage() -> None:
    """Decide over many cases by rules, and change them: plan, look, apply.

    \b
    Example:
      casemgmt triage plan rules.toml --journal monday.db
      casemgmt triage apply --journal monday.db
    """


@triage.command()
@click.argument("rules", type=takes_file)
@journal_option
@budget_options
@emulator_option
@runs
async def plan(context: Context, *, rules: Path, journal: Path | None, emulator: int | None, **budget: object) -> int:
    """Read every case, decide by RULES, write the plan into the journal; change nothing.

    \b
    Examples:
      casemgmt triage plan rules.toml --journal monday.db
      casemgmt triage plan rules.toml --emulator 1000
    """
    read = jobs.load_rules(rules)
    with journal_of(journal, emulator) as path:
        async with context.session(emulator) as session, working(context.screen, budget) as control:
            planned = await jobs.plan_triage(session, read, journal=path, control=control)
    show_plan(context.screen, planned)
    if emulator is None:
        context.screen.note(f"nothing was changed; to do it: casemgmt triage apply --journal {path}")
    return 0


@triage.command()
@journal_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask before changing cases.")
@click.option("--even-if-changed", is_flag=True, help="Also change cases that changed since the plan.")
@click.option("--retry-unknown", is_flag=True, help="Look again for comments of unknown fate, make the absent ones.")
@budget_options
@report_options
@runs
async def apply(
    context: Context,
    *,
    journal: Path | None,
    yes: bool,
    even_if_changed: bool,
    retry_unknown: bool,
    report: Path | None,
    outcomes: Path | None,
    **budget: object,
) -> int:
    """Do what a plan says, or what is left of it.

    \b
    Example:
      casemgmt triage apply --journal monday.db --report monday.html
    """
    path = journal or DEFAULT
    async with context.session() as session:
        left = await show_left(context.screen, path)
        says_yes(context.screen, yes or not left, f"change cases on {session.base_url} as {path} says")
        async with working(context.screen, budget) as control:
            result = await jobs.apply_triage(
                session, journal=path, control=control, even_if_changed=even_if_changed, retry_unknown=retry_unknown
            )
    again = f"casemgmt triage apply --journal {path}"
    return await finish(context.screen, result, report, outcomes, journal=path, again=again)


@triage.command()
@click.argument("rules", type=takes_file)
@journal_option
@click.option("--dry-run", is_flag=True, help="Plan only: show what would be done.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before changing cases.")
@click.option("--even-if-changed", is_flag=True, help="Also change cases that changed since the plan.")
@budget_options
@report_options
@emulator_option
@runs
async def run(
    context: Context,
    *,
    rules: Path,
    journal: Path | None,
    dry_run: bool,
    yes: bool,
    even_if_changed: bool,
    report: Path | None,
    outcomes: Path | None,
    emulator: int | None,
    **budget: object,
) -> int:
    """Plan by RULES, show the plan, ask, and apply it; go on with it after a stop.

    \b
    Examples:
      casemgmt triage run rules.toml --emulator 5000
      casemgmt triage run rules.toml --journal monday.db --report monday.html
    """
    read = jobs.load_rules(rules)
    options = {"even_if_changed": even_if_changed}
    with journal_of(journal, emulator) as path:
        async with context.session(emulator) as session:
            if dry_run or not await is_planned(path):
                async with working(context.screen, budget) as control:
                    planned = await jobs.plan_triage(session, read, journal=path, control=control)
                show_plan(context.screen, planned)
                if dry_run:
                    return 0
                left = planned.operations
            else:
                left = await show_left(context.screen, path)
            if emulator is None:
                says_yes(context.screen, yes or not left, f"change cases on {session.base_url}")
            async with working(context.screen, budget) as control:
                result = await jobs.run_triage(session, read, journal=path, control=control, **options)
        again = None if emulator is not None else f"casemgmt triage run {rules} --journal {path}"
        return await finish(context.screen, result, report, outcomes, journal=path, again=again)


@triage.command()
@journal_option
@report_options
@runs
async def status(context: Context, *, journal: Path | None, report: Path | None, outcomes: Path | None) -> int:
    """Say how far a triage is, also while it runs; write its report.

    \b
    Example:
      casemgmt triage status --journal monday.db --report monday.html
    """
    return await finish(context.screen, None, report, outcomes, journal=journal or DEFAULT)


DEFAULT = Path("triage.db")


@contextlib.contextmanager
def journal_of(given: Path | None, emulator: int | None) -> Iterator[Path]:
    """The journal: as given, or the usual one, or for a rehearsal one that goes when it ends."""
    if given is not None or emulator is None:
        yield given or DEFAULT
        return
    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        yield Path(folder) / "rehearsal.db"


async def is_planned(journal: Path) -> bool:
    """Whether a plan was finished in the journal, if there is one; planning says what is wrong with another file."""
    with contextlib.suppress(jobs.JournalError):
        return (await jobs.read_report(journal)).walked is not None
    return False


async def show_left(screen: Screen, journal: Path) -> int:
    """Say what is left of the plan in a journal, before anybody is asked about it."""
    states = (await jobs.read_report(journal)).states
    left = sum(states.get(state, 0) for state in (jobs.State.PLANNED, jobs.State.SENDING))
    whole = sum(states.values())
    screen.note(
        f"{journal}: {left:,} of {whole:,} operations are left"
        if left
        else f"{journal} is done: nothing is left of its {whole:,} operations; a new --journal makes a new plan"
    )
    return left


def show_plan(screen: Screen, planned: jobs.Plan) -> None:
    """Print the table of a plan and what applying it takes."""
    if screen.as_json:
        rows = [{"rule": row.rule, "action": row.action, "operations": row.operations} for row in planned.rows]
        numbers = ("cases", "matched", "operations", "already", "requests", "seconds", "basis", "converged")
        screen.emit({"plan": rows, **{name: getattr(planned, name) for name in numbers}})
        return
    if planned.rows:
        steps = [(row.rule, row.action, f"{row.operations:,}") for row in planned.rows]
        screen.table(("rule", "action", "#cases"), steps)
    screen.say(
        f"{planned.matched:,} of {planned.cases:,} cases, {planned.operations:,} operations "
        f"in about {planned.requests:,} requests and {planned.seconds:,.0f} s ({planned.basis})"
    )
    if planned.already:
        screen.say(f"{planned.already:,} steps are left out: those cases are so already")
    if not planned.converged:
        screen.note("the cases kept changing while they were read, so some may have been missed; plan again for those")
