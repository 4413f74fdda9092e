"""Turn the names in rows into ids: projects, types, statuses, people, custom attributes. Each is looked up once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import Factory, define, field, frozen

from casemgmt_async import (
    CaseSession,
    CustomAttributeConfig,
    Directory,
    NameLookupError,
    NotFoundError,
    PermissionDeniedError,
)
from casemgmt_async.jobs.actions import as_uuid
from casemgmt_async.jobs.backfill.attributes import configured
from casemgmt_async.jobs.backfill.rows import Row
from casemgmt_async.jobs.backfill.sources import RowError
from casemgmt_async.jobs.calls import one_line
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.statuses import status_code

__all__ = ["ON_UNKNOWN_USER", "Names", "Places"]

ON_UNKNOWN_USER: Final = ("reject", "leave", "me")
"""What to do with a row whose assignee nobody knows: reject it, leave the case unassigned, or assign me."""
ME: Final = "me"
"""The name for the owner of the credentials."""
MAX_AGE: Final = 86_400.0
"""Seconds for which an answer is kept: longer than a run takes to read its rows."""


@frozen
class Places:
    """The ids for the names of one row."""

    project_id: str
    type_id: str
    status: str | None = None
    """The name of a status in the spelling of the type."""
    assignee_id: str | None = None
    custom_attributes: Mapping[str, Any] = field(factory=dict)
    """Values by key, with the types that the case type configures."""


@define(eq=False)
class Names:
    """Looks up names in one organisation, and keeps the answers."""

    session: CaseSession
    control: JobControl
    on_unknown_user: str = "reject"
    directory: Directory = field(
        init=False, default=Factory(lambda self: Directory(self.session, max_age=MAX_AGE), takes_self=True)
    )
    left: Counter[str] = field(init=False, factory=Counter)
    """Assignees nobody knows, and how many rows were left without one."""
    people: dict[str, str | RowError] = field(init=False, factory=dict)
    """The ids of assignees, or why there is none, by name."""
    projects: dict[str, str | RowError] = field(init=False, factory=dict)
    """The ids of projects, or why there is none, by name."""
    keys: dict[str, str] = field(init=False, factory=dict)
    """The keys of the projects that were looked up, by id."""
    types: dict[tuple[str, str | None], tuple[str, str | None] | RowError] = field(init=False, factory=dict)
    """The ids of types with the names of their statuses, or why there is none, by both names."""
    attributes: dict[tuple[str, str], CustomAttributeConfig | RowError | None] = field(init=False, factory=dict)
    """Custom attributes by the id of a type and a name, or why there is none; None where they cannot be read."""

    async def check_defaults(self, project: str | None, case_type: str | None) -> None:
        """Look up the project and the type of rows without their own, before any row is read.

        Raises `NameLookupError`: a mistake in these is one error, and not a reason to reject every row.
        """
        with contextlib.suppress(PermissionDeniedError, NotFoundError):  # raised again if a row needs the list
            if project is not None and as_uuid(project) is None:
                await self.control.call(lambda: self.directory.project(project))
            if case_type is not None and as_uuid(case_type) is None:
                await self.control.call(lambda: self.directory.case_type(case_type))

    async def look_up(self, rows: Sequence[Row]) -> list[Places | RowError]:
        """Return the ids for the names of each row, or the reason why a name has none."""
        people = dict.fromkeys(row.names["assignee"] for row in rows if "assignee" in row.names)
        if people and self.on_unknown_user == ME:
            people[ME] = None
        await self.find_people([name for name in people if name not in self.people])
        return [await self.places(row) for row in rows]

    def by_id(self) -> dict[str, str]:
        """Return what rows call the projects, types and people that were found, by id."""
        types = {name: each if isinstance(each, RowError) else each[0] for (name, _), each in self.types.items()}
        found = [*self.projects.items(), *types.items(), *self.people.items()]
        return {known: name for name, known in found if isinstance(known, str)}

    async def places(self, row: Row) -> Places | RowError:
        """Look up the names of one row."""
        names = row.names
        project, kind = names["project"], (names["type"], names.get("status"))
        try:
            if project not in self.projects:
                self.projects[project] = await self.find_project(project)
            if kind not in self.types:
                self.types[kind] = await self.find_type(*kind)
            project_id, type_id = self.projects[project], self.types[kind]
            if isinstance(project_id, RowError):
                raise project_id
            if isinstance(type_id, RowError):
                raise type_id
            custom = await self.custom_attributes(type_id[0], row.values.get("custom_attributes", {}))
            return Places(project_id, *type_id, self.person(names.get("assignee")), custom)
        except RowError as error:
            return error

    async def custom_attributes(self, type_id: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return custom attributes under their keys, and with the types that the case type configures."""
        found: dict[str, Any] = {}
        for name, value in given.items():
            if (type_id, name) not in self.attributes:
                self.attributes[type_id, name] = await self.find_attribute(type_id, name)
            config = self.attributes[type_id, name]
            if isinstance(config, RowError):
                raise config
            key, read = name, value
            if config is not None:
                key, read = config.key or name, configured(f"custom_attributes.{name}", value, config)
            if key in found:
                raise RowError(f"custom_attributes.{name}: the row has {key!r} under another name as well")
            found[key] = read
        return found

    async def find_attribute(self, type_id: str, name: str) -> CustomAttributeConfig | RowError | None:
        """Find a custom attribute of a type by key, display name or id."""
        try:
            return await self.control.call(lambda: self.directory.custom_attribute(name, case_type=type_id))
        except NameLookupError as error:  # if the type is not listed, the service says what it has
            return RowError(one_line(error)) if error.kind == "custom attribute" else None
        except (PermissionDeniedError, NotFoundError):
            return None

    async def find_project(self, name: str) -> str | RowError:
        """Find a project by id, key or name."""
        known = as_uuid(name)
        if known is not None:
            return known
        try:
            project = await self.control.call(lambda: self.directory.project(name))
        except NameLookupError as error:
            return RowError(one_line(error))
        if project.key is not None:
            self.keys[project.id] = project.key
        return project.id

    async def find_type(self, name: str, status: str | None) -> tuple[str, str | None] | RowError:
        """Find a case type by id or name, and the status of this name that it allows."""
        known = as_uuid(name)
        if known is not None and status is None:
            return known, None
        try:
            kind = await self.control.call(lambda: self.directory.case_type(name))
            if status is None or not kind.status_names:
                return kind.id, status
            spelled = [each for each in kind.status_names if status_code(each) == status_code(status)]
            if not spelled:
                allowed = ", ".join(kind.status_names)
                return RowError(f"status {status!r} is none that the case type {kind.name} has; allowed: {allowed}")
            return kind.id, spelled[0]
        except NameLookupError as error:
            return RowError(one_line(error))
        except (PermissionDeniedError, NotFoundError):
            if known is None:
                raise
            return known, status  # the service will say whether it allows the status

    def person(self, name: str | None) -> str | None:
        """Return the id of an assignee; `on_unknown_user` decides about an unknown one."""
        if name is None:
            return None
        found = self.people[name]
        if isinstance(found, str):
            return found
        if self.on_unknown_user == "leave":
            self.left[name] += 1
            return None
        me = self.people.get(ME) if self.on_unknown_user == ME else None
        if isinstance(me, str):
            return me
        raise found

    async def find_people(self, names: Sequence[str]) -> None:
        """Find people by id, e-mail address, handle or as `me`: all at once, one by one if some are unknown."""
        self.people.update((name, known) for name in names if (known := as_uuid(name)) is not None)
        missing = [name for name in names if name not in self.people]
        try:
            found = await self.control.call(lambda: self.directory.users(missing)) if missing else {}
        except NameLookupError:
            await self.control.each(missing, self.find_person)
        else:
            self.people.update((name, user.id) for name, user in found.items())

    async def find_person(self, name: str) -> None:
        """Find one person."""
        try:
            self.people[name] = (await self.control.call(lambda: self.directory.user(name))).id
        except NameLookupError as error:
            self.people[name] = RowError(one_line(error))
