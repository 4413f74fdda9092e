"""`casemgmt doctor`: what the command uses to connect, and what its credentials allow."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import click

from casemgmt_async import (
    AuthenticationError,
    BadRequestError,
    CaseManagementError,
    CaseSession,
    NotFoundError,
    PermissionDeniedError,
    Priority,
    cases,
    maintenance_windows,
    teams,
    users,
)
from casemgmt_async.cli.context import Context, runs
from casemgmt_async.cli.probe import as_data, probe_options, run_probes, show_findings
from casemgmt_async.cli.profiles import config_file
from casemgmt_async.cli.text import Text, many

__all__ = ["doctor"]

NO_CASE: Final = "00000000-0000-0000-0000-000000000000"
"""An id that no case has. To change it is refused with 403 if the service checks permissions first; a 404 tells nothing
about the permission, because the service may have looked for the case first."""
WRITE: Final = "cases_write"
Probe = Callable[[CaseSession], Awaitable[Any]]
PROBES: Final[dict[str, tuple[str, Probe]]] = {
    "cases_read": ("read cases", lambda session: cases.search_cases(session, page_size=1)),
    WRITE: ("change cases", lambda session: cases.update_priority(session, NO_CASE, priority=Priority.P5)),
    "user_access_read": ("look up users", lambda session: users.list_users(session, page_size=1)),
    "teams_read": ("look up teams", lambda session: teams.list_teams(session, page_size=1)),
    "event_correlation_config_read": ("read maintenance windows", maintenance_windows.list_maintenance_windows),
}
"""A request for each permission, and what it is needed for."""
NEEDED: Final = "cases_read"
"""Without this permission, nothing else works."""


MARKS: Final = {True: Text("yes", "green"), False: Text("NO ", "bold red"), None: Text("?  ", "yellow")}
"""How a check is shown: passed, failed, or without a result."""


@click.command()
@probe_options
@runs
async def doctor(context: Context, **asked: Any) -> int:
    """Check address, credentials and permissions. Without --probe-writes, this changes nothing.

    The exit status is 1 if cases cannot be read.

    \b
    Examples:
      casemgmt doctor --site datadoghq.eu
      casemgmt doctor --probe --facts-out facts.json
      casemgmt emulator --facts facts.json
    """
    screen = context.screen
    async with context.session() as session:
        facts = {
            "address": session.base_url,
            "profile": context.profile.name,
            "configuration": str(config_file()) if config_file().exists() else None,
            "credentials": credentials(context),
        }
        checks: list[dict[str, Any]] = []
        for scope, (purpose, call) in PROBES.items():
            checks.append(await probe(session, scope, purpose, call))
            if checks[0]["ends"]:  # every other request would fail in the same way
                break
        healthy = checks[0]["ok"]
        findings = await run_probes(context, session, **asked) if healthy else None
    for check in checks:
        del check["ends"]
    if screen.as_json:
        probed = {} if findings is None else {"findings": as_data(findings)}
        screen.emit({**facts, "checks": checks, "healthy": healthy, **probed})
        return 0 if healthy else 1
    for name, value in facts.items():
        if value is not None:
            screen.show(
                f"{name:<15}",
                ", ".join(f"{key} {text}" for key, text in value.items()) if isinstance(value, dict) else value,
            )
    screen.say("")
    for check in checks:
        mark = MARKS[check["ok"]]
        screen.show(f"{check['purpose']:<26}", mark, f" {check['detail']}")
    if findings is not None:
        show_findings(screen, findings)
    return 0 if healthy else 1


def credentials(context: Context) -> dict[str, str]:
    """Say which keys are used, without showing them."""
    if context.profile.sources:
        return {name: f"from {next(iter(source))}" for name, source in context.profile.sources.items()}
    return {name: masked(os.environ.get(name, "")) for name in ("DD_API_KEY", "DD_APP_KEY")}


def masked(value: str) -> str:
    """Say that a secret is set, and its last characters where they give nothing away."""
    if not value:
        return "not set"
    tail = f", ends in ...{value[-4:]}" if len(value) >= 20 else ""
    return f"set, {many(len(value), 'character')}{tail}"


async def probe(session: CaseSession, scope: str, purpose: str, call: Probe) -> dict[str, Any]:
    """Make one request and say what it shows about a permission; `ok` is None if it shows nothing."""
    started = time.perf_counter()
    ok: bool | None = True
    ends, detail = False, ""
    try:
        await call(session)
    except (NotFoundError, BadRequestError) as error:
        ok, detail = False, str(error)
        if scope == WRITE:
            ok = None
            detail = "not refused, but only tried on a case that does not exist; --probe-writes PROJECT makes sure"
    except AuthenticationError as error:
        ok, ends, detail = False, True, f"the credentials are not accepted ({error.status})"
    except PermissionDeniedError as error:
        ok, detail = False, f"the permission {scope} is missing ({error.status})"
    except CaseManagementError as error:
        ok, ends, detail = False, True, str(error)
    milliseconds = round((time.perf_counter() - started) * 1000)
    if not detail:
        detail = f"{scope}, {milliseconds} ms"
    return {"scope": scope, "purpose": purpose, "ok": ok, "detail": detail, "ms": milliseconds, "ends": ends}
