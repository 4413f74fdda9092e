"""`casemgmt export`: every case, or what has changed, into a file, a folder or a pipe."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from casemgmt_async import jobs
from casemgmt_async.cli.context import Context, Misused, runs
from casemgmt_async.cli.options import emulator_option, journal_option, working, writes_journal
from casemgmt_async.cli.queries import check_query
from casemgmt_async.cli.screen import Screen
from casemgmt_async.jobs.export.formats import EXTRAS, PARTITIONS, users_beside
from casemgmt_async.jobs.journal import JournalAddress

__all__ = ["export"]


@click.command()
@click.argument("target")
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
    target: str,
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
    check_query(query or "")
    given = {
        "since": moment(since),
        "include": names("--with", include, EXTRAS),
        "partition": names("--partition", partition, PARTITIONS),
    }
    async with context.session(emulator) as session, working(context.screen, {"max_time": max_time}) as control:
        result = await jobs.export_cases(
            session,
            target,
            filter=query,
            format=form,
            state=state,
            complete=complete,
            resume=resume,
            force=force,
            journal=journal,
            control=control,
            **given,
        )
    to_stdout = target == "-"
    again = "run it again" if to_stdout and journal is None else "the same command continues"
    return show_export(context.screen, result, again, to_stdout=to_stdout)


def names(option: str, given: str | None, allowed: Iterable[str]) -> tuple[str, ...]:
    """Read the names that an option takes, separated by commas."""
    read = tuple(name for each in (given or "").split(",") if (name := each.strip()))
    for name in read:
        if name not in allowed:
            raise Misused(f"{option}: unknown name {name!r}; allowed: {', '.join(allowed)}")
    return read


def moment(given: str | None) -> Any:
    """Read `last`, or a time as ISO 8601; without a zone it is UTC."""
    if given is None or given == "last":
        return given
    try:
        return datetime.fromisoformat(given)
    except ValueError as error:
        raise Misused(f"--since {given!r}: write last, or a time such as 2031-05-06T07:00:00Z") from error


def show_export(screen: Screen, result: jobs.ExportResult, again: str, *, to_stdout: bool) -> int:
    """Say how an export ended; what went to standard output is not mixed with it."""
    if result.output is None:
        screen.note(f"stopped with {result.items:,} cases read: {result.stopped}; {again}")
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
