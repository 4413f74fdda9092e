"""`casemgmt emulator`: the whole API on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import fields

from casemgmt_async.cli.context import Failed, Misused
from casemgmt_async.cli.options import takes_file, writes_file
from casemgmt_async.cli.screen import Screen
from casemgmt_async.facts import Facts

if TYPE_CHECKING:
    from casemgmt_async.emulator import Emulator, Key, Switches

__all__ = ["emulator"]

LOG_SIZE: Final = 10_000  # so that an emulator that is left running does not fill the memory
PORT: Final = 8129  # 8125 and 8126 are the ports of Datadog's agent
TRUE: Final = {"true", "yes", "on", "1"}
FALSE: Final = {"false", "no", "off", "0"}


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Other addresses let other machines in.")
@click.option("--cases", type=click.IntRange(min=0), default=1_000, show_default=True, help="Cases at the start.")
@click.option("--comments", type=click.IntRange(min=0), metavar="N", help="Comments on each of these cases.")
@click.option("--seed", default=0, show_default=True, help="Decides ids, cases and every random choice.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, metavar="S", help="Seconds before each answer.")
@click.option("--keys", metavar="API_KEY:APP_KEY", help="Accept only these keys. [default: any]")
@click.option("--limit", "limits", multiple=True, metavar="LIMIT", help="A rate limit, as in 'cases=50/10s:*'.")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="A fault, as in 'create_case@5%: status=503'.")
@click.option("--actor", "actors", multiple=True, metavar="ACTOR", help="Another user, as in 'search_cases: close=3'.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="A setting, as in 'index_lag=2'.")
@click.option("--facts", type=takes_file, metavar="FILE", help="Behave as 'doctor --facts-out' has found a service.")
@click.option("--load", type=takes_file, metavar="FILE", help="Start with the data that --save has written.")
@click.option("--save", type=writes_file, metavar="FILE", help="Write all data to this file at the end.")
@click.option("--json", "as_json", is_flag=True, help="Write the environment as JSON instead of export lines.")
def emulator(
    *,
    comments: int | None,
    keys: str | None,
    switches: tuple[str, ...],
    facts: Path | None,
    load: Path | None,
    save: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Run an emulator of the service, and print the variables to set in another shell.

    \b
    Examples:
      casemgmt emulator --cases 5000
      casemgmt emulator --port 0 --fault 'create_case#3: drop-after-effect'
      casemgmt emulator --limit 'cases=50/10s:search_cases,get_case'
      casemgmt emulator --switch index_lag=2 --save state.bin
    """
    from casemgmt_async.emulator import Emulator, NotationError, serve  # noqa: PLC0415 - only this command needs it

    screen = Screen(as_json)
    address = f"{given['host']}:{given['port']}"

    def announce(running: Emulator) -> None:
        if as_json:
            screen.emit(running.env)
        else:
            click.echo(running.exports)
        screen.note(f"{len(running.store.cases):,} cases on {running.base_url}; Ctrl-C stops it")

    cases = given.pop("cases")
    try:
        settings: dict[str, Any] = {name: None if value == () else value for name, value in given.items()}
        running = Emulator(
            **settings,
            facts=None if facts is None else Facts.read(facts),
            switches=read_switches(switches) if switches else None,
            keys=None if keys is None else [read_keys(keys)],
            log_size=LOG_SIZE,
        )
        if load is None:
            running.seed_cases(cases, comments=comments)
        else:
            running.load(load)
        asyncio.run(serve(running, announce))
        if save is not None:
            running.save(save)
            screen.note(f"wrote {save}")
    except NotationError as error:
        raise Misused("; ".join(str(error).splitlines())) from error
    except ValueError as error:
        raise Misused(str(error)) from error
    except OSError as error:
        hint = "; --port 0 takes any that is free" if error.errno == errno.EADDRINUSE else ""
        raise Failed(f"cannot listen on {address}: {error.strerror}{hint}") from error


def read_keys(text: str) -> Key:
    """Read `API_KEY:APP_KEY`."""
    from casemgmt_async.emulator import Key  # noqa: PLC0415 - only this command needs it

    api_key, _, app_key = text.partition(":")
    if not api_key or not app_key:
        raise ValueError("--keys must be API_KEY:APP_KEY, two keys with a colon between them")
    return Key(api_key, app_key)


def read_switches(given: tuple[str, ...]) -> Switches:
    """Read `NAME=VALUE` settings."""
    from casemgmt_async.emulator import Switches  # noqa: PLC0415 - only this command needs it

    defaults = {field.name: getattr(Switches(), field.name) for field in fields(Switches)}
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if name not in defaults or not equals:
            raise ValueError(f"unknown switch {text!r}: write it as NAME=VALUE; names: {', '.join(defaults)}")
        values[name] = read_value(name, value.strip(), defaults[name])
    return Switches(**values)


def read_value(name: str, value: str, default: Any) -> Any:
    """Read the value of a switch, by the type of its default."""
    if isinstance(default, bool):
        if value.lower() not in TRUE | FALSE:
            raise ValueError(f"switch {name} must be true or false, not {value!r}")
        return value.lower() in TRUE
    if isinstance(default, frozenset):
        return frozenset(each.strip() for each in value.split(",") if each.strip())
    if isinstance(default, str):
        return value
    try:
        return float(value) if isinstance(default, float) else int(value)
    except ValueError as error:
        raise ValueError(f"switch {name} must be a number, not {value!r}") from error
