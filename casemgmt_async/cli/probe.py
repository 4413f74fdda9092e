"""`casemgmt doctor --probe`: how the service behaves where no document says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from casemgmt_async import CaseSession, Directory
from casemgmt_async.cli.context import Context
from casemgmt_async.cli.options import says_yes, writes_file
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.text import Text, many

if TYPE_CHECKING:
    from casemgmt_async.probe import Finding

__all__ = ["as_data", "probe_options", "run_probes", "show_findings"]

STYLES: Final = {"holds": "green", "does not": "yellow", "could not tell": "dim"}


def probe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the probe."""
    for option in reversed(
        (
            click.option(
                "--probe", is_flag=True, help="Find out how the service behaves; at most 70 requests, which only read."
            ),
            click.option(
                "--probe-writes",
                metavar="PROJECT",
                help="Also create at most 20 cases in this project (key, name or id), and archive them.",
            ),
            click.option("--facts-out", type=writes_file, metavar="FILE", help="Write what was found to this file."),
            click.option("--yes", "-y", is_flag=True, help="Do not ask before creating cases."),
        )
    ):
        command = option(command)
    return command


async def run_probes(
    context: Context,
    session: CaseSession,
    *,
    probe: bool,
    probe_writes: str | None,
    facts_out: Path | None,
    yes: bool,
) -> list[Finding] | None:
    """Run the probes that were asked for, and write the file of facts; None if none was asked for."""
    if not probe and probe_writes is None and facts_out is None:
        return None
    from casemgmt_async.probe import announcement, facts_of, probe_reading, probe_writing  # noqa: PLC0415 - rarely used

    screen = context.screen
    project_id = None
    if probe_writes is not None:
        project_id = (await Directory(session).project(probe_writes)).id
        says_yes(screen, yes, announcement(f"{probe_writes} on {session.base_url}"))
    screen.note("probing: reading only")
    findings = await probe_reading(session)
    if project_id is not None:
        screen.note("probing: creating cases, and archiving them")
        written = await probe_writing(session, project_id)
        better = {each.name for each in written if each.verdict.value != "could not tell"}
        findings = [each for each in findings if each.name not in better] + written
    if facts_out is not None:
        await asyncio.to_thread(facts_out.write_text, facts_of(findings).to_json(), "utf-8")
        screen.note(f"wrote {facts_out}; it has no ids, names or texts of cases")
    return findings


def as_data(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The findings as plain data."""
    return [
        {"name": each.name, "assumption": each.assumption, "verdict": each.verdict.value, "seen": each.seen}
        for each in findings
    ]


def show_findings(screen: Screen, findings: Sequence[Finding]) -> None:
    """Print a line a finding."""
    screen.say("")
    for each in findings:
        mark = Text(f"{each.verdict.value:<15}", STYLES[each.verdict.value])
        screen.show(mark, each.assumption)
        screen.say(f"{'':<15}{each.seen}")
    open_questions = sum(each.verdict.value == "could not tell" for each in findings)
    if open_questions:
        screen.note(f"{many(open_questions, 'question')} left open")
