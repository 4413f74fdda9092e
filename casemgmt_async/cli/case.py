"""`casemgmt case`: create a case, and change one case or several."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

import click

from casemgmt_async import (
    Case,
    CaseManagementError,
    CaseSession,
    CaseType,
    Directory,
    LinkRelationship,
    Priority,
    StatusError,
    case_types,
    cases,
    links,
    timeline,
    watchers,
    web_address,
)
from casemgmt_async.cli.app import Commands
from casemgmt_async.cli.completions import complete_keys, complete_projects
from casemgmt_async.cli.context import Context, Misused, runs
from casemgmt_async.cli.formats import plain
from casemgmt_async.cli.keys import keys_in
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.text import Text, clean, many
from casemgmt_async.cli.web import browse, quoted

__all__ = ["case"]

AT_ONCE: Final = 8
"""Cases that are changed at a time."""
PRIORITIES: Final = [*map(str, Priority)]
RELATIONSHIPS: Final = [*map(str, LinkRelationship)]


@click.group(cls=Commands)
def case() -> None:
    """Create a case, and change one case or several: assign, comment, close, link.

    \b
    Examples:
      casemgmt case create 'Checkout is slow' --project WEB --priority P2
      casemgmt case assign WEB-12 WEB-13 --to me
      casemgmt search 'team:payments' --columns key -o csv | casemgmt case comment -m 'Owner has changed.'
    """


def read_keys(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Take keys from the arguments, or from standard input if there are none or `-`."""
    if given and given != ("-",):
        return tuple(dict.fromkeys(given))
    if not given and sys.stdin.isatty():
        raise click.UsageError("no case: give keys, or send them to standard input")
    return tuple(dict.fromkeys(keys_in(sys.stdin.read())))


keys_argument = click.argument("keys", nargs=-1, metavar="KEY...", callback=read_keys, shell_complete=complete_keys)
Change = Callable[[CaseSession, str], Awaitable[Any]]


def changes(prepare: Callable[..., Coroutine[Any, Any, tuple[Change, str]]]) -> Callable[..., None]:
    """Make a command of a function that returns the change of one case, and how to report it."""

    @keys_argument
    @runs
    @functools.wraps(prepare)
    async def command(context: Context, *, keys: Sequence[str], **given: Any) -> int:
        if not keys:
            context.screen.note("no cases on standard input: nothing was changed")
            return 0
        async with context.session() as session:
            change, done = await prepare(session, **given)
            return await change_all(context.screen, session, keys, change, done)

    return command


async def change_all(screen: Screen, session: CaseSession, keys: Sequence[str], change: Change, done: str) -> int:
    """Change each case, report each, and return the exit status: 1 if one of them failed."""
    slots = asyncio.Semaphore(AT_ONCE)
    web = web_address(session.base_url)

    async def one(key: str) -> Any:
        async with slots:
            try:
                return await change(session, key)
            except CaseManagementError as error:
                return error

    failed = 0
    for key, result in zip(keys, await asyncio.gather(*map(one, keys)), strict=True):
        if isinstance(result, CaseManagementError):
            failed += 1
            screen.note(f"casemgmt: {key}: {clean(str(result))}")
            if screen.as_json:
                screen.emit({"case": key, "error": str(result)})
            continue
        name = (result.key if isinstance(result, Case) else None) or key
        if screen.as_json:
            screen.emit(plain(result) if isinstance(result, Case) else {"case": key, "done": done})
        screen.show(Text(name, "bold", web and f"{web}/cases/{quoted(name)}"), f": {done}")
    if failed and len(keys) > 1:
        screen.note(f"{failed:,} of {many(len(keys), 'case')} could not be changed")
    return 1 if failed else 0


@case.command()
@click.argument("title")
@click.option(
    "--project",
    metavar="PROJECT",
    shell_complete=complete_projects,
    help="Key, name or id of the project. [default: the profile's]",
)
@click.option(
    "--type", "case_type", metavar="TYPE", help="Name or id of the case type. [default: the profile's, or Standard]"
)
@click.option("--description", metavar="TEXT", help="Description; - reads it from standard input.")
@click.option("--priority", type=click.Choice(PRIORITIES, case_sensitive=False), help="Priority.")
@click.option("--status", metavar="NAME", help="Name of a status of the case type.")
@click.option("--assign", metavar="USER", help="E-mail address, handle or id of a user, or me.")
@click.option("--web", is_flag=True, help="Open the new case in the browser.")
@runs
async def create(
    context: Context,
    *,
    title: str,
    project: str | None,
    case_type: str | None,
    description: str | None,
    priority: str | None,
    status: str | None,
    assign: str | None,
    web: bool,
) -> int | None:
    """Create a case.

    \b
    Examples:
      casemgmt case create 'Checkout is slow' --project WEB --priority P2 --assign me
      journalctl -u web | casemgmt case create 'Web is down' --project WEB --description -
    """
    home = project or context.profile.project
    if home is None:
        raise Misused("--project is missing; casemgmt projects lists them, and a profile can have a default")
    text = sys.stdin.read() if description == "-" else description
    async with context.session() as session:
        directory = Directory(session)
        given: dict[str, Any] = {}
        if text is not None:
            given["description"] = text
        if priority is not None:
            given["priority"] = Priority(priority)
        kind = await directory.case_type(case_type or context.profile.type or "Standard")
        if status is not None:
            given["status_name"] = spelled(status, [kind])
        if assign is not None:
            given["assignee_id"] = (await directory.user(assign)).id
        project_id = (await directory.project(home)).id
        made = await cases.create_case(session, title=title, project_id=project_id, type_id=kind.id, **given)
        if web:
            return browse(context.screen, session, f"/cases/{quoted(made.key or made.id)}")
        address = web_address(session.base_url)
    if context.screen.as_json:
        context.screen.emit(plain(made))
    name = made.key or made.id
    context.screen.show(Text(name, "bold", address and f"{address}/cases/{name}"))
    return None


