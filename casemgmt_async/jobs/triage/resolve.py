"""Finding the ids of the names that rules use, before a plan is made."""

from __future__ import annotations

from collections.abc import Iterable

from casemgmt_async import CaseSession, Directory, NameLookupError, case_types
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.statuses import status_code
from casemgmt_async.jobs.triage.hints import STATUSES, closest
from casemgmt_async.jobs.triage.rules import NameBook, RuleSet, WantedName
from casemgmt_async.jobs.triage.rules.names import ON_CALL, CaseTypeNames

__all__ = ["resolve_names"]


async def resolve_names(session: CaseSession, rules: RuleSet, control: JobControl) -> tuple[RuleSet, NameBook]:
    """Look up the names that rules use; returns the rules with ids in their place.

    Raises `RulesError` for a name that nobody has or that several have, with the names that are close. Makes no
    request for rules that use ids alone.
    """
    if not rules.wanted or rules.resolve is None:
        return rules, NameBook()
    directory = Directory(session)
    users: dict[str, dict[str, tuple[str, ...]]] = {"user": {}, "matched user": {}}
    projects: dict[str, str] = {}
    labels: dict[str, str] = {}
    for each in {(wanted.kind, wanted.name): wanted for wanted in reversed(rules.wanted)}.values():
        try:
            if each.kind in users:
                people = await find_people(directory, control, each)
                users[each.kind][each.name] = tuple(people)
                labels |= people
            elif each.kind == "project":
                project = await control.call(lambda name=each.name: directory.project(name))  # type: ignore[misc]
                projects[each.name] = project.id
                labels[project.id] = project.key or project.id
        except NameLookupError as error:
            raise RulesError(f"{each.where}: {error}") from error
    types = await known_types(session, control) if any(each.kind == "status" for each in rules.wanted) else ()
    book = NameBook(users["user"], projects, types, labels, matched_users=users["matched user"])
    resolved = rules.resolve(book)
    if resolved.wanted and book.types_tell_statuses:
        raise unknown_status(resolved.wanted[0], book)
    return resolved, book


async def find_people(directory: Directory, control: JobControl, wanted: WantedName) -> dict[str, str]:
    """Find the users that a name stands for: their ids, each with a label for display."""
    if not wanted.name.startswith(ON_CALL):
        is_matched = wanted.kind == "matched user"
        account = await control.call(lambda: directory.user(wanted.name, include_disabled=is_matched))
        return {account.id: account.email or account.handle or account.id}
    team = wanted.name.removeprefix(ON_CALL).strip()
    people = await control.call(lambda: directory.on_call(team))
    if not people:
        raise RulesError(f'{wanted.where}: nobody is on call for the team "{team}" now')
    return {user.id: user.email or user.handle or user.id for user in people}


async def known_types(session: CaseSession, control: JobControl) -> tuple[CaseTypeNames, ...]:
    """Read the case types; without the permission, none: the service checks a status itself when it is set."""
    known = await control.attempt(lambda: case_types.get_all_case_types(session))
    types = known.answer if known.status is CallStatus.ANSWERED and known.answer else []
    return tuple(CaseTypeNames(each.id, each.name or each.id, each.status_names) for each in types)


def unknown_status(wanted: WantedName, book: NameBook) -> RulesError:
    """Say that no case type allows a status."""
    names: Iterable[str] = dict.fromkeys([*(name for each in book.types for name in each.statuses), *STATUSES])
    close = closest(wanted.name, [name for name in names if status_code(name) != status_code(wanted.name)])
    hint = f'; did you mean "{close}"?' if close else ""
    allowed = ", ".join(dict.fromkeys(name for each in book.types for name in each.statuses))
    return RulesError(f'{wanted.where}: no case type allows the status "{wanted.name}"{hint} Allowed: {allowed}')
