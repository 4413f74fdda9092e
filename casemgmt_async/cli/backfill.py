"""`casemgmt backfill`: a case for every row of another tracker."""

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
    finish,
    journal_option,
    report_options,
    says_yes,
    takes_file,
    working,
    writes_file,
)
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.shards import check_shards, in_shards, shards_option
from casemgmt_async.cli.text import many
from casemgmt_async.jobs.journal import JournalAddress

__all__ = ["backfill"]

SHOWN: Final = 10
"""Reasons and names that are printed; the report and the rejects file have all."""


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
    if dry_run:
        return await look_ahead(context, source, options, budget)
    async with context.session() as session:
        says_yes(context.screen, yes, f"create cases on {session.base_url} from {source}")
        options["rejects"] = rejects
        if shards is None:
            async with working(context.screen, budget) as control:
                result = await jobs.backfill_cases(session, source, control=control, **options)
        else:

            async def split(control: jobs.JobControl, _: object) -> jobs.ShardedBackfill:
                return await jobs.split_backfill(session, source, control=control, shards=shards, **options)

            result = await in_shards(context, split, budget)
    show_rows(context.screen, result)
    again = "the same command" if shards is None else ""
    counts = counts_of(result)
    return await finish(context.screen, result, report, outcomes, journal=result.journal, again=again, counts=counts)


async def look_ahead(context: Context, source: Path, options: Mapping[str, Any], budget: Mapping[str, Any]) -> int:
    """Show what a run would do; the exit status is 1 if that is not complete."""
    async with context.session() as session, working(context.screen, budget) as control:
        preview = await jobs.preview_backfill(session, source, control=control, **options)
    show_preview(context.screen, preview)
    return 1 if preview.stopped else 0


def mapped(columns: tuple[str, ...]) -> dict[str, str]:
    """Read `COLUMN=FIELD` pairs; a column name may hold equals signs itself."""
    pairs = [each.rpartition("=") for each in columns]
    for (column, _, meaning), written in zip(pairs, columns, strict=True):
        if not column or not meaning:
            raise Misused(f"--map {written!r}: write it as 'COLUMN=FIELD', as in 'Issue key=key'")
    return {column: meaning for column, _, meaning in pairs}


COUNTS: Final = {
    "found": "had a case already, made by an earlier run of the job",
    "unchanged": "did not change",
    "changed": "changed; --update brings the cases up to date",
    "updated": "changed, and the cases were brought up to date",
    "removed": "of an earlier run did not appear in the source; the cases were left alone",
}
"""What is said about rows beside those that became cases."""


def counts_of(result: jobs.BackfillResult) -> dict[str, Any]:
    """The numbers of a run for a program."""
    return {
        "created": result.created,
        **{name: getattr(result, name) for name in COUNTS},
        "rejected": result.bad_rows,
        "rejects": None if result.output is None else str(result.output),
        "reasons": dict(result.reasons),
        "unassigned": dict(result.unassigned),
        "notes": list(result.notes),
    }


def show_rows(screen: Screen, result: jobs.BackfillResult) -> None:
    """Say what became of the rows."""
    for note in result.notes:
        screen.note(f"source: {note}")
    screen.note(f"{many(result.created, 'case')} created")
    for name, text in COUNTS.items():
        if count := getattr(result, name):
            screen.note(f"{many(count, 'row')} {text}")
    show_reasons(screen, result.reasons, result.unassigned)
    if result.bad_rows:
        screen.note(
            f"{many(result.bad_rows, 'bad row')} left out; correct what is in {result.output} and run that file with "
            "the same --job"
        )


def show_reasons(screen: Screen, reasons: Mapping[str, int], unassigned: Mapping[str, int]) -> None:
    """Say why rows were left out, the most frequent reasons first."""
    for reason, count in list(reasons.items())[:SHOWN]:
        screen.note(f"{count:,} x {reason}")
    if len(reasons) > SHOWN:
        screen.note(f"and {many(len(reasons) - SHOWN, 'other reason')}")
    for name, count in list(unassigned.items())[:SHOWN]:
        screen.note(f"{many(count, 'row')} left unassigned: nobody is known as {name}")


def show_preview(screen: Screen, preview: jobs.BackfillPreview) -> None:
    """Print what a run would do."""
    if screen.as_json:
        screen.emit({**asdict(preview), "replaces_all": preview.replaces_all})
        return
    for note in preview.notes:
        screen.note(f"source: {note}")
    names = ("create", "update", "found", "unchanged", "changed", "removed", "rejected")
    screen.table(("rows", "#count"), [(name, f"{getattr(preview, name):,}") for name in names])
    for case in preview.cases:
        said = ", ".join(f"{name} {value}" for name, value in fields_of(case, preview.names))
        screen.say(f"would create {case['key']}: {said}")
    for key, changes in preview.changes:
        screen.say(f"{'would update' if preview.update else 'changed:'} {key}: {', '.join(changes)}")
    show_reasons(screen, preview.reasons, preview.unassigned)
    if preview.replaces_all:
        screen.note(
            "warning: no row of the earlier run is in the source any more; if its rows have new keys, each of them "
            "becomes a second case"
        )
    screen.note(
        f"{many(preview.requests, 'request')} besides reading, about {preview.seconds:.0f} s by {preview.basis}; "
        "nothing was sent"
    )
    if preview.stopped:
        screen.note(f"this is not complete: {preview.stopped}")


FIELD_NAMES: Final = {"project_id": "project", "type_id": "type", "assignee_id": "assignee", "status_name": "status"}
"""What the arguments of a create are called in a row."""


def fields_of(case: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the fields of a case that is to be, with the names of the row instead of ids, and long texts cut short."""
    for name, value in case.items():
        if name != "key" and value:
            text = "; ".join(value) if name == "then" else str(names.get(str(value), value))
            yield FIELD_NAMES.get(name, name), text if len(text) <= 60 else text[:57] + "..."
