"""The command and its subcommands, each of which is loaded when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

from casemgmt_async import __version__

__all__ = ["COMMANDS", "app"]

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "search": ("cases", "List the cases that match QUERY, newest first. Without a query, list all cases."),
    "get": ("cases", "Show one case by its key or UUID."),
    "count": ("cases", "Count the cases that match QUERY, by one column or several, with totals."),
    "case": ("case", "Create a case, and change one case or several: assign, comment, close, link."),
    "watch": ("watch", "Show the cases that match QUERY as they come, change and leave, until Ctrl-C."),
    "projects": ("lookups", "List the projects, for --project."),
    "types": ("lookups", "List the case types, for --type."),
    "users": ("lookups", "List the users whose name, e-mail address or handle contains TEXT."),
    "teams": ("lookups", "List the teams whose name or handle contains TEXT."),
    "triage": ("triage", "Change many cases by rules: plan, look at the plan, apply it."),
    "export": (
        "export",
        "Write every case to TARGET: a file (.jsonl, .csv, .parquet), a folder, or - for standard output.",
    ),
    "backfill": (
        "backfill",
        "Create a case for every row of SOURCE (CSV, JSON Lines, JSON array), never two for one row.",
    ),
    "worker": (
        "worker",
        "Work on shards of backfills and triages, which other commands with --shards put into the queue.",
    ),
    "emulator": ("emulator", "Run an emulator of the service, and print the variables to set in another shell."),
    "doctor": ("doctor", "Check address, credentials and permissions. Without --probe-writes, this changes nothing."),
}
"""The module and the summary of each command, in the order of the help: the help loads no module."""


class Commands(click.Group):
    """A group whose help shows the whole summary of each command."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, with summaries that wrap."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary(ctx, name)) for name in self.list_commands(ctx)])

    def summary(self, ctx: click.Context, name: str) -> str:
        """The first paragraph of the help of a command."""
        command = self.get_command(ctx, name)
        text = (command and command.help) or ""
        return text.split("\n\n")[0].partition("\b")[0].strip().replace("\n", " ")


class LazyCommands(Commands):
    """Loads the module of a command when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the table."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def summary(self, ctx: click.Context, name: str) -> str:
        """The summary of a command, from the table."""
        return COMMANDS[name][1] if name in COMMANDS else super().summary(ctx, name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"casemgmt_async.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Find the command, or suggest one with a similar name."""
        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

            close = get_close_matches(args[0], self.list_commands(ctx), 1)
            ctx.fail(f"no command {args[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Credentials come from DD_API_KEY and DD_APP_KEY, or from a profile; they are never arguments.",
)
@click.version_option(__version__)
def app() -> None:
    """Work with Datadog cases: find and change them, one by one or in bulk."""


@app.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, case keys and projects in a shell.

    \b
    Example, for the running shell:
      eval "$(casemgmt completion bash)"
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only this command needs it

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(app, {}, "casemgmt", "_CASEMGMT_COMPLETE").source())