@case.command()
@click.option("-m", "--message", required=True, metavar="TEXT", help="Comment; Markdown is allowed.")
@changes
async def comment(session: CaseSession, *, message: str) -> tuple[Change, str]:  # noqa: ARG001 - see `changes`
    """Comment on cases.

    \b
    Example:
      casemgmt case comment WEB-12 -m 'The fix is deployed.'
    """
    return lambda session, key: timeline.comment_case(session, key, comment=message), "commented"


@case.command()
@click.option("--to", "user", metavar="USER", help="E-mail address, handle or id of a user, or me.")
@click.option("--nobody", is_flag=True, help="Remove the assignee.")
@changes
async def assign(session: CaseSession, *, user: str | None, nobody: bool) -> tuple[Change, str]:
    """Assign cases to a user, or to nobody.

    \b
    Examples:
      casemgmt case assign WEB-12 WEB-13 --to me
      casemgmt case assign WEB-12 --nobody
    """
    if (user is None) != nobody:
        raise Misused("give either --to USER or --nobody")
    if user is None:
        return cases.unassign_case, "unassigned"
    found = (await Directory(session).user(user)).id
    return lambda session, key: cases.assign_case(session, key, assignee_id=found), f"assigned to {user}"


@case.command()
@click.option(
    "--to", "name", required=True, metavar="NAME", help="Name of a status of the case's type, such as Closed."
)
@changes
async def status(session: CaseSession, *, name: str) -> tuple[Change, str]:
    """Set the status of cases.

    \b
    Example:
      casemgmt case status WEB-12 --to Closed
    """
    try:
        wanted = spelled(name, await case_types.get_all_case_types(session))
    except StatusError:  # the service says itself what it allows
        wanted = name
    return lambda session, key: cases.update_status(session, key, status_name=wanted), f"status {wanted}"


def spelled(name: str, kinds: Sequence[CaseType]) -> str:
    """Return a status name as the service spells it; the case of its letters does not matter.

    Raises `Misused` for a name that no type has. Where types spell it differently, it stays as it is.
    """
    known = dict.fromkeys(each for kind in kinds for each in kind.status_names)
    found = [each for each in known if each.casefold() == name.strip().casefold()]
    if known and not found:
        raise Misused(f"no case type has the status {name!r}; allowed: {', '.join(known)}")
    return found[0] if len(found) == 1 else name


@case.command()
@click.option("--to", "value", required=True, type=click.Choice(PRIORITIES, case_sensitive=False), help="Priority.")
@changes
async def priority(session: CaseSession, *, value: str) -> tuple[Change, str]:  # noqa: ARG001
    """Set the priority of cases.

    \b
    Example:
      casemgmt case priority WEB-12 --to P2
    """
    wanted = Priority(value)
    return lambda session, key: cases.update_priority(session, key, priority=wanted), f"priority {value}"


@case.command()
@click.option("--undo", is_flag=True, help="Bring the cases back from the archive.")
@changes
async def archive(session: CaseSession, *, undo: bool) -> tuple[Change, str]:  # noqa: ARG001
    """Archive cases, or bring them back. An archived case does not appear in searches.

    \b
    Examples:
      casemgmt case archive WEB-12
      casemgmt case archive WEB-12 --undo
    """
    if undo:
        return cases.unarchive_case, "no longer archived"
    return cases.archive_case, "archived"


@case.command()
@click.option(
    "--user", default="me", show_default=True, metavar="USER", help="E-mail address, handle or id of a user, or me."
)
@click.option("--stop", is_flag=True, help="Stop watching.")
@changes
async def watch(session: CaseSession, *, user: str, stop: bool) -> tuple[Change, str]:
    """Let a user be notified of changes of cases.

    \b
    Example:
      casemgmt case watch WEB-12
    """
    found = (await Directory(session).user(user)).id
    if stop:
        return lambda session, key: watchers.unwatch_case(session, key, found), f"no longer watched by {user}"
    return lambda session, key: watchers.watch_case(session, key, found), f"watched by {user}"


@case.command()
@click.argument("key", metavar="KEY", shell_complete=complete_keys)
@click.argument("other", metavar="OTHER", shell_complete=complete_keys)
@click.option(
    "--as",
    "relationship",
    type=click.Choice(RELATIONSHIPS, case_sensitive=False),
    metavar="KIND",
    default="RELATES_TO",
    show_default=True,
    help=f"What KEY does to OTHER: {', '.join(RELATIONSHIPS).lower()}.",
)
@runs
async def link(context: Context, *, key: str, other: str, relationship: str) -> None:
    """Link two cases.

    \b
    Example:
      casemgmt case link WEB-12 WEB-9 --as BLOCKS
    """
    async with context.session() as session:
        parent, child = await asyncio.gather(cases.get_case(session, key), cases.get_case(session, other))
        made = await links.create_case_link(
            session,
            parent_entity_id=parent.id,
            child_entity_id=child.id,
            relationship=LinkRelationship(relationship.upper()),
        )
    if context.screen.as_json:
        context.screen.emit(plain(made))
    context.screen.show(f"{parent.key} {relationship.replace('_', ' ').lower()} {child.key}")


@case.command("open")
@click.argument("key", metavar="KEY", shell_complete=complete_keys)
@runs
async def open_(context: Context, *, key: str) -> int:
    """Open a case in the browser, and print its address.

    \b
    Example:
      casemgmt case open WEB-12
    """
    async with context.session() as session:
        return browse(context.screen, session, f"/cases/{quoted(key)}")
