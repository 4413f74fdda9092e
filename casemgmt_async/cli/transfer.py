"""`casemgmt export` and `casemgmt backfill`: every case out, and rows of another tracker in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
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
    writes_journal,
)
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.shards import check_shards, in_shards, shards_option
from casemgmt_async.jobs.export.formats import users_beside
from casemgmt_async.jobs.journal import JournalAddress

__all__ = ["backfill", "export"]


@click.command()
@click.argument("target", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--filter", "query", metavar="QUERY", help="Only the cases that match.")
@click.option("--since", metavar="last|TIME", help="Only what has changed since the last export, or since a time.")
@click.option(
    "--with",
    "include",
    metavar="NAMES",
    help="Read comments, links, watchers (commas between) of the cases that are written, too.",
)
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "parquet"]), help="[default: by the suffix]")
@click.option("--partition", metavar="NAMES", help="Write files into folders by project, day (commas between).")
@click.option(
    "--state", type=writes_journal, metavar="FILE|URL", help="What --since last remembers. [default: beside TARGET]"
)
@click.option("--complete", is_flag=True, help="Read all pages twice, even if nothing seems to change meanwhile.")
@click.option("--resume", is_flag=True, help="Continue an export that was stopped more than an hour ago.")
@click.option("--force", is_flag=True, help="Overwrite TARGET.")
@journal_option
@click.option("--max-time", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Stop after S seconds.")
@emulator_option
@runs
async def export(
    context: Context,
    *,
    target: Path,
    query: str | None,
    since: str | None,
    include: str | None,
    form: str | None,
    partition: str | None,
    state: JournalAddress | None,
    complete: bool,
    resume: bool,
    force: bool,
    journal: JournalAddress | None,
    max_time: float | None,
    emulator: int | None,
) -> int:
    """Write every case to TARGET: a file (.jsonl, .csv, .parquet), a folder, or - for standard output.

    The same command continues a stopped export. A file appears when it is complete. With --since last, only what
    is new or changed is written, and a tombstone for each case that is gone.

    \b
    Examples:
      casemgmt export cases.jsonl
      casemgmt export closed.parquet --filter 'status:closed' --force
      casemgmt export warehouse/ --format parquet --partition project,day --since last --with comments
      casemgmt export - --filter 'priority:P1' | jq .id
    """
    async with context.session(emulator) as session, working(context.screen, {"max_time": max_time}) as control:
        result = await jobs.export_cases(
            session,
            str(target) if str(target) == "-" else target,
            filter=query,
            since=moment(since),
            include=names(include),
            format=form,
            partition=names(partition),
            state=state,
            complete=complete,
            resume=resume,
            force=force,
            journal=journal,
            control=control,
        )
    return show_export(context.screen, result, str(target) == "-")


def names(given: str | None) -> tuple[str, ...]:
    """Read names with commas between."""
    return tuple(name for each in (given or "").split(",") if (name := each.strip()))


def moment(given: str | None) -> Any:
    """Read `last`, or a time as ISO 8601; without a zone it is UTC."""
    if given is None or given == "last":
        return given
    try:
        return datetime.fromisoformat(given)
    except ValueError as error:
        raise Misused(f"--since {given!r}: write last, or a time such as 2031-05-06T07:00:00Z") from error


def show_export(screen: Screen, result: jobs.ExportResult, to_stdout: bool) -> int:
    """Say how an export ended; what went to standard output is not mixed with it."""
    if result.output is None:
        screen.note(f"stopped with {result.items:,} cases read: {result.stopped}; the same command continues")
    if screen.as_json and not to_stdout:
        screen.emit(
            {
                "cases": result.written,
                "gone": result.gone,
                "read": result.items,
                "file": None if result.output is None else str(result.output),
                "stopped": result.stopped,
            }
        )
    elif result.output is not None:
        gone = "".join(f", {count:,} {why}" for why, count in result.gone.items())
        text = f"{result.written:,} cases{gone}"
        users = users_beside(result.output)
        beside = f", users in {users}" if users.exists() else ""
        (screen.note if to_stdout else screen.say)(text if to_stdout else f"{text} in {result.output}{beside}")
    return 1 if result.output is None else 0


@click.command()
@click.argument("source", type=takes_file)
@click.option("--job", required=True, help="Name of the import. The same name and row key mean the same case.")
@click.option("--project", metavar="NAME", help="The project (key, name or id) of rows without one.")
@click.option("--type", "case_type", metavar="NAME", help="The case type (name or id) of rows without one.")
@click.option("--preset", type=click.Choice(["jira", "servicenow", "github"]), help="Tracker that wrote SOURCE.")
@click.option("--map", "columns", metavar="COLUMN=FIELD", multiple=True, help="What a column means. May be repeated.")
@click.option(
    "--on-unknown-user",
    type=click.Choice(["reject", "leave", "me"]),
    default="reject",
    show_default=True,
    help="Reject a row whose assignee nobody knows, leave its case unassigned, or assign it to yourself.",
)
@click.option("--update", is_flag=True, help="Also update the cases of rows that have changed.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; send nothing and write nothing.")
@click.option("--assume-new", is_flag=True, help="Do not look for cases of earlier runs, because there were none.")
@click.option("--rejects", type=writes_file, metavar="FILE", help="File for bad rows. [default: beside SOURCE]")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before creating cases.")
@shards_option
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
    shards: int | None,
    journal: JournalAddress | None,
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
    if shards is not None:
        check_shards(context, "--journal", journal, budget)
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
        if shards is None:
            async with working(context.screen, budget) as control:
                result = await jobs.backfill_cases(session, source, rejects=rejects, control=control, **options)
        else:

            async def split(control: jobs.JobControl, _: object) -> jobs.ShardedBackfill:
                given = options | {"rejects": rejects, "shards": shards}
                return await jobs.split_backfill(session, source, control=control, **given)

            result = await in_shards(context, split, budget)
    show_rows(context.screen, result)
    again = "the same command" if shards is None else ""
    return await finish(context.screen, result, report, outcomes, journal=result.journal, again=again)


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
