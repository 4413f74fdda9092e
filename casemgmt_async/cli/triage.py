"""`casemgmt triage`: plan, show, apply, run, runs, status."""

from __future__ import annotations

import contextlib
import functools
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve

from casemgmt_async import NameLookupError, jobs
from casemgmt_async.cli.app import Commands
from casemgmt_async.cli.context import Context, Misused, runs
from casemgmt_async.cli.options import (
    budget_options,
    emulator_option,
    finish,
    pace_options,
    report_options,
    says_yes,
    takes_file,
    together,
    working,
    working_and_asking,
    writes_journal,
)
from casemgmt_async.cli.plans import as_object, show_plan, show_some, table_lines, to_csv
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.shards import Asking, check_shards, in_shards, shards_option
from casemgmt_async.cli.text import many
from casemgmt_async.jobs.journal import JournalAddress, JournalURL

__all__ = ["triage"]

DEFAULT: Final = Path("triage.db")
APPLY_OPTIONS: Final = ("even_if_changed", "retry_unknown", "retry_rejected")
"""The options of `apply_options` that the jobs take by the same names."""

state_option = click.option(
    "--state",
    type=writes_journal,
    metavar="FILE|URL",
    help=(
        "File, or postgresql://host/database#name, where the triage keeps its runs and what it remembers.  "
        f"[default: {DEFAULT}]"
    ),
)
apply_options = together(
    click.option("--yes", "-y", is_flag=True, help="Do not ask before changing cases."),
    click.option("--even-if-changed", is_flag=True, help="Also change cases that changed since the plan."),
    click.option("--retry-unknown", is_flag=True, help="Look again for comments that may or may not have been made."),
    click.option("--retry-rejected", is_flag=True, help="Try again what the service refused."),
)
complete_option = click.option("--complete", is_flag=True, help="Read the cases again until no pass finds another one.")
rule_option = click.option("--rule", metavar="NAME", help="Only the changes of this rule.")


@click.group(cls=Commands)
def triage() -> None:
    """Change many cases by rules: plan, look at the plan, apply it.

    \b
    Examples:
      casemgmt triage plan rules.toml
      casemgmt triage show --rule stale
      casemgmt triage apply
    Example, for a job that runs every hour:
      casemgmt triage run rules.toml --yes --state /var/lib/casemgmt/rules.db
    """


@triage.command()
@click.argument("rules", type=takes_file)
@state_option
@click.option("--dry-run", is_flag=True, help="Do not keep the plan.")
@complete_option
@pace_options
@emulator_option
@runs
async def plan(
    context: Context,
    *,
    rules: Path,
    state: JournalAddress | None,
    dry_run: bool,
    complete: bool,
    emulator: int | None,
    **budget: Any,
) -> int:
    """Decide by RULES what to change, and write it down as a plan; change nothing.

    \b
    Examples:
      casemgmt triage plan rules.toml
      casemgmt triage plan rules.toml --emulator 1000
    """
    read = jobs.load_rules(rules)
    with state_of(state, emulator) as path, rehearsing(emulator):
        async with context.session(emulator) as session, working(context.screen, budget) as control:
            planned = await jobs.plan_triage(
                session, read, state=path, control=control, dry_run=dry_run, complete=complete
            )
        if not dry_run:
            planned = evolve(planned, changes=tuple([change async for change in jobs.read_changes(path)]))
        show_whole(context.screen, planned)
    if emulator is None and not dry_run:
        where = "" if path == DEFAULT else f" --state {shlex.quote(str(path))}"
        context.screen.note(f"nothing was changed; to apply it: casemgmt triage apply{where}")
    return 0


@triage.command()
@state_option
@rule_option
@click.option("--run", "number", type=click.IntRange(min=1), metavar="N", help="Number of an earlier run.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV instead of a table.")
@runs
async def show(
    context: Context, *, state: JournalAddress | None, rule: str | None, number: int | None, as_csv: bool
) -> int:
    """Show what a plan changes: for each case the value before and after.

    \b
    Examples:
      casemgmt triage show --rule stale
      casemgmt triage show --csv > plan.csv
      casemgmt triage show --json | jq .
    """
    changes = jobs.read_changes(place_of(state), run=number, rule=rule)
    if context.screen.as_json:
        async for change in changes:
            context.screen.emit(as_object(change))
        return 0
    found = [change async for change in changes]
    if as_csv:
        click.echo(to_csv(found), nl=False)
        return 0
    if not found:
        context.screen.say("no changes")
        return 0
    click.echo_via_pager(f"{line}\n" for line in table_lines(found))
    return 0


