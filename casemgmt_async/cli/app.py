"""The command and its subcommands."""

from __future__ import annotations

import click

from casemgmt_async import __version__
from casemgmt_async.cli import cases, emulator, transfer, triage

__all__ = ["app"]


class InOrder(click.Group):
    """Lists its subcommands in the order in which one meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name them."""
        return list(self.commands)


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Credentials come from DD_API_KEY and DD_APP_KEY (and DD_SITE); they are never arguments.",
)
@click.version_option(__version__)
def app() -> None:
    """Work with Datadog cases in bulk: look, triage, export, backfill, rehearse."""


@app.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Example, for the running shell:
      eval "$(casemgmt completion bash)"
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only this command needs it

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(app, {}, "casemgmt", "_CASEMGMT_COMPLETE").source())


for command in (
    cases.search,
    cases.get,
    cases.count,
    triage.triage,
    transfer.export,
    transfer.backfill,
    emulator.emulator,
    cases.doctor,
):
    app.add_command(command)
