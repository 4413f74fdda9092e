"""`casemgmt emulator`: the whole API on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno

import click

from casemgmt_async.cli.context import Failed, Misused
from casemgmt_async.cli.screen import Screen

__all__ = ["emulator"]

KEPT = 10_000  # requests in the log, so that an emulator left running does not fill the memory


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8126, show_default=True, help="0 for any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Anything but loopback lets other machines in.")
@click.option("--cases", type=click.IntRange(min=0), default=1_000, show_default=True, help="How many to begin with.")
@click.option("--seed", default=0, show_default=True, help="Decides ids, cases and every chance.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, metavar="S", help="Seconds before each answer.")
@click.option("--limit", "limits", multiple=True, metavar="LIMIT", help="A rate limit, as in 'cases=50/10s:*'.")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="A fault, as in 'create_case@5%: status=503'.")
@click.option("--actor", "actors", multiple=True, metavar="ACTOR", help="Somebody else who changes cases meanwhile.")
@click.option("--json", "as_json", is_flag=True, help="Write the environment as JSON instead of export lines.")
def emulator(
    *,
    port: int,
    host: str,
    cases: int,
    seed: int,
    latency: float,
    limits: tuple[str, ...],
    faults: tuple[str, ...],
    actors: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run an emulator of the service, and print the lines that point a shell at it.

    \b
    Examples:
      casemgmt emulator --cases 5000
      casemgmt emulator --port 0 --fault 'create_case#3: drop-after-effect'
      casemgmt emulator --limit 'cases=50/10s:search_cases,get_case'
    """
    from casemgmt_async.emulator import Emulator, NotationError, serve  # noqa: PLC0415 - only this command needs it

    screen = Screen(as_json)

    def announce(running: Emulator) -> None:
        if as_json:
            screen.emit(running.env)
        else:
            click.echo(running.exports)
        screen.note(f"{cases:,} cases on {running.base_url}; Ctrl-C stops it")

    try:
        running = Emulator(
            port=port,
            host=host,
            cases=cases,
            seed=seed,
            latency=latency,
            limits=limits,
            faults=faults,
            actors=actors,
            log_size=KEPT,
        )
        asyncio.run(serve(running, announce))
    except NotationError as error:
        raise Misused("; ".join(str(error).splitlines())) from error
    except OSError as error:
        hint = "; --port 0 takes any that is free" if error.errno == errno.EADDRINUSE else ""
        raise Failed(f"cannot listen on {host}:{port}: {error.strerror}{hint}") from error