@triage.command()
@state_option
@apply_options
@shards_option
@budget_options
@report_options
@runs
async def apply(
    context: Context,
    *,
    state: JournalAddress | None,
    yes: bool,
    shards: int | None,
    report: Path | None,
    outcomes: Path | None,
    **options: Any,
) -> int:
    """Make the changes of the last plan, or those that are left.

    \b
    Example:
      casemgmt triage apply --report monday.html
    Example, for workers on other machines (casemgmt worker --journal postgresql://db.internal/casemgmt):
      casemgmt triage apply --state postgresql://db.internal/casemgmt --shards 16
    """
    path = place_of(state)
    applied, budget = split_options(options)
    if shards is not None:
        check_shards(context, "--state", state, budget)
    async with context.session() as session:
        left = await show_left(context.screen, path)
        says_yes(context.screen, yes or not left, f"change cases on {session.base_url} as {path} says")
        if shards is None:
            async with working(context.screen, budget) as control:
                result = await jobs.apply_triage(session, state=path, control=control, **applied)
        else:

            async def split(control: jobs.JobControl, _: Asking) -> jobs.ShardedTriage:
                return await jobs.split_triage(session, state=path, shards=shards, control=control, **applied)

            result = await in_shards(context, split, budget)
    again = "" if shards is not None else shlex.join(["casemgmt", "triage", "apply", "--state", str(path)])
    return await finish(context.screen, result, report, outcomes, journal=path, again=again, run=result.run)


@triage.command()
@click.argument("rules", type=takes_file)
@state_option
@click.option("--dry-run", is_flag=True, help="Show what would be done, and keep nothing.")
@complete_option
@apply_options
@shards_option
@budget_options
@report_options
@emulator_option
@runs
async def run(
    context: Context,
    *,
    rules: Path,
    state: JournalAddress | None,
    dry_run: bool,
    complete: bool,
    yes: bool,
    shards: int | None,
    report: Path | None,
    outcomes: Path | None,
    emulator: int | None,
    **options: Any,
) -> int:
    """Plan by RULES, show the plan, ask, and apply it; or continue a run that was stopped.

    A run remembers in the state file what it did, so that the next one does only what is due. Run it from a timer
    with --yes.

    \b
    Examples:
      casemgmt triage run rules.toml --emulator 5000
      casemgmt triage run rules.toml --yes --state /var/lib/casemgmt/rules.db
    """
    read, screen = jobs.load_rules(rules), context.screen
    applied, budget = split_options(options)
    if shards is not None:
        check_shards(context, "--state", state, budget, emulator=emulator)
    with state_of(state, emulator) as path, rehearsing(emulator):
        async with context.session(emulator) as session:
            if dry_run:
                async with working(screen, budget) as control:
                    planned = await jobs.plan_triage(
                        session, read, state=path, control=control, complete=complete, dry_run=True
                    )
                show_whole(screen, planned)
                return 0

            def given(control: jobs.JobControl, asking: Asking) -> dict[str, Any]:
                confirm = confirming(screen, asking, yes=yes or emulator is not None)
                return {"state": path, "confirm": confirm, "control": control, "complete": complete, **applied}

            if shards is None:
                async with working_and_asking(screen, budget) as working_on:
                    result = await jobs.run_triage(session, read, **given(*working_on))
            else:
                split = functools.partial(jobs.split_triage, session, read, shards=shards)
                result = await in_shards(context, lambda *working_on: split(**given(*working_on)), budget)
        if result.run is None:
            screen.note(f"stopped: {result.stopped}; nothing was changed")
            return 1
        again: str | None = shlex.join(["casemgmt", "triage", "run", str(rules), "--state", str(path)])
        if emulator is not None:
            again = None  # its cases are gone
        elif shards is not None:
            again = ""  # the workers continue it
        return await finish(screen, result, report, outcomes, journal=path, again=again, run=result.run)


