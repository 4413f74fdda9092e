"""`casemgmt export` and `casemgmt backfill`: every case out, and rows of another tracker in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from attrs import asdict

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
from casemgmt_async.cli.screen import Screen
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
@click.option("--project", metavar="NAME", help="The project (id, key or name) of rows that name none.")
@click.option("--type", "case_type", metavar="NAME", help="The case type (id or name) of rows that name none.")
@click.option("--preset", type=click.Choice(["jira", "servicenow", "github"]), help="The tracker that wrote SOURCE.")
@click.option("--map", "columns", metavar="COLUMN=FIELD", multiple=True, help="What a column means. May be repeated.")
@click.option(
    "--on-unknown-user",
    type=click.Choice(["reject", "leave", "me"]),
    default="reject",
    show_default=True,
    help="Reject a row whose assignee nobody knows, leave its case unassigned, or assign it to yourself.",
)
@click.option("--update", is_flag=True, help="Bring the cases of changed rows to what the rows say now.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; send nothing and write nothing.")
@click.option("--assume-new", is_flag=True, help="The job was never run before: do not look for its cases first.")
@click.option("--rejects", type=writes_file, metavar="FILE", help="Where bad rows go. [default: beside SOURCE]")
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
    preset: str | None,
    columns: tuple[str, ...],
    on_unknown_user: str,
    update: bool,
    dry_run: bool,
    assume_new: bool,
    rejects: Path | None,
    yes: bool,
    journal: Path | None,
    report: Path | None,
    outcomes: Path | None,
    **budget: object,
) -> int:
    """Create a case for every row of SOURCE (CSV, JSON Lines, JSON array), never two for one row.

    Run it again after any interruption, with an edited file, or from another machine: rows that have a case are
    not created again. Bad rows go to a file beside SOURCE in the same format; correct them there and run that file.

    \b
    Examples:
      casemgmt backfill tickets.csv --job old-tracker --project SEC --type Standard --dry-run
      casemgmt backfill jira.csv --job jira --preset jira --project SEC --type Standard
      casemgmt backfill tickets.csv --job old-tracker --map 'Issue key=key' --map Summary=title --update
    """
    options: dict[str, Any] = {
        "job": job,
        "journal": journal,
        "project": project,
        "type": case_type,
        "preset": preset,
        "columns": mapped(columns),
        "on_unknown_user": on_unknown_user,
        "update": update,
        "assume_new": assume_new,
    }
    async with context.session() as session:
        if dry_run:
            async with working(context.screen, budget) as control:
                preview = await jobs.preview_backfill(session, source, control=control, **options)
            show_preview(context.screen, preview)
            return 0
        says_yes(context.screen, yes, f"create cases on {session.base_url} from {source}")
        async with working(context.screen, budget) as control:
            result = await jobs.backfill_cases(session, source, rejects=rejects, control=control, **options)
    show_rows(context.screen, result)
    return await finish(context.screen, result, report, outcomes, journal=result.journal, again="the same command")


def mapped(columns: tuple[str, ...]) -> dict[str, str]:
    """Read `COLUMN=FIELD` pairs; a column name may hold equals signs itself."""
    pairs = [each.rpartition("=") for each in columns]
    for (column, _, meaning), written in zip(pairs, columns, strict=True):
        if not column or not meaning:
            raise Misused(f"--map {written!r}: write it as 'COLUMN=FIELD', as in 'Issue key=key'")
    return {column: meaning for column, _, meaning in pairs}


COUNTS: Final = {
    "found": "had a case already, made by an earlier run of the job",
    "unchanged": "say what they said before",
    "changed": "have changed; --update brings their cases up to date",
    "updated": "had changed and were brought up to date",
    "removed": "of an earlier run are no longer in the source; their cases were left alone",
}
"""What is said about rows beside those that became cases."""


def show_rows(screen: Screen, result: jobs.BackfillResult) -> None:
    """Say what became of the rows."""
    for note in result.notes:
        screen.note(f"source: {note}")
    for name, text in COUNTS.items():
        if count := getattr(result, name):
            screen.note(f"{count:,} rows {text}")
    show_reasons(screen, result.reasons, result.unassigned)
    if result.bad_rows:
        screen.note(
            f"{result.bad_rows:,} bad rows were left out; correct them in {result.output} and run that file with the "
            "same --job"
        )


def show_reasons(screen: Screen, reasons: Mapping[str, int], unassigned: Mapping[str, int]) -> None:
    """Say why rows were left out, the most frequent reasons first."""
    for reason, count in list(reasons.items())[:10]:
        screen.note(f"{count:,} x {reason}")
    for name, count in list(unassigned.items())[:10]:
        screen.note(f"{count:,} left unassigned: nobody is known as {name}")


def show_preview(screen: Screen, preview: jobs.BackfillPreview) -> None:
    """Print what a run would do."""
    if screen.as_json:
        screen.emit(asdict(preview))
        return
    for note in preview.notes:
        screen.note(f"source: {note}")
    names = ("create", "update", "found", "unchanged", "changed", "removed", "rejected")
    screen.table(("rows", "#count"), [(name, f"{getattr(preview, name):,}") for name in names])
    for case in preview.cases:
        screen.say(f"would create {case['key']}: " + ", ".join(f"{name} {value}" for name, value in told(case)))
    for key, changes in preview.changes:
        screen.say(f"{'would update' if preview.update else 'changed:'} {key}: {', '.join(changes)}")
    show_reasons(screen, preview.reasons, preview.unassigned)
    screen.note(f"{preview.requests:,} requests, about {preview.seconds:.0f} s by {preview.basis}; nothing was sent")
    if preview.stopped:
        screen.note(f"this is not complete: {preview.stopped}")


def told(case: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the fields of a case that is to be, long texts cut short."""
    for name, value in case.items():
        if name != "key" and value:
            text = "; ".join(value) if name == "then" else str(value)
            yield name, text if len(text) <= 60 else text[:57] + "..."
