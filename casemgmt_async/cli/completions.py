"""Completion of case keys, projects and columns in a shell. A failure completes nothing and says nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

import casemgmt_async as api  # operations are loaded when a completion asks for them, and not with every command
from casemgmt_async import CaseManagementError, CaseSession
from casemgmt_async.cli.columns import CASE
from casemgmt_async.cli.context import Context
from casemgmt_async.cli.profiles import read_profile

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["complete_columns", "complete_keys", "complete_projects"]

PATIENCE: Final = 2.0
"""Seconds that a person at a prompt waits for a completion."""
Found: TypeAlias = "list[CompletionItem]"


def complete_keys(ctx: click.Context, _: click.Parameter, incomplete: str) -> Found:
    """Complete the key of a case among the newest hundred open ones."""

    async def look(session: CaseSession) -> Found:
        page = await api.cases.search_cases(session, filter="status:open", page_size=100)
        return [item(case.key, case.title) for case in page if case.key]

    return matching(ask(ctx, look), incomplete)


def complete_projects(ctx: click.Context, _: click.Parameter, incomplete: str) -> Found:
    """Complete the key of a project."""

    async def look(session: CaseSession) -> Found:
        return [item(each.key, each.name) for each in await api.projects.get_projects(session) if each.key]

    return matching(ask(ctx, look), incomplete)


def complete_columns(_: click.Context, __: click.Parameter, incomplete: str) -> Found:
    """Complete the last of several column names."""
    before, comma, last = incomplete.rpartition(",")
    return [item(f"{before}{comma}{name}") for name in CASE if name.startswith(last)]


def item(value: str, help: str | None = None) -> CompletionItem:
    """Make one completion."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a completion needs it

    return CompletionItem(value, help=help)


def matching(found: Found, incomplete: str) -> Found:
    """Keep the completions that begin as what was typed; letters' case does not matter."""
    return [each for each in found if each.value.casefold().startswith(incomplete.casefold())]


def ask(ctx: click.Context, look: Callable[[CaseSession], Awaitable[Found]]) -> Found:
    """Ask the service, as the options on the command line say."""
    given: dict[str, Any] = ctx.params

    async def asked() -> Found:
        async with asyncio.timeout(PATIENCE), context.session(retry=None) as session:
            return await look(session)

    with contextlib.suppress(CaseManagementError, OSError, TimeoutError):
        context = Context(given.get("site"), given.get("base_url"), profile=read_profile(given.get("profile")))
        return asyncio.run(asked())
    return []
