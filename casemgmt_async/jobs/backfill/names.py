"""Turn the names in rows into ids: projects, types, statuses and people. Each name is looked up once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import define, field, frozen

from casemgmt_async import (
    CaseSession,
    CaseType,
    NotFoundError,
    PermissionDeniedError,
    Project,
    UserAccount,
    case_types,
    projects,
    users,
)
from casemgmt_async.jobs.actions import as_uuid
from casemgmt_async.jobs.backfill.sources import RowError
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.statuses import status_code

__all__ = ["ME", "ON_UNKNOWN_USER", "Names", "Places"]

ON_UNKNOWN_USER: Final = ("reject", "leave", "me")
"""What to do with a row whose assignee nobody knows: reject it, leave the case unassigned, or assign me."""
ME: Final = "me"
"""The name of whoever's credentials these are."""
MOST_CANDIDATES: Final = 5


@frozen
class Places:
    """The ids that the names of one row stand for."""

    project_id: str
    type_id: str
    status: str | None = None
    """The name of a status, as the type has it."""
    assignee_id: str | None = None


@define(eq=False)
class Names:
    """Looks names up in one organisation."""

    session: CaseSession
    control: JobControl
    on_unknown_user: str = "reject"
    left: Counter[str] = field(init=False, factory=Counter)
    """Assignees nobody knows, and how many rows were left without one."""
    people: dict[str, str | RowError] = field(init=False, factory=dict)
    """The ids of assignees, or why there is none, by name in small letters."""
    _projects: list[Project] | None = field(init=False, default=None)
    _types: list[CaseType] | None = field(init=False, default=None)

    async def look_up(self, wanted: Sequence[Mapping[str, str]]) -> list[Places | RowError]:
        """Return what the names of each row stand for, or why one stands for nothing."""
        people = dict.fromkeys(names["assignee"].casefold() for names in wanted if "assignee" in names)
        missing = [name for name in people if name not in self.people]
        if missing and self.on_unknown_user == ME and ME not in self.people:
            missing.append(ME)
        await self.control.each(missing, self.find_person)
        return [await self.places(names) for names in wanted]

    async def places(self, names: Mapping[str, str]) -> Places | RowError:
        """Look up what one row says."""
        try:
            type_id, status = await self.type_of(names["type"], names.get("status"))
            project_id = await self.project_of(names["project"])
            return Places(project_id, type_id, status, self.person(names.get("assignee")))
        except RowError as error:
            return error

    async def project_of(self, name: str) -> str:
        """Find a project by id, key or name."""
        known = as_uuid(name)
        if known is not None:
            return known
        if self._projects is None:
            self._projects = await self.control.call(partial(projects.get_projects, self.session))
        found = [each for each in self._projects if same(name, each.key)]
        found = found or [each for each in self._projects if same(name, each.name)]
        candidates = [f"{each.key} ({each.name}, {each.id})" for each in found or self._projects]
        return only("project", name, [each.id for each in found], candidates)

    async def type_of(self, name: str, status: str | None) -> tuple[str, str | None]:
        """Find a case type by id or name, and the status of this name that it has."""
        known = as_uuid(name)
        if known is not None and status is None:
            return known, None
        types = await self.types()
        found = (
            [each for each in types if each.id == known] if known else [each for each in types if same(name, each.name)]
        )
        candidates = [f"{each.name} ({each.id})" for each in found or types]
        type_id = known or only("type", name, [each.id for each in found], candidates)
        if status is None or not found or not found[0].status_names:
            return type_id, status
        wanted = status_code(status)
        fitting = [each for each in found[0].status_names if status_code(each) == wanted]
        if not fitting:
            allowed = ", ".join(found[0].status_names)
            raise RowError(f"status {status!r} is none that the type {found[0].name} has; allowed: {allowed}")
        return type_id, fitting[0]

    async def types(self) -> list[CaseType]:
        """Read the case types; none where that is not allowed, so that ids still can be used."""
        if self._types is None:
            try:
                self._types = await self.control.call(partial(case_types.get_all_case_types, self.session))
            except (PermissionDeniedError, NotFoundError):
                self._types = []
        return self._types

    def person(self, name: str | None) -> str | None:
        """Return the id of an assignee; what is done about an unknown one was said beforehand."""
        if name is None:
            return None
        found = self.people.get(name.casefold())
        if isinstance(found, str):
            return found
        if self.on_unknown_user == "leave":
            self.left[name] += 1
            return None
        if self.on_unknown_user == ME and isinstance(me := self.people.get(ME), str):
            return me
        raise found or RowError(f"assignee {name!r} was not looked up")

    async def find_person(self, name: str) -> None:
        """Look one person up: by id, as `me`, or by e-mail address, handle or name among what a search gives."""
        known = as_uuid(name)
        if known is not None:
            self.people[name] = known
            return
        if name == ME:
            self.people[name] = (await self.control.call(partial(users.get_current_user, self.session))).id
            return
        page = await self.control.call(partial(users.list_users, self.session, filter=name))
        active = [each for each in page if not each.disabled]
        found = best(name, active)
        candidates = [f"{each.email or each.handle} ({each.id})" for each in found or active]
        try:
            self.people[name] = only("assignee", name, [each.id for each in found], candidates)
        except RowError as error:
            self.people[name] = error


def same(name: str, other: str | None) -> bool:
    """Whether two names are the same, whatever the case of their letters."""
    return other is not None and name.casefold() == other.casefold()


def best(name: str, people: Iterable[UserAccount]) -> list[UserAccount]:
    """Return those whose e-mail address or handle is the name, or else those who are called so."""
    listed = list(people)
    exact = [each for each in listed if same(name, each.email) or same(name, each.handle)]
    return exact or [each for each in listed if same(name, each.name)]


def only(kind: str, name: str, found: Sequence[str], candidates: Sequence[str]) -> str:
    """Return the only id; raises `RowError` for none or several, with those there are."""
    if len(found) == 1:
        return found[0]
    some = ", ".join(candidates[:MOST_CANDIDATES]) + (", ..." if len(candidates) > MOST_CANDIDATES else "")
    what = "is several; give the id of one" if found else "is not known"
    raise RowError(f"{kind} {name!r} {what}" + (f": {some}" if some else ""))
