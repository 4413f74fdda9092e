"""`casemgmt export` and `casemgmt backfill`: every case out, and rows of another tracker in."""

from __future__ import annotations

from pathlib import Path

import click

from casemgmt_async import jobs
from casemgmt_async.cli.context import Context, Misused, runs
from casemgmt_async.cli.options import (
    budget_options,
    emulator_option,
    finish,
    journal_option,
    report_options,
    says_yes,
    takes_file,
    working,
    writes_file,
)
from casemgmt_async.jobs.export.formats import users_beside

__all__ = ["backfill", "export"]


@click.command()
@click.argument("target", type=writes_file)
@click.option("--filter", "query", metavar="QUERY", help="Only the cases that match.")
@journal_option
@click.option("--max-time", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Stop after S seconds.")
@emulator_option
@runs
async def export(
    context: Context,
    *,
    target: Path,
    query: str | None,
    journal: Path | None,
    max_time: float | None,
    emulator: int | None,
) -> int:
    """Write every case to TARGET: JSON Lines for .jsonl, Parquet for .parquet.

    The same command goes on where a stopped one was; the file appears when it is whole.

    \b
    Examples:
      casemgmt export cases.jsonl
      casemgmt export closed.parquet --filter 'status:closed'
    """
    async with context.session(emulator) as session, working(context.screen, {"max_time": max_time}) as control:
        result = await jobs.export_cases(session, target, filter=query, journal=journal, control=control)
    if context.screen.as_json:
        whole = result.output is not None
        context.screen.emit({"cases": result.items, "file": str(target) if whole else None, "stopped": result.stopped})
    elif result.output is not None:
        users = users_beside(target)
        context.screen.say(
            f"{result.items:,} cases in {result.output}" + (f", users in {users}" if users.exists() else "")
        )
    if result.output is None:
        context.screen.note(f"stopped with {result.items:,} cases read: {result.stopped}; the same command goes on")
        return 1
    return 0


@click.command()
@click.argument("source", type=takes_file)
@click.option("--job", required=True, help="The name of the import; the same name and row key are the same case.")
@click.option("--project", metavar="UUID", help="The project of rows that name none.")
@click.option("--type", "case_type", metavar="UUID", help="The case type of rows that name none.")
@click.option("--rejects", type=writes_file, metavar="FILE", help="Where bad rows go. [default: beside SOURCE]")
@click.option("--retry-unknown", is_flag=True, help="Look once more for the rows whose fate is unknown.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before creating cases.")
@journal_option
@budget_options
@report_options
@runs
async def backfill(
    context: Context,
    *,
    source: Path,
    job: str,
    project: str | None,
    case_type: str | None,
    rejects: Path | None,
    retry_unknown: bool,
    yes: bool,
    journal: Path | None,
    report: Path | None,
    outcomes: Path | None,
    **budget: object,
) -> int:
    """Create a case for every row of SOURCE (.jsonl or .csv), never two for one row.

    \b
    Examples:
      casemgmt backfill tickets.csv --job old-tracker --project 5c1e... --type 0f3a...
      casemgmt backfill tickets.jsonl --job old-tracker --max-operations 500
    """
    path = journal or beside(source, job)
    async with context.session() as session:
        says_yes(context.screen, yes, f"create cases on {session.base_url} from {source}")
        async with working(context.screen, budget) as control:
            result = await jobs.backfill_cases(
                session,
                source,
                journal=path,
                job=job,
                project_id=project,
                type_id=case_type,
                rejects=rejects,
                control=control,
                retry_unknown=retry_unknown,
            )
    if result.bad_rows:
        context.screen.note(f"{result.bad_rows:,} bad rows were left out: see {result.output}")
    return await finish(context.screen, result, report, outcomes, journal=path, again="the same command")


def beside(source: Path, job: str) -> Path:
    """Name the journal of a job after its source and itself."""
    try:
        return source.with_name(f"{source.stem}.{job}.db")
    except ValueError as error:
        raise Misused(f"--job: {job!r} cannot be part of a file's name; choose another, or give --journal") from error
