"""What every subcommand shares: the session it calls through, how errors end it, and the options for both."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, NoReturn

import click
from attrs import define, field

from casemgmt_async import (
    AuthenticationError,
    CaseManagementError,
    CaseSession,
    ConfigurationError,
    InvalidArgumentError,
    PermissionDeniedError,
    jobs,
)
from casemgmt_async.cli.screen import Screen, clean

__all__ = ["Context", "Failed", "Misused", "command_options", "runs"]


HINTS = {
    AuthenticationError: "casemgmt doctor shows which credentials and which site are in use",
    PermissionDeniedError: "the credentials lack a scope or the permission; casemgmt doctor tries the ones for reading",
}
"""What to do about errors that do not say so themselves."""


class Failed(click.ClickException):
    """Ends the command with one line on standard error."""

    exit_code = 1

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        """Write the line."""
        click.echo(f"casemgmt: {clean(' '.join(self.format_message().split()))}", err=True)


class Misused(Failed):
    """Ends the command because of what it was given: credentials, arguments, files."""

    exit_code = 2


@define
class Context:
    """The choices made on the command line, and what they open."""

    site: str | None = None
    base_url: str | None = None
    timeout: float | None = None
    screen: Screen = field(factory=Screen)

    @contextlib.asynccontextmanager
    async def session(self, emulated_cases: int | None = None, **options: Any) -> AsyncIterator[CaseSession]:
        """Open the session of this command: on the service, or on an emulator of its own with so many cases."""
        if self.timeout is not None:
            options["timeout"] = self.timeout
        if emulated_cases is None:
            async with CaseSession(site=self.site, base_url=self.base_url, **options) as session:
                yield session
            return
        if self.site or self.base_url:
            raise Misused("--emulator brings an address of its own; leave out --site and --base-url")
        from casemgmt_async.emulator import Emulator  # noqa: PLC0415 - only a rehearsal needs it

        async with Emulator(cases=emulated_cases) as emulator:
            keys = emulator.env
            async with CaseSession(
                base_url=emulator.base_url, api_key=keys["DD_API_KEY"], app_key=keys["DD_APP_KEY"], **options
            ) as session:
                yield session


def command_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every subcommand takes."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Write results as JSON, one value a line."),
        click.option("--site", metavar="SITE", help="The Datadog site. [default: DD_SITE, or datadoghq.com]"),
        click.option("--base-url", metavar="URL", help="Call this address instead. [default: CASEMGMT_BASE_URL]"),
        click.option(
            "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Seconds for one call."
        ),
    )
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def runs(work: Callable[..., Coroutine[Any, Any, int | None]]) -> Callable[..., None]:
    """Make a click callback of a coroutine function that takes a `Context` and may return an exit status."""

    @command_options
    @functools.wraps(work)
    def callback(*, as_json: bool, site: str | None, base_url: str | None, timeout: float | None, **given: Any) -> None:
        context = Context(site, base_url, timeout, Screen(as_json))
        click.get_current_context().exit(_finish(work(context, **given)) or 0)

    return callback


def _finish(work: Coroutine[Any, Any, int | None]) -> int | None:
    """Run the work to its end; what goes wrong becomes one line."""
    try:
        return asyncio.run(work)
    except CaseManagementError as error:
        fail(error)
    except BrokenPipeError:  # the reader of a pipe has had enough, as `| head` does
        _mute()
        return 0
    except OSError as error:  # where the results go is full, or gone
        _mute()
        raise Failed(": ".join(map(str, filter(None, (error.filename, error.strerror or str(error)))))) from error
    except KeyboardInterrupt:
        return 130


def _mute() -> None:
    """Let go of standard output, so that the end of the process does not fail on it once more."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(error: CaseManagementError) -> NoReturn:
    """End the command with what the error says and what to do about it."""
    misused = isinstance(error, ConfigurationError | InvalidArgumentError | jobs.RulesError | jobs.SourceError)
    hint = next((f"; {hint}" for kind, hint in HINTS.items() if isinstance(error, kind)), "")
    raise (Misused if misused else Failed)(f"{error}{hint}") from error