def confirming(screen: Screen, asking: Asking, *, yes: bool) -> Callable[[jobs.Plan], bool]:
    """Make the function that shows a plan and asks whether to apply it."""

    def confirm(planned: jobs.Plan) -> bool:
        with asking():
            show_plan(screen, planned)
            says_yes(screen, yes or not planned.operations, "change these cases")
        return True

    return confirm


def show_whole(screen: Screen, planned: jobs.Plan) -> None:
    """Show a plan with its first changes."""
    show_plan(screen, planned)
    if not screen.as_json:
        show_some(screen, planned.changes)


@triage.command(name="runs")
@state_option
@click.option("--prune", type=click.IntRange(min=1), metavar="N", help="Delete all but the last N runs.")
@runs
async def list_runs(context: Context, *, state: JournalAddress | None, prune: int | None) -> int:
    """List the runs in a state file, or delete old ones. What the triage remembers stays.

    \b
    Example:
      casemgmt triage runs --prune 100
    """
    path, screen = place_of(state), context.screen
    if prune is not None:
        screen.note(f"{many(await jobs.prune_runs(path, keep=prune), 'run')} deleted")
    found = await jobs.list_runs(path)
    if screen.as_json:
        for each in found:
            counts = {state.value: count for state, count in each.states.items()}
            screen.emit(
                {"run": each.number, "state": each.state, "begun": each.begun, "ended": each.ended, "states": counts}
            )
        return 0
    rows = [
        (
            f"{each.number}",
            f"{datetime.fromtimestamp(each.begun, UTC):%Y-%m-%d %H:%M}",
            each.state.value,
            f"{each.facts.get('cases', 0):,}",
            ", ".join(f"{count:,} {state.value}" for state, count in each.states.items()) or "nothing to do",
        )
        for each in found
    ]
    screen.table(("#run", "begun (UTC)", "state", "#cases", "operations"), rows)
    return 0


@triage.command()
@click.argument("number", type=click.IntRange(min=1), metavar="[RUN]", required=False)
@state_option
@report_options
@runs
async def status(
    context: Context, *, number: int | None, state: JournalAddress | None, report: Path | None, outcomes: Path | None
) -> int:
    """Show the progress of the last run or of RUN, also while it runs, and write its report.

    \b
    Example:
      casemgmt triage status 12 --report twelve.html
    """
    return await finish(context.screen, None, report, outcomes, journal=place_of(state), run=number)


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split options into those that say how a plan is applied, and those that bound the job."""
    applied = {name: options[name] for name in APPLY_OPTIONS}
    return applied, {name: value for name, value in options.items() if name not in applied}


@contextlib.contextmanager
def state_of(given: JournalAddress | None, emulator: int | None) -> Iterator[JournalAddress]:
    """The state file: as given, or the usual one, or for a rehearsal one that goes when it ends."""
    if given is not None or emulator is None:
        yield place_of(given)
        return
    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        yield Path(folder) / "rehearsal.db"


@contextlib.contextmanager
def rehearsing(emulator: int | None) -> Iterator[None]:
    """Explain why a name that rules use is not found in a rehearsal."""
    try:
        yield
    except jobs.RulesError as error:
        if emulator is None or not isinstance(error.__cause__, NameLookupError):
            raise
        where = "--emulator has users, teams and projects of its own; leave it out, with --dry-run, to look up yours"
        raise Misused(f"{error}; {where}") from error


def place_of(given: JournalAddress | None) -> JournalAddress:
    """The state as given, or the usual file; a URL without a name is of the journal `triage`."""
    return given.named("triage") if isinstance(given, JournalURL) else given or DEFAULT


async def show_left(screen: Screen, state: JournalAddress) -> int:
    """Say what is left of the last plan, before anybody is asked about it."""
    report = await jobs.read_report(state)
    left = sum(report.states.get(each, 0) for each in (jobs.State.PLANNED, jobs.State.SENDING))
    whole = sum(report.states.values())
    screen.note(
        f"{state}: {left:,} of {many(whole, 'operation')} of run {report.run} left"
        if left
        else f"{state}: nothing left to do; run {report.run} had {many(whole, 'operation')}"
    )
    return left
