"""The screens of the command, as text that a test compares: `python tests/cli/screens.py` takes them again.

Every command is run in a terminal of 80 and of 60 columns, on an emulator whose clock stands still.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import click
from click.testing import CliRunner

from casemgmt_async.cli.app import app
from casemgmt_async.emulator import Emulator

TAPES = Path(__file__).parents[1] / "data" / "screens"
WIDTHS = (80, 60)
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RULES = """
filter = "status:open"

[[rules]]
name = "no priority"
match = { priority = "NOT_DEFINED" }
actions = { priority = "P4" }

[[rules]]
name = "inactive for 30 days"
match = { inactive_for = "30d" }
actions = { comment = "Closed: nothing happened for 30 days.", status = "Closed" }
"""
LINES = (
    "search status:open --limit 4",
    "search status:open --limit 3 -o wide",
    "search priority:P1 --limit 2 --columns key,title,attributes.team,created --utc",
    "search staus:open",
    "search 'status:open (team:core'",
    "search --limit 1 -o yaml --columns key,priority,title",
    "search --limit 2 -o csv --columns key,status,title",
    "search --columns nope",
    "get OPS-3 --utc",
    "get NOPE-1",
    "count",
    "count --by status,priority",
    "count 'status:open' --by assignee",
    "projects",
    "types",
    "users marsh",
    "teams",
    "case priority OPS-3 NOPE-1 --to P2",
    "case assign OPS-3 --nobody",
    "case create 'Checkout is slow' --project WEB --type Standard --priority P2",
    "case create 'Checkout is slow' --project NOPE",
    "case open OPS-3",
    "doctor",
    "triage plan rules.toml",
    "triage run rules.toml --state second.db",
    "serch",
)
VARYING = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:8400"),
    (re.compile(r"\[request [0-9a-f-]+\]"), "[request 00000000-0000-4000-8000-000000000001]"),
    (re.compile(r"\b\d+ ms\b"), "12 ms"),
    (re.compile(r"\b[\d,]+ s \(.*?\)"), "1 s (...)"),
    (re.compile(r" in [\d.]+ s\b"), " in 1.0 s"),
)
"""What differs from run to run."""


def help_lines(group: click.Group = app, path: tuple[str, ...] = ()) -> Iterator[str]:
    """`--help` of every command."""
    yield " ".join((*path, "--help"))
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from help_lines(command, (*path, name))
        else:
            yield " ".join((*path, name, "--help"))


class Standing(datetime):
    """A `datetime` whose `now` stands still."""

    @classmethod
    def now(cls, tz=None):
        """Give the moment of the tape."""
        return NOW.astimezone(tz)


def take(width: int) -> dict[str, str]:
    """Run every command in a terminal of that width; call it outside of an event loop."""
    started = {}

    async def serve(ready: asyncio.Event, done: asyncio.Event) -> None:
        async with Emulator(cases=60, seed=5, clock=NOW.timestamp()) as emulator:
            started.update(emulator.env)
            ready.set()
            await done.wait()

    async def tape() -> dict[str, str]:
        ready, done = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(serve(ready, done))
        await ready.wait()
        try:
            return await asyncio.to_thread(shots, width, started)
        finally:
            done.set()
            await serving

    return asyncio.run(tape())


def shots(width: int, env: dict[str, str]) -> dict[str, str]:
    """Run the commands one after another."""
    taken = {}
    given = {
        **env,
        "COLUMNS": str(width),
        "NO_COLOR": "1",
        "TZ": "UTC",
        "DD_SITE": None,
        "CASEMGMT_CONFIG": "none.toml",
    }
    here = Path.cwd()
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("casemgmt_async.cli.columns.datetime", Standing),
        mock.patch("casemgmt_async.cli.text.datetime", Standing),
        mock.patch("casemgmt_async.cli.tables.terminal_width", return_value=width),
    ):
        os.chdir(folder)
        try:
            Path("rules.toml").write_text(RULES, "utf-8")
            for line in (*help_lines(), *LINES):
                words = re.findall(r"'[^']*'|\S+", line)
                result = CliRunner().invoke(
                    app, [word.strip("'") for word in words], prog_name="casemgmt", env=given, terminal_width=width
                )
                taken[line] = shown(result.output, result.exit_code)
        finally:
            os.chdir(here)
    return taken


def shown(output: str, status: int) -> str:
    """What stands on the screen, and the exit status if it is not 0."""
    for pattern, instead in VARYING:
        output = pattern.sub(instead, output)
    lines = [line.rstrip() for line in output.rstrip().splitlines()]
    return "\n".join([*lines, *([f"[exit status {status}]"] if status else [])])


def write(taken: dict[str, str]) -> str:
    """All screens as one text."""
    return "".join(f"$ casemgmt {line}\n{text}\n\n\n" for line, text in taken.items())


def read(width: int) -> dict[str, str]:
    """The screens that were kept."""
    text = (TAPES / f"{width}-columns.txt").read_text("utf-8")
    parts = text.removeprefix("$ casemgmt ").split("\n\n\n$ casemgmt ")
    return {line: shown.rstrip("\n") for line, _, shown in (part.partition("\n") for part in parts)}


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    TAPES.mkdir(parents=True, exist_ok=True)
    for columns in WIDTHS:
        (TAPES / f"{columns}-columns.txt").write_text(write(take(columns)).rstrip() + "\n", "utf-8")
    sys.stdout.write(f"written: {TAPES}\n")
