"""What every subcommand shares: the session that it calls through, its options, and how errors end it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
from attrs import define, field

from casemgmt_async import (
    AuthenticationError,
    CaseManagementError,
    CaseSession,
    ConfigurationError,
    InvalidArgumentError,
    NameLookupError,
    PermissionDeniedError,
    UnknownNameError,
)
from casemgmt_async.cli.profiles import Profile, read_profile
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.text import clean

if TYPE_CHECKING:  # reading a case needs no journals
    from casemgmt_async.jobs.journal import JournalURL

__all__ = ["Context", "Failed", "Misused", "command_options", "runs"]

HINTS: Final = {
    AuthenticationError: "casemgmt doctor shows which credentials and which site are in use",
    PermissionDeniedError: "casemgmt doctor shows which permissions the credentials lack",
}
"""What to do about errors that do not say so themselves."""
LISTS: Final = {"project": "projects", "case type": "types", "user": "users", "team": "teams"}
"""The commands that list the names of each kind."""
MISUSES: Final = (ConfigurationError, InvalidArgumentError, NameLookupError)


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
    """The choices made on the command line, and the session that they open."""

    site: str | None = None
    base_url: str | None = None
    timeout: float | None = None
    budget: str | None = None
    screen: Screen = field(factory=Screen)
    profile: Profile = field(factory=Profile)

    @contextlib.asynccontextmanager
    async def session(self, emulated_cases: int | None = None, **options: Any) -> AsyncIterator[CaseSession]:
        """Open the session of this command: on the service, or on an emulator of its own with that number of cases."""
        if self.timeout is not None:
            options["timeout"] = self.timeout
        if emulated_cases is None:
            budget = self.budget or self.profile.budget
            if budget and budget != "none":
                from casemgmt_async.integrations.budgets import open_budget  # noqa: PLC0415 - needs a driver

                options["budget"] = open_budget(budget)
            self.check_keys()
            async with CaseSession(**self.connection(), **options) as session:
                yield session
            return
        if self.site or self.base_url:
            raise Misused("--emulator has an address of its own; leave out --site and --base-url")
        from casemgmt_async.emulator import Emulator  # noqa: PLC0415 - only a rehearsal needs it

        async with Emulator(cases=emulated_cases) as emulator:
            keys = emulator.env
            async with CaseSession(
                base_url=emulator.base_url, api_key=keys["DD_API_KEY"], app_key=keys["DD_APP_KEY"], **options
            ) as session:
                yield session

    def check_keys(self) -> None:
        """Refuse to start without credentials; unlike the library, the command cannot be given keys as arguments."""
        missing = [name for name in ("DD_API_KEY", "DD_APP_KEY") if not os.environ.get(name)]
        if missing and not self.profile.sources:
            raise ConfigurationError(
                f"no credentials: {' and '.join(missing)} not set; export both, or choose a profile with --profile"
            )

    def share_by(self, journal: JournalURL) -> None:
        """Share the rate limit by the database of a journal, unless the user has chosen otherwise."""
        self.budget = self.budget or self.profile.budget or journal.database

    def connection(self) -> dict[str, Any]:
        """The arguments of the session: options first, then the profile, then what the environment says."""
        site, base_url = self.site, self.base_url
        if not site and not base_url:
            site, base_url = self.profile.site, self.profile.base_url
            if self.profile.sources and not site and not base_url:
                site = "datadoghq.com"  # keys of a profile never go to an address from the environment
        return {"site": site, "base_url": base_url, **self.profile.secrets()}


def command_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every subcommand takes."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Write the result as JSON."),
        click.option(
            "--profile", metavar="NAME", help="Profile of the configuration file. [default: CASEMGMT_PROFILE]"
        ),
        click.option("--site", metavar="SITE", help="Datadog site. [default: DD_SITE, or datadoghq.com]"),
        click.option("--base-url", metavar="URL", help="Call this address instead. [default: CASEMGMT_BASE_URL]"),
        click.option("--budget", metavar="URL", help="Share the rate limit by this Redis or PostgreSQL."),
        click.option(
            "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Seconds for one call."
        ),
    )
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def runs(work: Callable[..., Coroutine[Any, Any, int | None]]) -> Callable[..., None]:
    """Make a click callback of a coroutine function that takes a `Context` and may return an exit status."""

    @command_options
    @functools.wraps(work)
    def callback(
        *,
        as_json: bool,
        profile: str | None,
        site: str | None,
        base_url: str | None,
        timeout: float | None,
        budget: str | None,
        **given: Any,
    ) -> None:
        try:
            chosen = read_profile(profile)
        except ConfigurationError as error:
            fail(error)
        context = Context(site, base_url, timeout, budget, Screen(as_json), chosen)
        click.get_current_context().exit(_finish(work, context, given) or 0)

    return callback


def _finish(
    work: Callable[..., Coroutine[Any, Any, int | None]], context: Context, given: dict[str, Any]
) -> int | None:
    """Run the work to its end; an error becomes one line."""
    if not gc.isenabled():  # in a process of the command, which has disabled it while it was loading
        gc.freeze()  # what was loaded until now stays
        gc.enable()
    try:
        return asyncio.run(work(context, **given))
    except CaseManagementError as error:
        fail(error)
    except BrokenPipeError:  # the reader of a pipe has closed it, as `| head` does
        _mute()
        return 0
    except OSError as error:  # standard output is full or gone
        _mute()
        raise Failed(": ".join(map(str, filter(None, (error.filename, error.strerror or str(error)))))) from error
    except KeyboardInterrupt:
        return 130


def _mute() -> None:
    """Redirect standard output to nowhere, so that the end of the process does not fail on it once more."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(error: CaseManagementError) -> NoReturn:
    """End the command with what the error says and what to do about it."""
    hint = next((f"; {hint}" for kind, hint in HINTS.items() if isinstance(error, kind)), "")
    if isinstance(error, UnknownNameError) and not error.candidates and error.kind in LISTS:
        hint = f"; casemgmt {LISTS[error.kind]} lists them"
    raise (Misused if is_misuse(error) else Failed)(f"{error}{hint}") from error


def is_misuse(error: CaseManagementError) -> bool:
    """Whether the error is about what the command was given: then its exit status is 2."""
    if isinstance(error, MISUSES):
        return True
    jobs = sys.modules.get("casemgmt_async.jobs")  # if it is not loaded, no job raised the error
    return jobs is not None and isinstance(error, jobs.RulesError | jobs.SourceError)
